//! The counts of the last three hours, for `GET /series`.
//!
//! Age is processing time: an entry expires three hours after its last count, however old its
//! minute is, so that late and replayed events are visible too.
//!
//! There may be a million entries, and they are rarely read. So they are stored sorted in one
//! buffer, with 3 to 10 bytes each, and rewritten with every epoch.

use std::cmp::Ordering;
use std::iter;
use std::sync::Arc;

use super::entry::{Counts, Entry, EntryKey, KEEPER_BITS};
use super::table::{SeriesId, SeriesTable};
use super::varint::{put_varint, varint};

/// How long an entry is kept after its last count, in minutes.
const MINUTES_MAX: u8 = 180;

/// Counts by series and minute, bounded in age and number.
#[derive(Debug)]
pub(super) struct Recent {
    table: Arc<SeriesTable>,
    run: RecentRun,
    /// The minute of processing time at which the run was written.
    written: i64,
    limit: usize,
}

/// Entries as bytes: difference from the previous key, minutes since the last count, count.
#[derive(Debug, Default)]
struct RecentRun {
    bytes: Vec<u8>,
    last: EntryKey,
    len: usize,
    series: usize,
}

#[derive(Clone, Copy, Debug)]
struct AgedEntry {
    entry: Entry,
    /// Minutes of processing time since the last count.
    age: u8,
}

// === impl Recent ===

impl Recent {
    /// Keeps at most `limit` entries.
    pub(super) fn new(table: Arc<SeriesTable>, limit: usize) -> Self {
        Self { table, run: RecentRun::default(), written: 0, limit }
    }

    /// Adds the counts of an epoch, then removes expired entries and the oldest ones above the
    /// limit. Returns the number of entries evicted early.
    pub(super) fn add(&mut self, counts: &Counts, now_ms: i64) -> usize {
        let now = now_ms.div_euclid(60_000);
        let passed = (now - self.written).max(0);
        if counts.is_empty() && passed == 0 {
            return 0;
        }
        let kept = self.run.iter().filter_map(|aged| {
            let age = i64::from(aged.age).saturating_add(passed);
            let age = u8::try_from(age).ok().filter(|age| *age <= MINUTES_MAX)?;
            Some(AgedEntry { age, ..aged })
        });
        let new = counts.datums().map(|entry| AgedEntry { entry, age: 0 });
        let mut ages = [0; MINUTES_MAX as usize + 1];
        let all = joined(kept, new).inspect(|aged| ages[usize::from(aged.age)] += 1);
        let mut run = RecentRun::of(all, self.run.bytes.len() + 8 * counts.entries().len());
        let excess = run.len.saturating_sub(self.limit);
        if excess > 0 {
            run = run.without_oldest(excess, &ages);
        }
        (self.run, self.written) = (run, now);
        excess
    }

    /// Moves all entries to another table. Returns the number that did not fit.
    pub(super) fn turn(&mut self, table: &Arc<SeriesTable>) -> usize {
        let mut all = Vec::with_capacity(self.run.len);
        let mut series: Option<(SeriesId, Option<SeriesId>)> = None;
        for aged in self.run.iter() {
            let old = aged.entry.key.series();
            if series.is_none_or(|(known, _)| known != old) {
                series = Some((old, self.table.id_in(table, old)));
            }
            let Some((_, Some(new))) = series else { continue };
            let key = EntryKey::new(new, aged.entry.key.minute());
            all.push(AgedEntry { entry: Entry { key, ..aged.entry }, ..aged });
        }
        let lost = self.run.len - all.len();
        all.sort_unstable_by_key(|aged| aged.entry.key);
        self.run = RecentRun::of(all, self.run.bytes.len());
        self.table = Arc::clone(table);
        lost
    }

    /// Entries sorted by key, including those of an epoch of the same table.
    pub(super) fn entries_with(&self, active: &Counts) -> Vec<Entry> {
        let mut all = Vec::with_capacity(self.run.len + active.entries().len());
        let active = active.datums().map(|entry| AgedEntry { entry, age: 0 });
        all.extend(joined(self.run.iter(), active).map(|aged| aged.entry));
        all
    }

    /// The number of distinct series.
    pub(super) fn series(&self) -> usize {
        self.run.series
    }

    /// Memory used by the entries, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.run.bytes.capacity()
    }
}

// === impl RecentRun ===

impl RecentRun {
    /// Stores entries sorted by key; `bytes` is the estimated size.
    fn of(all: impl IntoIterator<Item = AgedEntry>, bytes: usize) -> Self {
        let mut run = Self { bytes: Vec::with_capacity(bytes), ..Self::default() };
        for aged in all {
            run.push(aged);
        }
        run.bytes.shrink_to_fit();
        run
    }

    /// Appends an entry after all others.
    fn push(&mut self, AgedEntry { entry, age }: AgedEntry) {
        self.series += usize::from(self.len == 0 || entry.key.series() != self.last.series());
        put_varint(&mut self.bytes, (entry.key.0 - self.last.0) >> KEEPER_BITS);
        self.bytes.push(age);
        put_varint(&mut self.bytes, entry.count);
        self.last = entry.key;
        self.len += 1;
    }

    /// The same without the `excess` oldest entries. `ages`: the number of entries of each age.
    fn without_oldest(&self, mut excess: usize, ages: &[usize]) -> Self {
        let mut of_age = ages.to_vec();
        for entries in of_age.iter_mut().rev() {
            // From here on: the number of entries of this age to remove.
            *entries = excess.min(*entries);
            excess -= *entries;
        }
        let kept = self.iter().filter(|aged| {
            let goes = &mut of_age[usize::from(aged.age)];
            let kept = *goes == 0;
            *goes -= usize::from(!kept);
            kept
        });
        Self::of(kept, self.bytes.len())
    }

    fn iter(&self) -> impl Iterator<Item = AgedEntry> {
        let (mut rest, mut key) = (self.bytes.as_slice(), 0);
        iter::from_fn(move || {
            let (step, after) = varint(rest)?;
            let (age, after) = after.split_first()?;
            let (count, after) = varint(after)?;
            rest = after;
            key += step << KEEPER_BITS;
            Some(AgedEntry { entry: Entry { key: EntryKey(key), count }, age: *age })
        })
    }
}

/// Merges two sorted lists; entries with the same key are added up and take the age of the second.
fn joined(
    old: impl Iterator<Item = AgedEntry>,
    new: impl Iterator<Item = AgedEntry>,
) -> impl Iterator<Item = AgedEntry> {
    let (mut old, mut new) = (old.peekable(), new.peekable());
    iter::from_fn(move || {
        let (Some(a), Some(b)) = (old.peek(), new.peek()) else { return old.next().or(new.next()) };
        match a.entry.key.cmp(&b.entry.key) {
            Ordering::Less => old.next(),
            Ordering::Greater => new.next(),
            Ordering::Equal => {
                let before = old.next()?;
                let mut both = new.next()?;
                both.entry.count += before.entry.count;
                Some(both)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ses::Minute;

    const MINUTE_MS: i64 = 60_000;

    fn recent(limit: usize) -> Recent {
        Recent::new(Arc::new(SeriesTable::default()), limit)
    }

    fn counts(recent: &Recent, entries: &[(&[u8], i64, u64)]) -> Counts {
        let entry = |(series, minute, count): &(&[u8], i64, u64)| {
            let id = recent.table.intern(series).expect("there is room");
            Entry { key: EntryKey::new(id, Minute(*minute)), count: *count }
        };
        Counts::new(Arc::clone(&recent.table), entries.iter().map(entry).collect())
    }

    /// Series, minutes and counts, sorted.
    fn held(recent: &Recent) -> Vec<(Vec<u8>, i64, u64)> {
        let resolve = |entry: Entry| {
            let series = recent.table.with(entry.key.series(), <[u8]>::to_vec);
            (series, entry.key.minute().0, entry.count)
        };
        let mut held: Vec<_> = recent.run.iter().map(|aged| resolve(aged.entry)).collect();
        held.sort();
        held
    }

    #[test]
    fn entries_are_evicted_three_hours_after_their_last_count() {
        let mut recent = recent(10);
        let (first, second) =
            (counts(&recent, &[(b"a", 7, 1), (b"b", 7, 1)]), counts(&recent, &[(b"b", 7, 1)]));
        let none = counts(&recent, &[]);
        assert_eq!(recent.add(&first, 0), 0);
        assert_eq!(recent.add(&second, MINUTE_MS), 0);
        assert_eq!(recent.add(&none, i64::from(MINUTES_MAX) * MINUTE_MS), 0);
        assert_eq!(held(&recent), [(b"a".to_vec(), 7, 1), (b"b".to_vec(), 7, 2)]);
        assert_eq!(recent.add(&none, i64::from(MINUTES_MAX + 1) * MINUTE_MS), 0);
        assert_eq!(held(&recent), [(b"b".to_vec(), 7, 2)]);
        assert_eq!(recent.add(&none, i64::MAX), 0);
        assert_eq!((held(&recent), recent.series(), recent.bytes()), (Vec::new(), 0, 0));
    }

    #[test]
    fn oldest_entries_are_evicted_first_beyond_the_limit() {
        let mut recent = recent(2);
        let mut evicted = 0;
        for at in 0..5_u8 {
            let counts = counts(&recent, &[(&[at], 0, 1)]);
            evicted += recent.add(&counts, i64::from(at) * MINUTE_MS);
        }
        assert_eq!(evicted, 3);
        assert_eq!(held(&recent), [(vec![3], 0, 1), (vec![4], 0, 1)]);
        // Among entries of equal age, only as many as necessary.
        let more = counts(&recent, &[(&[7], 0, 1), (&[8], 0, 1), (&[9], 0, 1)]);
        assert_eq!(recent.add(&more, 5 * MINUTE_MS), 3);
        assert_eq!(held(&recent).len(), 2);
        assert!(held(&recent).iter().all(|(series, ..)| series[0] >= 7));
    }

    #[test]
    fn entries_keep_their_ages_in_another_table() {
        let mut recent = recent(10);
        let (first, second) = (
            counts(&recent, &[(b"a", -7, 1), (b"b", 7, 300)]),
            counts(&recent, &[(b"c", 7, 1), (b"c", 8, 1)]),
        );
        recent.add(&first, 0);
        recent.add(&second, MINUTE_MS);
        let before = held(&recent);
        let table = Arc::new(SeriesTable::default());
        // Different IDs than in the previous table.
        table.intern(b"c").expect("there is room");
        assert_eq!(recent.turn(&table), 0);
        assert_eq!((held(&recent), recent.series()), (before, 3));
        let none = counts(&recent, &[]);
        recent.add(&none, i64::from(MINUTES_MAX + 1) * MINUTE_MS);
        assert_eq!(held(&recent), [(b"c".to_vec(), 7, 1), (b"c".to_vec(), 8, 1)]);
    }
}
