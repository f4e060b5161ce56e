//! Properties that hold for every input.

use std::io::Read;

use proptest::prelude::*;
use proptest::sample::Index;
use serde::de::IgnoredAny;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::*;
use crate::ses::compare;
use crate::ses::event::value::Value;
use crate::ses::event::value_reader::ValueReader;
use crate::ses::json::step::{DEPTH_MAX, Step};
use crate::synth::{Generator, Profile, StreamOptions, stream};

/// Returns bytes in pieces of the given sizes, repeatedly.
struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let size = *self.sizes.next().expect("there is a size");
        let len = size.min(out.len()).min(self.bytes.len());
        let (piece, rest) = self.bytes.split_at(len);
        out[..len].copy_from_slice(piece);
        self.bytes = rest;
        Ok(len)
    }
}

fn in_pieces(bytes: &[u8], chunk: usize, sizes: &[usize]) -> Vec<Seen> {
    visits(|interest, log| {
        let pieces = Pieces { bytes, sizes: sizes.iter().cycle() };
        Reader::with_block_bytes(pieces, chunk)
            .read(false, interest, log)
            .expect("reading from memory");
    })
}

// === inputs ===

/// A small stream of difficult events in every wrapping, with faults.
fn awkward_stream() -> impl Strategy<Value = Vec<u8>> {
    (any::<u64>(), 1..6_usize, any::<bool>()).prop_map(|(seed, events, torn_end)| {
        let profile = Profile { seed, awkward: true, ..Profile::default() };
        stream(profile, events, &StreamOptions { torn_end, ..StreamOptions::default() }).bytes
    })
}

#[derive(Clone, Debug)]
enum Mutation {
    Flip(Index, u8),
    Cut(Index, usize),
    Insert(Index, Vec<u8>),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let bit = (0..8_u8).prop_map(|bit| 1 << bit);
    prop_oneof![
        (any::<Index>(), bit).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        (any::<Index>(), 1..200_usize).prop_map(|(at, len)| Mutation::Cut(at, len)),
        (any::<Index>(), token()).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    if bytes.is_empty() {
        return;
    }
    match mutation {
        Mutation::Flip(at, bits) => *at.get_mut(bytes) ^= bits,
        Mutation::Cut(at, len) => {
            let at = at.index(bytes.len());
            bytes.drain(at..(at + len).min(bytes.len()));
        }
        Mutation::Insert(at, new) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, new.iter().copied());
        }
    }
}

pub(super) fn mutated_stream() -> impl Strategy<Value = Vec<u8>> {
    (awkward_stream(), prop::collection::vec(mutation(), 1..8)).prop_map(
        |(mut bytes, mutations)| {
            for mutation in &mutations {
                mutate(&mut bytes, mutation);
            }
            bytes
        },
    )
}

/// Fragments of texts, complete and partial.
fn token() -> impl Strategy<Value = Vec<u8>> {
    const TOKENS: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b"\\",
        b":",
        b",",
        b"\n",
        b" ",
        b"-",
        b"+",
        b".",
        b"e",
        b"E",
        b"0",
        b"1",
        b"27",
        b"true",
        b"fals",
        b"null",
        b"\"x\"",
        b"\"[{\"",
        b"\"\\ud800\"",
        b"\"\\\"\"",
        b"\\u00",
        b"{\"a\":",
        b"[1.",
        b"[]",
        b"{}",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xe2\x82",
        b"\0",
        b"\x1f\x8b",
        b"S",
        b"Successfully validated",
        b"[1,\n",
        b"1e400",
        b"\"eventType\":",
        b"\"Send\"",
        b"\"mail\":{}",
        b"{\"eventType\":\"Open\",\"mail\":{\"tags\":{\"campaign\":[\"a\"]}}}",
        br#"{"TopicArn":"x","Message":"{} ? \n[1.]"}"#,
        br#"{"Records":[{"body":"[]"},{"Sns":"1"},{}]}"#,
        br#"{"requestId":"1","records":[{"data":"W10="},{}]}"#,
    ];
    prop_oneof![
        9 => prop::sample::select(TOKENS).prop_map(<[u8]>::to_vec),
        1 => (100..140_usize).prop_map(|depth| nested(depth).into_bytes()),
        1 => (100..140_usize).prop_map(|depth| vec![b'['; depth]),
        1 => Just(VALIDATION_NOTICE.as_bytes().to_vec()),
    ]
}

pub(super) fn soup() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(token(), 0..24).prop_map(|tokens| tokens.concat())
}

/// JSON with the keys and strings that some rule reads.
fn json_value() -> impl Strategy<Value = Json> {
    const NAMES: &[&str] = &[
        "eventType",
        "notificationType",
        "mail",
        "bounce",
        "click",
        "open",
        "timestamp",
        "tags",
        "headers",
        "linkTags",
        "name",
        "value",
        "campaign",
        "genre",
        "placement",
        "Type",
        "TopicArn",
        "Message",
        "detail-type",
        "source",
        "detail",
        "Records",
        "body",
        "Sns",
        "requestId",
        "records",
        "data",
        "rawData",
        "errorCode",
        "other",
        "messageId",
        "messageId",
        "destination",
        "bouncedRecipients",
        "recipients",
        "emailAddress",
        "feedbackId",
        "link",
        "ipAddress",
        "userAgent",
    ];
    const TEXTS: &[&str] = &[
        "",
        "spring",
        "Send",
        "Bounce",
        "Click",
        "Open",
        "Notification",
        "SubscriptionConfirmation",
        "aws.ses",
        "2026-11-20T12:00:00Z",
        "X-Pool",
        "x-pool",
        "Subject",
        "W10=",
        "[]",
        "caf\u{e9} \"\\\n",
    ];
    let leaf = prop_oneof![
        1 => Just(Json::Null),
        1 => any::<bool>().prop_map(Json::from),
        1 => any::<i32>().prop_map(Json::from),
        1 => (-1e300..1e300).prop_map(|number: f64| json!(number)),
        6 => prop::sample::select(TEXTS).prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        let name = prop::sample::select(NAMES).prop_map(str::to_owned);
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            3 => prop::collection::hash_map(name, inner, 0..8)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

// === chunks ===

fn assert_chunks_do_not_matter(
    bytes: &[u8],
    chunk: usize,
    sizes: &[usize],
) -> Result<(), TestCaseError> {
    let whole = seen(bytes);
    prop_assert_eq!(&in_pieces(bytes, chunk, sizes), &whole, "{}", bytes.escape_ascii());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// A stream in pieces has the same visits as the whole text, whatever the pieces.
    #[test]
    fn stream_in_pieces_gives_the_same_visits(
        bytes in awkward_stream(),
        chunk in 1..2000_usize,
        sizes in prop::collection::vec(1..700_usize, 1..5),
    ) {
        assert_chunks_do_not_matter(&bytes, chunk, &sizes)?;
    }

    /// The same for a damaged stream.
    #[test]
    fn damaged_stream_in_pieces_gives_the_same_visits(
        bytes in mutated_stream(),
        chunk in 1..2000_usize,
        sizes in prop::collection::vec(1..700_usize, 1..5),
    ) {
        assert_chunks_do_not_matter(&bytes, chunk, &sizes)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// The same for any sequence of fragments.
    #[test]
    fn soup_in_pieces_gives_the_same_visits(
        bytes in soup(),
        chunk in 1..40_usize,
        sizes in prop::collection::vec(1..9_usize, 1..5),
    ) {
        assert_chunks_do_not_matter(&bytes, chunk, &sizes)?;
    }

    /// Nothing panics, whatever the bytes and the way they are read.
    #[test]
    fn reader_never_panics(
        bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), soup()],
    ) {
        let interest = interest();
        let mut log = Log { interest: &interest, seen: Vec::new() };
        read_all(&bytes, &interest, &mut log);
        read_record(&bytes, &interest, &mut log);
        read_record(&[b"\x1f\x8b\x08\0", &bytes[..]].concat(), &interest, &mut log);
        let log = || Log { interest: &interest, seen: Vec::new() };
        if let Ok(request) = read_request(&bytes, &interest) {
            let _ = request.read(&interest, log);
        }
        let body = firehose(&[&bytes]);
        let request = read_request(body.as_bytes(), &interest).unwrap();
        prop_assert!(request.read(&interest, log).is_ok());
    }

    /// More bytes never change an earlier result: before the end, a step is final or incomplete.
    #[test]
    fn step_is_final_or_incomplete(text in soup(), more in soup()) {
        let interest = interest();
        let longer = [&text[..], &more].concat();
        let read = |text: &[u8]| {
            let mut value = Value::default();
            let step = ValueReader::default().read(text, 0, &interest, VALUE_BYTES_MAX, &mut value);
            compare::told(step, &value, &interest)
        };
        let step = read(&text);
        let is_number = matches!(text.first(), Some(b'-' | b'0'..=b'9'));
        if step != "Incomplete" && !is_number {
            prop_assert_eq!(step, read(&longer), "{}", longer.escape_ascii());
        }
    }
}

fn awkward_events(count: usize) -> impl Iterator<Item = String> {
    let profile = Profile { seed: 7, awkward: true, ..Profile::default() };
    Generator::new(profile).take(count).map(|event| event.json)
}

// === the reference ===

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

// === the fast way ===

fn assert_fast_is_reference(text: &[u8], max: usize) -> Result<(), TestCaseError> {
    compare::value(text, &interest(), max).map_err(TestCaseError::fail)
}

/// An object with the keys of an event, in any order, repeated, with values of any type.
fn event_like() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        Just("\"Send\"".to_owned()),
        Just("\"2026-11-20T12:00:00.000Z\"".to_owned()),
        Just("\"a\\u0041\\n\"".to_owned()),
        Just("\"\\ud83d\\ude00 \\ud800\"".to_owned()),
        Just("\"\\u00zz\"".to_owned()),
        Just("\"\\\\u00zz\"".to_owned()),
        Just("\"caf\u{e9} \\/ \\q\"".to_owned()),
        Just("[\"x\",1]".to_owned()),
        Just("1e999".to_owned()),
        Just("-0.5e-3".to_owned()),
        Just("01".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
    ];
    let key = prop::sample::select(vec![
        "eventType",
        "notificationType",
        "mail",
        "click",
        "open",
        "bounce",
        "timestamp",
        "tags",
        "headers",
        "linkTags",
        "messageId",
        "destination",
        "bouncedRecipients",
        "emailAddress",
        "link",
        "userAgent",
        "campaign",
        "team",
        "placement",
        "ses:configuration-set",
        "name",
        "value",
        "X-Pool",
        "Message",
        "Type",
        "detail",
        "records",
        "other",
        "\\u006dail",
    ]);
    let header = (key.clone(), text.clone())
        .prop_map(|(name, value)| format!("{{\"name\":\"{name}\",\"value\":{value}}}"));
    let leaf = prop_oneof![6 => text, 1 => header];
    leaf.prop_recursive(4, 60, 6, move |inner| {
        let space = prop::sample::select(vec!["", " ", "\n\t"]);
        let member = (key.clone(), space, inner.clone())
            .prop_map(|(key, space, value)| format!("\"{key}\":{space}{value}"));
        prop_oneof![
            3 => prop::collection::vec(member, 0..7).prop_map(|m| format!("{{{}}}", m.join(","))),
            1 => prop::collection::vec(inner, 0..4).prop_map(|list| format!("[{}]", list.join(","))),
        ]
    })
}

proptest! {
    #[test]
    fn fast_reader_equals_the_reference_for_event_like_objects(
        event in event_like(),
        behind in prop::sample::select(vec!["", "\n", " {\"eventType\":\"Send\"}", "}", "\u{0}"]),
    ) {
        assert_fast_is_reference(format!("{event}{behind}").as_bytes(), VALUE_BYTES_MAX)?;
    }

    #[test]
    fn fast_reader_equals_the_reference_in_streams_with_faults(bytes in mutated_stream()) {
        compare::text(&bytes, &interest()).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn delivery_reads_the_same_by_walk_and_by_parser(
        records in prop::collection::vec(soup(), 0..4),
        mutations in prop::collection::vec(mutation(), 0..3),
        gzip in any::<bool>(),
    ) {
        let mut body = firehose(&records).into_bytes();
        for mutation in &mutations {
            mutate(&mut body, mutation);
        }
        compare::delivery(&body, &interest()).map_err(TestCaseError::fail)?;
        if gzip {
            let mut body = gzipped(&body);
            for mutation in &mutations {
                mutate(&mut body, mutation);
            }
            compare::delivery(&body, &interest()).map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn fast_reader_equals_the_reference_for_any_tokens(text in soup(), bytes_max in 1..60_usize) {
        let object = [b"{\"mail\":{", &text[..]].concat();
        compare::text(&text, &interest()).map_err(TestCaseError::fail)?;
        assert_fast_is_reference(&object, VALUE_BYTES_MAX)?;
        assert_fast_is_reference(&object, bytes_max)?;
    }
}

#[test]
fn fast_reader_equals_the_reference_around_the_depth_limit() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [1, 125, 126, 127, 128, 129, 255, 256, 5000, 100_000] {
            let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            for text in [
                value.clone(),
                format!("{{\"eventType\":\"Send\",\"x\":{value}}}"),
                format!("{{\"mail\":{{\"tags\":{{\"campaign\":[\"a\",{value}]}}}}}}"),
                format!("{{\"x\":{value}"),
            ] {
                assert_fast_is_reference(text.as_bytes(), VALUE_BYTES_MAX).unwrap();
            }
        }
    }
}
