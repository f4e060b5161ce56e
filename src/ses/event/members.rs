//! The meaning of an object's members: of events, their blocks, and wrappings.
//!
//! A field with an unexpected type counts as absent. A repeated key replaces the whole earlier
//! value, so all members of an object are scanned before any of them is read.

use super::block::EventBlock;
use super::field;
use super::identity::{Part, recipient};
use super::interest::Interest;
use super::value::Value;
use super::wrapper::WrapperField;
use crate::ses::json::raw::{ByteSpan, Raw, Text};

/// Reads an object into an empty value. Other values have no fields. `start` and `long` give the
/// object's position in the text, and the known long values there.
pub(crate) fn read<'a>(
    raw: Raw<'a>,
    (start, long): (usize, &[ByteSpan]),
    interest: &Interest,
    value: &mut Value<'a>,
) {
    let (mut event_type, mut notification_type) = (Raw::default(), Raw::default());
    let mut blocks = [Raw::default(); EventBlock::ALL.len()];
    for (key, member) in raw.members_beside(start, long) {
        let Some(field) = ValueField::of(&key) else { continue };
        let place = match field {
            ValueField::EventType => &mut event_type,
            ValueField::NotificationType => &mut notification_type,
            ValueField::Block(block) => &mut blocks[block as usize],
            ValueField::Wrapper(field) => value.wrapper().place(field),
        };
        *place = member;
    }
    value.event_type = event_type.text();
    value.notification_type = notification_type.text();
    value.has_mail = blocks[EventBlock::Mail as usize].is_object();
    for (block, raw) in EventBlock::ALL.into_iter().zip(blocks) {
        if raw.is_object() {
            read_block(raw, block, interest, value);
        }
    }
    if interest.has_fields()
        && let Some(event_type) = value.event_type()
    {
        let own = EventBlock::of(event_type).map_or(Raw::default(), |own| blocks[own as usize]);
        let mail = blocks[EventBlock::Mail as usize];
        field::reader::read(event_type, (own, mail), interest, value);
    }
}

/// The members of an object that have a meaning.
pub(crate) enum ValueField {
    EventType,
    NotificationType,
    Block(EventBlock),
    Wrapper(WrapperField),
}

impl ValueField {
    #[inline]
    pub(crate) fn of(key: &[u8]) -> Option<Self> {
        Some(match key {
            b"eventType" => Self::EventType,
            b"notificationType" => Self::NotificationType,
            b"mail" => Self::Block(EventBlock::Mail),
            b"bounce" => Self::Block(EventBlock::Bounce),
            b"complaint" => Self::Block(EventBlock::Complaint),
            b"delivery" => Self::Block(EventBlock::Delivery),
            b"deliveryDelay" => Self::Block(EventBlock::DeliveryDelay),
            b"open" => Self::Block(EventBlock::Open),
            b"click" => Self::Block(EventBlock::Click),
            b"subscription" => Self::Block(EventBlock::Subscription),
            b"Type" => Self::Wrapper(WrapperField::Kind),
            b"TopicArn" => Self::Wrapper(WrapperField::TopicArn),
            b"Message" => Self::Wrapper(WrapperField::Message),
            b"detail-type" => Self::Wrapper(WrapperField::DetailType),
            b"source" => Self::Wrapper(WrapperField::Source),
            b"detail" => Self::Wrapper(WrapperField::Detail),
            b"Records" => Self::Wrapper(WrapperField::Notifications),
            b"Messages" => Self::Wrapper(WrapperField::Messages),
            b"requestId" => Self::Wrapper(WrapperField::RequestId),
            b"invocationId" => Self::Wrapper(WrapperField::InvocationId),
            b"records" => Self::Wrapper(WrapperField::Records),
            b"logEvents" => Self::Wrapper(WrapperField::LogEvents),
            b"events" => Self::Wrapper(WrapperField::Events),
            b"awslogs" => Self::Wrapper(WrapperField::LogData),
            b"rawData" => Self::Wrapper(WrapperField::RawData),
            b"errorCode" => Self::Wrapper(WrapperField::ErrorCode),
            _ => return None,
        })
    }
}

/// The members of a block that have a meaning.
pub(crate) enum BlockField {
    Timestamp,
    Tags,
    Headers,
    LinkTags,
    /// Part of the event's identity, if that is requested.
    Identity(Part),
}

impl BlockField {
    #[inline]
    pub(crate) fn of(key: &[u8], block: EventBlock, interest: &Interest) -> Option<Self> {
        match (block, key) {
            (_, b"timestamp") => Some(Self::Timestamp),
            (EventBlock::Mail, b"tags") => Some(Self::Tags),
            (EventBlock::Mail, b"headers") if interest.has_headers() => Some(Self::Headers),
            (EventBlock::Click, b"linkTags") => Some(Self::LinkTags),
            _ if interest.has_identity() => Part::of(key, block).map(Self::Identity),
            _ => None,
        }
    }
}

/// Reads `mail`, `click` or another block.
fn read_block<'a>(raw: Raw<'a>, block: EventBlock, interest: &Interest, value: &mut Value<'a>) {
    let [mut timestamp, mut tags, mut headers, mut link_tags] = [Raw::default(); 4];
    let mut parts = [Raw::default(); Part::ALL.len()];
    for (key, member) in raw.members() {
        let place = match BlockField::of(&key, block, interest) {
            Some(BlockField::Timestamp) => &mut timestamp,
            Some(BlockField::Tags) => &mut tags,
            Some(BlockField::Headers) => &mut headers,
            Some(BlockField::LinkTags) => &mut link_tags,
            Some(BlockField::Identity(part)) => &mut parts[part.index()],
            None => continue,
        };
        *place = member;
    }
    if let Some(time) = timestamp.text() {
        value.set_time(block, time);
    }
    for (name, tag) in tags.members() {
        if let Some(slot) = interest.tag(&name) {
            value.put(slot, tag_value(tag));
        }
    }
    for (name, tag) in link_tags.members() {
        if let Some(slot) = interest.link_tag(&name) {
            value.put(slot, tag_value(tag));
        }
    }
    for header in headers.elements() {
        read_header(header, interest, value);
    }
    for (part, raw) in Part::ALL.into_iter().zip(parts) {
        if part == Part::Recipient {
            for text in raw.elements().filter_map(recipient) {
                value.add_identity(block, part, text);
            }
        } else if let Some(text) = raw.text() {
            value.add_identity(block, part, text);
        }
    }
}

/// A string, or the first element of a list if that is a string.
fn tag_value(raw: Raw<'_>) -> Option<Text<'_>> {
    let first = || raw.elements().next()?.text();
    raw.text().or_else(first)
}

/// The members of a header that have a meaning.
#[derive(Clone, Copy)]
pub(crate) enum HeaderField {
    Name,
    Value,
}

impl HeaderField {
    #[inline]
    pub(crate) fn of(key: &[u8]) -> Option<Self> {
        match key {
            b"name" => Some(Self::Name),
            b"value" => Some(Self::Value),
            _ => None,
        }
    }
}

/// Reads a header, if it is wanted and the first with its name. The first one counts even without a
/// value; its value is then empty.
fn read_header<'a>(header: Raw<'a>, interest: &Interest, value: &mut Value<'a>) {
    let (mut name, mut text) = (Raw::default(), Raw::default());
    for (key, member) in header.members() {
        match HeaderField::of(&key) {
            Some(HeaderField::Name) => name = member,
            Some(HeaderField::Value) => text = member,
            None => {}
        }
    }
    let slot = name.text().and_then(|name| interest.header(&name));
    if let Some(slot) = slot
        && value.fields().get(slot).is_none()
    {
        value.put(slot, Some(text.text().unwrap_or_default()));
    }
}
