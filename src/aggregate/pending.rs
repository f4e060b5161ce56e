//! Counts that are merged but not settled: the limit that bounds memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::entry::CountKeeper;

/// The pending entries are at their limit; nothing was merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Counts in all epochs that are merged and neither accepted nor dropped yet.
#[derive(Debug, Default)]
pub struct Pending {
    entries: AtomicU64,
    counts: AtomicU64,
    /// Some counts were ever merged that only senders keep.
    has_senders: AtomicBool,
}

/// Room for entries that are about to be merged; returned when dropped.
#[derive(Debug)]
pub struct EntryRoom {
    pending: Arc<Pending>,
    entries: u64,
}

// === impl EntryRoom ===

impl EntryRoom {
    /// For counts that are accepted regardless of the limit.
    pub(super) fn none(pending: &Arc<Pending>) -> Self {
        Self { pending: Arc::clone(pending), entries: 0 }
    }

    /// Records merged counts and the entries they created. Near the limit these can exceed the
    /// reserved room, if an epoch ended in between.
    pub(super) fn merged(mut self, counts: u64, made: u64, keeper: CountKeeper) {
        if keeper == CountKeeper::Sender {
            self.pending.has_senders.store(true, Ordering::Relaxed);
        }
        self.pending.entries.fetch_add(made, Ordering::Relaxed);
        self.pending.counts.fetch_add(counts, Ordering::Relaxed);
        self.give_back();
    }

    fn give_back(&mut self) {
        self.pending.entries.fetch_sub(std::mem::take(&mut self.entries), Ordering::Relaxed);
    }
}

impl Drop for EntryRoom {
    fn drop(&mut self) {
        self.give_back();
    }
}

// === impl Pending ===

impl Pending {
    /// Reserves room for entries up to a limit. A request that is alone gets as much as it needs,
    /// so that a request above the limit is not rejected forever.
    pub(super) fn reserve(self: &Arc<Self>, entries: u64, limit: u64) -> Result<EntryRoom, Full> {
        let fits = |held: u64| {
            let room = held.checked_add(entries).filter(|sum| *sum <= limit || held == 0);
            room.or_else(|| (entries == 0).then_some(held))
        };
        let held = self.entries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        held.map_or(Err(Full), |_| Ok(EntryRoom { pending: Arc::clone(self), entries }))
    }

    /// Entries that were merged into others with the same series and minute.
    pub(crate) fn coalesced(&self, entries: u64) {
        self.entries.fetch_sub(entries, Ordering::Relaxed);
    }

    /// Entries that were accepted, or dropped for a counted reason.
    pub fn done(&self, entries: u64, counts: u64) {
        self.entries.fetch_sub(entries, Ordering::Relaxed);
        self.counts.fetch_sub(counts, Ordering::Relaxed);
    }

    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// Whether some counts were ever merged that only senders keep.
    #[must_use]
    pub(crate) fn has_senders(&self) -> bool {
        self.has_senders.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn counts(&self) -> u64 {
        self.counts.load(Ordering::Relaxed)
    }
}
