//! The progress of a replay.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::{FixedState, RandomState};

use crate::aggregate::{Delta, metric_of, series_of};
use crate::pipeline::{Batch, NotCountedReport, Tally};

/// Progress that the workers report and other tasks display.
#[derive(Debug, Default)]
pub(crate) struct ReplayProgress {
    objects: AtomicU64,
    bytes: AtomicU64,
    events: AtomicU64,
    totals: Mutex<ReplayTotals>,
}

/// Why an object failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureReason {
    SeriesLimit,
    /// Its message says why.
    Other,
}

/// The progress at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProgressFigures {
    /// Objects that were read or failed, and their bytes.
    pub objects: u64,
    pub bytes: u64,
    pub events: u64,
}

/// Totals of the objects, and of the events in those that were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplayTotals {
    pub read: u64,
    /// No longer existing, or changed.
    pub missing: u64,
    pub failed: u64,
    /// Those of the failed ones that exceed the limit of series.
    pub series_limit: u64,
    /// Of objects that were read.
    pub bytes: u64,
    pub tally: Tally,
    pub not_counted: NotCountedReport,
    /// Hashes of the counted series.
    series: HashSet<u64, RandomState>,
}

// === impl ReplayProgress ===

impl ReplayProgress {
    #[must_use]
    pub(crate) fn figures(&self) -> ProgressFigures {
        ProgressFigures {
            objects: self.objects.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            events: self.events.load(Ordering::Relaxed),
        }
    }

    #[must_use]
    pub(crate) fn totals(&self) -> ReplayTotals {
        self.lock().clone()
    }

    /// An object with this name and size was counted.
    pub(crate) fn read(&self, name: &str, bytes: u64, batch: &Batch) {
        self.events.fetch_add(batch.tally.events(), Ordering::Relaxed);
        let series: Vec<_> = hashes(&batch.delta).collect();
        let mut totals = self.lock();
        totals.read += 1;
        totals.bytes += bytes;
        totals.tally.add(&batch.tally);
        if let Some(found) = &batch.not_counted {
            totals.not_counted.add(name, found);
        }
        totals.series.extend(series);
        drop(totals);
        self.done(bytes);
    }

    pub(crate) fn missing(&self, bytes: u64) {
        self.lock().missing += 1;
        self.done(bytes);
    }

    /// Returns the number of failed objects so far.
    pub(super) fn failed(&self, bytes: u64, reason: FailureReason) -> u64 {
        self.done(bytes);
        let mut totals = self.lock();
        totals.failed += 1;
        totals.series_limit += u64::from(reason == FailureReason::SeriesLimit);
        totals.failed
    }

    fn done(&self, bytes: u64) {
        self.objects.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, ReplayTotals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hashes(delta: &Delta) -> impl Iterator<Item = u64> {
    let hasher = FixedState::default();
    delta.iter().map(move |(key, _)| hasher.hash_one(metric_of(series_of(key))))
}

// === impl ReplayTotals ===

impl ReplayTotals {
    /// Distinct metrics.
    #[must_use]
    pub(crate) fn series(&self) -> u64 {
        self.series.len() as u64
    }
}
