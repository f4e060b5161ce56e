//! Events and the grammar, compared with a tree that `serde_json` makes.

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::inputs::{json_value, soup};
use super::*;
use crate::ses::event::value::Value;
use crate::ses::event::value_reader::ValueReader;
use crate::ses::json::step::{DEPTH_MAX, Step};
use crate::synth::{Generator, Profile};

fn awkward_events(count: usize) -> impl Iterator<Item = String> {
    let profile = Profile { seed: 7, awkward: true, ..Profile::default() };
    Generator::new(profile).take(count).map(|event| event.json)
}

/// The fingerprint of an event, by simple lookups in a tree.
fn identity(json: &Json, event_type: EventType) -> Option<Fingerprint> {
    let mail = &json["mail"];
    let (own, recipients) = match event_type {
        EventType::Bounce => (&json["bounce"], "bouncedRecipients"),
        EventType::Complaint => (&json["complaint"], "complainedRecipients"),
        EventType::Delivery => (&json["delivery"], "recipients"),
        EventType::DeliveryDelay => (&json["deliveryDelay"], "delayedRecipients"),
        EventType::Open => (&json["open"], ""),
        EventType::Click => (&json["click"], ""),
        EventType::Subscription => (&json["subscription"], ""),
        EventType::Send | EventType::Reject | EventType::RenderingFailure => (mail, ""),
    };
    let recipients =
        if recipients.is_empty() { &mail["destination"] } else { &own[recipients] }.as_array();
    let recipients = recipients
        .into_iter()
        .flatten()
        .filter_map(|recipient| recipient.as_str().or_else(|| recipient["emailAddress"].as_str()));
    let of = |types: &[EventType], name: &str| {
        types.contains(&event_type).then(|| own[name].as_str()).flatten()
    };
    let (opens, feedback) =
        ([EventType::Open, EventType::Click], [EventType::Bounce, EventType::Complaint]);
    let message_id = mail["messageId"].as_str().filter(|id| !id.is_empty())?;
    let mut parts = vec![(1, message_id)];
    parts.extend(recipients.map(|address| (2, address)));
    parts.extend(of(&[EventType::Click], "link").map(|link| (3, link)));
    parts.extend(of(&feedback, "feedbackId").map(|id| (4, id)));
    parts.extend(of(&opens, "ipAddress").map(|address| (5, address)));
    parts.extend(of(&opens, "userAgent").map(|agent| (6, agent)));
    let mut hashed = Vec::new();
    let mut put = |bytes: &[u8]| {
        hashed.extend((bytes.len() as u64).to_le_bytes());
        hashed.extend(bytes);
    };
    put(b"postmeter event 1");
    put(event_type.metric_name().as_bytes());
    put(own["timestamp"].as_str()?.as_bytes());
    for (part, text) in parts {
        put(&[part]);
        put(text.as_bytes());
    }
    let hash = Sha256::digest(hashed);
    Some(Fingerprint::new(hash[..16].try_into().expect("it is longer")))
}

/// The event in a value, by simple lookups in a tree.
fn reference(json: &Json) -> Option<Seen> {
    let text = |value: &Json| value.as_str().map(|text| text.as_bytes().to_vec());
    let tag = |tags: &Json, name: &str| match &tags[name] {
        Json::Array(list) => list.first().and_then(text),
        value => text(value),
    };
    let header = |name: &str| {
        let headers = json["mail"]["headers"].as_array()?;
        let same = |header: &&Json| {
            header["name"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(name))
        };
        headers.iter().find(same).map(|header| text(&header["value"]).unwrap_or_default())
    };
    let event_type = match (json["eventType"].as_str(), json["notificationType"].as_str()) {
        (Some(name), _) => EventType::parse(name.as_bytes())?,
        (None, Some(name)) => EventType::parse(name.as_bytes())
            .filter(|found| ["Bounce", "Complaint", "Delivery"].contains(&found.metric_name()))?,
        (None, None) => return None,
    };
    json["mail"].as_object()?;
    let own = match event_type {
        EventType::Send | EventType::Reject | EventType::RenderingFailure => None,
        EventType::DeliveryDelay => Some("deliveryDelay".to_owned()),
        other => Some(other.metric_name().to_lowercase()),
    };
    let read = |block: &str| time::parse_ms(json[block]["timestamp"].as_str()?.as_bytes());
    let of_mail = || read("mail").map(|ms| (ms, TimeOrigin::Mail));
    let of_block = own.and_then(|block| read(&block)).map(|ms| (ms, TimeOrigin::Block));
    let value = |(kind, name)| match kind {
        ValueKind::MessageTag => tag(&json["mail"]["tags"], name),
        ValueKind::EmailHeader => header(name),
        ValueKind::LinkTag => tag(&json["click"]["linkTags"], name),
        ValueKind::Field(_) => panic!("the tests want none"),
    };
    Some(Seen::Event {
        event_type,
        time: of_block.or_else(of_mail),
        values: WANTED.into_iter().map(value).collect(),
        fingerprint: identity(json, event_type),
        path: Vec::new(),
    })
}

#[test]
fn awkward_events_read_as_their_tree_shows() {
    let (mut compared, mut told) = (0, 0);
    for event in awkward_events(3000) {
        let Ok(json) = serde_json::from_str::<Json>(&event) else { continue };
        let Some(expected) = reference(&json) else { continue };
        told += usize::from(matches!(expected, Seen::Event { fingerprint: Some(_), .. }));
        assert_eq!(seen(&event), [expected], "{event}");
        compared += 1;
    }
    assert!(compared > 1500 && told > 1200, "{compared} {told}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Reading any event gives the same result as a tree, and nothing else is an event.
    #[test]
    fn events_of_any_kind_read_as_their_tree_shows(
        mut json in json_value(),
        event_type in prop::sample::select(&EventType::ALL[..]),
        mail in json_value(),
    ) {
        if let Json::Object(members) = &mut json {
            members.entry("eventType").or_insert(event_type.api_name().into());
            members.entry("mail").or_insert(mail);
        }
        let seen = seen(json.to_string());
        if let Some(expected) = reference(&json) { prop_assert_eq!(seen, [expected]) } else {
            let bare = |seen: &Seen| matches!(seen, Seen::Event { path, .. } if path.is_empty());
            prop_assert!(!seen.iter().any(bare), "{:?}", seen);
        }
    }

    /// A value ends where `serde_json` ends it, and what `serde_json` rejects is not a value.
    #[test]
    fn grammar_is_that_of_serde_json(text in soup()) {
        let interest = interest();
        let mut value = Value::default();
        let step = ValueReader::default().read(&text, 0, &interest, VALUE_BYTES_MAX, &mut value);
        let taken = match step {
            Step::Value { len } => Some(len),
            Step::Fault | Step::Incomplete => None,
        };
        let mut values = serde_json::Deserializer::from_slice(&text).into_iter::<IgnoredAny>();
        let expected = match values.next() {
            Some(Ok(_)) => Some(values.byte_offset()),
            _ => None,
        };
        let starts_value = matches!(text.first(), Some(b'{' | b'[' | b'"'));
        let is_utf8 = |len: usize| std::str::from_utf8(&text[..len]).is_ok();
        let openers = text.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
        if starts_value && expected.is_none_or(is_utf8) && openers <= DEPTH_MAX {
            prop_assert_eq!(taken, expected, "{}", text.escape_ascii());
        }
    }
}
