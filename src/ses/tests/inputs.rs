//! Inputs of the properties: streams of synthetic events, damaged ones, and soups of fragments.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value as Json;

use super::*;
use crate::synth::{Profile, StreamOptions, stream};

/// A small stream of difficult events in every wrapping, with faults.
pub(super) fn awkward_stream() -> impl Strategy<Value = Vec<u8>> {
    (any::<u64>(), 1..6_usize, any::<bool>()).prop_map(|(seed, events, torn_end)| {
        let profile = Profile { seed, awkward: true, ..Profile::default() };
        stream(profile, events, &StreamOptions { torn_end, ..StreamOptions::default() }).bytes
    })
}

#[derive(Clone, Debug)]
pub(super) enum Mutation {
    Flip(Index, u8),
    Cut(Index, usize),
    Insert(Index, Vec<u8>),
}

pub(super) fn mutation() -> impl Strategy<Value = Mutation> {
    let bit = (0..8_u8).prop_map(|bit| 1 << bit);
    prop_oneof![
        (any::<Index>(), bit).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        (any::<Index>(), 1..200_usize).prop_map(|(at, len)| Mutation::Cut(at, len)),
        (any::<Index>(), token()).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
    ]
}

pub(super) fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
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
        br#"{"invocationId":"1","records":[{"data":"WzE="}]}"#,
        br#"{"Messages":[{"Body":"[[]"},{"Body":{}}]}"#,
        br#"{"logEvents":[{"message":"? {}"},{}],"awslogs":{"data":"W10="}}"#,
        br#"{"Records":[{"kinesis":{"data":"WzE="}},{"kinesis":{"data":"?"}}]}"#,
        br#""[{}, \"{\""#,
        br#"{"notificationType":"AmazonSnsSubscriptionSucceeded"}"#,
        b"\\n",
        b"\x1e",
        b"PK\x03\x04",
        b"\x82SNAPPY\0",
        b"BZh91AY&SY",
        b"\0\0\0\x05\0\0\0\x07\x05",
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
pub(super) fn json_value() -> impl Strategy<Value = Json> {
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
        "Messages",
        "Body",
        "kinesis",
        "requestId",
        "invocationId",
        "records",
        "logEvents",
        "events",
        "message",
        "awslogs",
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
        "AmazonSnsSubscriptionSucceeded",
        "{\"eventType\":\"Send\"}",
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

/// An object with the keys of an event, in any order, repeated, with values of any type.
pub(super) fn event_like() -> impl Strategy<Value = String> {
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
