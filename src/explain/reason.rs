//! Why a value is not an event, for people.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use crate::printable::{counted, printable};
use crate::ses::{EventType, Fault, NonEventReason};

/// How many keys of an object are named, and how much of each.
const KEYS_MAX: usize = 8;
const KEY_CHARS_MAX: usize = 40;
const NAME_CHARS_MAX: usize = 80;

/// The reason in one sentence.
pub(super) fn reason_of(why: NonEventReason<'_>) -> String {
    let name = |name| printable(&String::from_utf8_lossy(name), NAME_CHARS_MAX);
    match why {
        NonEventReason::UnknownEventType(text) => {
            format!("eventType \"{}\" is not one of the {} types", name(text), EventType::ALL.len())
        }
        NonEventReason::UnknownNotificationType(text) => {
            let name = name(text);
            format!("notificationType \"{name}\" is not Bounce, Complaint or Delivery")
        }
        NonEventReason::WithoutMail(event_type) => {
            format!("{} event without a `mail` object", event_type.metric_name())
        }
        NonEventReason::NotJson(text) => match Fault::of(text) {
            Fault { at: Some(0), what } => format!("not JSON: {what} at its first byte"),
            Fault { at: Some(at), what } => {
                format!("not JSON: {what} after {} of it", counted(at as u64, "byte"))
            }
            Fault { at: None, what } => format!("not JSON: {what}"),
        },
        NonEventReason::Compressed(compression) => compression.advice(),
        NonEventReason::NotBase64 => "its data is not Base64, or is absent".to_owned(),
        NonEventReason::TornGzip => {
            "the gzip stream is truncated or damaged, or other bytes follow it; what could be \
             decompressed was read"
                .to_owned()
        }
        NonEventReason::OpenList => "the text ends inside a list; its values were read".to_owned(),
        NonEventReason::TooDeep => "it is nested too deep in wrappings".to_owned(),
        NonEventReason::OtherDetail => {
            "an EventBridge envelope whose source or detail is not that of an SES event".to_owned()
        }
        NonEventReason::Foreign(value) => format!("{}, not an SES event", description(value)),
        NonEventReason::Control => "an SNS message about a subscription".to_owned(),
        NonEventReason::Notice => "a notice from SES that it can publish to the topic".to_owned(),
    }
}

/// What a value looks like, without its content.
fn description(value: &[u8]) -> String {
    match value.first() {
        Some(b'{') => description_of_object(value),
        Some(b'[') => "a list".to_owned(),
        Some(b'"') => "a text".to_owned(),
        Some(b't' | b'f') => "true or false".to_owned(),
        Some(b'n') => "null".to_owned(),
        _ => "a number".to_owned(),
    }
}

#[expect(clippy::zero_sized_map_values, reason = "only the keys are of interest")]
fn description_of_object(value: &[u8]) -> String {
    // A key with a lone surrogate is not a String.
    let Ok(members) = serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(value) else {
        return "an object".to_owned();
    };
    let keys = members.keys().take(KEYS_MAX).map(|key| printable(key, KEY_CHARS_MAX));
    let keys = keys.collect::<Vec<_>>().join(", ");
    match members.len() {
        0 => "an empty object".to_owned(),
        1 => format!("an object with the key {keys}"),
        len if len <= KEYS_MAX => format!("an object with the keys {keys}"),
        len => format!("an object with the keys {keys} and {} more", len - KEYS_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_value_is_described_without_its_content() {
        let says = |value: &str, expected: &str| {
            let reason = reason_of(NonEventReason::Foreign(value.as_bytes()));
            assert_eq!(reason, format!("{expected}, not an SES event"));
        };
        says("{}", "an empty object");
        says(r#"{"a\n":"secret"}"#, "an object with the key a\\n");
        says(r#"{"b":1e999,"a":"\ud800"}"#, "an object with the keys a, b");
        says(r#"{"\ud800":1}"#, "an object");
        says(r#"{"b":1,"a":1}"#, "an object with the keys a, b");
        let many: Vec<_> = ('a'..='l').map(|key| format!("\"{key}\":0")).collect();
        says(
            &format!("{{{}}}", many.join(",")),
            "an object with the keys a, b, c, d, e, f, g, h and 4 more",
        );
        says("\"secret\"", "a text");
        says("\"\\ud800\"", "a text");
        says("12", "a number");
        says("1e999", "a number");
        says("false", "true or false");
        says("null", "null");
        says("[1]", "a list");
    }

    #[test]
    fn unknown_name_is_escaped_and_cut() {
        let reason = reason_of(NonEventReason::UnknownEventType(b"Text\nDelivered"));
        assert_eq!(reason, "eventType \"Text\\nDelivered\" is not one of the 10 types");
        let long = reason_of(NonEventReason::UnknownNotificationType(&vec![b'x'; 1 << 20]));
        assert!(long.len() < 2 * NAME_CHARS_MAX, "{long}");
    }
}
