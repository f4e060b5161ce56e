//! `[sns]`.

use std::path::PathBuf;
use std::time::Duration;

use super::SHORTEST;
use crate::config::access_key::{ACCESS_KEY_BYTES_MAX, AccessKey};
use crate::config::acknowledge::Acknowledge;
use crate::config::kinds::{choice, duration, optional, path, switch, text};
use crate::config::list_kind::list;
use crate::config::section::section;
use crate::config::text::{Fault, is_account, quoted, url_path};
use crate::config::words::words;

section! {
    /// The endpoint for notifications from SNS.
    pub struct SnsConfig as [sns] {
        /// Topics whose HTTP(S) subscriptions are accepted. Empty: no SNS endpoint.
        ///
        /// Subscriptions of other topics are neither confirmed nor counted.
        topics: Vec<TopicArn> = Vec::new(),
            list(text(
                "topic ARNs",
                "arn:aws:sns:eu-west-1:123456789012:ses-events",
                topic_arn,
                |topic| topic.arn.clone(),
            ));

        /// Path of the SNS endpoint on `listen.http`.
        path: String = "/sns".to_owned(), text("URL path", "/topics", url_path, String::clone);

        /// When to respond to a message: when counts are in memory, when they are also in the
        /// journal, or when CloudWatch has accepted them; see `firehose.acknowledge`.
        ///
        /// SNS waits 15s, so `published` needs a short `cloudwatch.flush_interval`, and a
        /// `cloudwatch.settle_deadline` within the patience below.
        acknowledge: Acknowledge = Acknowledge::Merged, choice();

        /// Longest time from receiving a message to the response. SNS waits 15s, and retries a
        /// message without a response.
        patience: Duration = Duration::from_secs(12), duration(SHORTEST, Duration::from_secs(14));

        /// Whether to confirm subscriptions to these topics when SNS requests it. `false`: the URL
        /// that confirms one is logged.
        confirm: bool = true, switch();

        /// Whether to verify the signing certificate's chain up to a system root. This requires its
        /// issuer, which is fetched from amazontrust.com. `false` relies on the TLS connection to
        /// SNS.
        ///
        /// SNS signs messages with a certificate that it serves over HTTPS, without the issuing
        /// certificates. These are fetched over plain HTTP. `false` is for networks that cannot
        /// reach other hosts, and for China.
        chain: bool = true, switch();

        /// Accepted SNS signature versions. `[2]` rejects SHA-1 signatures, the default of a topic.
        ///
        /// Version 1 uses SHA-1. `[2]` is for when every topic has `aws sns set-topic-attributes
        /// --attribute-name SignatureVersion --attribute-value 2`.
        signature_versions: Vec<SignatureVersion> =
            vec![SignatureVersion::One, SignatureVersion::Two],
            list(
                text("1 or 2", "2", signature_version, |version| version.word().to_owned())
                    .bare("write 1 or 2"),
            );

        /// Directory that caches signing certificates across restarts. Empty: the directory
        /// `certificates` in `journal.directory` if that is set, else no cache.
        ///
        /// The cache keeps made-up certificates of strangers from delaying the real one. Cached
        /// certificates are verified again when they are read.
        certificate_directory: Option<PathBuf> = None,
            optional(path("directory", "/var/lib/postmeter/certificates"));

        /// Credentials accepted from raw deliveries, which have no signature. Empty: raw deliveries
        /// are rejected.
        ///
        /// One of them must be in the subscription URL: `https://user:password@host/path`. Prefer
        /// `POSTMETER__SNS__CREDENTIALS=user:password,other:password` to this file.
        credentials: Vec<AccessKey> = Vec::new(),
            list(text("`user:password`", "user:password", credential, AccessKey::print).secret());

        /// Largest age of a message. An older one is rejected. SNS retries for at most one hour.
        ///
        /// Message ids are remembered a little longer, so that a recorded message is not counted
        /// when it is replayed.
        max_age: Duration = Duration::from_hours(1),
            duration(Duration::from_mins(1), Duration::from_hours(24));
    }
}

words! {
    /// The signature version of an SNS message.
    pub enum SignatureVersion {
        /// With SHA-1.
        One = "1",
        /// With SHA-256.
        Two = "2",
    }
}

/// The ARN of an SNS topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicArn {
    arn: String,
    /// The positions of the colons after partition and region.
    ends: [usize; 2],
}

// === impl TopicArn ===

impl TopicArn {
    /// Reads `arn:PARTITION:sns:REGION:ACCOUNT:NAME`; `None` for anything else, and for a partition
    /// whose endpoints are not known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, "sns", region, account, name] = parts[..] else { return None };
        let is_region =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_sound = ["aws", "aws-cn", "aws-us-gov", "aws-eusc"].contains(&partition)
            && (4..=32).contains(&region.len())
            && region.bytes().all(is_region)
            && is_account(account)
            && (1..=256).contains(&name.len())
            && name.bytes().all(is_name);
        let partition_end = "arn:".len() + partition.len();
        let region_end = partition_end + ":sns:".len() + region.len();
        is_sound.then(|| Self { arn: text.to_owned(), ends: [partition_end, region_end] })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.arn
    }

    #[must_use]
    pub fn partition(&self) -> &str {
        &self.arn["arn:".len()..self.ends[0]]
    }

    #[must_use]
    pub fn region(&self) -> &str {
        &self.arn[self.ends[0] + ":sns:".len()..self.ends[1]]
    }
}

fn topic_arn(text: &str) -> Result<TopicArn, Fault> {
    TopicArn::parse(text).ok_or_else(|| {
        let what = format!("{} is not a valid topic ARN", quoted(text));
        (what, "write an ARN such as \"arn:aws:sns:eu-west-1:123456789012:ses-events\"".into())
    })
}

/// As in `user:password@` of a URL. The fault describes only its shape, never its content.
fn credential(text: &str) -> Result<AccessKey, Fault> {
    let fix = "write `user:password` in printable ASCII";
    let is_sound = text.split_once(':').is_some_and(|(user, password)| {
        !user.is_empty() && !password.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
    });
    if !is_sound || text.len() > ACCESS_KEY_BYTES_MAX {
        return Err(("this is not a valid user and password".into(), fix.into()));
    }
    Ok(AccessKey::new(text))
}

fn signature_version(text: &str) -> Result<SignatureVersion, Fault> {
    match text {
        "1" => Ok(SignatureVersion::One),
        "2" => Ok(SignatureVersion::Two),
        _ => Err((
            format!("{} is not an SNS signature version", quoted(text)),
            "write 1 (SHA-1) or 2 (SHA-256)".into(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_partition_region_account_and_name() {
        for (right, partition, region) in [
            ("arn:aws:sns:eu-west-1:123456789012:ses-events_1", "aws", "eu-west-1"),
            ("arn:aws-cn:sns:cn-north-1:123456789012:a", "aws-cn", "cn-north-1"),
            ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:a", "aws-us-gov", "us-gov-west-1"),
        ] {
            let topic = topic_arn(right).unwrap();
            assert_eq!(topic.as_str(), right);
            assert_eq!((topic.partition(), topic.region()), (partition, region));
        }
        for wrong in [
            "",
            "ses-events",
            "arn:aws:sns:eu-west-1:123456789012:",
            "arn:aws:sns:eu-west-1:12345678901:a",
            "arn:aws:sns::123456789012:a",
            "arn:aws:sns:eu-west-1.evil.example/:123456789012:a",
            "arn:aws:sqs:eu-west-1:123456789012:a",
            "arn:evil:sns:eu-west-1:123456789012:a",
            "arn:aws:sns:eu-west-1:123456789012:a.fifo",
            "arn:aws:sns:eu-west-1:123456789012:a:subscription",
            "arn:aws:sns:eu-west-1:123456789012:a\n",
            " arn:aws:sns:eu-west-1:123456789012:a",
        ] {
            assert!(topic_arn(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn credentials_have_user_and_password() {
        for right in ["a:b", "sns:p:w", "a:~!@#"] {
            assert_eq!(credential(right).unwrap().as_bytes(), right.as_bytes());
        }
        for wrong in ["", "a", ":b", "a:", "a b:c", "ä:b", "a:b\n"] {
            assert!(credential(wrong).is_err(), "{wrong:?}");
        }
    }
}
