//! The live series, each stored once: bytes in, a small [`SeriesId`] out.
//!
//! With it, the key of a count has 8 bytes, however long the series' values are. A series stays
//! until its table is dropped. A table with many dead series is replaced by a new one
//! ([`SeriesTable::after`]); the old one lives as long as counts refer to it.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[cfg(test)]
use foldhash::quality::FixedState as RandomState;
#[cfg(not(test))]
use foldhash::quality::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use super::arena::{Arena, ArenaPlace};
use super::by_shard::by_shard;
use super::hour::{HourlyLimit, Stamp};
use super::key::{metric_of, value_of};

/// Bits of an ID that hold the shard.
const SHARD_BITS: u32 = 5;
const SHARDS: usize = 1 << SHARD_BITS;

/// Identifies a series within one table: the location of its bytes. Has [`SeriesId::BITS`] bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesId(pub u32);

/// The bytes of series, found by ID or by bytes. Holds up to 1.6 GB.
#[derive(Debug, Default)]
pub struct SeriesTable {
    shards: [RwLock<Shard>; SHARDS],
    hasher: RandomState,
    /// The previous table, asked about series that are new here until it is carried over.
    before: RwLock<Option<Arc<SeriesTable>>>,
    /// Some series are of metrics whose keys name a value.
    has_values: AtomicBool,
}

#[derive(Debug, Default)]
struct Shard {
    index: HashTable<u32>,
    arena: Arena,
}

// === impl SeriesId ===

impl SeriesId {
    pub(crate) const BITS: u32 = SHARD_BITS + ArenaPlace::BITS;

    fn new(shard: usize, place: ArenaPlace) -> Self {
        // A shard number has few bits.
        Self(u32::try_from(shard).unwrap_or_default() << ArenaPlace::BITS | place.0)
    }

    fn shard(self) -> usize {
        (self.0 >> ArenaPlace::BITS) as usize
    }

    fn place(self) -> ArenaPlace {
        ArenaPlace(self.0 & ((1 << ArenaPlace::BITS) - 1))
    }
}

// === impl SeriesTable ===

impl SeriesTable {
    /// An empty table that replaces another. Until [`SeriesTable::carry`] it asks the other which
    /// series were counted in this hour.
    pub fn after(before: Arc<Self>) -> Self {
        Self { before: RwLock::new(Some(before)), ..Self::default() }
    }

    /// The ID of each series that was counted under the stamp.
    pub fn find(&self, series: &[&[u8]], stamp: Stamp) -> Vec<Option<SeriesId>> {
        let hashes: Vec<_> = series.iter().map(|series| self.hash(series)).collect();
        let mut found = vec![None; series.len()];
        let order = by_shard::<SHARDS>(hashes.iter().map(|(shard, _)| *shard));
        for group in order.chunk_by(|a, b| hashes[*a].0 == hashes[*b].0) {
            let at = hashes[group[0]].0;
            let shard = self.read(at);
            for wanted in group {
                let place = shard.find(hashes[*wanted].1, series[*wanted]);
                let place = place.filter(|place| shard.arena.get(*place).0 == stamp);
                found[*wanted] = place.map(|place| SeriesId::new(at, place));
            }
        }
        found
    }

    /// Whether a metric was counted under the stamp.
    pub(crate) fn is_counted(&self, metric: &[u8], stamp: Stamp) -> bool {
        let (at, hash) = self.hash(metric);
        let shard = self.read(at);
        let here = shard.find(hash, metric).map(|place| shard.arena.get(place).0);
        here == Some(stamp) || self.stamp_before(metric) == stamp
    }

    /// The ID of a series, if it is in the table.
    pub fn id(&self, series: &[u8]) -> Option<SeriesId> {
        let (at, hash) = self.hash(series);
        let place = self.read(at).find(hash, series)?;
        Some(SeriesId::new(at, place))
    }

    /// The ID of a series. Adds it if it is new, and counts its metric if that was not counted in
    /// this hour. `None` when the hour's limit or the table is full.
    pub(crate) fn admit(&self, series: &[u8], limit: &HourlyLimit) -> Option<SeriesId> {
        let metric = metric_of(series);
        let (id, stamp) = self.admit_metric(metric, limit)?;
        if metric.len() == series.len() {
            return Some(id);
        }
        self.has_values.store(true, Ordering::Relaxed);
        // All values of a metric are counted as one, and each is found under the stamp.
        let (at, hash) = self.hash(series);
        let mut shard = self.write(at);
        let place = match shard.find(hash, series) {
            Some(place) => {
                shard.arena.set_stamp(place, stamp);
                place
            }
            None => shard.push(&self.hasher, hash, stamp, series)?,
        };
        Some(SeriesId::new(at, place))
    }

    /// The ID of a metric, as [`metric_of`] has it, and the stamp of this hour.
    pub(crate) fn admit_metric(
        &self,
        metric: &[u8],
        limit: &HourlyLimit,
    ) -> Option<(SeriesId, Stamp)> {
        let (at, hash) = self.hash(metric);
        let mut shard = self.write(at);
        let Some(place) = shard.find(hash, metric) else {
            // A new series above the limit leaves no trace.
            let stamp = match self.stamp_before(metric) {
                stamp if stamp == limit.stamp() => stamp,
                _ => limit.admit()?,
            };
            let place = shard.push(&self.hasher, hash, stamp, metric)?;
            return Some((SeriesId::new(at, place), stamp));
        };
        let mut stamp = shard.arena.get(place).0;
        if stamp != limit.stamp() {
            stamp = limit.admit()?;
            shard.arena.set_stamp(place, stamp);
        }
        Some((SeriesId::new(at, place), stamp))
    }

    /// The ID of a series. Adds it if it is new, without counting it. `None` when the table is
    /// full.
    pub(crate) fn intern(&self, series: &[u8]) -> Option<SeriesId> {
        if value_of(series).is_some() {
            self.has_values.store(true, Ordering::Relaxed);
        }
        let (at, hash) = self.hash(series);
        let mut shard = self.write(at);
        let place = shard.find(hash, series);
        let place = place.or_else(|| {
            let stamp = self.stamp_before(series);
            shard.push(&self.hasher, hash, stamp, series)
        })?;
        Some(SeriesId::new(at, place))
    }

    /// Copies the series that the previous table counted under a stamp, and drops that table.
    /// Nothing may be counted in it any more.
    pub fn carry(&self, stamp: Stamp) {
        let Some(before) = read(&self.before).clone() else { return };
        for at in 0..SHARDS {
            // Copied: a lock of the previous table is taken inside one of this table, never the
            // other way round.
            for series in before.counted(at, stamp) {
                // If it does not fit, the series counts as new the next time.
                let _ = self.intern(&series);
            }
        }
        *self.before.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn counted(&self, shard: usize, stamp: Stamp) -> Vec<Box<[u8]>> {
        if stamp == Stamp::NONE {
            return Vec::new();
        }
        let shard = self.read(shard);
        let counted = shard.arena.iter().filter(|record| record.0 == stamp);
        counted.map(|(_, series)| series.into()).collect()
    }

    /// Gives access to the bytes of a series in this table.
    pub fn with<T>(&self, id: SeriesId, use_bytes: impl FnOnce(&[u8]) -> T) -> T {
        use_bytes(self.read(id.shard()).arena.get(id.place()).1)
    }

    /// The ID in another table of a series in this one; `None` when the other is full.
    pub(crate) fn id_in(&self, other: &Self, id: SeriesId) -> Option<SeriesId> {
        // Copied: no lock of a table is held while another table's lock is taken.
        let series: SmallVec<[u8; 128]> = self.with(id, SmallVec::from_slice);
        let metric = metric_of(&series);
        if metric.len() < series.len() {
            // Datums are put together by it. If there is no room, each value is a datum.
            let _ = other.intern(metric);
        }
        other.intern(&series)
    }

    /// The ID of the metric of a series, which all of its values share.
    pub(super) fn metric_id(&self, id: SeriesId) -> SeriesId {
        let metric: SmallVec<[u8; 128]> =
            self.with(id, |series| SmallVec::from_slice(metric_of(series)));
        self.id(&metric).unwrap_or(id)
    }

    /// Whether some series are of metrics whose keys name a value.
    pub(super) fn has_values(&self) -> bool {
        self.has_values.load(Ordering::Relaxed)
    }

    /// The number of series.
    pub fn series(&self) -> usize {
        (0..SHARDS).map(|at| self.read(at).index.len()).sum()
    }

    /// Memory used by the table, in bytes.
    pub fn bytes(&self) -> usize {
        let bytes = |at| {
            let shard = self.read(at);
            // Each bucket holds a place and a control byte; seven of eight buckets are used.
            shard.arena.bytes() + shard.index.capacity() * 8 / 7 * (size_of::<u32>() + 1)
        };
        size_of::<Self>() + (0..SHARDS).map(bytes).sum::<usize>()
    }

    fn stamp_before(&self, series: &[u8]) -> Stamp {
        let Some(before) = &*read(&self.before) else { return Stamp::NONE };
        let (at, hash) = before.hash(series);
        let shard = before.read(at);
        shard.find(hash, series).map_or(Stamp::NONE, |place| shard.arena.get(place).0)
    }

    /// The shard and the hash of a series.
    fn hash(&self, series: &[u8]) -> (usize, u64) {
        let hash = hash_of(&self.hasher, series);
        // Not the bits that the index uses, which are the lowest and the highest seven.
        ((hash >> 40) as usize % SHARDS, hash)
    }

    fn read(&self, shard: usize) -> RwLockReadGuard<'_, Shard> {
        read(&self.shards[shard])
    }

    fn write(&self, shard: usize) -> RwLockWriteGuard<'_, Shard> {
        self.shards[shard].write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the length prefix that hashing a slice adds.
fn hash_of(hasher: &RandomState, series: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(series);
    hasher.finish()
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

// === impl Shard ===

impl Shard {
    fn find(&self, hash: u64, series: &[u8]) -> Option<ArenaPlace> {
        let same = |place: &u32| self.arena.get(ArenaPlace(*place)).1 == series;
        self.index.find(hash, same).map(|place| ArenaPlace(*place))
    }

    /// Adds a series that is not in the table.
    fn push(
        &mut self,
        hasher: &RandomState,
        hash: u64,
        stamp: Stamp,
        series: &[u8],
    ) -> Option<ArenaPlace> {
        let Self { index, arena } = self;
        let place = arena.push(stamp, series)?;
        index
            .insert_unique(hash, place.0, |place| hash_of(hasher, arena.get(ArenaPlace(*place)).1));
        Some(place)
    }
}

#[cfg(test)]
mod tests;
