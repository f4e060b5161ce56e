//! A minimal event has the values of the original, and none of its addresses.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::inputs::awkward_stream;
use super::*;
use crate::ses::event::field::EventField;

/// Every field, and some tags and headers.
fn interest() -> Interest {
    let mut wanted = InterestBuilder::default();
    for field in EventField::ALL {
        wanted.want(ValueKind::Field(field), "");
    }
    for (kind, name) in WANTED {
        wanted.want(kind, name);
    }
    wanted.build()
}

/// What one event says to the rules, and its minimal form.
struct Both<'i> {
    interest: &'i Interest,
    found: Vec<(String, Option<String>)>,
}

impl Visitor for Both<'_> {
    fn event(&mut self, event: &Event<'_>, _: &Path, _: u64, raw: &[u8]) {
        // Rules read link tags of Clicks alone.
        let link_tags = WANTED.iter().filter(|(kind, _)| *kind == ValueKind::LinkTag);
        let link_tags: Vec<_> =
            link_tags.filter_map(|(kind, name)| self.interest.slot(*kind, name)).collect();
        let time = self.interest.slot(ValueKind::Field(EventField::ProcessingTime), "");
        let is_read =
            |slot: &Slot| event.event_type == EventType::Click || !link_tags.contains(slot);
        let values = self.interest.every_slot().filter(is_read).map(|slot| {
            let text = event.get(slot).map(|text| String::from_utf8_lossy(text).into_owned());
            // A number may be written in other ways.
            let number = |text: String| text.parse().ok().filter(|number: &f64| number.is_finite());
            if Some(slot) == time {
                return text.and_then(number).map(|number| number.to_string());
            }
            // What has an `@` is compared on its own, and a lone surrogate is one character.
            let text = text.map(|text| text.replace("\u{fffd}\u{fffd}\u{fffd}", "\u{fffd}"));
            text.map(|text| if text.contains('@') { "@".to_owned() } else { text })
        });
        let values: Vec<_> = values.collect();
        let event_type = event.event_type;
        let said = format!("{event_type:?} {:?} {values:?}", event.time_ms());
        let codes = AddressCodes::default();
        self.found.push((said, minimal_event(raw, event_type, self.interest, &codes)));
    }

    fn non_event(&mut self, _: NonEventReason<'_>, _: &Path, _: u64, _: &[u8]) {}
}

/// The events of a text, each with its minimal form.
fn both(text: &[u8]) -> Vec<(String, Option<String>)> {
    let interest = interest();
    let mut both = Both { interest: &interest, found: Vec::new() };
    read_all(text, &interest, &mut both);
    both.found
}

fn minimal(event: &Json) -> Json {
    let found = both(event.to_string().as_bytes());
    let [(_, Some(text))] = &found[..] else { panic!("{found:?}") };
    serde_json::from_str(text).expect("JSON")
}

/// The texts before each `@` of a text, as far as they could be part of an address.
fn local_parts(text: &str) -> impl Iterator<Item = &str> {
    let pieces: Vec<_> = text.split('@').collect();
    let before = pieces.len().saturating_sub(1);
    let is_part = |letter: char| letter.is_alphanumeric() || "._+-".contains(letter);
    let local = move |piece: &str| piece.rfind(|letter| !is_part(letter)).map_or(0, |at| at + 1);
    pieces.into_iter().take(before).map(move |piece| &piece[local(piece)..])
}

proptest! {
    /// However an event is written.
    #[test]
    fn minimal_event_says_the_same_and_stays_as_it_is(text in awkward_stream()) {
        for (said, minimal) in both(&text) {
            let Some(minimal) = minimal else { continue };
            let again = both(minimal.as_bytes());
            prop_assert_eq!(again.len(), 1, "{}", &minimal);
            prop_assert_eq!(&again[0].0, &said, "{}", &minimal);
        }
    }

    /// What precedes an `@` is nothing, or sixteen digits of a code.
    #[test]
    fn minimal_event_has_no_local_part(text in awkward_stream()) {
        for minimal in both(&text).into_iter().filter_map(|(_, minimal)| minimal) {
            for local in local_parts(&minimal) {
                let code = local.trim_end_matches('+');
                let tail = &code[code.len().saturating_sub(16)..];
                let is_code = tail.len() == 16 && tail.bytes().all(|byte| byte.is_ascii_hexdigit());
                prop_assert!(local.is_empty() || is_code, "{} in {}", local, &minimal);
            }
        }
    }
}

#[test]
fn addresses_are_replaced_wherever_a_mail_has_them() {
    let planted =
        json!("Ann Planted <ann.planted@one.example> (planted), \"x planted\"@two.example");
    let event = json!({"eventType": "Bounce", "mail": {
        "source": planted, "sourceArn": "arn:aws:ses:eu-west-1:1:identity/planted@one.example",
        "destination": [planted], "commonHeaders": {"to": [planted]},
        "tags": {"planted@one.example": ["x"], "contact": [planted, planted]},
        "headers": [{"name": "From", "value": planted}, {"name": "To", "value": planted},
            {"name": "Message-ID", "value": "<planted>"}, {"name": "X-Contact", "value": planted}],
    }, "bounce": {"bounceType": "Permanent", "bounceSubType": planted, "feedbackId": "planted",
        "bouncedRecipients": [{"emailAddress": planted, "status": "x",
            "diagnosticCode": "550 5.1.1 <ann.planted@one.example> unknown"}]}});
    let minimal = minimal(&event);
    assert!(!minimal.to_string().contains("planted"), "{minimal}");
    assert_eq!(minimal["bounce"]["bouncedRecipients"][0]["emailAddress"], "@two.example.");
    assert_eq!(minimal["bounce"]["bouncedRecipients"][0]["status"], "5.1.1");
    assert_eq!(minimal["mail"]["sourceArn"], "arn:aws:ses:eu-west-1:");
    let from = minimal["mail"]["headers"][0]["value"].as_str().expect("text");
    assert!(from.contains("@one.example") && from.contains("@two.example"), "{from}");
}

#[test]
fn response_and_link_keep_what_dimensions_read() {
    let delivery = minimal(&json!({"eventType": "Delivery", "mail": {}, "delivery": {
        "recipients": ["ann@one.example", "bob@one.example"], "processingTimeMillis": 7,
        "smtpResponse": "250 2.0.0 OK ann@one.example", "remoteMtaIp": "192.0.2.1"}}));
    assert_eq!(
        delivery["delivery"],
        json!({"processingTimeMillis": 7, "recipients": [{"emailAddress": "@one.example."}],
            "smtpResponse": "2.0.0"})
    );
    let click =
        minimal(&json!({"eventType": "Click", "mail": {}, "click": {"isBotEvent": "Likely",
        "link": "https://ann:secret@example.com/?token=secret", "linkTags": {"spot": ["top"]},
        "ipAddress": "192.0.2.1", "userAgent": "secret"}}));
    assert_eq!(
        click["click"],
        json!({"isBotEvent": "Likely", "link": "https://example.com.:/", "linkTags": {"spot": ["top"]}})
    );
}

/// Under one key equal texts have equal codes, different ones different codes.
#[test]
fn coded_values_stay_equal_different_and_valid_or_not() {
    let value = |text: &str, codes: &AddressCodes| {
        let event = json!({"eventType": "Send", "mail": {"tags": {"t": [text]}}}).to_string();
        let event = minimal_event(event.as_bytes(), EventType::Send, &interest(), codes);
        let event: Json = serde_json::from_str(&event.expect("short")).expect("JSON");
        event["mail"]["tags"]["t"][0].as_str().expect("text").to_owned()
    };
    let codes = AddressCodes::default();
    assert_eq!(value("ann@one.example", &codes), value("ann@one.example", &codes));
    assert_ne!(value("ann@one.example", &codes), value("bob@one.example", &codes));
    assert_ne!(
        value("ann@one.example", &codes),
        value("ann@one.example", &AddressCodes::default())
    );
    let long = format!("{}@x", "a".repeat(300));
    for text in ["ann@one.example", "a@b@c", "@one.example", "ann@", "Ann <ann@x>", "a+b@x", &long]
    {
        let is_valid = crate::definitions::is_dimension_value;
        assert_eq!(is_valid(value(text, &codes).as_bytes()), is_valid(text.as_bytes()), "{text}");
    }
}

#[test]
fn event_that_is_too_long_is_not_kept() {
    let long = "x".repeat(1000);
    let tags: serde_json::Map<_, _> = (0..40).map(|n| (format!("t{n}"), json!([long]))).collect();
    let event = json!({"eventType": "Send", "mail": {"tags": tags}}).to_string();
    let codes = AddressCodes::default();
    assert_eq!(minimal_event(event.as_bytes(), EventType::Send, &interest(), &codes), None);
}
