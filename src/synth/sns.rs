//! The envelope of SNS.

use fastrand::Rng;

use super::clock::{ARRIVAL_MS, push_timestamp};
use super::text::{quoted, uuid};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:ses-events";

/// SES ends the text of its SNS messages with a newline.
pub(super) fn push_sns_text(out: &mut String, rng: &mut Rng, event: &str) {
    push_sns(out, rng, "SigningCertURL", &quoted(&format!("{event}\n")));
}

/// `message` is JSON: a quoted text or an object. Lambda spells the name of the URL differently.
pub(super) fn push_sns(out: &mut String, rng: &mut Rng, cert_name: &str, message: &str) {
    out.push_str("{\"Type\":\"Notification\",\"MessageId\":\"");
    out.push_str(&uuid(rng));
    out.push_str("\",\"TopicArn\":\"");
    out.push_str(TOPIC);
    out.push_str("\",\"Subject\":\"Amazon SES Email Event Notification\",\"Message\":");
    out.push_str(message);
    out.push_str(",\"Timestamp\":\"");
    push_timestamp(out, ARRIVAL_MS);
    out.push_str("\",\"SignatureVersion\":\"1\",\"Signature\":\"c2lnbmF0dXJl\",\"");
    out.push_str(cert_name);
    out.push_str("\":\"https://sns.eu-west-1.amazonaws.com/cert.pem\",\"MessageAttributes\":{}}");
}
