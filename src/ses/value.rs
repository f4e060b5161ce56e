//! One JSON value as the engine sees it: only the fields that some rule can read.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::identity::{Part, Told};
use super::interest::Slot;
use super::members::WrapperField;
use super::raw::Raw;

/// A JSON string as bytes. UTF-8 except for lone surrogates, which take three bytes each.
pub type Text<'a> = Cow<'a, [u8]>;

/// The blocks of an event that have a time of their own, and `mail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Mail,
    Bounce,
    Complaint,
    Delivery,
    DeliveryDelay,
    Open,
    Click,
    Subscription,
}

impl Block {
    /// Every block, in the order of the enum.
    pub(super) const ALL: [Self; 8] = [
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

/// One JSON value. A value that is not an object has no fields.
#[derive(Debug, Default)]
pub(super) struct Value<'a> {
    pub event_type: Option<Text<'a>>,
    pub notification_type: Option<Text<'a>>,
    pub has_mail: bool,
    /// At most one per block.
    times: SmallVec<[(Block, Text<'a>); 2]>,
    /// By slot, up to the last one that is present.
    values: SmallVec<[Option<Text<'a>>; 8]>,
    /// Empty unless requested.
    pub(super) identity: Vec<Told<'a>>,
    /// Present only if a key of some wrapping was seen, because most values are bare events.
    pub wrapper: Option<Box<Wrapper<'a>>>,
}

/// The fields of a value from which an event is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'v> {
    times: &'v [(Block, Text<'v>)],
    values: &'v [Option<Text<'v>>],
    pub(super) identity: &'v [Told<'v>],
}

/// The fields that identify wrappings, as received. The wrapped content is read when all of them
/// are known; lists are then read element by element.
#[derive(Debug, Default)]
pub(super) struct Wrapper<'a> {
    pub kind: Raw<'a>,
    pub topic_arn: Raw<'a>,
    pub message: Raw<'a>,
    pub detail_type: Raw<'a>,
    pub source: Raw<'a>,
    pub detail: Raw<'a>,
    pub notifications: Raw<'a>,
    pub request_id: Raw<'a>,
    pub records: Raw<'a>,
    pub raw_data: Raw<'a>,
    pub error_code: Raw<'a>,
}

// === impl Value ===

impl<'a> Value<'a> {
    /// The fields from which an event is made.
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields { times: &self.times, values: &self.values, identity: &self.identity }
    }

    /// Sets the `timestamp` of a block, once.
    pub(super) fn set_time(&mut self, block: Block, text: Text<'a>) {
        self.times.push((block, text));
    }

    /// Adds a text of a block to the event's identity.
    pub(super) fn tell(&mut self, block: Block, part: Part, text: Text<'a>) {
        self.identity.push((block, part, text));
    }

    pub(super) fn put(&mut self, slot: Slot, text: Option<Text<'a>>) {
        // Trailing empty slots cost nothing.
        if text.is_some() && self.values.len() <= slot.index() {
            self.values.resize(slot.index() + 1, None);
        }
        if let Some(place) = self.values.get_mut(slot.index()) {
            *place = text;
        }
    }

    pub(super) fn wrapper(&mut self) -> &mut Wrapper<'a> {
        self.wrapper.get_or_insert_default()
    }
}

// === impl Fields ===

impl<'v> Fields<'v> {
    pub(super) fn time(&self, block: Block) -> Option<&'v [u8]> {
        self.times.iter().find(|(of, _)| *of == block).map(|(_, text)| &**text)
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&'v [u8]> {
        self.values.get(slot.index())?.as_deref()
    }
}

// === impl Wrapper ===

impl<'a> Wrapper<'a> {
    pub(super) fn place(&mut self, field: WrapperField) -> &mut Raw<'a> {
        match field {
            WrapperField::Kind => &mut self.kind,
            WrapperField::TopicArn => &mut self.topic_arn,
            WrapperField::Message => &mut self.message,
            WrapperField::DetailType => &mut self.detail_type,
            WrapperField::Source => &mut self.source,
            WrapperField::Detail => &mut self.detail,
            WrapperField::Notifications => &mut self.notifications,
            WrapperField::RequestId => &mut self.request_id,
            WrapperField::Records => &mut self.records,
            WrapperField::RawData => &mut self.raw_data,
            WrapperField::ErrorCode => &mut self.error_code,
        }
    }
}
