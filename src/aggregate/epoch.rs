//! Counts that are flushed together, and what belongs to them.

use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use dashmap::{DashMap, SharedValue};
use foldhash::fast::RandomState;
use tokio::time::Instant;

use super::by_shard::by_shard;
use super::delta::Delta;
use super::entry::{CountKeeper, Counts, Entry, EntryKey};
use super::key::{minute_of, series_of};
use super::table::SeriesTable;
use crate::ack::AckGuard;

/// The counts of one flush, and the acks of the requests in them.
#[derive(Debug)]
pub(super) struct Epoch {
    pub table: Arc<SeriesTable>,
    pub counts: DashMap<EntryKey, AtomicU64, RandomState>,
    pub contents: Mutex<EpochContents>,
}

/// The contents of an epoch besides its counts.
#[derive(Debug, Default)]
pub(super) struct EpochContents {
    pub acks: Vec<(AckGuard, BTreeSet<Arc<str>>)>,
    pub first_merge: Option<Instant>,
    /// Some of the counts that senders keep are of requests that were answered at their merge.
    /// Nothing sends these requests again.
    pub has_answered: bool,
}

/// Shards of an epoch's map. A growing shard blocks the threads that count in it, so there are
/// many.
const SHARDS: usize = 64;

// === impl Epoch ===

impl Epoch {
    pub(super) fn new(table: Arc<SeriesTable>) -> Self {
        let counts = DashMap::with_hasher_and_shard_amount(RandomState::default(), SHARDS);
        Self { table, counts, contents: Mutex::default() }
    }

    /// A copy of the counts.
    pub(super) fn counts(&self) -> Counts {
        let entry = |key, count: &AtomicU64| Entry { key, count: count.load(Ordering::Relaxed) };
        let entries = self.counts.iter().map(|cell| entry(*cell.key(), cell.value())).collect();
        Counts::new(Arc::clone(&self.table), entries)
    }

    /// The number of keys in a delta that have no entry yet.
    pub(super) fn new_entries(&self, delta: &Delta, keeper: CountKeeper) -> u64 {
        let known = |key| {
            let id = self.table.id(series_of(key));
            let key = id.map(|id| EntryKey::new(id, minute_of(key)).kept_by(keeper));
            key.is_some_and(|key| self.counts.contains_key(&key))
        };
        delta.iter().filter(|(key, _)| !known(key)).count() as u64
    }

    /// Adds to entries and returns the number of new ones.
    pub(super) fn add(&self, entries: &[Entry]) -> u64 {
        let mut made = 0;
        let hashes: Vec<_> = entries.iter().map(|entry| self.hash(entry.key)).collect();
        #[expect(clippy::cast_possible_truncation, reason = "matches the map's own capacity")]
        let shard_of = |hash: u64| self.counts.determine_shard(hash as usize);
        let order = by_shard::<SHARDS>(hashes.iter().map(|hash| shard_of(*hash)));
        let mut new = Vec::new();
        for group in order.chunk_by(|a, b| shard_of(hashes[*a]) == shard_of(hashes[*b])) {
            let shard = &self.counts.shards()[shard_of(hashes[group[0]])];
            let cells = shard.read();
            for at in group {
                let Entry { key, count } = entries[*at];
                match cells.get(hashes[*at], |(known, _)| *known == key) {
                    Some((_, cell)) => _ = cell.get().fetch_add(count, Ordering::Relaxed),
                    None => new.push(*at),
                }
            }
            drop(cells);
            if new.is_empty() {
                continue;
            }
            let mut cells = shard.write();
            for at in new.drain(..) {
                let Entry { key, count } = entries[at];
                // Another request may have created it in the meantime.
                if let Some((_, cell)) = cells.get(hashes[at], |(known, _)| *known == key) {
                    cell.get().fetch_add(count, Ordering::Relaxed);
                    continue;
                }
                let cell = (key, SharedValue::new(AtomicU64::new(count)));
                cells.insert(hashes[at], cell, |(known, _)| self.hash(*known));
                made += 1;
            }
        }
        made
    }

    fn hash(&self, key: EntryKey) -> u64 {
        self.counts.hasher().hash_one(key)
    }

    /// Memory used by the entries, in bytes.
    pub(super) fn bytes(&self) -> usize {
        // Each bucket holds an entry and a control byte; seven of eight buckets are used.
        self.counts.capacity() * 8 / 7 * (size_of::<Entry>() + 1)
    }
}
