//! Copies left out of one request while it is read.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use super::Known;
use crate::ses::{Event, EventType, Fingerprint};

/// Tells the events of one request from copies.
#[derive(Clone, Debug, Default)]
pub struct Sift {
    /// Counted by other requests before.
    known: Vec<Fingerprint>,
    /// Those, and the request's own.
    seen: HashSet<Fingerprint, RandomState>,
    /// The request's own, in their order.
    own: Vec<Fingerprint>,
    sample: Option<Sample>,
}

/// A copy that was left out, as it may be named in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub event_type: EventType,
    pub message_id: String,
}

// === impl Sift ===

impl Sift {
    /// Whether an event is a copy of one before. One without a fingerprint never is.
    pub fn is_copy(&mut self, event: &Event<'_>) -> bool {
        let Some(fingerprint) = event.fingerprint() else { return false };
        if self.seen.insert(fingerprint) {
            self.own.push(fingerprint);
            return false;
        }
        self.sample.get_or_insert_with(|| Sample::of(event));
        true
    }

    /// The events that were no copies.
    pub fn fingerprints(&self) -> &[Fingerprint] {
        &self.own
    }

    /// Bytes that all of it takes of memory.
    pub fn bytes(&self) -> usize {
        (self.known.capacity() + self.own.capacity()) * size_of::<Fingerprint>()
            + self.seen.capacity() * 8 / 7 * (size_of::<Fingerprint>() + 1)
    }

    /// The first copy.
    pub fn sample(&self) -> Option<&Sample> {
        self.sample.as_ref()
    }

    /// Begins anew, for reading the request again without some more events.
    pub fn leave_out(&mut self, known: Known) {
        self.known.extend(known.0);
        self.clear();
    }

    /// Forgets what was read.
    pub fn clear(&mut self) {
        self.seen.clear();
        self.seen.extend(&self.known);
        self.own.clear();
        self.sample = None;
    }
}

// === impl Sample ===

impl Sample {
    /// SES makes ids of letters, digits and `-`; whatever else stands there may be an address.
    fn of(event: &Event<'_>) -> Self {
        let id = event.message_id().unwrap_or_default();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let message_id = if id.len() <= 100 && id.iter().all(plain) {
            String::from_utf8_lossy(id).into_owned()
        } else {
            "(unusual)".to_owned()
        };
        Self { event_type: event.event_type, message_id }
    }
}
