//! The fast ways held against the reference, for property tests and fuzzing: each function gives
//! what differs, and nothing may.

use super::delivery::by_parser;
use super::event::Event;
use super::gunzip::{gunzip, stream};
use super::interest::{Interest, InterestBuilder, ValueKind};
use super::json::{Step, VALUE_BYTES_MAX, read_by_reference, read_value};
use super::unwrap::{Other, Path, Visit};
use super::value::{Block, Levels, Value};
use super::{is_gzip, read_request};

/// What is read from events when fuzzing.
#[must_use]
pub fn interest() -> Interest {
    let mut wanted = InterestBuilder::default();
    for name in ["campaign", "tenant"] {
        wanted.want(ValueKind::MessageTag, name);
        wanted.want(ValueKind::LinkTag, name);
        wanted.want(ValueKind::EmailHeader, &format!("X-{name}"));
    }
    wanted.build().with_identity()
}

/// Whether a value begins at the first byte of a text, and what it holds.
///
/// # Errors
/// Both answers, when they differ.
pub fn value(
    text: &[u8],
    interest: &Interest,
    levels: Levels,
    bytes_max: usize,
) -> Result<(), String> {
    let (mut fast, mut reference) = (Value::default(), Value::default());
    let step = read_value(text, interest, levels, bytes_max, false, &mut fast);
    let expected = read_by_reference(text, interest, levels, bytes_max, false, &mut reference);
    same(&told(step, &fast, interest), &told(expected, &reference, interest), text)
}

/// Every value that may begin in a text; of the first hundred.
///
/// # Errors
/// Both answers about one, when they differ.
pub fn text(text: &[u8], interest: &Interest) -> Result<(), String> {
    let starts = text.iter().enumerate().filter(|(_, byte)| **byte == b'{').map(|(at, _)| at);
    starts.take(100).try_for_each(|at| value(&text[at..], interest, 8, VALUE_BYTES_MAX))
}

/// What a body of a Firehose delivery holds, gzip or not.
///
/// # Errors
/// Both answers, when they differ.
pub fn delivery(body: &[u8], interest: &Interest) -> Result<(), String> {
    const LIMIT: usize = 1 << 22;
    if !is_gzip(body) {
        return plain_delivery(body, interest);
    }
    let (whole, streamed) = (gunzip(body, LIMIT, |_| true), stream(body, LIMIT, |_| true));
    // What stands behind the only member is no event; only the stream may see that it is there.
    if whole.bytes != streamed.bytes || (whole.torn && !streamed.torn) {
        let told = |torn, bytes: &[u8]| format!("torn {torn}: {}", bytes.escape_ascii());
        let (whole, streamed) =
            (told(whole.torn, &whole.bytes), told(streamed.torn, &streamed.bytes));
        return same(&whole, &streamed, body);
    }
    plain_delivery(&whole.bytes, interest)
}

fn plain_delivery(body: &[u8], interest: &Interest) -> Result<(), String> {
    let log = || Log { interest, seen: Vec::new() };
    let fast = read_request(body, interest)
        .and_then(|request| Ok((request.request_id.to_vec(), request.read(interest, log)?.seen)));
    let reference = by_parser(body, interest)
        .and_then(|request| Ok((request.request_id.to_vec(), request.read(interest, log)?.seen)));
    // The first of two ids is taken before the second is seen; such a body is refused.
    if fast == Err("the body has two requestIds") {
        return Ok(());
    }
    same(&format!("{fast:?}"), &format!("{reference:?}"), body)
}

/// All that a value tells.
pub(super) fn told(step: Step, value: &Value<'_>, interest: &Interest) -> String {
    if !matches!(step, Step::Value { .. }) {
        return format!("{step:?}");
    }
    let Value { event_type, notification_type, has_mail, wrapper, .. } = value;
    let fields = value.fields();
    let times: Vec<_> = Block::ALL.iter().map(|block| fields.time(*block)).collect();
    let texts: Vec<_> = interest.every_slot().map(|slot| fields.get(slot)).collect();
    let identity = fields.identity;
    format!(
        "{step:?} {event_type:?} {notification_type:?} {has_mail} {wrapper:?} {times:?} {texts:?} {identity:?}"
    )
}

fn same(fast: &str, reference: &str, input: &[u8]) -> Result<(), String> {
    if fast == reference {
        return Ok(());
    }
    Err(format!("fast:      {fast}\nreference: {reference}\ninput:     {}", input.escape_ascii()))
}

/// Writes down every visit.
struct Log<'i> {
    interest: &'i Interest,
    seen: Vec<String>,
}

impl Visit for Log<'_> {
    fn event(&mut self, event: &Event<'_>, path: &Path, _: &[u8]) {
        let texts: Vec<_> = self.interest.every_slot().map(|slot| event.get(slot)).collect();
        let path: Vec<_> = path.iter().collect();
        let (time, fingerprint) = (event.time_ms(), event.fingerprint());
        let seen = format!("{:?} {time:?} {fingerprint:?} {texts:?} {path:?}", event.event_type);
        self.seen.push(seen);
    }

    fn other(&mut self, other: Other, path: &Path, at: u64, _: &[u8]) {
        self.seen.push(format!("{other:?} {:?} {at}", path.iter().collect::<Vec<_>>()));
    }
}
