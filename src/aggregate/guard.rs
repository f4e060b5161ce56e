//! The limit on series, judged while a request is read.
//!
//! A request may name a million series that the hour has no place for. Those take no memory: a
//! guard drops what the merge would drop for certain. It never drops what the merge would keep: at
//! most as many new series as the limit allows can be made, so only those beyond that are dropped.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::quality::RandomState;

use super::delta::Delta;
use super::epoch::Aggregator;
use super::key::series_of;

/// Up to so many bytes of keys a request is not looked at: most never have more. 256 KiB.
const UNGUARDED_BYTES: usize = 256 << 10;

/// Judges the series of one request.
#[derive(Debug)]
pub struct SeriesGuard {
    aggregator: Arc<Aggregator>,
    new_max: usize,
    /// Hashes of series that the hour does not know. `None` until the request is large.
    new: Option<HashSet<u64, RandomState>>,
}

// === impl SeriesGuard ===

impl SeriesGuard {
    /// At most so many series can be new.
    pub(super) fn new(aggregator: Arc<Aggregator>, new_max: usize) -> Self {
        Self { aggregator, new_max, new: None }
    }

    /// A guard of another request.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self::new(Arc::clone(&self.aggregator), self.new_max)
    }

    /// Whether a key that is not in a request's counts may be added to them.
    pub fn admits(&mut self, key: &[u8], delta: &Delta) -> bool {
        if delta.key_bytes() < UNGUARDED_BYTES {
            return true;
        }
        let Self { aggregator, new_max, new } = self;
        let admits = |new: &mut HashSet<u64, RandomState>, series: &[u8]| {
            let hash = new.hasher().hash_one(series);
            if new.contains(&hash) || aggregator.is_counted(series) {
                return true;
            }
            new.len() < *new_max && new.insert(hash)
        };
        let new = new.get_or_insert_with(|| {
            let mut new = HashSet::default();
            for (key, _) in delta.iter() {
                admits(&mut new, series_of(key));
            }
            new
        });
        admits(new, series_of(key))
    }

    /// Bytes that the guard takes of memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.new.as_ref().map_or(0, |new| new.capacity() * 8 / 7 * (size_of::<u64>() + 1))
    }
}
