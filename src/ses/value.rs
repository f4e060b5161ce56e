//! One JSON value as the engine sees it: only the fields that some rule can read.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::identity::{Part, Told};
use super::interest::Slot;

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

#[cfg(any(test, fuzzing))]
impl Block {
    pub const ALL: [Self; 8] = [
        Self::Mail,
        Self::Bounce,
        Self::Complaint,
        Self::Delivery,
        Self::DeliveryDelay,
        Self::Open,
        Self::Click,
        Self::Subscription,
    ];
}

/// How many levels of wrapping an object may still open; a bound on recursion.
pub type Levels = u8;

/// One JSON value. What is not an object has no fields.
#[derive(Debug, Default)]
pub struct Value<'a> {
    pub event_type: Option<Text<'a>>,
    pub notification_type: Option<Text<'a>>,
    pub has_mail: bool,
    times: SmallVec<[(Block, Text<'a>); 2]>,
    pub(super) values: SmallVec<[Option<Text<'a>>; 8]>,
    /// Empty unless it was asked for.
    pub(super) identity: Vec<Told<'a>>,
    /// Present only when a key of some wrapping was seen: most values are bare events.
    pub wrapper: Option<Box<Wrapper<'a>>>,
}

/// The fields of a value that events are read from.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'v> {
    times: &'v [(Block, Text<'v>)],
    values: &'v [Option<Text<'v>>],
    pub(super) identity: &'v [Told<'v>],
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
        Fields { times: &self.times, values: &self.values, identity: &self.identity }
    }

    /// The `timestamp` of a block, whatever it was before.
    pub(super) fn set_time(&mut self, block: Block, text: Option<Text<'a>>) {
        self.times.retain(|(of, _)| *of != block);
        self.times.extend(text.map(|text| (block, text)));
    }

    /// Adds a text of a block to what tells the event from others.
    pub(super) fn tell(&mut self, block: Block, part: Part, text: Text<'a>) {
        self.identity.push((block, part, text));
    }

    pub(super) fn untell(&mut self, block: Block, part: Option<Part>) {
        let all = |of: Part| part.is_none_or(|part| part == of);
        self.identity.retain(|(of, part, _)| *of != block || !all(*part));
    }

    pub(super) fn put(&mut self, slot: Slot, text: Option<Text<'a>>) {
        if let Some(place) = self.values.get_mut(slot.index()) {
            *place = text;
        }
    }

    pub(super) fn clear(&mut self, slots: std::ops::Range<usize>) {
        if let Some(places) = self.values.get_mut(slots) {
            places.fill(None);
        }
    }

    pub(super) fn wrapper(&mut self) -> &mut Wrapper<'a> {
        self.wrapper.get_or_insert_default()
    }
}

// === impl Fields ===

impl<'v> Fields<'v> {
    pub fn time(&self, block: Block) -> Option<&'v [u8]> {
        self.times.iter().find(|(of, _)| *of == block).map(|(_, text)| &**text)
    }

    pub fn get(&self, slot: Slot) -> Option<&'v [u8]> {
        self.values.get(slot.index())?.as_deref()
    }
}
