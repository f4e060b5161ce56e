//! Bytes in, visits out: examples and properties of reading.

mod blocks;
mod fast;
mod faults;
mod fields;
mod gzip;
mod hostile;
mod identity;
mod inputs;
mod lists;
mod minimal;
mod pieces;
mod raw;
mod scalars;
mod tree;
mod work;
mod wrappings;

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::*;

/// One visit, with everything that the visitor could learn from it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Event {
        event_type: EventType,
        time: Option<(i64, TimeOrigin)>,
        /// The values of [`WANTED`], in that order.
        values: Vec<Option<Vec<u8>>>,
        fingerprint: Option<Fingerprint>,
        path: Vec<Wrapping>,
    },
    Other {
        other: NonEvent,
        path: Vec<Wrapping>,
        at: u64,
    },
}

/// The values that the tests read from events.
const WANTED: [(ValueKind, &str); 7] = [
    (ValueKind::MessageTag, "ses:configuration-set"),
    (ValueKind::MessageTag, "campaign"),
    (ValueKind::MessageTag, "genre"),
    (ValueKind::EmailHeader, "X-Pool"),
    (ValueKind::EmailHeader, "Subject"),
    (ValueKind::LinkTag, "placement"),
    (ValueKind::LinkTag, "campaign"),
];

/// Records every visit.
struct Log<'i> {
    interest: &'i Interest,
    seen: Vec<Seen>,
}

impl Visitor for Log<'_> {
    fn event(&mut self, event: &Event<'_>, path: &Path, _: u64, _: &[u8]) {
        let value = |(kind, name): (ValueKind, &str)| {
            event.get(self.interest.slot(kind, name).unwrap()).map(<[u8]>::to_vec)
        };
        self.seen.push(Seen::Event {
            event_type: event.event_type,
            time: event.time_ms(),
            values: WANTED.into_iter().map(value).collect(),
            fingerprint: event.fingerprint(),
            path: path.iter().collect(),
        });
    }

    fn non_event(&mut self, why: NonEventReason<'_>, path: &Path, at: u64, _: &[u8]) {
        self.seen.push(Seen::Other { other: why.kind(), path: path.iter().collect(), at });
    }
}

impl Seen {
    fn name(&self) -> &'static str {
        match self {
            Self::Event { event_type, .. } => event_type.metric_name(),
            Self::Other { other, .. } => match other {
                NonEvent::UnknownType => "unknown_type",
                NonEvent::Malformed => "malformed",
                NonEvent::Foreign => "foreign",
                NonEvent::Control => "control",
                NonEvent::Notice => "notice",
            },
        }
    }

    fn path(&self) -> &[Wrapping] {
        match self {
            Self::Event { path, .. } | Self::Other { path, .. } => path,
        }
    }
}

fn interest() -> Interest {
    let mut wanted = InterestBuilder::default();
    for (kind, name) in WANTED {
        wanted.want(kind, name);
    }
    wanted.build().with_identity()
}

/// The visits of one way of reading.
fn visits(read: impl FnOnce(&Interest, &mut Log<'_>)) -> Vec<Seen> {
    let interest = interest();
    let mut log = Log { interest: &interest, seen: Vec::new() };
    read(&interest, &mut log);
    log.seen
}

fn seen(text: impl AsRef<[u8]>) -> Vec<Seen> {
    visits(|interest, log| read_all(text.as_ref(), interest, log))
}

fn names(seen: &[Seen]) -> String {
    seen.iter().map(Seen::name).collect::<Vec<_>>().join(" ")
}

/// The content of a text, by name: `Send foreign malformed`.
fn kinds(text: impl AsRef<[u8]>) -> String {
    names(&seen(text))
}

/// The same for a record, which may be gzip.
fn record_kinds(record: impl AsRef<[u8]>) -> String {
    names(&visits(|interest, log| read_record(record.as_ref(), interest, log)))
}

/// A value of the only event in a text.
#[track_caller]
fn value(text: impl AsRef<[u8]>, kind: ValueKind, name: &str) -> Option<String> {
    let seen = seen(text);
    let [Seen::Event { values, .. }] = &seen[..] else { panic!("no single event: {seen:?}") };
    let at = WANTED.iter().position(|wanted| *wanted == (kind, name)).expect("a wanted value");
    values[at].as_ref().map(|value| String::from_utf8_lossy(value).into_owned())
}

/// The time of the only event in a text, to the minute.
#[track_caller]
fn minute(text: impl AsRef<[u8]>) -> Option<(String, TimeOrigin)> {
    let seen = seen(text);
    let [Seen::Event { time, .. }] = &seen[..] else { panic!("no single event: {seen:?}") };
    time.map(|(ms, origin)| (Minute::of_ms(ms).to_string(), origin))
}

/// A minimal well-formed event.
fn event(event_type: &str) -> String {
    json!({
        "eventType": event_type,
        "mail": {"timestamp": "2026-11-20T12:00:00.000Z", "tags": {"campaign": ["spring"]}},
    })
    .to_string()
}

fn sns(message: &str) -> String {
    let topic = "arn:aws:sns:eu-west-1:111122223333:ses";
    json!({"Type": "Notification", "TopicArn": topic, "Message": message}).to_string()
}

fn sqs(body: &str) -> String {
    json!({"Records": [{"messageId": "1", "body": body}]}).to_string()
}

/// A Firehose request with one record per value of `data`, which must be encoded already.
fn firehose(data: &[impl AsRef<[u8]>]) -> String {
    let records: Vec<_> = data.iter().map(|data| json!({"data": STANDARD.encode(data)})).collect();
    json!({"requestId": "1", "timestamp": 1_763_640_000_000_u64, "records": records}).to_string()
}

fn gzipped(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// Nested objects, `depth` of them.
fn nested(depth: usize) -> String {
    format!("{}{{}}{}", "{\"a\":".repeat(depth - 1), "}".repeat(depth - 1))
}
