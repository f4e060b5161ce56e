//! Events sampled at one level.

use std::sync::Arc;

/// Memory of an event beside its text: the entry, the counters of its reference and the allocation.
const ENTRY_BYTES: usize = 64;

/// Some of the events that were seen: those whose own level is not below that of the slice.
#[derive(Debug, Default)]
pub(super) struct Slice {
    level: u8,
    seen: u64,
    bytes: usize,
    /// Each with its own level.
    events: Vec<(u8, Arc<str>)>,
}

// === impl Slice ===

impl Slice {
    pub(super) fn new(level: u8) -> Self {
        Self { level, ..Self::default() }
    }

    pub(super) fn level(&self) -> u8 {
        self.level
    }

    /// The number of events that were seen, in the slice or not.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Memory of the events.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn see(&mut self) {
        self.seen += 1;
    }

    /// Adds an event that was seen, with its own level.
    pub(super) fn push(&mut self, level: u8, text: &str) {
        if level >= self.level {
            self.bytes += text.len() + ENTRY_BYTES;
            self.events.push((level, text.into()));
        }
    }

    /// Raises the level by one: each event stays with a chance of one half.
    pub(super) fn thin_out(&mut self) {
        self.rise_to(self.level.saturating_add(1));
    }

    fn rise_to(&mut self, level: u8) {
        self.level = level;
        // The highest level holds nothing, so that rising ends.
        self.events.retain(|(own, _)| *own >= level && level < u8::MAX);
        self.bytes = self.events.iter().map(|(_, text)| text.len() + ENTRY_BYTES).sum();
    }

    /// Adds another slice; the result is at the higher of both levels.
    pub(super) fn append(&mut self, mut other: Self) {
        let level = self.level.max(other.level);
        if self.level < level {
            self.rise_to(level);
        }
        if other.level < level {
            other.rise_to(level);
        }
        self.seen += other.seen;
        self.bytes += other.bytes;
        self.events.append(&mut other.events);
    }

    /// The events that would be in a slice with this level.
    pub(super) fn at_level(&self, level: u8) -> impl Iterator<Item = Arc<str>> {
        let events = self.events.iter().filter(move |(own, _)| *own >= level);
        events.map(|(_, text)| Arc::clone(text))
    }
}
