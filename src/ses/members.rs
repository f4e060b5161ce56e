//! What the members of each object mean: an event's, its blocks', and those of the wrappings.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::entries::{DataSeed, EntrySeed};
use super::identity::{Part, RecipientSeed};
use super::interest::{Interest, Slot};
use super::seed::{ListSeed, Members, ObjectSeed, TagValueSeed, TextSeed, drain_list, other_kinds};
use super::value::{Block, Levels, Text, Value, Wrapped};

/// Reads a value, and the values inside it down to a number of levels of wrapping.
pub struct ValueSeed<'i> {
    pub interest: &'i Interest,
    pub levels: Levels,
}

/// Reads what a wrapping holds.
pub(super) struct WrappedSeed<'i> {
    pub interest: &'i Interest,
    pub levels: Levels,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let mut members = ValueMembers { value: Value::default(), seed: self };
        ObjectSeed(&mut members).deserialize(deserializer)?;
        Ok(members.value)
    }
}

impl<'de> DeserializeSeed<'de> for WrappedSeed<'_> {
    type Value = Option<Wrapped<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for WrappedSeed<'_> {
    type Value = Option<Wrapped<'de>>;

    other_kinds!(None; scalars list);
    other_kinds!(@ texts |text| Some(Wrapped::Text(text)));

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let Some(levels) = self.levels.checked_sub(1) else {
            ObjectSeed(&mut Nothing).visit_map(map)?;
            return Ok(Some(Wrapped::TooDeep));
        };
        let seed = ValueSeed { interest: self.interest, levels };
        let mut members = ValueMembers { value: Value::default(), seed };
        ObjectSeed(&mut members).visit_map(map)?;
        Ok(Some(Wrapped::Value(Box::new(members.value))))
    }
}

struct Nothing;

impl<'de> Members<'de> for Nothing {
    type Field = ();

    fn field(&self, _: &[u8]) -> Option<()> {
        None
    }

    fn member<A: MapAccess<'de>>(&mut self, (): (), _: &mut A) -> Result<(), A::Error> {
        Ok(())
    }
}

struct ValueMembers<'i, 'a> {
    value: Value<'a>,
    seed: ValueSeed<'i>,
}

/// The members of an object that mean something.
pub(super) enum ValueField {
    EventType,
    NotificationType,
    Block(Block),
    Kind,
    TopicArn,
    Message,
    DetailType,
    Source,
    Detail,
    Notifications,
    RequestId,
    Records,
    RawData,
    ErrorCode,
}

impl ValueField {
    #[inline]
    pub(super) fn of(key: &[u8]) -> Option<Self> {
        Some(match key {
            b"eventType" => Self::EventType,
            b"notificationType" => Self::NotificationType,
            b"mail" => Self::Block(Block::Mail),
            b"bounce" => Self::Block(Block::Bounce),
            b"complaint" => Self::Block(Block::Complaint),
            b"delivery" => Self::Block(Block::Delivery),
            b"deliveryDelay" => Self::Block(Block::DeliveryDelay),
            b"open" => Self::Block(Block::Open),
            b"click" => Self::Block(Block::Click),
            b"subscription" => Self::Block(Block::Subscription),
            b"Type" => Self::Kind,
            b"TopicArn" => Self::TopicArn,
            b"Message" => Self::Message,
            b"detail-type" => Self::DetailType,
            b"source" => Self::Source,
            b"detail" => Self::Detail,
            b"Records" => Self::Notifications,
            b"requestId" => Self::RequestId,
            b"records" => Self::Records,
            b"rawData" => Self::RawData,
            b"errorCode" => Self::ErrorCode,
            _ => return None,
        })
    }
}

impl<'de> Members<'de> for ValueMembers<'_, 'de> {
    type Field = ValueField;

    fn field(&self, key: &[u8]) -> Option<ValueField> {
        ValueField::of(key)
    }

    fn member<A: MapAccess<'de>>(
        &mut self,
        field: ValueField,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let ValueSeed { interest, levels } = self.seed;
        let value = &mut self.value;
        let wrapped = || WrappedSeed { interest, levels };
        match field {
            ValueField::EventType => value.event_type = map.next_value_seed(TextSeed)?,
            ValueField::NotificationType => {
                value.notification_type = map.next_value_seed(TextSeed)?;
            }
            ValueField::Block(block) => {
                value.set_time(block, None);
                value.untell(block, None);
                match block {
                    Block::Mail => {
                        value.clear(interest.tag_slots());
                        value.clear(interest.header_slots());
                    }
                    Block::Click => value.clear(interest.link_tag_slots()),
                    _ => {}
                }
                let mut members = BlockMembers { value, interest, block };
                let is_object = map.next_value_seed(ObjectSeed(&mut members))?;
                if block == Block::Mail {
                    value.has_mail = is_object;
                }
            }
            ValueField::Kind => value.wrapper().kind = map.next_value_seed(TextSeed)?,
            ValueField::TopicArn => value.wrapper().topic_arn = map.next_value_seed(TextSeed)?,
            ValueField::Message => value.wrapper().message = map.next_value_seed(wrapped())?,
            ValueField::DetailType => {
                value.wrapper().detail_type = map.next_value_seed(TextSeed)?;
            }
            ValueField::Source => value.wrapper().source = map.next_value_seed(TextSeed)?,
            ValueField::Detail => value.wrapper().detail = map.next_value_seed(wrapped())?,
            ValueField::Notifications => {
                let mut entries = Vec::new();
                let seed = ListSeed(|| EntrySeed { interest, levels }, |entry| entries.push(entry));
                let is_list = map.next_value_seed(seed)?;
                value.wrapper().notifications = is_list.then_some(entries);
            }
            ValueField::RequestId => value.wrapper().request_id = map.next_value_seed(TextSeed)?,
            ValueField::Records => {
                let mut records = Vec::new();
                let seed = ListSeed(|| DataSeed, |data| records.push(data));
                let is_list = map.next_value_seed(seed)?;
                value.wrapper().records = is_list.then_some(records);
            }
            ValueField::RawData => value.wrapper().raw_data = map.next_value_seed(TextSeed)?,
            ValueField::ErrorCode => value.wrapper().error_code = map.next_value_seed(TextSeed)?,
        }
        Ok(())
    }
}

/// The members of `mail`, `click` and the other blocks.
struct BlockMembers<'v, 'i, 'a> {
    value: &'v mut Value<'a>,
    interest: &'i Interest,
    block: Block,
}

/// The members of a block that mean something.
pub(super) enum BlockField {
    Timestamp,
    Tags,
    Headers,
    LinkTags,
    /// What tells the event from others, when that is asked for.
    Identity(Part),
}

impl BlockField {
    #[inline]
    pub(super) fn of(key: &[u8], block: Block, interest: &Interest) -> Option<Self> {
        match (block, key) {
            (_, b"timestamp") => Some(Self::Timestamp),
            (Block::Mail, b"tags") => Some(Self::Tags),
            (Block::Mail, b"headers") if !interest.header_slots().is_empty() => Some(Self::Headers),
            (Block::Click, b"linkTags") => Some(Self::LinkTags),
            _ if interest.has_identity() => Part::of(key, block).map(Self::Identity),
            _ => None,
        }
    }
}

impl<'de> Members<'de> for BlockMembers<'_, '_, 'de> {
    type Field = BlockField;

    fn field(&self, key: &[u8]) -> Option<BlockField> {
        BlockField::of(key, self.block, self.interest)
    }

    fn member<A: MapAccess<'de>>(
        &mut self,
        field: BlockField,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let (interest, block, value) = (self.interest, self.block, &mut *self.value);
        match field {
            BlockField::Timestamp => {
                value.set_time(block, map.next_value_seed(TextSeed)?);
            }
            BlockField::Tags => {
                value.clear(interest.tag_slots());
                value.values.resize(interest.slots(), None);
                let mut tags = TagMembers { value, interest, find: Interest::tag };
                map.next_value_seed(ObjectSeed(&mut tags))?;
            }
            BlockField::LinkTags => {
                value.clear(interest.link_tag_slots());
                value.values.resize(interest.slots(), None);
                let mut tags = TagMembers { value, interest, find: Interest::link_tag };
                map.next_value_seed(ObjectSeed(&mut tags))?;
            }
            BlockField::Headers => {
                value.clear(interest.header_slots());
                value.values.resize(interest.slots(), None);
                let keep = |header: Option<(Slot, Text<'de>)>| match header {
                    // The first header of a name counts, even when it has no value.
                    Some((slot, text)) if value.fields().get(slot).is_none() => {
                        value.put(slot, Some(text));
                    }
                    _ => {}
                };
                map.next_value_seed(ListSeed(|| HeaderSeed(interest), keep))?;
            }
            BlockField::Identity(part) => {
                value.untell(block, Some(part));
                let mut tell = |text: Option<Text<'de>>| {
                    if let Some(text) = text {
                        value.tell(block, part, text);
                    }
                };
                if part == Part::Recipient {
                    map.next_value_seed(ListSeed(|| RecipientSeed, tell))?;
                } else {
                    tell(map.next_value_seed(TextSeed)?);
                }
            }
        }
        Ok(())
    }
}

struct TagMembers<'v, 'i, 'a> {
    value: &'v mut Value<'a>,
    interest: &'i Interest,
    find: fn(&Interest, &[u8]) -> Option<Slot>,
}

impl<'de> Members<'de> for TagMembers<'_, '_, 'de> {
    type Field = Slot;

    fn field(&self, key: &[u8]) -> Option<Slot> {
        (self.find)(self.interest, key)
    }

    fn member<A: MapAccess<'de>>(&mut self, slot: Slot, map: &mut A) -> Result<(), A::Error> {
        let text = map.next_value_seed(TagValueSeed)?;
        self.value.put(slot, text);
        Ok(())
    }
}

/// A header's slot, if it is wanted, and its value (empty when absent).
struct HeaderSeed<'i>(&'i Interest);

struct HeaderMembers<'i, 'a> {
    interest: &'i Interest,
    slot: Option<Slot>,
    text: Option<Text<'a>>,
}

/// The members of a header that mean something.
#[derive(Clone, Copy)]
pub(super) enum HeaderField {
    Name,
    Value,
}

impl HeaderField {
    #[inline]
    pub(super) fn of(key: &[u8]) -> Option<Self> {
        match key {
            b"name" => Some(Self::Name),
            b"value" => Some(Self::Value),
            _ => None,
        }
    }
}

impl<'de> DeserializeSeed<'de> for HeaderSeed<'_> {
    type Value = Option<(Slot, Text<'de>)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let mut header = HeaderMembers { interest: self.0, slot: None, text: None };
        ObjectSeed(&mut header).deserialize(deserializer)?;
        Ok(header.slot.map(|slot| (slot, header.text.unwrap_or_default())))
    }
}

impl<'de> Members<'de> for HeaderMembers<'_, 'de> {
    type Field = HeaderField;

    fn field(&self, key: &[u8]) -> Option<HeaderField> {
        HeaderField::of(key)
    }

    fn member<A: MapAccess<'de>>(
        &mut self,
        field: HeaderField,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let text = map.next_value_seed(TextSeed)?;
        match field {
            HeaderField::Name => self.slot = text.and_then(|name| self.interest.header(&name)),
            HeaderField::Value => self.text = text,
        }
        Ok(())
    }
}
