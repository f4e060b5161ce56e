//! One JSON value as the engine sees it: only the fields that some rule can read.

use smallvec::SmallVec;

use super::block::EventBlock;
use super::event_type::EventType;
use super::identity::{IdentityText, Part};
use super::interest::Slot;
use super::wrapper::Wrapper;
use crate::ses::json::raw::Text;

/// One JSON value. A value that is not an object has no fields.
#[derive(Debug, Default)]
pub(crate) struct Value<'a> {
    pub event_type: Option<Text<'a>>,
    pub notification_type: Option<Text<'a>>,
    pub has_mail: bool,
    /// At most one per block.
    times: SmallVec<[(EventBlock, Text<'a>); 2]>,
    /// By slot, up to the last one that is present.
    values: SmallVec<[Option<Text<'a>>; 8]>,
    /// Empty unless requested.
    pub(crate) identity: Vec<IdentityText<'a>>,
    /// Present only if a key of some wrapping was seen, because most values are bare events.
    pub wrapper: Option<Box<Wrapper<'a>>>,
}

/// The fields of a value from which an event is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'v> {
    times: &'v [(EventBlock, Text<'v>)],
    values: &'v [Option<Text<'v>>],
    pub(crate) identity: &'v [IdentityText<'v>],
}

// === impl Value ===

impl<'a> Value<'a> {
    /// The fields from which an event is made.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields { times: &self.times, values: &self.values, identity: &self.identity }
    }

    /// Empties the value in place, which costs less than moving a new one there.
    #[inline(never)]
    pub(crate) fn clear(&mut self) {
        // Exhaustive: a new field must be cleared here.
        let Self { event_type, notification_type, has_mail, times, values, identity, wrapper } =
            self;
        (*event_type, *notification_type, *has_mail, *wrapper) = (None, None, false, None);
        times.clear();
        values.clear();
        identity.clear();
    }

    /// The type that the value names, if it is one of the ten.
    pub(crate) fn event_type(&self) -> Option<EventType> {
        EventType::parse(self.event_type.as_ref().or(self.notification_type.as_ref())?)
    }

    /// Sets the `timestamp` of a block, once.
    pub(crate) fn set_time(&mut self, block: EventBlock, text: Text<'a>) {
        self.times.push((block, text));
    }

    /// Adds a text of a block to the event's identity.
    pub(crate) fn add_identity(&mut self, block: EventBlock, part: Part, text: Text<'a>) {
        self.identity.push((block, part, text));
    }

    pub(crate) fn put(&mut self, slot: Slot, text: Option<Text<'a>>) {
        // Trailing empty slots cost nothing.
        if text.is_some() && self.values.len() <= slot.index() {
            self.values.resize(slot.index() + 1, None);
        }
        if let Some(place) = self.values.get_mut(slot.index()) {
            *place = text;
        }
    }

    pub(crate) fn wrapper(&mut self) -> &mut Wrapper<'a> {
        self.wrapper.get_or_insert_default()
    }
}

// === impl Fields ===

impl<'v> Fields<'v> {
    pub(crate) fn time(&self, block: EventBlock) -> Option<&'v [u8]> {
        self.times.iter().find(|(of, _)| *of == block).map(|(_, text)| &**text)
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&'v [u8]> {
        self.values.get(slot.index())?.as_deref()
    }
}
