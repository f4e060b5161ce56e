//! Unwraps events from the wrappings of SNS, SQS, EventBridge and Firehose.

use super::data::Buffer;
use super::kept::{TORN_GZIP, in_notifications, in_request, in_text};
use super::path::{GZIPS_MAX, LEVELS_MAX, Path, Wrapping};
use super::text::{Found, Progress};
use super::visitor::{NonEvent, Visitor};
use crate::ses::event::Event;
use crate::ses::event::event_type::{EventType, EventTypeSet};
use crate::ses::event::interest::Interest;
use crate::ses::event::value::Value;
use crate::ses::event::value_reader::read_valid;
use crate::ses::event::wrapper::Wrapper;
use crate::ses::gunzip::{gunzip, is_gzip};
use crate::ses::json::raw::Raw;

/// Maximum size of one gzip below the outermost level, whatever the visitor admits: 128 MiB.
/// Firehose accepts records of 1 MB and sends at most 64 MiB at once (limits of Amazon Data
/// Firehose, 2026-11).
pub(crate) const GZIP_BYTES_MAX: usize = 128 << 20;

/// The types of legacy feedback notifications.
fn is_notification_type(event_type: EventType) -> bool {
    let types = [EventType::Bounce, EventType::Complaint, EventType::Delivery];
    types.into_iter().collect::<EventTypeSet>().contains(event_type)
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
    visitor: &'r mut V,
    at: u64,
    /// Whether `at` is the offset of values in the outermost text.
    offsets: bool,
}

// === impl Unwrapper ===

impl<'r, V: Visitor> Unwrapper<'r, V> {
    pub(crate) fn new(interest: &'r Interest, at: u64, visitor: &'r mut V) -> Self {
        Self { interest, visitor, at, offsets: false }
    }

    fn goes_on(&self) -> bool {
        !self.visitor.is_over()
    }

    fn non_event(&mut self, other: NonEvent, path: &Path, raw: &[u8]) {
        self.visitor.non_event(other, path, self.at, raw);
    }

    /// `tear`: the text ends where a gzip stream is truncated, and these bytes stand for it.
    fn text(&mut self, text: &[u8], tear: Option<&[u8]>, path: &Path) {
        let offsets = self.offsets;
        let start = self.at;
        self.offsets = false;
        let mut progress = Progress::default();
        progress.read(text, true, self.interest, |found, offset, raw| {
            if offsets {
                self.at = start + offset as u64;
            }
            self.found(found, raw, path)
        });
        self.at = start;
        if let Some(tear) = tear
            && !progress.ended_inside
            && self.goes_on()
        {
            self.non_event(NonEvent::Malformed, path, tear);
        }
    }

    /// Bytes that may be gzip.
    pub(crate) fn data(&mut self, bytes: &[u8], path: &Path) -> bool {
        if !is_gzip(bytes) {
            self.text(bytes, None, path);
        } else if path.gzips() == GZIPS_MAX {
            self.non_event(NonEvent::Malformed, path, bytes);
        } else {
            let out = gunzip(bytes, GZIP_BYTES_MAX, |more| self.visitor.expand(more));
            if self.goes_on() {
                // The decompressed part is read, so it must not be kept as part of the remainder.
                let tear = if out.bytes.is_empty() { bytes } else { TORN_GZIP };
                let tear = out.torn.then_some(tear);
                self.text(&out.bytes, tear, &path.with(Wrapping::Gzip));
            }
        }
        self.goes_on()
    }

    /// Handles what was found where a value of a text may start.
    pub(crate) fn found(&mut self, found: Found<'_, '_>, raw: &[u8], path: &Path) -> bool {
        match found {
            Found::Value(value) => self.judge(value, raw, path),
            Found::Notice => self.non_event(NonEvent::Notice, path, raw),
            Found::Fault if self.visitor.keeps() => {
                self.non_event(NonEvent::Malformed, path, &in_text(raw));
            }
            Found::Fault => self.non_event(NonEvent::Malformed, path, raw),
        }
        self.goes_on()
    }

    /// Classifies a value; the rows are tried from the top. `raw` holds its bytes.
    fn judge(&mut self, value: &Value<'_>, raw: &[u8], path: &Path) {
        let event_type = match (&value.event_type, &value.notification_type) {
            (Some(name), _) => Some(EventType::parse(name)),
            (None, Some(name)) => {
                Some(EventType::parse(name).filter(|event_type| is_notification_type(*event_type)))
            }
            (None, None) => None,
        };
        match (event_type, &value.wrapper) {
            (Some(Some(event_type)), _) if value.has_mail => {
                self.visitor.event(&Event::new(event_type, value), path, raw);
            }
            (Some(_), _) => self.non_event(NonEvent::UnknownType, path, raw),
            (None, Some(wrapper)) => self.unwrap(wrapper, raw, path),
            (None, None) => self.non_event(NonEvent::Foreign, path, raw),
        }
    }

    fn unwrap(&mut self, wrapper: &Wrapper<'_>, raw: &[u8], path: &Path) {
        let kind = wrapper.kind.text().unwrap_or_default();
        if matches!(&*kind, b"SubscriptionConfirmation" | b"UnsubscribeConfirmation") {
            return self.non_event(NonEvent::Control, path, raw);
        }
        if path.levels() == LEVELS_MAX {
            return self.non_event(NonEvent::Foreign, path, raw);
        }
        let is_notification = wrapper.topic_arn.is_text() || &*kind == b"Notification";
        if is_notification && holds(wrapper.message) {
            self.member(wrapper.message, &path.with(Wrapping::Sns), &mut Vec::new());
        } else if wrapper.detail_type.is_text() && wrapper.detail.is_object() {
            self.detail(wrapper, raw, path);
        } else if wrapper.notifications.is_list() {
            self.notifications(wrapper.notifications, path);
        } else if wrapper.request_id.is_text() && wrapper.records.is_list() {
            let path = path.with(Wrapping::FirehoseRequest);
            each_data(wrapper.records, |data, record, _| match data {
                Some(bytes) => self.data(bytes, &path),
                None => self.not_base64(record, &path),
            });
        } else if wrapper.raw_data.is_text() && wrapper.error_code.is_text() {
            let path = path.with(Wrapping::FirehoseFailure);
            let (mut escaped, mut buffer) = (Vec::new(), Buffer::default());
            let text = wrapper.raw_data.text_in(&mut escaped);
            match text.and_then(|text| buffer.decode(text)) {
                Some(bytes) => {
                    self.data(bytes, &path);
                }
                None => self.non_event(NonEvent::Malformed, &path, raw),
            }
        } else {
            self.non_event(NonEvent::Foreign, path, raw);
        }
    }

    /// Reads the content of a wrapping: a text, decoded into the given buffer if necessary, or an
    /// object.
    fn member(&mut self, member: Raw<'_>, path: &Path, buffer: &mut Vec<u8>) {
        if let Some(text) = member.text_in(buffer) {
            self.text(text, None, path);
        } else {
            let mut value = Value::default();
            read_valid(member, self.interest, &mut value);
            self.judge(&value, member.bytes(), path);
        }
    }

    /// The `detail` of an envelope of `EventBridge`.
    fn detail(&mut self, wrapper: &Wrapper<'_>, raw: &[u8], path: &Path) {
        if wrapper.source.text().as_deref() == Some(b"aws.ses") {
            let mut detail = Value::default();
            read_valid(wrapper.detail, self.interest, &mut detail);
            if detail.event_type.is_some() {
                let path = path.with(Wrapping::EventBridge);
                return self.judge(&detail, wrapper.detail.bytes(), &path);
            }
        }
        self.non_event(NonEvent::Foreign, path, raw);
    }

    /// The entries of `Records`, from SQS or SNS.
    fn notifications(&mut self, entries: Raw<'_>, path: &Path) {
        let mut buffer = Vec::new();
        let mut entries = entries.elements();
        loop {
            let (mut body, mut sns) = (Raw::default(), Raw::default());
            let entry = entries.next_object(|key, member| match key {
                b"body" => body = member,
                b"Sns" => sns = member,
                _ => {}
            });
            let Some(entry) = entry else { return };
            if holds(body) {
                self.member(body, &path.with(Wrapping::Sqs), &mut buffer);
            } else if holds(sns) {
                self.member(sns, &path.with(Wrapping::LambdaSns), &mut buffer);
            } else if self.visitor.keeps() {
                self.non_event(NonEvent::Foreign, path, &in_notifications(entry.bytes()));
            } else {
                self.non_event(NonEvent::Foreign, path, entry.bytes());
            }
            if !self.goes_on() {
                return;
            }
        }
    }

    /// A record of a Firehose request whose `data` is not valid.
    pub(crate) fn not_base64(&mut self, record: Raw<'_>, path: &Path) -> bool {
        let raw = if self.visitor.keeps() { in_request(record.bytes()) } else { Vec::new() };
        self.non_event(NonEvent::Malformed, path, &raw);
        self.goes_on()
    }
}

/// Whether a member of a wrapping may hold values.
fn holds(member: Raw<'_>) -> bool {
    member.is_text() || member.is_object()
}

/// Passes the decoded `data` of each record in a list, with the record and its number, while `take`
/// returns true.
pub(crate) fn each_data(
    records: Raw<'_>,
    mut take: impl FnMut(Option<&[u8]>, Raw<'_>, u64) -> bool,
) {
    let (mut escaped, mut buffer) = (Vec::new(), Buffer::default());
    let mut records = records.elements();
    for at in 0.. {
        let mut data = Raw::default();
        let record = records.next_object(|key, member| {
            if key == b"data" {
                data = member;
            }
        });
        let Some(record) = record else { return };
        let text = data.text_in(&mut escaped);
        if !take(text.and_then(|text| buffer.decode(text)), record, at) {
            return;
        }
    }
}
