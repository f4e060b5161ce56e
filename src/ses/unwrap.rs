//! From values to events: the wrappings that SNS, SQS, EventBridge and Firehose put around them.

use super::data::Buffer;
use super::event::Event;
use super::event_type::{EventType, EventTypeSet};
use super::gunzip::{gunzip, is_gzip};
use super::interest::Interest;
use super::raw::{Entries, TORN_GZIP, in_notifications, in_request, in_text, member};
use super::text::{Found, Progress};
use super::value::{Entry, Text, Value, Wrapped, Wrapper};

/// Wrappings nest at most this deep; what lies deeper is `foreign`.
pub(super) const LEVELS_MAX: u8 = 8;

/// A `data` that is gzip expands to at most this much: 32 MiB. Firehose takes records of 1 MB.
const DATA_BYTES_MAX: usize = 32 << 20;

/// The only types of legacy feedback notifications.
fn is_notification_type(event_type: EventType) -> bool {
    let types = [EventType::Bounce, EventType::Complaint, EventType::Delivery];
    types.into_iter().collect::<EventTypeSet>().contains(event_type)
}

/// What an innermost value is when it is not an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Other {
    /// An event of none of the ten types, or without a `mail` object.
    UnknownType,
    /// Not JSON, not base64, or cut off.
    Malformed,
    /// JSON that is no event.
    Foreign,
    /// An SNS subscription message.
    Control,
    /// The text with which SES validates an SNS topic.
    Notice,
}

/// One wrapping that was peeled off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    Sns,
    EventBridge,
    Sqs,
    LambdaSns,
    FirehoseRequest,
    FirehoseFailure,
    Gzip,
}

/// The wrappings around a value, the outermost first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Path {
    wrappings: [Option<Wrapping>; Self::LEN],
    len: usize,
}

/// Takes what a text holds, one innermost value after the other.
pub trait Visit {
    /// `raw` are the event's bytes alone, as they came, for one that keeps them.
    fn event(&mut self, event: &Event<'_>, path: &Path, raw: &[u8]);

    /// `at` is the offset of the outermost value in the text that was read. `raw` are the bytes of
    /// the value alone, for one that keeps them: read as a record they are this value again, and
    /// nothing else. (What lay too deep in wrappings does not then.)
    fn other(&mut self, other: Other, path: &Path, at: u64, raw: &[u8]);

    /// Whether somebody looks at `raw`, which else may hold more than the value.
    fn keeps(&self) -> bool {
        false
    }

    /// Asks whether `bytes` more may be expanded from gzip below the outermost level. `false` means
    /// that the request is beyond its budget: the visitor reports [`Visit::is_over`] from then on.
    fn expand(&mut self, _bytes: usize) -> bool {
        true
    }

    /// Whether the request is beyond its budget. Checked between values, list elements and records:
    /// reading then stops and returns normally, and the caller rejects the request.
    fn is_over(&self) -> bool {
        false
    }
}

// === impl Path ===

impl Path {
    // Each level may add a wrapping and the gzip inside it.
    const LEN: usize = 2 * LEVELS_MAX as usize + 2;

    /// The wrappings, the outermost first.
    pub fn iter(&self) -> impl Iterator<Item = Wrapping> {
        self.wrappings[..self.len].iter().flatten().copied()
    }

    fn with(&self, wrapping: Wrapping) -> Self {
        let mut path = *self;
        if let Some(place) = path.wrappings.get_mut(path.len) {
            *place = Some(wrapping);
            path.len += 1;
        }
        path
    }
}

// === impl Wrapping ===

impl Wrapping {
    /// The name that `explain` prints.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sns => "SNS envelope",
            Self::EventBridge => "EventBridge envelope",
            Self::Sqs => "SQS message",
            Self::LambdaSns => "SNS record of a Lambda batch",
            Self::FirehoseRequest => "Firehose request",
            Self::FirehoseFailure => "Firehose failed-delivery object",
            Self::Gzip => "gzip",
        }
    }
}

// === reading ===

/// Reads a text that is whole in memory.
pub fn read_all(text: &[u8], interest: &Interest, visit: &mut impl Visit) {
    read_text(text, None, interest, &Path::default(), 0, visit);
}

/// Reads the bytes of a record: what a Firehose `data` or an S3 object holds, gzip or not.
pub fn read_record(bytes: &[u8], interest: &Interest, visit: &mut impl Visit) {
    read_data(bytes, interest, &Path::default(), 0, visit);
}

/// `tear`: the text ends where a gzip stream is torn, and these bytes stand for it.
fn read_text(
    text: &[u8],
    tear: Option<&[u8]>,
    interest: &Interest,
    path: &Path,
    at: u64,
    visit: &mut impl Visit,
) {
    let levels = LEVELS_MAX - path.levels();
    let outermost = path.len == 0;
    let mut progress = Progress::default();
    progress.read(text, true, interest, levels, |found, offset, raw| {
        let at = if outermost { at + offset as u64 } else { at };
        judge_found(found, raw, interest, path, at, visit);
    });
    if let Some(tear) = tear
        && !progress.ended_inside
    {
        visit.other(Other::Malformed, path, at, tear);
    }
}

/// Bytes that may be gzip.
pub(super) fn read_data(
    bytes: &[u8],
    interest: &Interest,
    path: &Path,
    at: u64,
    visit: &mut impl Visit,
) {
    if is_gzip(bytes) {
        // Half as much within gzip, and so on: all that is expanded at once is less than twice it.
        let outer = path.iter().filter(|wrapping| *wrapping == Wrapping::Gzip).count();
        let out = gunzip(bytes, DATA_BYTES_MAX >> outer, |_| true);
        // What came out is read, so it must not come again with the rest.
        let tear = if out.bytes.is_empty() { bytes } else { TORN_GZIP };
        let tear = out.torn.then_some(tear);
        read_text(&out.bytes, tear, interest, &path.with(Wrapping::Gzip), at, visit);
    } else {
        read_text(bytes, None, interest, path, at, visit);
    }
}

/// Reads base64; gives whether it was some.
fn read_base64(
    data: Option<&Text<'_>>,
    interest: &Interest,
    path: &Path,
    at: u64,
    visit: &mut impl Visit,
) -> bool {
    let mut buffer = Buffer::default();
    let bytes = data.and_then(|data| buffer.decode(data));
    if let Some(bytes) = bytes {
        read_data(bytes, interest, path, at, visit);
    }
    bytes.is_some()
}

pub(super) fn judge_found(
    found: Found<'_, '_>,
    raw: &[u8],
    interest: &Interest,
    path: &Path,
    at: u64,
    visit: &mut impl Visit,
) {
    match found {
        Found::Value(value) => judge(value, raw, interest, path, at, visit),
        Found::Notice => visit.other(Other::Notice, path, at, raw),
        Found::Fault if visit.keeps() => visit.other(Other::Malformed, path, at, &in_text(raw)),
        Found::Fault => visit.other(Other::Malformed, path, at, raw),
    }
}

/// Tells what a value is; the rows are tried from the top. `raw` holds the value and no other
/// innermost one.
fn judge(
    value: &Value<'_>,
    raw: &[u8],
    interest: &Interest,
    path: &Path,
    at: u64,
    visit: &mut impl Visit,
) {
    let event_type = match (&value.event_type, &value.notification_type) {
        (Some(name), _) => Some(EventType::parse(name)),
        (None, Some(name)) => {
            Some(EventType::parse(name).filter(|event_type| is_notification_type(*event_type)))
        }
        (None, None) => None,
    };
    match event_type {
        Some(Some(event_type)) if value.has_mail => {
            return visit.event(&Event::new(event_type, value), path, raw);
        }
        Some(_) => return visit.other(Other::UnknownType, path, at, raw),
        None => {}
    }
    match &value.wrapper {
        Some(wrapper) => unwrap(wrapper, raw, interest, path, at, visit),
        None => visit.other(Other::Foreign, path, at, raw),
    }
}

fn unwrap(
    wrapper: &Wrapper<'_>,
    raw: &[u8],
    interest: &Interest,
    path: &Path,
    at: u64,
    visit: &mut impl Visit,
) {
    let kind = wrapper.kind.as_deref().unwrap_or_default();
    if matches!(kind, b"SubscriptionConfirmation" | b"UnsubscribeConfirmation") {
        return visit.other(Other::Control, path, at, raw);
    }
    let inside = |wrapping| path.with(wrapping);
    match wrapper {
        _ if path.levels() == LEVELS_MAX => visit.other(Other::Foreign, path, at, raw),
        Wrapper { message: Some(message), topic_arn, .. }
            if topic_arn.is_some() || kind == b"Notification" =>
        {
            let message = Member { wrapped: message, of: raw, name: "Message" };
            message.read(interest, &inside(Wrapping::Sns), at, visit);
        }
        Wrapper { detail_type: Some(_), detail: Some(Wrapped::Value(detail)), source, .. } => {
            if source.as_deref() == Some(b"aws.ses") && detail.event_type.is_some() {
                let raw = if visit.keeps() { member(raw, "detail") } else { raw };
                judge(detail, raw, interest, &inside(Wrapping::EventBridge), at, visit);
            } else {
                visit.other(Other::Foreign, path, at, raw);
            }
        }
        Wrapper { notifications: Some(entries), .. } => {
            read_notifications(entries, raw, interest, path, at, visit);
        }
        Wrapper { request_id: Some(_), records: Some(records), .. } => {
            let path = inside(Wrapping::FirehoseRequest);
            let mut raws = Entries::of(raw, "records");
            for (record, number) in records.iter().zip(0..) {
                if !read_base64(record.as_ref(), interest, &path, at, visit) {
                    not_base64(&mut raws, number, &path, at, visit);
                }
            }
        }
        Wrapper { raw_data: Some(data), error_code: Some(_), .. } => {
            let path = inside(Wrapping::FirehoseFailure);
            if !read_base64(Some(data), interest, &path, at, visit) {
                visit.other(Other::Malformed, &path, at, raw);
            }
        }
        _ => visit.other(Other::Foreign, path, at, raw),
    }
}

/// The entries of `Records`, which are of SQS or SNS.
fn read_notifications(
    entries: &[Entry<'_>],
    raw: &[u8],
    interest: &Interest,
    path: &Path,
    at: u64,
    visit: &mut impl Visit,
) {
    let mut raws = Entries::of(raw, "Records");
    for (entry, number) in entries.iter().zip(0..) {
        let is_text = matches!(entry.body.as_ref().or(entry.sns.as_ref()), Some(Wrapped::Text(_)));
        let of = if visit.keeps() && !is_text { raws.get(number) } else { raw };
        match (&entry.body, &entry.sns) {
            (Some(wrapped), _) => {
                let body = Member { wrapped, of, name: "body" };
                body.read(interest, &path.with(Wrapping::Sqs), at, visit);
            }
            (None, Some(wrapped)) => {
                let sns = Member { wrapped, of, name: "Sns" };
                sns.read(interest, &path.with(Wrapping::LambdaSns), at, visit);
            }
            (None, None) if visit.keeps() => {
                visit.other(Other::Foreign, path, at, &in_notifications(of));
            }
            (None, None) => visit.other(Other::Foreign, path, at, of),
        }
    }
}

/// A record of a Firehose request whose `data` is none.
pub(super) fn not_base64(
    raws: &mut Entries<'_>,
    number: u64,
    path: &Path,
    at: u64,
    visit: &mut impl Visit,
) {
    let raw = if visit.keeps() { in_request(raws.get(number)) } else { Vec::new() };
    visit.other(Other::Malformed, path, at, &raw);
}

/// What stands in a member of a wrapping.
struct Member<'v, 'a> {
    wrapped: &'v Wrapped<'a>,
    /// The bytes of the wrapping.
    of: &'v [u8],
    name: &'static str,
}

// === impl Member ===

impl Member<'_, '_> {
    fn read(&self, interest: &Interest, path: &Path, at: u64, visit: &mut impl Visit) {
        let raw = |keeps| if keeps { member(self.of, self.name) } else { self.of };
        match self.wrapped {
            Wrapped::Text(text) => read_text(text, None, interest, path, at, visit),
            Wrapped::Value(value) => judge(value, raw(visit.keeps()), interest, path, at, visit),
            Wrapped::TooDeep => visit.other(Other::Foreign, path, at, raw(visit.keeps())),
        }
    }
}

impl Path {
    /// The number of wrappings, gzip not counted.
    fn levels(&self) -> u8 {
        let levels = self.iter().filter(|wrapping| *wrapping != Wrapping::Gzip).count();
        u8::try_from(levels).unwrap_or(LEVELS_MAX)
    }
}
