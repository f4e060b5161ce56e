//! What was merged and is not settled yet: the limit that protects memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The pending entries are at their limit; nothing was merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// What was merged and is not yet accepted nor given up, over all epochs.
#[derive(Debug, Default)]
pub struct Pending {
    entries: AtomicU64,
    counts: AtomicU64,
}

/// Room for entries that are about to be merged; given back when it is dropped.
#[derive(Debug)]
pub struct Room {
    pending: Arc<Pending>,
    entries: u64,
}

// === impl Room ===

impl Room {
    /// For counts that are taken in whatever the limit.
    pub(super) fn none(pending: &Arc<Pending>) -> Self {
        Self { pending: Arc::clone(pending), entries: 0 }
    }

    /// Counts were merged, and made so many entries: near the limit sometimes more than there was
    /// room for, when an epoch ended meanwhile.
    pub(super) fn merged(mut self, counts: u64, made: u64) {
        self.pending.entries.fetch_add(made, Ordering::Relaxed);
        self.pending.counts.fetch_add(counts, Ordering::Relaxed);
        self.give_back();
    }

    fn give_back(&mut self) {
        self.pending.entries.fetch_sub(std::mem::take(&mut self.entries), Ordering::Relaxed);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.give_back();
    }
}

// === impl Pending ===

impl Pending {
    /// Makes room for entries, up to a limit; for whoever comes alone, as much as they want, so that
    /// a request larger than the limit is not refused for ever.
    pub(super) fn reserve(self: &Arc<Self>, entries: u64, limit: u64) -> Result<Room, Full> {
        let fits = |held: u64| {
            let room = held.checked_add(entries).filter(|sum| *sum <= limit || held == 0);
            room.or_else(|| (entries == 0).then_some(held))
        };
        let held = self.entries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        held.map_or(Err(Full), |_| Ok(Room { pending: Arc::clone(self), entries }))
    }

    /// Entries that joined others of the same series and minute.
    pub fn coalesced(&self, entries: u64) {
        self.entries.fetch_sub(entries, Ordering::Relaxed);
    }

    /// Entries that were accepted, or given up with a counted reason.
    pub fn done(&self, entries: u64, counts: u64) {
        self.entries.fetch_sub(entries, Ordering::Relaxed);
        self.counts.fetch_sub(counts, Ordering::Relaxed);
    }

    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn counts(&self) -> u64 {
        self.counts.load(Ordering::Relaxed)
    }
}
