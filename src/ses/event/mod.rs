//! Sending events: which fields have a meaning, how they are read, and the [`Event`] that is a view
//! of them.
//!
//! [`value_reader`] reads a JSON value into a [`Value`]; [`fast`] and [`plain`] read the usual form,
//! [`members`] any form. [`interest`] says which values are wanted, [`identity`] what makes an event
//! different from all others, [`field`] what else can be a dimension, [`header_list`] whether its
//! headers are all there, [`wrapper`] which fields are those of a wrapping. [`minimal`] writes an event
//! without what no dimension reads, [`address_codes`] texts without addresses.

pub(crate) mod address_codes;
pub(crate) mod block;
pub(crate) mod event_type;
mod fast;
pub(crate) mod field;
pub(crate) mod header_list;
pub(crate) mod identity;
pub(crate) mod interest;
mod members;
pub(crate) mod minimal;
mod plain;
pub mod time;
pub(crate) mod value;
pub(crate) mod value_reader;
pub(crate) mod wrapper;

use self::block::EventBlock;
use self::event_type::EventType;
use self::identity::{Fingerprint, message_id};
use self::interest::Slot;
use self::time::parse_ms;
use self::value::{Fields, Value};

/// One sending event. Lives while its record is read; never stored.
#[derive(Clone, Copy, Debug)]
pub struct Event<'v> {
    pub event_type: EventType,
    fields: Fields<'v>,
}

/// Where an event's time was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeOrigin {
    /// The `timestamp` of the block of the event's type.
    Block,
    /// `mail.timestamp`.
    Mail,
}

// === impl Event ===

impl<'v> Event<'v> {
    pub(crate) fn new(event_type: EventType, value: &'v Value<'_>) -> Self {
        Self { event_type, fields: value.fields() }
    }

    /// The text in a slot of the interest that the event was read with; `None` when missing. UTF-8
    /// except for lone surrogates.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&'v [u8]> {
        self.fields.get(slot)
    }

    /// The event's own time in Unix milliseconds: its block's, else `mail.timestamp`.
    #[must_use]
    pub(crate) fn time_ms(&self) -> Option<(i64, TimeOrigin)> {
        let read = |block| parse_ms(self.fields.time(block)?);
        EventBlock::of(self.event_type)
            .and_then(read)
            .map(|ms| (ms, TimeOrigin::Block))
            .or_else(|| read(EventBlock::Mail).map(|ms| (ms, TimeOrigin::Mail)))
    }

    /// Identifies the event among its duplicates: the ID of its mail, its type, its own time as
    /// written, recipients, link or feedback ID, and who opened or clicked. `None` without mail ID
    /// or time, because then a different event could look the same. Also `None` when the interest
    /// does not include it.
    #[must_use]
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        let own = EventBlock::of(self.event_type);
        let time = self.fields.time(own.unwrap_or(EventBlock::Mail))?;
        Fingerprint::of(self.event_type.metric_name(), time, self.fields.identity, own)
    }

    /// The mail's ID in SES, if the interest includes it.
    #[must_use]
    pub fn message_id(&self) -> Option<&'v [u8]> {
        message_id(self.fields.identity)
    }
}
