//! The events of one request that will be forwarded.

use bytes::Bytes;

use crate::ses::EventType;

/// Events by target, as received. Dropping them, as with a rejected request, has no effect.
#[derive(Debug, Default)]
pub struct Forwards {
    /// Indexed by the target's place in the rules.
    queues: Vec<Collected>,
    events: usize,
    bytes: usize,
}

/// The events for one target, in one buffer.
#[derive(Debug, Default)]
pub(super) struct Collected {
    bytes: Vec<u8>,
    events: Vec<Mark>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    event_type: EventType,
    time_ms: Option<i64>,
    /// The end of its bytes in the buffer.
    end: usize,
}

/// An event as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawEvent {
    pub event_type: EventType,
    /// The event's own time in Unix milliseconds.
    pub time_ms: Option<i64>,
    pub bytes: Bytes,
}

// === impl Forwards ===

impl Forwards {
    /// Adds an event for a target. Copies its bytes.
    pub fn take(&mut self, place: usize, event_type: EventType, time_ms: Option<i64>, raw: &[u8]) {
        self.events += 1;
        self.bytes += raw.len();
        if self.bytes > super::REQUEST_BYTES_MAX {
            // The request is over its limit, so none of its events will be forwarded.
            self.queues.clear();
            return;
        }
        if self.queues.len() <= place {
            self.queues.resize_with(place + 1, Collected::default);
        }
        let queue = &mut self.queues[place];
        queue.bytes.extend_from_slice(raw);
        queue.events.push(Mark { event_type, time_ms, end: queue.bytes.len() });
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// Memory used by the events, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let of = |queue: &Collected| {
            queue.bytes.capacity() + queue.events.capacity() * size_of::<Mark>()
        };
        self.queues.iter().map(of).sum()
    }

    pub(super) fn events(&self) -> usize {
        self.events
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The targets that get events, by place, and the bytes for each.
    pub(super) fn bytes_by_target(&self) -> impl Iterator<Item = (usize, usize)> {
        let queues = self.queues.iter().enumerate();
        queues.filter(|(_, queue)| !queue.events.is_empty()).map(|(at, q)| (at, q.bytes.len()))
    }

    pub(super) fn into_queues(self) -> Vec<Collected> {
        self.queues
    }
}

// === impl Collected ===

impl Collected {
    /// The events in their order.
    pub(super) fn into_events(self) -> impl Iterator<Item = RawEvent> {
        let (mut start, bytes) = (0, Bytes::from(self.bytes));
        self.events.into_iter().map(move |Mark { event_type, time_ms, end }| {
            let bytes = bytes.slice(start..end);
            start = end;
            RawEvent { event_type, time_ms, bytes }
        })
    }
}
