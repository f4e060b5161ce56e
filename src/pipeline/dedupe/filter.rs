//! Removes duplicates within one request while it is read.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use super::Duplicates;
use crate::ses::{Event, EventType, Fingerprint};

/// Distinguishes the events of one request from duplicates.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestFilter {
    /// Events that other requests have counted.
    known: Vec<Fingerprint>,
    /// Those events and the request's own.
    seen: HashSet<Fingerprint, RandomState>,
    /// The request's own events, in order.
    own: Vec<Fingerprint>,
    sample: Option<DuplicateSample>,
}

/// A removed duplicate, with details that may be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DuplicateSample {
    pub event_type: EventType,
    pub message_id: String,
}

// === impl RequestFilter ===

impl RequestFilter {
    /// Whether an event duplicates an earlier one. Never true without a fingerprint.
    pub(crate) fn is_duplicate(&mut self, event: &Event<'_>) -> bool {
        let Some(fingerprint) = event.fingerprint() else { return false };
        if self.seen.insert(fingerprint) {
            self.own.push(fingerprint);
            return false;
        }
        self.sample.get_or_insert_with(|| DuplicateSample::of(event));
        true
    }

    /// The events that were not duplicates.
    pub(crate) fn fingerprints(&self) -> &[Fingerprint] {
        &self.own
    }

    /// Memory used, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        (self.known.capacity() + self.own.capacity()) * size_of::<Fingerprint>()
            + self.seen.capacity() * 8 / 7 * (size_of::<Fingerprint>() + 1)
    }

    /// The first duplicate.
    pub(crate) fn sample(&self) -> Option<&DuplicateSample> {
        self.sample.as_ref()
    }

    /// Clears the state, to read the request again without some more events.
    pub(crate) fn leave_out(&mut self, duplicates: Duplicates) {
        self.known.extend(duplicates.0);
        self.clear();
    }

    /// Forgets the events that were read.
    pub(crate) fn clear(&mut self) {
        self.seen.clear();
        self.seen.extend(&self.known);
        self.own.clear();
        self.sample = None;
    }
}

// === impl DuplicateSample ===

impl DuplicateSample {
    /// SES IDs consist of letters, digits and `-`; anything else might be an address.
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
