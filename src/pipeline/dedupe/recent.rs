//! The fingerprints of recent events, oldest first.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::ses::Fingerprint;

/// A queue with lookup. An event costs its fingerprint and 5 bytes in a table of positions, both
/// with spare capacity: 21 to 42 bytes.
#[derive(Debug)]
pub(super) struct RecentEvents {
    queue: VecDeque<Fingerprint>,
    /// The number of events ever removed, modulo 2^32: the position of the queue's first event.
    start: u32,
    /// Positions, counted from the first event ever added.
    places: HashTable<u32>,
    hasher: RandomState,
    /// When (Unix milliseconds) and how many events were added.
    spans: VecDeque<(i64, usize)>,
    most: usize,
    forgotten: u64,
}

/// Maximum number of events that expire at once, because others wait for the table meanwhile. Each
/// request may expire as many, and hardly any request adds as many.
const EXPIRED_AT_ONCE: usize = 10_000;

// === impl RecentEvents ===

impl RecentEvents {
    /// Holds at most `most` events, from 1 to 2^32 - 1; above it the oldest are evicted.
    pub(super) fn new(most: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            start: 0,
            places: HashTable::new(),
            hasher: RandomState::default(),
            spans: VecDeque::new(),
            most,
            forgotten: 0,
        }
    }

    pub(super) fn contains(&self, fingerprint: &Fingerprint) -> bool {
        let Self { queue, start, .. } = self;
        let same = |place: &u32| queue[place.wrapping_sub(*start) as usize] == *fingerprint;
        self.places.find(self.hasher.hash_one(fingerprint), same).is_some()
    }

    /// Adds events that it does not hold yet.
    pub(super) fn add(&mut self, at_ms: i64, fingerprints: &[Fingerprint]) {
        for fingerprint in fingerprints {
            if self.contains(fingerprint) {
                continue;
            }
            if self.queue.len() >= self.most {
                self.pop();
                self.forgotten += 1;
            }
            let Self { queue, start, places, hasher, spans, .. } = self;
            #[expect(clippy::cast_possible_truncation, reason = "positions wrap at 2^32")]
            let place = start.wrapping_add(queue.len() as u32);
            queue.push_back(*fingerprint);
            let hash = |place: &u32| hasher.hash_one(queue[place.wrapping_sub(*start) as usize]);
            places.insert_unique(hasher.hash_one(fingerprint), place, hash);
            match spans.back_mut() {
                Some((last_ms, count)) if *last_ms == at_ms => *count += 1,
                _ => spans.push_back((at_ms, 1)),
            }
        }
    }

    /// Removes events that were added at or before a time; a limited number at once.
    pub(super) fn expire(&mut self, until_ms: i64) {
        for _ in 0..EXPIRED_AT_ONCE {
            if self.spans.front().is_none_or(|(at_ms, _)| *at_ms > until_ms) {
                return;
            }
            self.pop();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The number of events evicted early.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Allocated memory, except for the times of requests.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.queue.capacity() * Fingerprint::BYTES + self.places.allocation_size()
    }

    /// Removes the oldest event.
    fn pop(&mut self) {
        let Some(oldest) = self.queue.front() else { return };
        let hash = self.hasher.hash_one(oldest);
        if let Ok(place) = self.places.find_entry(hash, |place| *place == self.start) {
            place.remove();
        }
        self.queue.pop_front();
        self.start = self.start.wrapping_add(1);
        if let Some((_, count)) = self.spans.front_mut() {
            *count -= 1;
            if *count == 0 {
                self.spans.pop_front();
            }
        }
    }
}
