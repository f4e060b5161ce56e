//! The events of one request that are to be forwarded.

use bytes::Bytes;

use crate::ses::EventType;

/// Events by target, as they came. Dropped, as with a request that is refused, they leave no trace.
#[derive(Debug, Default)]
pub struct Forwards {
    /// At the target's place among those of the rules.
    queues: Vec<Collected>,
    events: usize,
    bytes: usize,
}

/// What goes to one target, in one piece of memory.
#[derive(Debug, Default)]
pub struct Collected {
    bytes: Vec<u8>,
    events: Vec<Mark>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    event_type: EventType,
    time_ms: Option<i64>,
    /// Where its bytes end.
    end: usize,
}

/// An event as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent {
    pub event_type: EventType,
    /// Its own time in Unix milliseconds.
    pub time_ms: Option<i64>,
    pub bytes: Bytes,
}

// === impl Forwards ===

impl Forwards {
    /// Takes an event for the target at a place. Its bytes are copied.
    pub fn take(&mut self, place: usize, event_type: EventType, time_ms: Option<i64>, raw: &[u8]) {
        self.events += 1;
        self.bytes += raw.len();
        if self.bytes > super::REQUEST_BYTES_MAX {
            // Nothing of the request will be forwarded.
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

    /// Bytes of memory that the events take.
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

    /// The targets that something goes to, by place, and how much.
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
