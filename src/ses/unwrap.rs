//! From values to events: the wrappings that SNS, SQS, EventBridge and Firehose put around them.

use super::data::Buffer;
use super::event::Event;
use super::event_type::{EventType, EventTypeSet};
use super::gunzip::{gunzip, is_gzip};
use super::interest::Interest;
use super::text::{Found, Progress};
use super::value::{Text, Value, Wrapped, Wrapper};

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
    fn event(&mut self, event: &Event<'_>, path: &Path);

    /// `at` is the offset of the outermost value in the text that was read.
    fn other(&mut self, other: Other, path: &Path, at: u64);
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
    read_text(text, false, interest, &Path::default(), 0, visit);
}

/// Reads the bytes of a record: what a Firehose `data` or an S3 object holds, gzip or not.
pub fn read_record(bytes: &[u8], interest: &Interest, visit: &mut impl Visit) {
    read_data(bytes, interest, &Path::default(), 0, visit);
}

fn read_text(
    text: &[u8],
    torn: bool,
    interest: &Interest,
    path: &Path,
    at: u64,
    visit: &mut impl Visit,
) {
    let levels = LEVELS_MAX - path.levels();
    let outermost = path.len == 0;
    let mut progress = Progress::default();
    progress.read(text, true, interest, levels, |found, offset| {
        let at = if outermost { at + offset as u64 } else { at };
        judge_found(found, interest, path, at, visit);
    });
    if torn && !progress.ended_inside {
        visit.other(Other::Malformed, path, at);
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
        read_text(&out.bytes, out.torn, interest, &path.with(Wrapping::Gzip), at, visit);
    } else {
        read_text(bytes, false, interest, path, at, visit);
    }
}

fn read_base64(
    data: Option<&Text<'_>>,
    interest: &Interest,
    path: &Path,
    at: u64,
    visit: &mut impl Visit,
) {
    let mut buffer = Buffer::default();
    match data.and_then(|data| buffer.decode(data)) {
        Some(bytes) => read_data(bytes, interest, path, at, visit),
        None => visit.other(Other::Malformed, path, at),
    }
}

pub(super) fn judge_found(
    found: Found<'_, '_>,
    interest: &Interest,
    path: &Path,
    at: u64,
    visit: &mut impl Visit,
) {
    match found {
        Found::Value(value) => judge(value, interest, path, at, visit),
        Found::Notice => visit.other(Other::Notice, path, at),
        Found::Fault => visit.other(Other::Malformed, path, at),
    }
}

/// Tells what a value is; the rows are tried from the top.
fn judge(value: &Value<'_>, interest: &Interest, path: &Path, at: u64, visit: &mut impl Visit) {
    let event_type = match (&value.event_type, &value.notification_type) {
        (Some(name), _) => Some(EventType::parse(name)),
        (None, Some(name)) => {
            Some(EventType::parse(name).filter(|event_type| is_notification_type(*event_type)))
        }
        (None, None) => None,
    };
    match event_type {
        Some(Some(event_type)) if value.has_mail => {
            return visit.event(&Event::new(event_type, value), path);
        }
        Some(_) => return visit.other(Other::UnknownType, path, at),
        None => {}
    }
    match &value.wrapper {
        Some(wrapper) => unwrap(wrapper, interest, path, at, visit),
        None => visit.other(Other::Foreign, path, at),
    }
}

fn unwrap(
    wrapper: &Wrapper<'_>,
    interest: &Interest,
    path: &Path,
    at: u64,
    visit: &mut impl Visit,
) {
    let kind = wrapper.kind.as_deref().unwrap_or_default();
    if matches!(kind, b"SubscriptionConfirmation" | b"UnsubscribeConfirmation") {
        return visit.other(Other::Control, path, at);
    }
    let inside = |wrapping| path.with(wrapping);
    match wrapper {
        _ if path.levels() == LEVELS_MAX => visit.other(Other::Foreign, path, at),
        Wrapper { message: Some(message), topic_arn, .. }
            if topic_arn.is_some() || kind == b"Notification" =>
        {
            read_wrapped(message, interest, &inside(Wrapping::Sns), at, visit);
        }
        Wrapper { detail_type: Some(_), detail: Some(Wrapped::Value(detail)), source, .. } => {
            if source.as_deref() == Some(b"aws.ses") && detail.event_type.is_some() {
                judge(detail, interest, &inside(Wrapping::EventBridge), at, visit);
            } else {
                visit.other(Other::Foreign, path, at);
            }
        }
        Wrapper { notifications: Some(entries), .. } => {
            for entry in entries {
                match (&entry.body, &entry.sns) {
                    (Some(body), _) => {
                        read_wrapped(body, interest, &inside(Wrapping::Sqs), at, visit);
                    }
                    (None, Some(sns)) => {
                        read_wrapped(sns, interest, &inside(Wrapping::LambdaSns), at, visit);
                    }
                    (None, None) => visit.other(Other::Foreign, path, at),
                }
            }
        }
        Wrapper { request_id: Some(_), records: Some(records), .. } => {
            for record in records {
                read_base64(
                    record.as_ref(),
                    interest,
                    &inside(Wrapping::FirehoseRequest),
                    at,
                    visit,
                );
            }
        }
        Wrapper { raw_data: Some(data), error_code: Some(_), .. } => {
            read_base64(Some(data), interest, &inside(Wrapping::FirehoseFailure), at, visit);
        }
        _ => visit.other(Other::Foreign, path, at),
    }
}

fn read_wrapped(
    wrapped: &Wrapped<'_>,
    interest: &Interest,
    path: &Path,
    at: u64,
    visit: &mut impl Visit,
) {
    match wrapped {
        Wrapped::Text(text) => read_text(text, false, interest, path, at, visit),
        Wrapped::Value(value) => judge(value, interest, path, at, visit),
        Wrapped::TooDeep => visit.other(Other::Foreign, path, at),
    }
}

impl Path {
    /// The number of wrappings, gzip not counted.
    fn levels(&self) -> u8 {
        let levels = self.iter().filter(|wrapping| *wrapping != Wrapping::Gzip).count();
        u8::try_from(levels).unwrap_or(LEVELS_MAX)
    }
}
