//! Any bytes as what SNS posts: what is read is what another parser reads, and the text that is signed
//! can be cut into members in one way alone.

#![no_main]

#[path = "../../../src/source/sns/message.rs"]
mod message;

#[path = "../../../src/source"]
mod source {
    pub mod json_object;
}

use libfuzzer_sys::fuzz_target;
use message::{Envelope, MessageKind};
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    let Ok(envelope) = Envelope::read(body) else { return };
    let text = envelope.signed_text();
    let text = text.strip_suffix('\n').expect("it ends with a line");
    let mut lines: Vec<&str> = text.split('\n').collect();
    let mut last = |name: &str| {
        let value = lines.pop().expect("a value");
        assert_eq!(lines.pop(), Some(name));
        value.to_owned()
    };
    assert_eq!(last("Type"), format!("{:?}", envelope.kind));
    assert_eq!(last("TopicArn"), envelope.topic_arn);
    let is_notification = envelope.kind == MessageKind::Notification;
    if !is_notification {
        assert_eq!(Some(last("Token")), envelope.token);
    }
    assert_eq!(last("Timestamp"), envelope.timestamp);
    if !is_notification {
        assert_eq!(Some(last("SubscribeURL")), envelope.subscribe_url);
    } else if let Some(subject) = &envelope.subject {
        assert_eq!(last("Subject"), *subject);
    }
    assert_eq!(last("MessageId"), envelope.message_id);
    assert_eq!(lines[0], "Message");
    assert_eq!(lines[1..].join("\n"), envelope.message);
    // It refuses numbers that nobody reads here.
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
    for (name, member) in [
        ("Message", &envelope.message),
        ("MessageId", &envelope.message_id),
        ("TopicArn", &envelope.topic_arn),
        ("Timestamp", &envelope.timestamp),
        ("SigningCertURL", &envelope.certificate_url),
    ] {
        assert_eq!(value[name].as_str(), Some(member.as_str()), "{name}");
    }
});
