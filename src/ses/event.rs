//! An SES sending event: a borrowed view of what the rules can read of it.

use super::event_type::EventType;
use super::interest::Slot;
use super::time::parse_ms;
use super::value::{Block, Fields, Value};

/// One sending event. Lives while its record is read; never stored.
#[derive(Clone, Copy, Debug)]
pub struct Event<'v> {
    pub event_type: EventType,
    fields: Fields<'v>,
}

/// Where an event's time was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeOrigin {
    /// The `timestamp` of the block of the event's type.
    Block,
    /// `mail.timestamp`.
    Mail,
}

// === impl Event ===

impl<'v> Event<'v> {
    pub(super) fn new(event_type: EventType, value: &'v Value<'_>) -> Self {
        Self { event_type, fields: value.fields() }
    }

    /// The text at a slot of the interest that the event was read with; `None` when missing.
    /// UTF-8 but for lone surrogates.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&'v [u8]> {
        self.fields.get(slot)
    }

    /// The event's own time in Unix milliseconds: its block's, else `mail.timestamp`.
    #[must_use]
    pub fn time_ms(&self) -> Option<(i64, TimeOrigin)> {
        let read = |block| parse_ms(self.fields.time(block)?);
        let block = match self.event_type {
            EventType::Send | EventType::Reject | EventType::RenderingFailure => None,
            EventType::Bounce => Some(Block::Bounce),
            EventType::Complaint => Some(Block::Complaint),
            EventType::Delivery => Some(Block::Delivery),
            EventType::Open => Some(Block::Open),
            EventType::Click => Some(Block::Click),
            EventType::DeliveryDelay => Some(Block::DeliveryDelay),
            EventType::Subscription => Some(Block::Subscription),
        };
        block
            .and_then(read)
            .map(|ms| (ms, TimeOrigin::Block))
            .or_else(|| read(Block::Mail).map(|ms| (ms, TimeOrigin::Mail)))
    }
}
