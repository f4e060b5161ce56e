//! The envelope that SNS posts, and the text that its signature covers.

use serde::Deserialize;

use crate::source::json_object::read_object;

const ID_BYTES_MAX: usize = 128;
/// Longer than any subject, topic, URL or signature.
const LINE_BYTES_MAX: usize = 4096;

/// An envelope. Its content cannot be trusted before its signature is verified.
///
/// A duplicate field is an error, because another parser might read the other value. Other fields
/// are not signed and are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Envelope {
    #[serde(rename = "Type")]
    pub kind: MessageKind,
    pub message_id: String,
    pub topic_arn: String,
    pub subject: Option<String>,
    pub message: String,
    pub timestamp: String,
    pub signature_version: Version,
    pub signature: String,
    #[serde(rename = "SigningCertURL")]
    pub certificate_url: String,
    pub token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    pub subscribe_url: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum MessageKind {
    Notification,
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

/// The hash of the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Version {
    #[serde(rename = "1")]
    Sha1,
    #[serde(rename = "2")]
    Sha256,
}

// === impl Envelope ===

impl Envelope {
    /// Reads a body.
    ///
    /// # Errors
    /// Why SNS would not send this body.
    pub(super) fn read(body: &[u8]) -> Result<Self, &'static str> {
        let envelope: Self = read_object(body).ok_or("the body is not an SNS message")?;
        let always = [&envelope.topic_arn, &envelope.timestamp, &envelope.certificate_url];
        let some = [&envelope.subject, &envelope.token, &envelope.subscribe_url];
        let are_lines = always.into_iter().chain(some.into_iter().flatten()).all(|it| is_line(it));
        if !is_message_id(&envelope.message_id) {
            return Err("invalid MessageId");
        }
        // A line break in a value could make a part of it look like the next field.
        if !are_lines {
            return Err("a field is too long or has more than one line");
        }
        if envelope.signature.len() > LINE_BYTES_MAX {
            return Err("the signature is too long");
        }
        let confirms = envelope.token.is_some() && envelope.subscribe_url.is_some();
        if envelope.kind != MessageKind::Notification && !confirms {
            return Err("a confirmation has no Token or SubscribeURL");
        }
        Ok(envelope)
    }

    /// The signed text: names and values, one per line. No other envelope that passes `read` has
    /// the same text.
    #[must_use]
    pub(super) fn signed_text(&self) -> String {
        let kind = match self.kind {
            MessageKind::Notification => "Notification",
            MessageKind::SubscriptionConfirmation => "SubscriptionConfirmation",
            MessageKind::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        };
        let is_notification = self.kind == MessageKind::Notification;
        let members = [
            ("Message", Some(self.message.as_str())),
            ("MessageId", Some(&self.message_id)),
            ("Subject", self.subject.as_deref().filter(|_| is_notification)),
            ("SubscribeURL", self.subscribe_url.as_deref().filter(|_| !is_notification)),
            ("Timestamp", Some(&self.timestamp)),
            ("Token", self.token.as_deref().filter(|_| !is_notification)),
            ("TopicArn", Some(&self.topic_arn)),
            ("Type", Some(kind)),
        ];
        let mut text = String::with_capacity(self.message.len() + 1024);
        for (name, value) in members {
            let Some(value) = value else { continue };
            for part in [name, "\n", value, "\n"] {
                text.push_str(part);
            }
        }
        text
    }
}

/// Letters, digits and hyphens, as in a GUID.
#[must_use]
pub(super) fn is_message_id(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_line(text: &str) -> bool {
    text.len() <= LINE_BYTES_MAX && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn notification() -> Value {
        json!({
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic",
            "Subject": "My First Message",
            "Message": "Hello \"world\"!\n",
            "Timestamp": "2012-05-02T00:54:06.655Z",
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            "SigningCertURL": "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f.pem",
            "UnsubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
        })
    }

    fn read(value: &Value) -> Result<Envelope, &'static str> {
        Envelope::read(value.to_string().as_bytes())
    }

    #[test]
    fn signed_text_has_its_members_in_order_and_unescaped() {
        let mut value = notification();
        assert_eq!(
            read(&value).unwrap().signed_text(),
            "Message\nHello \"world\"!\n\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\n\
             Subject\nMy First Message\nTimestamp\n2012-05-02T00:54:06.655Z\n\
             TopicArn\narn:aws:sns:us-west-2:123456789012:MyTopic\nType\nNotification\n"
        );
        value["Subject"] = Value::Null;
        value["Token"] = "t".into();
        assert_eq!(
            read(&value).unwrap().signed_text(),
            "Message\nHello \"world\"!\n\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\n\
             Timestamp\n2012-05-02T00:54:06.655Z\n\
             TopicArn\narn:aws:sns:us-west-2:123456789012:MyTopic\nType\nNotification\n"
        );
        value["Type"] = "SubscriptionConfirmation".into();
        value["SubscribeURL"] = "https://x/?a=b".into();
        assert_eq!(
            read(&value).unwrap().signed_text(),
            "Message\nHello \"world\"!\n\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\n\
             SubscribeURL\nhttps://x/?a=b\nTimestamp\n2012-05-02T00:54:06.655Z\nToken\nt\n\
             TopicArn\narn:aws:sns:us-west-2:123456789012:MyTopic\nType\nSubscriptionConfirmation\n"
        );
    }

    #[test]
    fn envelope_that_sns_would_not_post_is_rejected() {
        assert!(read(&notification()).is_ok());
        for name in ["Type", "MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion"] {
            let mut value = notification();
            value.as_object_mut().unwrap().remove(name);
            assert!(read(&value).is_err(), "without {name}");
        }
        for (name, wrong) in [
            ("Type", json!("notification")),
            ("SignatureVersion", json!("3")),
            ("SignatureVersion", json!(1)),
            ("MessageId", json!("")),
            ("MessageId", json!("a\nSubject\nb")),
            ("MessageId", json!("a".repeat(129))),
            ("Message", json!({})),
            ("Subject", json!("a\nTimestamp")),
            ("Timestamp", json!("2012-05-02T00:54:06.655Z\n")),
            ("TopicArn", json!("a".repeat(4097))),
            ("Signature", json!("a".repeat(4097))),
            ("Type", json!("SubscriptionConfirmation")),
        ] {
            let mut value = notification();
            value[name] = wrong.clone();
            assert!(read(&value).is_err(), "{name}: {wrong}");
        }
        let text = notification().to_string();
        let twice = text.replacen('{', r#"{"Mess\u0061ge":"other","#, 1);
        assert!(Envelope::read(twice.as_bytes()).is_err());
        // What a derived reader would take for the fields in their order.
        let list = r#"["Notification","a-1","t",null,"m","2026","1","s","https://x",null,null]"#;
        for body in ["", "[]", "null", "{", &format!("{text}{text}"), list] {
            assert!(Envelope::read(body.as_bytes()).is_err(), "{body}");
        }
    }

    /// The letters of field names, and line breaks.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "\n",
            "Message",
            "MessageId",
            "Subject",
            "Timestamp",
            "TopicArn",
            "Type",
            "Token",
            "a",
            "Notification",
            "SubscribeURL",
            "SubscriptionConfirmation",
        ]);
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    fn envelope() -> impl Strategy<Value = Envelope> {
        let kind = prop::sample::select(vec![
            MessageKind::Notification,
            MessageKind::SubscriptionConfirmation,
            MessageKind::UnsubscribeConfirmation,
        ]);
        let optional = || prop::option::of(text());
        let members = (text(), text(), text(), text(), optional(), optional(), optional());
        (kind, members).prop_map(|(kind, members)| {
            let (message, message_id, timestamp, topic_arn, subject, token, subscribe_url) =
                members;
            // As `read` accepts them: only `Message` may have several lines.
            let line = |text: String| text.replace('\n', "");
            let of_confirmation = kind != MessageKind::Notification;
            let confirms =
                |text: Option<String>| of_confirmation.then(|| line(text.unwrap_or_default()));
            Envelope {
                kind,
                message,
                message_id: line(message_id),
                timestamp: line(timestamp),
                topic_arn: line(topic_arn),
                subject: subject.filter(|_| !of_confirmation).map(line),
                token: confirms(token),
                subscribe_url: confirms(subscribe_url),
                signature_version: Version::Sha256,
                signature: String::new(),
                certificate_url: String::new(),
            }
        })
    }

    proptest! {
        /// A signature is valid for one message only: its text cannot be split into other fields.
        #[test]
        fn two_envelopes_with_the_same_signed_text_are_the_same(one in envelope(), other in envelope()) {
            prop_assert_eq!(one.signed_text() == other.signed_text(), one == other);
        }

        #[test]
        fn envelope_of_any_bytes_is_read_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Envelope::read(&body);
        }
    }

    /// A deliberate example of the property above.
    #[test]
    fn subject_cannot_pass_as_a_part_of_an_id() {
        let mut value = notification();
        value["Subject"] = Value::Null;
        value["MessageId"] = "22b80b92\nSubject\nMy First Message".into();
        assert_eq!(read(&value), Err("invalid MessageId"));
    }
}
