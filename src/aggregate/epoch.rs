//! The epoch that takes counts now, and its limits.
//!
//! A request's delta is merged under the read side of one lock, held for the merge only; sealing
//! takes the write side to swap the epoch. So a sealed epoch is complete, and its receipts are
//! exactly those of the requests whose counts it holds.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use dashmap::DashMap;
use foldhash::fast::RandomState;

use super::delta::Delta;
use super::key::{SeriesKey, layout_of, series_of};
use super::lines::{Line, sorted_lines};
use super::recent::Recent;
use super::series::HourlySeries;
use crate::ack::Receipt;
use crate::clock::Clock;
use crate::destination::Layouts;

/// Bounds of an aggregator.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Distinct series in a UTC hour; `None` when nothing is paid for them.
    pub series: Option<usize>,
    /// Series times minutes that CloudWatch has not yet accepted.
    pub entries: u64,
}

/// The shared counts.
#[derive(Debug)]
pub struct Aggregator {
    active: RwLock<Epoch>,
    recent: Mutex<Recent>,
    series: Option<Mutex<HourlySeries>>,
    entries_max: u64,
    pub pending: Arc<Pending>,
    layouts: Layouts,
    clock: Clock,
}

/// What was merged and is not yet accepted nor given up, over all epochs.
#[derive(Debug, Default)]
pub struct Pending {
    entries: AtomicU64,
    counts: AtomicU64,
}

#[derive(Debug, Default)]
struct Epoch {
    counts: DashMap<SeriesKey, AtomicU64, RandomState>,
    contents: Mutex<Contents>,
}

/// What an epoch holds beside its counts.
#[derive(Debug, Default)]
struct Contents {
    receipts: Vec<(Receipt, BTreeSet<Arc<str>>)>,
    first_merge_ms: Option<i64>,
}

/// An epoch that takes nothing more in.
#[derive(Debug, Default)]
pub struct Sealed {
    pub counts: Vec<(SeriesKey, u64)>,
    /// Receipts of the requests counted here, each with the namespaces that it wrote to.
    pub receipts: Vec<(Receipt, BTreeSet<Arc<str>>)>,
    /// Unix milliseconds of the first merge.
    pub first_merge_ms: Option<i64>,
    /// Entries of `GET /series` that went before their three hours were over.
    pub recent_evicted: usize,
}

/// What became of a merged delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merge {
    /// Counts not made because their series would be one too many in this hour.
    pub series_limit: u64,
}

/// The pending entries are at their limit; nothing was merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

// === impl Aggregator ===

impl Aggregator {
    #[must_use]
    pub fn new(limits: Limits, layouts: Layouts, clock: Clock) -> Self {
        let recent_max = usize::try_from(limits.entries).unwrap_or(usize::MAX);
        Self {
            active: RwLock::default(),
            recent: Mutex::new(Recent::new(recent_max)),
            series: limits.series.map(|limit| Mutex::new(HourlySeries::new(limit))),
            entries_max: limits.entries,
            pending: Arc::default(),
            layouts,
            clock,
        }
    }

    /// Adds a request's counts, all in one epoch, and keeps its receipt until they are settled.
    ///
    /// # Errors
    /// [`Full`]: the pending entries would pass their limit. Nothing was merged then.
    pub fn merge(
        &self,
        delta: &Delta,
        receipt: impl FnOnce() -> Option<Receipt>,
    ) -> Result<Merge, Full> {
        let now_ms = self.clock.now_ms();
        let epoch = self.active.read().unwrap_or_else(PoisonError::into_inner);
        let new = delta.iter().filter(|(key, _)| !epoch.counts.contains_key(*key)).count() as u64;
        self.pending.reserve(new, self.entries_max)?;

        let mut series = self.series.as_ref().map(lock);
        if let Some(series) = &mut series {
            series.turn(now_ms);
        }
        let mut merge = Merge { series_limit: 0 };
        let mut made = 0;
        let mut merged = 0;
        let mut layouts = BTreeSet::new();
        for (key, count) in delta.iter() {
            if series.as_mut().is_some_and(|series| !series.admit(series_of(key))) {
                merge.series_limit += count;
                continue;
            }
            merged += count;
            layouts.insert(layout_of(key));
            if let Some(cell) = epoch.counts.get(key) {
                cell.fetch_add(count, Ordering::Relaxed);
                continue;
            }
            let cell = epoch.counts.entry(SeriesKey::new(key)).or_insert_with(|| {
                made += 1;
                AtomicU64::new(0)
            });
            cell.fetch_add(count, Ordering::Relaxed);
        }
        drop(series);
        // Another request may have made an entry first that was new when this one looked.
        self.pending.entries.fetch_sub(new - made, Ordering::Relaxed);
        self.pending.counts.fetch_add(merged, Ordering::Relaxed);

        if let Some(receipt) = receipt() {
            let namespaces =
                layouts.iter().filter_map(|id| Some(Arc::clone(&self.layouts.get(*id)?.namespace)));
            lock(&epoch.contents).receipts.push((receipt, namespaces.collect()));
        }
        if merged > 0 {
            lock(&epoch.contents).first_merge_ms.get_or_insert(now_ms);
        }
        Ok(merge)
    }

    /// Ends the active epoch and begins another.
    #[must_use]
    pub fn seal(&self) -> Sealed {
        let mut recent = lock(&self.recent);
        let epoch = {
            let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *active)
        };
        let now_ms = self.clock.now_ms();
        let counts: Vec<_> =
            epoch.counts.into_iter().map(|(key, count)| (key, count.into_inner())).collect();
        for (key, count) in &counts {
            recent.add(key.clone(), *count, now_ms);
        }
        let recent_evicted = recent.sweep(now_ms);
        let contents = epoch.contents.into_inner().unwrap_or_else(PoisonError::into_inner);
        Sealed {
            counts,
            receipts: contents.receipts,
            first_merge_ms: contents.first_merge_ms,
            recent_evicted,
        }
    }

    /// What was counted in the last three hours, accepted or not.
    #[must_use]
    pub fn recent_lines(&self) -> Vec<Line> {
        let recent = lock(&self.recent);
        let mut all: std::collections::HashMap<SeriesKey, u64, RandomState> =
            recent.iter().map(|(key, count)| (key.clone(), count)).collect();
        // Under the same lock: an entry is either here still or there already, never both.
        let epoch = self.active.read().unwrap_or_else(PoisonError::into_inner);
        for entry in &epoch.counts {
            *all.entry(entry.key().clone()).or_default() += entry.value().load(Ordering::Relaxed);
        }
        drop(epoch);
        drop(recent);
        sorted_lines(all.iter().map(|(key, count)| (key.as_bytes(), *count)), &self.layouts)
    }

    /// Unix milliseconds of the active epoch's first merge.
    #[must_use]
    pub fn first_merge_ms(&self) -> Option<i64> {
        let epoch = self.active.read().unwrap_or_else(PoisonError::into_inner);
        lock(&epoch.contents).first_merge_ms
    }

    /// Distinct series in this hour; 0 when they are not limited.
    #[must_use]
    pub fn series(&self) -> usize {
        self.series.as_ref().map_or(0, |series| lock(series).len())
    }

    #[must_use]
    pub fn layouts(&self) -> &Layouts {
        &self.layouts
    }
}

/// A poisoned lock still guards plain numbers: a panic elsewhere must not stop the stream.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Pending ===

impl Pending {
    fn reserve(&self, entries: u64, limit: u64) -> Result<(), Full> {
        let fits = |held: u64| held.checked_add(entries).filter(|sum| *sum <= limit);
        if entries == 0 {
            return Ok(());
        }
        self.entries
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map_or(Err(Full), |_| Ok(()))
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

#[cfg(test)]
mod tests;
