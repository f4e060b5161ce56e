//! The shared counts: the epoch that takes counts now, and its limits.
//!
//! A request's delta is merged under the read side of its epoch's lock, held for the merge only.
//! Sealing swaps the active epoch for an empty one, then takes the write side of the old lock to
//! wait for running merges. So a sealed epoch is complete, and its acks are exactly those of
//! the requests it counted. No merge ever waits for a seal.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};

use arc_swap::ArcSwap;
use tokio::time::Instant;

use super::delta::Delta;
use super::entry::{CountKeeper, Counts, Entry, EntryKey};
use super::epoch::Epoch;
use super::hour::{HourlyLimit, SeriesOverflow};
use super::key::{layout_of, metric_of, minute_of, series_of};
use super::lines::{Line, RecentLines};
use super::merge::{Merge, SeriesFull};
use super::pending::{EntryRoom, Full, Pending};
use super::recent::Recent;
use super::table::SeriesTable;
use crate::ack::AckGuard;
use crate::clock::Clock;
use crate::rules::{LayoutId, Layouts};

/// Limits of an aggregator.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Distinct series in a UTC hour; `None` when series cost nothing.
    pub series: Option<usize>,
    /// Pairs of a series and a minute that CloudWatch has not accepted yet.
    pub entries: u64,
}

/// The shared counts.
#[derive(Debug)]
pub struct Aggregator {
    active: ArcSwap<EpochSlot>,
    recent: Mutex<Recent>,
    /// Stored separately, so that reading it does not wait for a seal.
    recent_bytes: AtomicUsize,
    series: HourlyLimit,
    /// Held while the series of a whole request are admitted.
    reserving: Mutex<()>,
    entries_max: u64,
    /// Nothing of senders is merged any more.
    is_closed: AtomicBool,
    pub pending: Arc<Pending>,
    layouts: Layouts,
    clock: Clock,
}

/// Holds an epoch until it is sealed.
type EpochSlot = RwLock<Option<Epoch>>;

/// An epoch that accepts no more counts.
#[derive(Debug)]
pub struct Sealed {
    pub counts: Counts,
    /// Receipts of the requests counted here, each with the namespaces that its counts are in.
    pub acks: Vec<(AckGuard, BTreeSet<Arc<str>>)>,
    pub first_merge: Option<Instant>,
    /// Some of the counts that senders keep are of requests that were answered at their merge.
    pub has_answered: bool,
    /// Entries of `GET /series` evicted before their three hours were over.
    pub recent_evicted: usize,
}

/// A table is replaced once it holds this many series more than twice the live ones.
const DEAD_SERIES_MIN: usize = 1024;

// === impl Aggregator ===

impl Aggregator {
    #[must_use]
    pub fn new(limits: Limits, layouts: Layouts, clock: Clock) -> Self {
        let recent_max = usize::try_from(limits.entries).unwrap_or(usize::MAX);
        let table = Arc::new(SeriesTable::default());
        Self {
            active: ArcSwap::from_pointee(epoch_slot(Arc::clone(&table))),
            recent: Mutex::new(Recent::new(table, recent_max)),
            recent_bytes: AtomicUsize::new(0),
            series: HourlyLimit::new(limits.series),
            reserving: Mutex::new(()),
            entries_max: limits.entries,
            is_closed: AtomicBool::new(false),
            pending: Arc::default(),
            layouts,
            clock,
        }
    }

    /// Sets what happens beyond the limit of series.
    #[must_use]
    pub(crate) fn with_overflow(mut self, overflow: SeriesOverflow) -> Self {
        self.series.set_overflow(overflow);
        self
    }

    /// Admits all series of a request in this hour, or none. They stay admitted if the request is
    /// not merged after all. Only for [`SeriesOverflow::Refuse`]: other merges take no turns.
    ///
    /// # Errors
    /// [`SeriesFull`]: the hour's limit does not allow all of them.
    pub(crate) fn reserve_series(&self, delta: &Delta) -> Result<(), SeriesFull> {
        let Some(max) = self.series.max() else { return Ok(()) };
        let _reserving = lock(&self.reserving);
        let now_ms = self.clock.now_ms();
        let stamp = self.series.turn(now_ms);
        self.with_active(|epoch| {
            let metrics = delta.iter().map(|(key, _)| metric_of(series_of(key)));
            let new: HashSet<_> =
                metrics.filter(|metric| !epoch.table.is_counted(metric, stamp)).collect();
            let left = max.saturating_sub(self.series.series(now_ms));
            if new.len() > left {
                return Err(SeriesFull { new: new.len(), left, max });
            }
            for metric in new {
                // A table that is full has no room in the merge either, which counts it.
                let _ = epoch.table.admit_metric(metric, &self.series);
            }
            Ok(())
        })
    }

    /// Adds a request's counts, all in one epoch, and keeps its ack until they are settled. The
    /// journal does not have them.
    ///
    /// # Errors
    /// [`Full`]: the pending entries would exceed their limit, or the aggregator is closed. Nothing
    /// was merged.
    pub fn merge(
        &self,
        delta: &Delta,
        ack: impl FnOnce() -> Option<AckGuard>,
    ) -> Result<Merge, Full> {
        let keeper = CountKeeper::Sender;
        self.merge_into(self.reserve(delta, keeper)?, delta, keeper, ack).ok_or(Full)
    }

    /// Reserves room for a request's counts: one entry for each, most of which is returned. Near
    /// the limit, only for new entries.
    ///
    /// # Errors
    /// As for [`Aggregator::merge`].
    pub fn reserve(&self, delta: &Delta, keeper: CountKeeper) -> Result<EntryRoom, Full> {
        self.pending.reserve(delta.len() as u64, self.entries_max).or_else(|Full| {
            let new = self.with_active(|epoch| epoch.new_entries(delta, keeper));
            self.pending.reserve(new, self.entries_max)
        })
    }

    /// Adds counts that the journal has from an earlier process, ignoring the limit of entries.
    pub fn restore(&self, delta: &Delta) -> Merge {
        let merge =
            self.merge_into(EntryRoom::none(&self.pending), delta, CountKeeper::Journal, || None);
        // The journal's counts are always merged.
        merge.unwrap_or_default()
    }

    /// As [`Aggregator::merge`], with room that was already reserved. `None` after
    /// [`Aggregator::close`]: nothing was merged.
    pub(crate) fn merge_into(
        &self,
        room: EntryRoom,
        delta: &Delta,
        keeper: CountKeeper,
        ack: impl FnOnce() -> Option<AckGuard>,
    ) -> Option<Merge> {
        self.with_active(|epoch| {
            if keeper == CountKeeper::Sender && self.is_closed.load(Ordering::SeqCst) {
                return None;
            }
            Some(self.merge_into_epoch(epoch, room, delta, keeper, ack))
        })
    }

    /// Merges no more counts but those that the journal has: what is left is about to be added up.
    /// When this returns, every merge that had begun has ended.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        // A merge holds its epoch for reading.
        drop(self.active.load().write());
    }

    fn merge_into_epoch(
        &self,
        epoch: &Epoch,
        room: EntryRoom,
        delta: &Delta,
        keeper: CountKeeper,
        ack: impl FnOnce() -> Option<AckGuard>,
    ) -> Merge {
        let stamp = self.series.turn(self.clock.now_ms());
        let mut merge = Merge::default();
        let mut merged = 0;
        let mut entries = Vec::with_capacity(delta.len());
        // May contain repeats, except of neighbors.
        let mut layouts = Vec::new();
        let series: Vec<_> = delta.iter().map(|(key, _)| series_of(key)).collect();
        let known = epoch.table.find(&series, stamp);
        for ((key, count), known) in delta.iter().zip(known) {
            let known = known.or_else(|| epoch.table.admit(series_of(key), &self.series));
            let Some(id) = known else {
                merge.over_limit.push((key.into(), count));
                continue;
            };
            merged += count;
            let layout = layout_of(key);
            if layouts.last() != Some(&layout) {
                layouts.push(layout);
            }
            let key = EntryKey::new(id, minute_of(key)).kept_by(keeper);
            entries.push(Entry { key, count });
        }
        room.merged(merged, epoch.add(&entries), keeper);

        let ack = ack();
        let is_answered = ack.as_ref().is_none_or(AckGuard::is_answered);
        let ack = ack.map(|ack| (ack, self.namespaces(&layouts)));
        let mut contents = lock(&epoch.contents);
        contents.acks.extend(ack);
        if merged > 0 {
            contents.has_answered |= is_answered && keeper == CountKeeper::Sender;
            // Not by the wall clock, which may be set: the age decides what is admitted.
            contents.first_merge.get_or_insert_with(Instant::now);
        }
        merge
    }

    /// The number of distinct series in an hour above which a merge drops counts; `None`: it drops
    /// none.
    pub(super) fn series_max(&self) -> Option<usize> {
        self.series.drops_above()
    }

    /// Whether a metric was counted in this hour.
    pub(super) fn is_counted(&self, metric: &[u8]) -> bool {
        let stamp = self.series.turn(self.clock.now_ms());
        self.with_active(|epoch| epoch.table.is_counted(metric, stamp))
    }

    /// Runs `use_epoch` on the active epoch, which is not sealed before it returns.
    fn with_active<T>(&self, use_epoch: impl FnOnce(&Epoch) -> T) -> T {
        loop {
            let slot = self.active.load();
            let epoch = match slot.try_read() {
                Ok(epoch) => epoch,
                Err(TryLockError::Poisoned(epoch)) => epoch.into_inner(),
                // This epoch is being sealed, and another one is already active.
                Err(TryLockError::WouldBlock) => continue,
            };
            if let Some(epoch) = &*epoch {
                return use_epoch(epoch);
            }
        }
    }

    /// The namespaces of a request's counts.
    #[must_use]
    pub(crate) fn namespaces_of(&self, delta: &Delta) -> BTreeSet<Arc<str>> {
        let mut layouts: Vec<_> = delta.iter().map(|(key, _)| layout_of(key)).collect();
        layouts.dedup();
        self.namespaces(&layouts)
    }

    fn namespaces(&self, layouts: &[LayoutId]) -> BTreeSet<Arc<str>> {
        let layouts = layouts.iter().filter_map(|id| self.layouts.get(*id));
        layouts.map(|layout| Arc::clone(&layout.namespace)).collect()
    }

    /// Seals the active epoch and starts another.
    #[must_use]
    pub fn seal(&self) -> Sealed {
        let mut recent = lock(&self.recent);
        let table = self.next_table(&recent);
        let slot = self.active.swap(Arc::new(epoch_slot(Arc::clone(&table))));
        let sealed = slot.write().unwrap_or_else(PoisonError::into_inner).take();
        // Only a seal empties a slot, and each seal takes another one.
        let sealed = sealed.unwrap_or_else(|| Epoch::new(Arc::clone(&table)));
        let now_ms = self.clock.now_ms();
        let Epoch { table: old_table, counts, contents } = sealed;
        let entry = |(key, count): (EntryKey, AtomicU64)| Entry { key, count: count.into_inner() };
        let mut entries = Vec::with_capacity(counts.len());
        entries.extend(counts.into_iter().map(entry));
        let counts = Counts::new(old_table, entries);
        let recent_evicted = if Arc::ptr_eq(&counts.table, &table) {
            recent.add(&counts, now_ms)
        } else {
            table.carry(self.series.stamp());
            let (same, (lost, _)) = counts.clone().under(&table);
            recent.turn(&table) + recent.add(&same, now_ms) + usize::try_from(lost).unwrap_or(0)
        };
        self.recent_bytes.store(recent.bytes(), Ordering::Relaxed);
        let contents = contents.into_inner().unwrap_or_else(PoisonError::into_inner);
        Sealed {
            counts,
            acks: contents.acks,
            first_merge: contents.first_merge,
            has_answered: contents.has_answered,
            recent_evicted,
        }
    }

    /// The counts of the last three hours, accepted or not: a copy of at most 20 bytes per entry,
    /// which yields sorted lines one by one.
    #[must_use]
    pub(crate) fn recent(&self) -> RecentLines {
        let recent = lock(&self.recent);
        // Under the lock, so that an entry is in exactly one of the two places.
        let active = self.with_active(Epoch::counts);
        let entries = recent.entries_with(&active);
        drop(recent);
        RecentLines::new(active.table, entries, self.layouts.clone())
    }

    /// All lines of [`Aggregator::recent`].
    #[must_use]
    pub fn recent_lines(&self) -> Vec<Line> {
        self.recent().collect()
    }

    /// Distinct series with counts in the last three hours, without those of the active epoch.
    #[must_use]
    pub(crate) fn recent_series(&self) -> usize {
        lock(&self.recent).series()
    }

    /// The active epoch's first merge.
    #[must_use]
    pub(crate) fn first_merge(&self) -> Option<Instant> {
        self.with_active(|epoch| lock(&epoch.contents).first_merge)
    }

    /// Distinct series in this hour; 0 when they are not limited.
    #[must_use]
    pub fn series(&self) -> usize {
        self.series.series(self.clock.now_ms())
    }

    /// Memory used by series and their counts in bytes, without sealed epochs.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let recent = self.recent_bytes.load(Ordering::Relaxed);
        recent + self.with_active(|epoch| epoch.table.bytes() + epoch.bytes())
    }

    #[must_use]
    pub fn layouts(&self) -> &Layouts {
        &self.layouts
    }

    /// The table for the next epoch: the current one unless too many of its series are dead.
    fn next_table(&self, recent: &Recent) -> Arc<SeriesTable> {
        let table = self.with_active(|epoch| Arc::clone(&epoch.table));
        let alive = recent.series() + self.series();
        if table.series() > DEAD_SERIES_MIN + 2 * alive {
            Arc::new(SeriesTable::after(table))
        } else {
            table
        }
    }
}

fn epoch_slot(table: Arc<SeriesTable>) -> EpochSlot {
    RwLock::new(Some(Epoch::new(table)))
}

/// A poisoned lock still protects plain numbers, so a panic elsewhere must not stop counting.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
