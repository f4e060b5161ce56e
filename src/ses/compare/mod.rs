//! Compares the fast readers with the reference, and blocks with whole texts, for property tests and fuzzing. Each function
//! returns the difference, and there must be none.

pub mod differential;
mod documents;
mod levels;
mod random;
pub(crate) mod string_ends;
mod tree;
mod wrapped;

use serde::de::IgnoredAny;

pub use self::levels::{level_of, levels};
use super::envelope::delivery::{by_parser, read_request};
use super::envelope::path::Path;
use super::envelope::text::Progress;
use super::envelope::unwrap::{Unwrapper, read_all};
use super::envelope::visitor::{NonEventReason, Visitor};
use super::event::Event;
use super::event::block::EventBlock;
use super::event::field::EventField;
use super::event::identity::IdentityText;
use super::event::interest::{Interest, InterestBuilder, ValueKind};
use super::event::value::Value;
use super::event::value_reader::{ValueReader, read_by_reference};
use super::gunzip::{gunzip, is_gzip, stream};
use super::json::step::{DEPTH_MAX, Step, VALUE_BYTES_MAX};
use super::stream::reader::Reader;

/// What fuzzing reads from events.
#[must_use]
pub fn interest() -> Interest {
    interest_in([])
}

/// The same with every field of events.
#[must_use]
pub fn interest_in_fields() -> Interest {
    interest_in(EventField::ALL)
}

fn interest_in(fields: impl IntoIterator<Item = EventField>) -> Interest {
    let mut wanted = InterestBuilder::default();
    for name in ["campaign", "tenant"] {
        wanted.want(ValueKind::MessageTag, name);
        wanted.want(ValueKind::LinkTag, name);
        wanted.want(ValueKind::EmailHeader, &format!("X-{name}"));
    }
    for field in fields {
        wanted.want(ValueKind::Field(field), "");
    }
    wanted.build().with_identity()
}

/// Whether a value starts at the first byte of a text, and its content.
///
/// # Errors
/// Both results, if they differ.
pub fn value(text: &[u8], interest: &Interest, bytes_max: usize) -> Result<(), String> {
    let (mut fast, mut reference) = (Value::default(), Value::default());
    let step = ValueReader::default().read(text, 0, interest, bytes_max, &mut fast);
    let expected = read_by_reference(text, interest, bytes_max, &mut reference);
    same(&describe(step, &fast, interest), &describe(expected, &reference, interest), text)
}

/// The first hundred values that may start in a text, and the text as a whole.
///
/// # Errors
/// Both results for one of them, if they differ.
pub fn text(text: &[u8], interest: &Interest) -> Result<(), String> {
    let starts = text.iter().enumerate().filter(|(_, byte)| matches!(byte, b'{' | b'[' | b'"'));
    starts.take(100).try_for_each(|(at, _)| {
        grammar(&text[at..])?;
        value(&text[at..], interest, VALUE_BYTES_MAX)
    })?;
    restarts(text, interest)?;
    blocks(text, 1 + text.len() % 50, interest)
}

/// Reads a text whole, and in blocks.
///
/// # Errors
/// Both results, if they differ.
fn blocks(text: &[u8], block_bytes: usize, interest: &Interest) -> Result<(), String> {
    let log = || Log { interest, seen: Vec::new() };
    let (mut whole, mut blocks) = (log(), log());
    read_all(text, interest, &mut whole);
    let reader = Reader::with_block_bytes(text, block_bytes);
    let read = reader.read(0, interest, &mut blocks);
    same(&format!("{read:?} {:?}", blocks.seen), &format!("Ok(()) {:?}", whole.seen), text)
}

/// Whether a value with brackets or quotes starts at the first byte, by our grammar and by that of
/// `serde_json`.
///
/// # Errors
/// Both results, if they differ.
pub fn grammar(text: &[u8]) -> Result<(), String> {
    let mut value = Value::default();
    let step = read_by_reference(text, &interest(), usize::MAX, &mut value);
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    let next = values.next();
    let len = values.byte_offset();
    let sound = |text: &[u8]| std::str::from_utf8(text).is_ok() && depth(text) <= DEPTH_MAX;
    let expected = match next {
        Some(Ok(_)) if sound(&text[..len]) => Step::Value { len },
        Some(Ok(_)) => Step::Fault,
        // `serde_json` accepts any bytes in strings before that, and reports missing digits as a
        // fault.
        Some(Err(end))
            if end.is_eof() && step == Step::Fault && !(sound(text) && text.is_ascii()) =>
        {
            Step::Fault
        }
        Some(Err(end)) if end.is_eof() => Step::Incomplete,
        _ if matches!(text.last(), Some(b'-' | b'+' | b'.' | b'e' | b'E')) => step,
        _ => Step::Fault,
    };
    let is_value = |step| matches!(step, Step::Value { .. });
    if expected != step || is_value(step) != is_value(expected) {
        return same(&format!("{step:?}"), &format!("{expected:?} (serde_json)"), text);
    }
    Ok(())
}

/// The greatest nesting depth, ignoring brackets in strings.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut most, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                most = most.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// Reads a text with the reference alone for each value, and as usual: state remembered after a
/// fault must not change the result.
///
/// # Errors
/// Both results, if they differ.
pub(crate) fn restarts(text: &[u8], interest: &Interest) -> Result<(), String> {
    let read = |forgetful| {
        let mut log = Log { interest, seen: Vec::new() };
        let mut progress = Progress::default();
        let mut values = ValueReader::default();
        values.forgetful = forgetful;
        progress.read(&mut values, text, true, interest, 0, |found, place| {
            let mut unwrapper = Unwrapper::new(interest, place.at as u64, &mut log);
            unwrapper.found(found, place.raw, &Path::default().in_lists(place.lists))
        });
        format!("{:?} {} {}", log.seen, progress.lists(), progress.ended_inside)
    };
    same(&read(false), &read(true), text)
}

/// The content of a Firehose delivery's body, gzip or not.
///
/// # Errors
/// Both results, if they differ.
pub fn delivery(body: &[u8], interest: &Interest) -> Result<(), String> {
    const LIMIT: usize = 1 << 22;
    if !is_gzip(body) {
        return plain_delivery(body, interest);
    }
    let (whole, streamed) = (gunzip(body, LIMIT, |_| true), stream(body, LIMIT, |_| true));
    // Data after the only member is not an event; only the stream may see that it exists.
    if whole.bytes != streamed.bytes || (whole.torn && !streamed.torn) {
        let describe = |torn, bytes: &[u8]| format!("torn {torn}: {}", bytes.escape_ascii());
        let (whole, streamed) =
            (describe(whole.torn, &whole.bytes), describe(streamed.torn, &streamed.bytes));
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
    // The first of two IDs is used before the second is seen; such a body is rejected anyway.
    if fast == Err("the body has two requestIds") {
        return Ok(());
    }
    same(&format!("{fast:?}"), &format!("{reference:?}"), body)
}

/// Everything that can be seen of a value.
pub(crate) fn describe(step: Step, value: &Value<'_>, interest: &Interest) -> String {
    if !matches!(step, Step::Value { .. }) {
        return format!("{step:?}");
    }
    let Value { event_type, notification_type, has_mail, wrapper, .. } = value;
    let fields = value.fields();
    let times: Vec<_> = EventBlock::ALL.iter().map(|block| fields.time(*block)).collect();
    let texts: Vec<_> = interest.every_slot().map(|slot| fields.get(slot)).collect();
    let identity = identity(value);
    format!(
        "{step:?} {event_type:?} {notification_type:?} {has_mail} {wrapper:?} {times:?} {texts:?} {identity:?}"
    )
}

/// The texts of the identity in one order, whatever that of the fields was.
fn identity<'a>(value: &Value<'a>) -> Vec<IdentityText<'a>> {
    let mut identity = value.identity.clone();
    identity.sort_by_key(|(block, part, _)| (*block as u8, *part as u8));
    identity
}

/// Whether two values look the same to the rules.
fn same_value(a: &Value<'_>, b: &Value<'_>, interest: &Interest) -> bool {
    let (fields, others) = (a.fields(), b.fields());
    (&a.event_type, &a.notification_type, a.has_mail, &a.wrapper)
        == (&b.event_type, &b.notification_type, b.has_mail, &b.wrapper)
        && EventBlock::ALL.into_iter().all(|block| fields.time(block) == others.time(block))
        && interest.every_slot().all(|slot| fields.get(slot) == others.get(slot))
        && identity(a) == identity(b)
}

fn same(fast: &str, reference: &str, input: &[u8]) -> Result<(), String> {
    if fast == reference {
        return Ok(());
    }
    Err(format!("fast:      {fast}\nreference: {reference}\ninput:     {}", input.escape_ascii()))
}

/// Records every visit.
struct Log<'i> {
    interest: &'i Interest,
    seen: Vec<String>,
}

impl Visitor for Log<'_> {
    fn event(&mut self, event: &Event<'_>, path: &Path, at: u64, _: &[u8]) {
        let texts: Vec<_> = self.interest.every_slot().map(|slot| event.get(slot)).collect();
        let path: Vec<_> = path.iter().collect();
        let (time, fingerprint) = (event.time_ms(), event.fingerprint());
        let seen =
            format!("{:?} {time:?} {fingerprint:?} {texts:?} {path:?} {at}", event.event_type);
        self.seen.push(seen);
    }

    fn non_event(&mut self, why: NonEventReason<'_>, path: &Path, at: u64, _: &[u8]) {
        let other = why.kind();
        self.seen.push(format!("{other:?} {:?} {at}", path.iter().collect::<Vec<_>>()));
    }
}
