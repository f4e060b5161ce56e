//! One JSON value as the engine sees it: only the fields that some rule can read.
//!
//! The seeds below drive any [`serde::Deserializer`]. They never fail on a field of an unexpected
//! kind (it is absent), and a repeated key replaces what was there before, as a whole.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use smallvec::SmallVec;

use super::interest::{Interest, Slot};

/// A JSON string as bytes. UTF-8 but for lone surrogates, which stand as three bytes each.
pub type Text<'a> = Cow<'a, [u8]>;

/// The blocks of an event that carry a time of their own, and `mail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    Mail,
    Bounce,
    Complaint,
    Delivery,
    DeliveryDelay,
    Open,
    Click,
    Subscription,
}

const BLOCKS: usize = 8;

/// How many levels of wrapping an object may still open; a bound on recursion.
pub type Levels = u8;

/// One JSON value. What is not an object has no fields.
#[derive(Debug, Default)]
pub struct Value<'a> {
    pub event_type: Option<Text<'a>>,
    pub notification_type: Option<Text<'a>>,
    pub has_mail: bool,
    times: [Option<Text<'a>>; BLOCKS],
    values: SmallVec<[Option<Text<'a>>; 8]>,
    /// Present only when a key of some wrapping was seen: most values are bare events.
    pub wrapper: Option<Box<Wrapper<'a>>>,
}

/// The fields of a value that events are read from.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'v> {
    times: &'v [Option<Text<'v>>; BLOCKS],
    values: &'v [Option<Text<'v>>],
}

/// The fields by which wrappings are known.
#[derive(Debug, Default)]
pub struct Wrapper<'a> {
    pub kind: Option<Text<'a>>,
    pub topic_arn: Option<Text<'a>>,
    pub message: Option<Wrapped<'a>>,
    pub detail_type: Option<Text<'a>>,
    pub source: Option<Text<'a>>,
    pub detail: Option<Wrapped<'a>>,
    pub notifications: Option<Vec<Entry<'a>>>,
    pub request_id: Option<Text<'a>>,
    pub records: Option<Vec<Option<Text<'a>>>>,
    pub raw_data: Option<Text<'a>>,
    pub error_code: Option<Text<'a>>,
}

/// What a wrapping holds.
#[derive(Debug)]
pub enum Wrapped<'a> {
    Text(Text<'a>),
    Value(Box<Value<'a>>),
    /// An object below the last level of wrapping that is looked into.
    TooDeep,
}

/// An entry of a `Records` list.
#[derive(Debug, Default)]
pub struct Entry<'a> {
    pub body: Option<Wrapped<'a>>,
    pub sns: Option<Wrapped<'a>>,
}

// === impl Value ===

impl<'a> Value<'a> {
    /// What an event is read from.
    pub fn fields(&self) -> Fields<'_> {
        Fields { times: &self.times, values: &self.values }
    }

    fn put(&mut self, slot: Slot, text: Option<Text<'a>>) {
        if let Some(place) = self.values.get_mut(slot.index()) {
            *place = text;
        }
    }

    fn clear(&mut self, slots: std::ops::Range<usize>) {
        if let Some(places) = self.values.get_mut(slots) {
            places.fill(None);
        }
    }

    fn wrapper(&mut self) -> &mut Wrapper<'a> {
        self.wrapper.get_or_insert_default()
    }
}

// === impl Fields ===

impl<'v> Fields<'v> {
    pub fn time(&self, block: Block) -> Option<&'v [u8]> {
        self.times[block as usize].as_deref()
    }

    pub fn get(&self, slot: Slot) -> Option<&'v [u8]> {
        self.values.get(slot.index())?.as_deref()
    }
}

// === seeds ===

/// What a walk over an object's members does with them.
trait Members<'de> {
    type Field;

    fn field(&self, key: &[u8]) -> Option<Self::Field>;

    fn member<A: MapAccess<'de>>(
        &mut self,
        field: Self::Field,
        map: &mut A,
    ) -> Result<(), A::Error>;
}

/// Reads an object through `Members`. Gives false, and reads on, when the value is none.
struct ObjectSeed<'m, M>(&'m mut M);

struct KeySeed<'m, M>(&'m M);

/// Reads a string; any other kind is `None`.
struct TextSeed;

/// Reads a string, or the first element of a list if that is a string.
struct TagValueSeed;

/// Reads each element of a list with a seed made by the first closure, and hands it to the second.
/// Gives false when the value is no list.
struct ListSeed<F, G>(F, G);

pub struct ValueSeed<'i> {
    pub interest: &'i Interest,
    pub levels: Levels,
}

struct WrappedSeed<'i> {
    interest: &'i Interest,
    levels: Levels,
}

/// The parts of the visitors that are the same for each: what to do with the other kinds.
macro_rules! other_kinds {
    ($absent:expr; $($kind:ident)*) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }
        $(other_kinds!(@ $kind $absent);)*
    };
    (@ scalars $absent:expr) => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> { Ok($absent) }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> { Ok($absent) }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> { Ok($absent) }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> { Ok($absent) }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> { Ok($absent) }
    };
    (@ strings $absent:expr) => {
        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> { Ok($absent) }
        fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Self::Value, E> { Ok($absent) }
    };
    (@ texts $wrap:expr) => {
        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok($wrap(Cow::Owned(text.as_bytes().to_vec())))
        }
        fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok($wrap(Cow::Borrowed(text.as_bytes())))
        }
        fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<Self::Value, E> {
            Ok($wrap(Cow::Owned(text.to_vec())))
        }
        fn visit_borrowed_bytes<E: Error>(self, text: &'de [u8]) -> Result<Self::Value, E> {
            Ok($wrap(Cow::Borrowed(text)))
        }
    };
    (@ list $absent:expr) => {
        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
            drain_list(list)?;
            Ok($absent)
        }
    };
    (@ object $absent:expr) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($absent)
        }
    };
}

fn drain_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

impl<'de, M: Members<'de>> DeserializeSeed<'de> for ObjectSeed<'_, M> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, M: Members<'de>> Visitor<'de> for ObjectSeed<'_, M> {
    type Value = bool;

    other_kinds!(false; scalars strings list);

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while let Some(field) = map.next_key_seed(KeySeed(self.0))? {
            match field {
                Some(field) => self.0.member(field, &mut map)?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(true)
    }
}

impl<'de, M: Members<'de>> DeserializeSeed<'de> for KeySeed<'_, M> {
    type Value = Option<M::Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, M: Members<'de>> Visitor<'de> for KeySeed<'_, M> {
    type Value = Option<M::Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.field(key.as_bytes()))
    }

    fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.field(key))
    }
}

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Option<Text<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Option<Text<'de>>;

    other_kinds!(None; scalars list object);
    other_kinds!(@ texts Some);
}

impl<'de> DeserializeSeed<'de> for TagValueSeed {
    type Value = Option<Text<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TagValueSeed {
    type Value = Option<Text<'de>>;

    other_kinds!(None; scalars object);
    other_kinds!(@ texts Some);

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let first = list.next_element_seed(TextSeed)?.flatten();
        drain_list(list)?;
        Ok(first)
    }
}

impl<'de, T, F, G> DeserializeSeed<'de> for ListSeed<F, G>
where
    T: DeserializeSeed<'de>,
    F: FnMut() -> T,
    G: FnMut(T::Value),
{
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T, F, G> Visitor<'de> for ListSeed<F, G>
where
    T: DeserializeSeed<'de>,
    F: FnMut() -> T,
    G: FnMut(T::Value),
{
    type Value = bool;

    other_kinds!(false; scalars strings object);

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<bool, A::Error> {
        while let Some(element) = list.next_element_seed((self.0)())? {
            (self.1)(element);
        }
        Ok(true)
    }
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

// === what each object's members mean ===

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

enum ValueField {
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

impl<'de> Members<'de> for ValueMembers<'_, 'de> {
    type Field = ValueField;

    fn field(&self, key: &[u8]) -> Option<ValueField> {
        Some(match key {
            b"eventType" => ValueField::EventType,
            b"notificationType" => ValueField::NotificationType,
            b"mail" => ValueField::Block(Block::Mail),
            b"bounce" => ValueField::Block(Block::Bounce),
            b"complaint" => ValueField::Block(Block::Complaint),
            b"delivery" => ValueField::Block(Block::Delivery),
            b"deliveryDelay" => ValueField::Block(Block::DeliveryDelay),
            b"open" => ValueField::Block(Block::Open),
            b"click" => ValueField::Block(Block::Click),
            b"subscription" => ValueField::Block(Block::Subscription),
            b"Type" => ValueField::Kind,
            b"TopicArn" => ValueField::TopicArn,
            b"Message" => ValueField::Message,
            b"detail-type" => ValueField::DetailType,
            b"source" => ValueField::Source,
            b"detail" => ValueField::Detail,
            b"Records" => ValueField::Notifications,
            b"requestId" => ValueField::RequestId,
            b"records" => ValueField::Records,
            b"rawData" => ValueField::RawData,
            b"errorCode" => ValueField::ErrorCode,
            _ => return None,
        })
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
                value.times[block as usize] = None;
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

enum BlockField {
    Timestamp,
    Tags,
    Headers,
    LinkTags,
}

impl<'de> Members<'de> for BlockMembers<'_, '_, 'de> {
    type Field = BlockField;

    fn field(&self, key: &[u8]) -> Option<BlockField> {
        match (self.block, key) {
            (_, b"timestamp") => Some(BlockField::Timestamp),
            (Block::Mail, b"tags") => Some(BlockField::Tags),
            (Block::Mail, b"headers") if !self.interest.header_slots().is_empty() => {
                Some(BlockField::Headers)
            }
            (Block::Click, b"linkTags") => Some(BlockField::LinkTags),
            _ => None,
        }
    }

    fn member<A: MapAccess<'de>>(
        &mut self,
        field: BlockField,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let (interest, value) = (self.interest, &mut *self.value);
        match field {
            BlockField::Timestamp => {
                value.times[self.block as usize] = map.next_value_seed(TextSeed)?;
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

#[derive(Clone, Copy)]
enum HeaderField {
    Name,
    Value,
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
        match key {
            b"name" => Some(HeaderField::Name),
            b"value" => Some(HeaderField::Value),
            _ => None,
        }
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

struct EntrySeed<'i> {
    interest: &'i Interest,
    levels: Levels,
}

struct EntryMembers<'i, 'a> {
    entry: Entry<'a>,
    seed: EntrySeed<'i>,
}

#[derive(Clone, Copy)]
enum EntryField {
    Body,
    Sns,
}

impl<'de> DeserializeSeed<'de> for EntrySeed<'_> {
    type Value = Entry<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let mut members = EntryMembers { entry: Entry::default(), seed: self };
        ObjectSeed(&mut members).deserialize(deserializer)?;
        Ok(members.entry)
    }
}

impl<'de> Members<'de> for EntryMembers<'_, 'de> {
    type Field = EntryField;

    fn field(&self, key: &[u8]) -> Option<EntryField> {
        match key {
            b"body" => Some(EntryField::Body),
            b"Sns" => Some(EntryField::Sns),
            _ => None,
        }
    }

    fn member<A: MapAccess<'de>>(
        &mut self,
        field: EntryField,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let EntrySeed { interest, levels } = self.seed;
        let wrapped = map.next_value_seed(WrappedSeed { interest, levels })?;
        match field {
            EntryField::Body => self.entry.body = wrapped,
            EntryField::Sns => self.entry.sns = wrapped,
        }
        Ok(())
    }
}

/// The `data` of a Firehose record.
struct DataSeed;

struct DataMembers<'a>(Option<Text<'a>>);

impl<'de> DeserializeSeed<'de> for DataSeed {
    type Value = Option<Text<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let mut members = DataMembers(None);
        ObjectSeed(&mut members).deserialize(deserializer)?;
        Ok(members.0)
    }
}

impl<'de> Members<'de> for DataMembers<'de> {
    type Field = ();

    fn field(&self, key: &[u8]) -> Option<()> {
        (key == b"data").then_some(())
    }

    fn member<A: MapAccess<'de>>(&mut self, (): (), map: &mut A) -> Result<(), A::Error> {
        self.0 = map.next_value_seed(TextSeed)?;
        Ok(())
    }
}
