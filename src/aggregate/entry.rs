//! Counts by series and minute within one table.
//!
//! The journal may hold only a part of what is counted. So the counts that it holds have entries of
//! their own, beside the others of the same series and minute; both are published as one datum.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::key::{Key, key_of, metric_of};
use super::table::{SeriesId, SeriesTable};
use crate::ses::Minute;

/// What has a count until CloudWatch has accepted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountKeeper {
    /// The sender of its request, or nothing.
    Sender,
    /// The journal.
    Journal,
}

/// A series of a table, a minute, and the keeper of the count. Ordered by series, then minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EntryKey(pub(super) u64);

/// A count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: EntryKey,
    pub count: u64,
}

/// Sorted entries with unique keys, and the table that their IDs belong to.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub table: Arc<SeriesTable>,
    entries: Vec<Entry>,
}

/// The result of joining entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// Entries that were merged into existing ones.
    pub entries: u64,
    /// Entries and counts that did not fit into the other table and are lost.
    pub lost: (u64, u64),
}

/// Bits of a key that hold the minute: enough for the years 0001 to 9999.
const MINUTE_BITS: u32 = 64 - SeriesId::BITS - KEEPER_BITS;
/// Bits of a key that hold the keeper.
pub(super) const KEEPER_BITS: u32 = 1;
/// Added to a minute to make it positive.
const MINUTE_BIAS: i64 = 1_100_000_000;

// === impl Entry ===

impl Entry {
    /// The key of the datum that the entry is part of.
    #[must_use]
    pub(super) fn datum_key(&self, table: &SeriesTable) -> Key {
        table.with(self.key.series(), |series| key_of(metric_of(series), self.key.minute()))
    }
}

// === impl EntryKey ===

impl EntryKey {
    /// A key of counts that their senders keep.
    #[must_use]
    pub fn new(series: SeriesId, minute: Minute) -> Self {
        // Only a manually created minute can be out of range.
        let minute = (minute.0 + MINUTE_BIAS).clamp(0, (1 << MINUTE_BITS) - 1);
        Self((u64::from(series.0) << MINUTE_BITS | minute.unsigned_abs()) << KEEPER_BITS)
    }

    /// The same series and minute with another keeper.
    #[must_use]
    pub(crate) fn kept_by(self, keeper: CountKeeper) -> Self {
        let senders = self.0 >> KEEPER_BITS << KEEPER_BITS;
        Self(senders | u64::from(keeper == CountKeeper::Journal))
    }

    #[must_use]
    pub(crate) fn keeper(self) -> CountKeeper {
        if self.0 & 1 == 1 { CountKeeper::Journal } else { CountKeeper::Sender }
    }

    /// Whether the counts of both keys are published as one datum.
    #[must_use]
    pub(crate) fn is_same_datum(self, other: Self) -> bool {
        self.0 >> KEEPER_BITS == other.0 >> KEEPER_BITS
    }

    /// The same minute and keeper in another series.
    fn in_series(self, series: SeriesId) -> Self {
        Self::new(series, self.minute()).kept_by(self.keeper())
    }

    #[must_use]
    pub fn series(self) -> SeriesId {
        SeriesId(u32::try_from(self.0 >> (MINUTE_BITS + KEEPER_BITS)).unwrap_or_default())
    }

    #[must_use]
    pub fn minute(self) -> Minute {
        let minute = self.0 >> KEEPER_BITS & ((1 << MINUTE_BITS) - 1);
        Minute(minute.cast_signed() - MINUTE_BIAS)
    }
}

// === impl Counts ===

impl Counts {
    /// Creates counts from unsorted entries with unique keys.
    #[must_use]
    pub fn new(table: Arc<SeriesTable>, mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable_by_key(|entry| entry.key);
        Self { table, entries }
    }

    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sum of the counts.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.entries.iter().map(|entry| entry.count).sum()
    }

    /// The counts of one keeper.
    #[must_use]
    pub(crate) fn of(&self, keeper: CountKeeper) -> Self {
        let entries = self.entries.iter().filter(|entry| entry.key.keeper() == keeper);
        Self { table: Arc::clone(&self.table), entries: entries.copied().collect() }
    }

    /// The sums by series and minute of all keepers, sorted, under keys without a keeper.
    pub(super) fn datums(&self) -> impl Iterator<Item = Entry> {
        self.entries.chunk_by(|a, b| a.key.is_same_datum(b.key)).map(|shares| Entry {
            key: shares[0].key.kept_by(CountKeeper::Sender),
            count: shares.iter().map(|entry| entry.count).sum(),
        })
    }

    /// The key of the datum that one of the entries is part of.
    pub(crate) fn datum_key(&self, entry: &Entry) -> Key {
        entry.datum_key(&self.table)
    }

    pub(super) fn into_entries(self) -> (Arc<SeriesTable>, Vec<Entry>) {
        (self.table, self.entries)
    }

    /// Splits the counts into groups, by a property of each series' bytes.
    pub fn split<K: Ord>(self, mut of: impl FnMut(&[u8]) -> K) -> BTreeMap<K, Self> {
        let mut parts: BTreeMap<K, Vec<Entry>> = BTreeMap::new();
        for minutes in self.entries.chunk_by(|a, b| a.key.series() == b.key.series()) {
            let part = self.table.with(minutes[0].key.series(), &mut of);
            parts.entry(part).or_default().extend_from_slice(minutes);
        }
        let counts = |(part, entries)| (part, Self { table: Arc::clone(&self.table), entries });
        parts.into_iter().map(counts).collect()
    }

    /// Adds other counts, which may belong to an older table.
    pub fn join(&mut self, others: Self) -> Joined {
        let (others, lost) = others.under(&self.table);
        let before = self.entries.len() + others.entries.len();
        self.entries = merged(&self.entries, &others.entries);
        Joined { entries: (before - self.entries.len()) as u64, lost }
    }

    /// The same counts under another table, and the entries and counts that it has no room for.
    #[must_use]
    pub fn under(self, table: &Arc<SeriesTable>) -> (Self, (u64, u64)) {
        if Arc::ptr_eq(&self.table, table) {
            return (self, (0, 0));
        }
        let mut lost = (0, 0);
        let mut entries = Vec::with_capacity(self.entries.len());
        for minutes in self.entries.chunk_by(|a, b| a.key.series() == b.key.series()) {
            let Some(id) = self.table.id_in(table, minutes[0].key.series()) else {
                lost.0 += minutes.len() as u64;
                lost.1 += minutes.iter().map(|entry| entry.count).sum::<u64>();
                continue;
            };
            let same = |entry: &Entry| Entry { key: entry.key.in_series(id), ..*entry };
            entries.extend(minutes.iter().map(same));
        }
        (Self::new(Arc::clone(table), entries), lost)
    }
}

/// Merges two sorted lists; entries with the same key are added up.
fn merged(a: &[Entry], b: &[Entry]) -> Vec<Entry> {
    let mut all = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a, b);
    while let ([first_a, rest_a @ ..], [first_b, rest_b @ ..]) = (a, b) {
        let mut first = if first_a.key <= first_b.key { *first_a } else { *first_b };
        if first_a.key == first_b.key {
            first.count = first_a.count + first_b.count;
        }
        if first_a.key == first.key {
            a = rest_a;
        }
        if first_b.key == first.key {
            b = rest_b;
        }
        all.push(first);
    }
    all.extend_from_slice(a);
    all.extend_from_slice(b);
    all.shrink_to_fit();
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Counts by series, minute, and whether the journal keeps them.
    type Map = BTreeMap<(Vec<u8>, i64, bool), u64>;

    fn counts(table: &Arc<SeriesTable>, map: &Map) -> Counts {
        let entry = |((series, minute, journaled), count): (&(Vec<u8>, i64, bool), &u64)| {
            let id = table.intern(series).expect("there is room");
            let keeper = if *journaled { CountKeeper::Journal } else { CountKeeper::Sender };
            Entry { key: EntryKey::new(id, Minute(*minute)).kept_by(keeper), count: *count }
        };
        Counts::new(Arc::clone(table), map.iter().map(entry).collect())
    }

    fn map(counts: &Counts) -> Map {
        let entry = |entry: &Entry| {
            let series = counts.table.with(entry.key.series(), <[u8]>::to_vec);
            let journaled = entry.key.keeper() == CountKeeper::Journal;
            ((series, entry.key.minute().0, journaled), entry.count)
        };
        counts.entries().iter().map(entry).collect()
    }

    fn any_map() -> impl Strategy<Value = Map> {
        let series = prop::collection::vec(0_u8..3, 1..3);
        prop::collection::btree_map((series, -3_i64..3, any::<bool>()), 1_u64..1000, 0..40)
    }

    proptest! {
        /// Joined counts are the sums of both, under one table or two, and the number of joined
        /// entries equals the decrease in entries.
        #[test]
        fn joined_counts_are_sums(newer in any_map(), older in any_map(), same_table: bool) {
            let table = Arc::new(SeriesTable::default());
            let other = if same_table { Arc::clone(&table) } else { Arc::default() };
            let mut joined = counts(&table, &newer);
            let outcome = joined.join(counts(&other, &older));
            let mut expected = newer.clone();
            for (key, count) in &older {
                *expected.entry(key.clone()).or_default() += count;
            }
            let fewer = newer.len() + older.len() - expected.len();
            prop_assert_eq!(outcome, Joined { entries: fewer as u64, lost: (0, 0) });
            prop_assert_eq!(joined.sum(), expected.values().sum::<u64>());
            prop_assert!(joined.entries().is_sorted_by(|a, b| a.key < b.key));
            prop_assert_eq!(map(&joined), expected);
        }

        /// The parts together hold the whole, and each part holds only its own counts.
        #[test]
        fn parts_of_counts_add_up_to_the_whole(whole in any_map()) {
            let parts = counts(&Arc::default(), &whole).split(|series| series[0]);
            let mut all = Map::new();
            for (first, part) in &parts {
                prop_assert!(map(part).keys().all(|(series, ..)| series[0] == *first));
                all.extend(map(part));
            }
            prop_assert_eq!(all, whole);
        }

        /// The counts of both keepers are the whole, and a datum adds up those of both.
        #[test]
        fn counts_of_both_keepers_are_the_whole(whole in any_map()) {
            let counts = counts(&Arc::default(), &whole);
            let mut parts = Map::new();
            for keeper in [CountKeeper::Sender, CountKeeper::Journal] {
                let of = counts.of(keeper);
                prop_assert!(of.entries().iter().all(|entry| entry.key.keeper() == keeper));
                parts.extend(map(&of));
            }
            let mut sums = Map::new();
            for ((series, minute, _), count) in &whole {
                *sums.entry((series.clone(), *minute, false)).or_default() += count;
            }
            prop_assert_eq!(&parts, &whole);
            let datums = Counts::new(Arc::clone(&counts.table), counts.datums().collect());
            prop_assert_eq!(map(&datums), sums);
        }
    }

    #[test]
    fn minutes_that_can_be_read_fit_in_a_key() {
        // 0001-01-01T00:00Z, 1969-12-31T23:59Z and 9999-12-31T23:59Z.
        for minute in [-1_035_593_280, -1, 4_223_371_679].map(Minute) {
            for id in [0, 1, (1 << SeriesId::BITS) - 1] {
                let key = EntryKey::new(SeriesId(id), minute);
                assert_eq!((key.series(), key.minute()), (SeriesId(id), minute));
                let journaled = key.kept_by(CountKeeper::Journal);
                assert_eq!((journaled.series(), journaled.minute()), (SeriesId(id), minute));
                assert!(journaled > key && journaled.is_same_datum(key));
            }
        }
    }
}
