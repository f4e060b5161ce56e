//! Unwraps events from the wrappings of SNS, SQS, EventBridge, Lambda, Firehose and CloudWatch Logs.

use super::compression::Compression;
use super::data::{Buffer, each_data};
use super::entry_list::EntryList;
use super::kept::{OPEN_LIST, TORN_GZIP, in_request, in_text};
use super::path::{GZIPS_MAX, LEVELS_MAX, Path, PathInLists, Wrapping};
use super::text::{BYTE_ORDER_MARK, Found, Progress};
use super::visitor::{NonEventReason, Visitor};
use crate::ses::event::Event;
use crate::ses::event::event_type::{EventType, EventTypeSet};
use crate::ses::event::interest::Interest;
use crate::ses::event::value::Value;
use crate::ses::event::value_reader::ValueReader;
use crate::ses::event::wrapper::Wrapper;
use crate::ses::gunzip::{gunzip, is_gzip};
use crate::ses::json::raw::Raw;
use crate::ses::json::space::trim_start;

/// Maximum size of one gzip below the outermost level, whatever the visitor admits: 128 MiB.
/// Firehose accepts records of 1 MB and sends at most 64 MiB at once (limits of Amazon Data
/// Firehose, 2026-11).
pub(crate) const GZIP_BYTES_MAX: usize = 128 << 20;

/// The types of legacy feedback notifications.
fn is_notification_type(event_type: EventType) -> bool {
    let types = [EventType::Bounce, EventType::Complaint, EventType::Delivery];
    types.into_iter().collect::<EventTypeSet>().contains(event_type)
}

/// What SES sends when an identity's notifications get a topic.
const SUBSCRIPTION_SUCCEEDED: &[u8] = b"amazonsnssubscriptionsucceeded";

/// Whether a `notificationType` has this lower-case name, compared as the names of types are.
fn is_named(name: &[u8], lower: &[u8]) -> bool {
    let letters = name.iter().filter(|byte| !matches!(byte, b' ' | b'_' | b'-'));
    letters.map(u8::to_ascii_lowercase).eq(lower.iter().copied())
}

/// Reads a text that is whole in memory.
pub fn read_all(text: &[u8], interest: &Interest, visitor: &mut impl Visitor) {
    let mut unwrapper = Unwrapper { offsets: true, ..Unwrapper::new(interest, 0, visitor) };
    unwrapper.text(text, None, &Path::default());
}

/// Reads the bytes of a record: the content of a Firehose `data` or an S3 object, gzip or not.
pub fn read_record(bytes: &[u8], interest: &Interest, visitor: &mut impl Visitor) {
    Unwrapper { offsets: true, ..Unwrapper::new(interest, 0, visitor) }
        .data(bytes, &Path::default());
}

/// Reads the data at one place of a file or request, down to the last level. The functions that
/// return a bool return false when the visitor is over its budget, and then nothing more is read.
pub(crate) struct Unwrapper<'r, V> {
    interest: &'r Interest,
    pub(super) visitor: &'r mut V,
    at: u64,
    /// Whether `at` is the offset of values in the outermost text.
    offsets: bool,
    /// Readers that are not in use, for their memory. Texts in texts need one each.
    #[expect(
        clippy::vec_box,
        reason = "each text takes one out and puts it back: a pointer is moved"
    )]
    readers: Vec<Box<ValueReader>>,
}

// === impl Unwrapper ===

impl<'r, V: Visitor> Unwrapper<'r, V> {
    pub(crate) fn new(interest: &'r Interest, at: u64, visitor: &'r mut V) -> Self {
        Self { interest, visitor, at, offsets: false, readers: Vec::new() }
    }

    /// Goes on at another place of the same file or request.
    pub(crate) fn move_to(&mut self, at: u64) {
        self.at = at;
    }

    pub(super) fn goes_on(&self) -> bool {
        !self.visitor.is_over()
    }

    pub(super) fn non_event(&mut self, why: NonEventReason<'_>, path: &Path, raw: &[u8]) {
        self.visitor.non_event(why, path, self.at, raw);
    }

    /// `tear`: the text ends where a gzip stream is truncated, and these bytes stand for it.
    pub(super) fn text(&mut self, text: &[u8], tear: Option<&[u8]>, path: &Path) {
        let offsets = self.offsets;
        let start = self.at;
        self.offsets = false;
        let (mut progress, mut in_lists) = (Progress::default(), PathInLists::new(*path));
        let mut values = self.readers.pop().unwrap_or_default();
        let (interest, levels) = (self.interest, path.levels());
        progress.read(&mut values, text, true, interest, levels, |found, place| {
            if offsets {
                self.at = start + place.at as u64;
            }
            self.found(found, place.raw, in_lists.of(place.lists))
        });
        self.readers.push(values);
        if progress.lost() > 0 {
            self.visitor.lost(progress.lost());
        }
        self.at = if offsets { start + text.len() as u64 } else { start };
        if progress.lists() > 0 && self.goes_on() {
            self.non_event(NonEventReason::OpenList, path, OPEN_LIST);
        }
        if let Some(tear) = tear
            && !progress.ended_inside
            && self.goes_on()
        {
            self.non_event(NonEventReason::TornGzip, path, tear);
        }
        self.at = start;
    }

    /// Bytes that may be gzip.
    pub(crate) fn data(&mut self, bytes: &[u8], path: &Path) -> bool {
        self.torn_data(bytes, None, path)
    }

    /// Bytes that may be gzip, and end where gzip around them is truncated if there is a `tear`.
    fn torn_data(&mut self, bytes: &[u8], tear: Option<&[u8]>, path: &Path) -> bool {
        if !is_gzip(bytes) {
            self.text(bytes, tear, path);
        } else if path.gzips() == GZIPS_MAX {
            self.non_event(NonEventReason::Compressed(Compression::Gzip), path, bytes);
        } else {
            let out = gunzip(bytes, GZIP_BYTES_MAX, |more| self.visitor.expand(more));
            if self.goes_on() {
                // The decompressed part is read, so it must not be kept as part of the remainder.
                let here = if out.bytes.is_empty() { bytes } else { TORN_GZIP };
                let tear = if out.torn { Some(here) } else { tear };
                self.torn_data(&out.bytes, tear, &path.with(Wrapping::Gzip));
            }
        }
        self.goes_on()
    }

    /// Base64 of bytes that may be gzip. `raw` holds the value around it.
    pub(super) fn encoded(&mut self, data: Raw<'_>, path: &Path, raw: &[u8]) {
        let (mut escaped, mut buffer) = (Vec::new(), Buffer::default());
        let text = data.text_in(&mut escaped);
        match text.and_then(|text| buffer.decode(text)) {
            Some(bytes) => {
                self.data(bytes, path);
            }
            None => self.non_event(NonEventReason::NotBase64, path, raw),
        }
    }

    /// Handles what was found where a value of a text may start.
    pub(crate) fn found(&mut self, found: Found<'_, '_>, raw: &[u8], path: &Path) -> bool {
        match found {
            Found::Value(value) => match raw[0] {
                b'"' => self.json_text(raw, path),
                b'{' => self.judge(value, raw, path),
                _ => self.non_event(NonEventReason::Foreign(raw), path, raw),
            },
            Found::Notice => self.non_event(NonEventReason::Notice, path, raw),
            Found::Fault(text) if self.visitor.keeps() => {
                self.non_event(NonEventReason::NotJson(text), path, &in_text(raw));
            }
            Found::Fault(text) => self.non_event(NonEventReason::NotJson(text), path, raw),
            Found::Compressed(compression) => {
                self.non_event(NonEventReason::Compressed(compression), path, raw);
            }
        }
        self.goes_on()
    }

    /// A string where a value may begin: it may hold JSON.
    fn json_text(&mut self, raw: &[u8], path: &Path) {
        let mut buffer = Vec::new();
        match Raw::new(raw).text_in(&mut buffer) {
            Some(text) if holds_json(text) && path.levels() < LEVELS_MAX => {
                self.text(text, None, &path.with(Wrapping::Text));
            }
            Some(text) if holds_json(text) => self.non_event(NonEventReason::TooDeep, path, raw),
            _ => self.non_event(NonEventReason::Foreign(raw), path, raw),
        }
    }

    /// Classifies a value; the rows are tried from the top. `raw` holds its bytes.
    fn judge(&mut self, value: &Value<'_>, raw: &[u8], path: &Path) {
        let event_type = match (&value.event_type, &value.notification_type) {
            (Some(name), _) => EventType::parse(name).ok_or(NonEventReason::UnknownEventType(name)),
            (None, Some(name)) if is_named(name, SUBSCRIPTION_SUCCEEDED) => {
                Err(NonEventReason::Notice)
            }
            (None, Some(name)) => EventType::parse(name)
                .filter(|event_type| is_notification_type(*event_type))
                .ok_or(NonEventReason::UnknownNotificationType(name)),
            (None, None) => match &value.wrapper {
                Some(wrapper) => return self.unwrap(wrapper, raw, path),
                None => Err(NonEventReason::Foreign(raw)),
            },
        };
        match event_type {
            Ok(event_type) if value.has_mail => {
                self.visitor.event(&Event::new(event_type, value), path, self.at, raw);
            }
            Ok(event_type) => self.non_event(NonEventReason::WithoutMail(event_type), path, raw),
            Err(why) => self.non_event(why, path, raw),
        }
    }

    fn unwrap(&mut self, wrapper: &Wrapper<'_>, raw: &[u8], path: &Path) {
        let kind = wrapper.kind.text().unwrap_or_default();
        if matches!(&*kind, b"SubscriptionConfirmation" | b"UnsubscribeConfirmation") {
            return self.non_event(NonEventReason::Control, path, raw);
        }
        if path.levels() == LEVELS_MAX {
            return self.non_event(NonEventReason::TooDeep, path, raw);
        }
        let is_notification = wrapper.topic_arn.is_text() || &*kind == b"Notification";
        if is_notification && holds(wrapper.message) {
            self.member(wrapper.message, &path.with(Wrapping::Sns), &mut Vec::new());
        } else if wrapper.detail_type.is_text() && is_detail(wrapper.detail) {
            self.detail(wrapper, raw, path);
        } else if wrapper.notifications.is_list() {
            self.entries(EntryList::Records, wrapper.notifications, path);
        } else if wrapper.messages.is_list() {
            self.entries(EntryList::Messages, wrapper.messages, path);
        } else if wrapper.records.is_list()
            && (wrapper.request_id.is_text() || wrapper.invocation_id.is_text())
        {
            let is_request = wrapper.request_id.is_text();
            let wrapping = if is_request {
                Wrapping::FirehoseRequest
            } else {
                Wrapping::FirehoseTransformation
            };
            let path = path.with(wrapping);
            each_data(wrapper.records, |data, record, _| match data {
                Some(bytes) => self.data(bytes, &path),
                None => self.not_base64(record, &path),
            });
        } else if wrapper.log_events.is_list() {
            self.entries(EntryList::LogEvents, wrapper.log_events, path);
        } else if wrapper.events.is_list() {
            self.entries(EntryList::LogEvents, wrapper.events, path);
        } else if wrapper.log_data.member("data").is_text() {
            let path = path.with(Wrapping::LogData);
            self.encoded(wrapper.log_data.member("data"), &path, raw);
        } else if wrapper.raw_data.is_text() && wrapper.error_code.is_text() {
            self.encoded(wrapper.raw_data, &path.with(Wrapping::FirehoseFailure), raw);
        } else {
            self.non_event(NonEventReason::Foreign(raw), path, raw);
        }
    }

    /// Reads the content of a wrapping: a text, decoded into the given buffer if necessary, or an
    /// object.
    pub(super) fn member(&mut self, member: Raw<'_>, path: &Path, buffer: &mut Vec<u8>) {
        if let Some(text) = member.text_in(buffer) {
            self.text(text, None, path);
        } else {
            let value = self.valid(member);
            self.judge(&value, member.bytes(), path);
        }
    }

    /// Reads a value that is known to be valid.
    fn valid<'a>(&mut self, raw: Raw<'a>) -> Value<'a> {
        let mut value = Value::default();
        let mut reader = self.readers.pop().unwrap_or_default();
        reader.read_valid(raw, self.interest, &mut value);
        self.readers.push(reader);
        value
    }

    /// The `detail` of an envelope of `EventBridge`, from SES or forwarded by this program.
    fn detail(&mut self, wrapper: &Wrapper<'_>, raw: &[u8], path: &Path) {
        let detail_path = path.with(Wrapping::EventBridge);
        let source = wrapper.source.text();
        if !source.is_some_and(|source| self.interest.is_event_bridge_source(&source)) {
            return self.non_event(NonEventReason::OtherDetail, path, raw);
        }
        if wrapper.detail.is_text() {
            return self.member(wrapper.detail, &detail_path, &mut Vec::new());
        }
        let detail = self.valid(wrapper.detail);
        if detail.event_type.is_some() {
            self.judge(&detail, wrapper.detail.bytes(), &detail_path);
        } else {
            self.non_event(NonEventReason::OtherDetail, path, raw);
        }
    }

    /// A record of a Firehose request whose `data` is not valid.
    pub(crate) fn not_base64(&mut self, record: Raw<'_>, path: &Path) -> bool {
        let raw = if self.visitor.keeps() { in_request(record.bytes()) } else { Vec::new() };
        self.non_event(NonEventReason::NotBase64, path, &raw);
        self.goes_on()
    }
}

/// Whether a member of a wrapping may hold values.
pub(super) fn holds(member: Raw<'_>) -> bool {
    member.is_text() || member.is_object()
}

/// Whether a member is what `EventBridge` delivers, or what a rule made a text of.
fn is_detail(member: Raw<'_>) -> bool {
    let is_json_text = || member.text_in(&mut Vec::new()).is_some_and(holds_json);
    member.is_object() || is_json_text()
}

/// Whether a text begins as an object or a list does.
fn holds_json(text: &[u8]) -> bool {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    matches!(trim_start(text).first(), Some(b'{' | b'['))
}
