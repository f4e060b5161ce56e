//! The limit on series, checked while a request is read.
//!
//! A request may name a million series that exceed the hour's limit. To save memory, a guard drops
//! series that the merge would certainly drop. It never drops a series that the merge would keep:
//! it only drops those beyond the number of new series that the limit still allows.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::quality::RandomState;

use super::aggregator::Aggregator;
use super::delta::Delta;
use super::key::{metric_of, series_of};

/// A request with less than this many bytes of keys is not checked: most requests stay below. 256
/// KiB.
const UNGUARDED_BYTES: usize = 256 << 10;

/// Checks the series of one request.
#[derive(Debug)]
pub(crate) struct SeriesGuard {
    aggregator: Arc<Aggregator>,
    /// The number of series that can be new.
    new_max: usize,
    /// Hashes of series that are new in this hour. `None` until the request is large.
    new: Option<HashSet<u64, RandomState>>,
}

// === impl SeriesGuard ===

impl SeriesGuard {
    /// The guard of one request; `None` when the merge drops nothing.
    #[must_use]
    pub(crate) fn new(aggregator: &Arc<Aggregator>) -> Option<Self> {
        let new_max = aggregator.series_max()?;
        Some(Self { aggregator: Arc::clone(aggregator), new_max, new: None })
    }

    /// A guard for another request.
    #[must_use]
    pub(crate) fn fresh(&self) -> Self {
        Self { aggregator: Arc::clone(&self.aggregator), new_max: self.new_max, new: None }
    }

    /// Whether a key that is new to a request's counts may be added to them.
    pub(crate) fn admits(&mut self, key: &[u8], delta: &Delta) -> bool {
        if delta.key_bytes() < UNGUARDED_BYTES {
            return true;
        }
        let Self { aggregator, new_max, new } = self;
        let admits = |new: &mut HashSet<u64, RandomState>, key: &[u8]| {
            let metric = metric_of(series_of(key));
            let hash = new.hasher().hash_one(metric);
            if new.contains(&hash) || aggregator.is_counted(metric) {
                return true;
            }
            new.len() < *new_max && new.insert(hash)
        };
        let new = new.get_or_insert_with(|| {
            let mut new = HashSet::default();
            for (key, _) in delta.iter() {
                admits(&mut new, key);
            }
            new
        });
        admits(new, key)
    }

    /// Memory used by the guard, in bytes.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        self.new.as_ref().map_or(0, |new| new.capacity() * 8 / 7 * (size_of::<u64>() + 1))
    }
}
