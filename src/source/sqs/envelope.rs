//! The ID that SNS gave a message, in the envelope around it.
//!
//! SNS delivers at least once: it may send one message to a queue several times, and SQS gives each
//! copy an ID of its own. With raw delivery there is no envelope and no such ID.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::ack::{RequestId, SourceKind};
use crate::source::json_object::read_object;

/// The members that identify a message. A duplicate member is an error, because another parser
/// might read the other value. The published text is skipped, not read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnsEnvelope<'b> {
    #[serde(rename = "Type", borrow)]
    kind: Cow<'b, str>,
    #[serde(borrow)]
    message_id: Cow<'b, str>,
    #[serde(borrow)]
    topic_arn: Cow<'b, str>,
    #[serde(rename = "Message")]
    _message: IgnoredAny,
}

/// The ID of a message that is one SNS envelope and nothing else. It never equals an ID of another
/// queue or of another kind of source.
pub(super) fn envelope_id(queue_url: &str, body: &[u8]) -> Option<RequestId> {
    // Most raw messages end here.
    memmem::find(body, b"\"TopicArn\"")?;
    let envelope: SnsEnvelope<'_> = read_object(body)?;
    let SnsEnvelope { kind, message_id, topic_arn, .. } = envelope;
    if kind != "Notification" {
        return None;
    }
    // Anyone who may send to the queue writes both, so the boundary between them is stated.
    let id = format!("{}:{topic_arn}/{message_id}", topic_arn.len());
    Some(RequestId::new(SourceKind::SnsInQueue, queue_url.as_bytes(), id.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPE: &str =
        r#"{"Type":"Notification","MessageId":"m","TopicArn":"t","Message":"{\"a\":1}"}"#;

    fn id(body: &str) -> Option<RequestId> {
        envelope_id("https://queue", body.as_bytes())
    }

    #[test]
    fn message_that_is_one_envelope_has_an_id() {
        let expected = id(ENVELOPE);
        assert!(expected.is_some());
        assert_eq!(id(&format!(" \n{ENVELOPE}\r\n\t ")), expected);
        // In any order, with any other members.
        let other = r#"{"Signature":"x","Message":"","TopicArn":"t","X":[{}],"MessageId":"\u006d","Type":"Notification"}"#;
        assert_eq!(id(other), expected);
        assert_ne!(envelope_id("https://other", ENVELOPE.as_bytes()), expected);
        for (name, value) in [("MessageId", "m"), ("TopicArn", "t")] {
            let from = format!("\"{name}\":\"{value}\"");
            assert_ne!(id(&ENVELOPE.replace(&from, &format!("\"{name}\":\"z\""))), expected);
        }
        let apart = |topic: &str, message: &str| {
            let body = ENVELOPE.replace("\"t\"", &format!("\"{topic}\""));
            id(&body.replace("\"m\"", &format!("\"{message}\"")))
        };
        assert_ne!(apart("a/b", "c"), apart("a", "b/c"));
    }

    #[test]
    fn any_other_message_has_none() {
        let text = serde_json::to_string(ENVELOPE).expect("text");
        for body in [
            String::new(),
            format!("{ENVELOPE}{ENVELOPE}"),
            format!("{ENVELOPE}\n{{}}"),
            format!("x{ENVELOPE}"),
            format!("[{ENVELOPE}]"),
            r#"["Notification","m","t","\"TopicArn\""]"#.to_owned(),
            r#"["Notification","m","t",{"TopicArn":"t"}]"#.to_owned(),
            format!("{{\"body\":{ENVELOPE}}}"),
            format!("{{\"Message\":{text}}}"),
            ENVELOPE.replace("Notification", "SubscriptionConfirmation"),
            ENVELOPE.replace("\"MessageId\":\"m\",", ""),
            ENVELOPE.replace("\"TopicArn\":\"t\",", ""),
            ENVELOPE.replace(",\"Message\":\"{\\\"a\\\":1}\"", ""),
            ENVELOPE
                .replace("\"MessageId\":\"m\"", "\"MessageId\":\"m\",\"Message\\u0049d\":\"z\""),
            ENVELOPE.replace("\"m\"", "1"),
        ] {
            assert_eq!(id(&body), None, "{body}");
        }
    }

    /// Its work is linear: a hostile message costs no more than its length.
    #[test]
    fn deep_message_is_skipped() {
        let deep = "[".repeat(1 << 20);
        assert_eq!(id(&format!("{{\"TopicArn\":\"t\",\"Message\":{deep}")), None);
        let whole = format!("{deep}{}", "]".repeat(1 << 20));
        assert!(id(&ENVELOPE.replace("\"{\\\"a\\\":1}\"", &whole)).is_some());
    }
}
