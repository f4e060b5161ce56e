//! What was merged and is not settled yet: the limit that protects memory.

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

// === impl Pending ===

impl Pending {
    /// Makes room for entries, up to a limit.
    pub(super) fn reserve(&self, entries: u64, limit: u64) -> Result<(), Full> {
        let fits = |held: u64| held.checked_add(entries).filter(|sum| *sum <= limit);
        if entries == 0 {
            return Ok(());
        }
        self.entries
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map_or(Err(Full), |_| Ok(()))
    }

    /// Counts that were merged, and entries that were reserved for them but not needed.
    pub(super) fn merged(&self, counts: u64, spare_entries: u64) {
        self.entries.fetch_sub(spare_entries, Ordering::Relaxed);
        self.counts.fetch_add(counts, Ordering::Relaxed);
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
