//! Splits sealed counts into calls: pure code, without a client or a clock.
//!
//! A [`PublishBatch`] holds the counts of one namespace once. Its calls hold indices into it, and are
//! turned into datums only when they are sent. So counts in flight take little more memory than
//! waiting ones.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{Amount, Datum};
use crate::aggregate::{Counts, Entry, Key, key_of, layout_of, resolve};
use crate::limits::{CALL_BYTES_MAX, DATUM_AGE_MAX, DATUM_AHEAD_MAX};
use crate::rules::{LayoutId, Layouts};
use crate::ses::Minute;

/// A datum this close to an age limit is dropped, because its call may be in flight for a while.
const AGE_MARGIN_MS: i64 = 60_000;

/// Size of a call without its datums and namespace.
const CALL_OVERHEAD: usize = 128;

/// Counts of one namespace that are published together, and which of them are settled.
#[derive(Debug)]
pub struct PublishBatch {
    counts: Counts,
    /// For each entry: accepted, or dropped for a counted reason.
    settled: Vec<AtomicBool>,
    /// The sum of the accepted counts.
    accepted: AtomicU64,
    /// The sum of the counts that CloudWatch may have: their calls are in flight, or got no clear
    /// response.
    in_doubt: AtomicU64,
}

/// One `PutMetricData` request: some entries of a batch. Every attempt sends the same datums.
#[derive(Clone, Debug)]
pub struct Call {
    batch: Arc<PublishBatch>,
    places: Vec<u32>,
}

/// Non-empty calls, and the entries that no call can carry.
#[derive(Debug)]
pub struct Packed {
    pub calls: Vec<Call>,
    pub too_old: Call,
    pub too_new: Call,
    /// Series without a layout: this never happens.
    pub unresolved: Call,
}

/// Splits a batch of a namespace into calls within CloudWatch's limits. With `now_ms`, datums that
/// are too old or too far in the future are set aside; `None` keeps them all. A call holds at most
/// `datums_max` datums.
#[must_use]
pub fn pack(
    batch: &Arc<PublishBatch>,
    namespace: &str,
    layouts: &Layouts,
    now_ms: Option<i64>,
    datums_max: usize,
) -> Packed {
    let empty = || Call { batch: Arc::clone(batch), places: Vec::new() };
    let mut packed =
        Packed { calls: Vec::new(), too_old: empty(), too_new: empty(), unresolved: empty() };
    let mut open = empty();
    let start = CALL_OVERHEAD + namespace.len();
    let mut bytes = start;
    let mut sizes = HashMap::new();
    for (place, entry) in (0..).zip(batch.counts.entries()) {
        match now_ms.map_or(Age::Fits, |now_ms| age(entry.key.minute(), now_ms)) {
            Age::TooOld => {
                packed.too_old.places.push(place);
                continue;
            }
            Age::TooNew => {
                packed.too_new.places.push(place);
                continue;
            }
            Age::Fits => {}
        }
        let size = batch.counts.table.with(entry.key.series(), |series| {
            let layout = layout_of(series);
            let head = *sizes.entry(layout).or_insert_with(|| head_size(layout, layouts));
            // The values, each with one byte of length, follow the layout's ID.
            Some(head? + series.len())
        });
        let Some(size) = size else {
            packed.unresolved.places.push(place);
            continue;
        };
        let full = open.len() == datums_max || bytes + size > CALL_BYTES_MAX;
        if full && !open.is_empty() {
            packed.calls.push(std::mem::replace(&mut open, empty()));
            bytes = start;
        }
        bytes += size;
        open.places.push(place);
    }
    if !open.is_empty() {
        packed.calls.push(open);
    }
    packed
}

enum Age {
    Fits,
    TooOld,
    TooNew,
}

fn age(minute: Minute, now_ms: i64) -> Age {
    let ms =
        |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let age_ms = now_ms - minute.start_seconds() * 1000;
    if age_ms > ms(DATUM_AGE_MAX) - AGE_MARGIN_MS {
        Age::TooOld
    } else if -age_ms > ms(DATUM_AHEAD_MAX) - AGE_MARGIN_MS {
        Age::TooNew
    } else {
        Age::Fits
    }
}

/// An upper bound of a datum's size in CBOR without the values: keys and headers, then the texts.
fn head_size(layout: LayoutId, layouts: &Layouts) -> Option<usize> {
    let layout = layouts.get(layout)?;
    let names = layout.dimensions.iter().map(|name| 24 + name.len());
    Some(96 + layout.metric.metric_name().len() + names.sum::<usize>())
}

// === impl PublishBatch ===

impl PublishBatch {
    #[must_use]
    pub fn new(counts: Counts) -> Self {
        let settled = counts.entries().iter().map(|_| AtomicBool::new(false)).collect();
        Self { counts, settled, accepted: AtomicU64::new(0), in_doubt: AtomicU64::new(0) }
    }

    /// The number of entries, settled or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.settled.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.settled.is_empty()
    }

    /// The counts that are neither accepted nor dropped.
    #[must_use]
    pub fn left(&self) -> Counts {
        let entries = self.counts.entries().iter().zip(&self.settled);
        let left = entries.filter(|(_, settled)| !settled.load(Ordering::Acquire));
        Counts::new(Arc::clone(&self.counts.table), left.map(|(entry, _)| *entry).collect())
    }

    /// The sum of the accepted counts.
    #[must_use]
    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Acquire)
    }

    /// The sum of the counts that CloudWatch has or may have.
    #[must_use]
    pub(super) fn possibly_accepted(&self) -> u64 {
        self.accepted() + self.in_doubt.load(Ordering::Acquire)
    }
}

// === impl Call ===

impl Call {
    /// Records that the call is about to be sent.
    pub(super) fn sending(&self) {
        self.batch.in_doubt.fetch_add(self.counts(), Ordering::AcqRel);
    }

    /// Records that the call was certainly not ingested.
    pub(super) fn not_ingested(&self) {
        self.batch.in_doubt.fetch_sub(self.counts(), Ordering::AcqRel);
    }

    /// Records that the call was accepted.
    pub(super) fn accepted(&self) {
        self.batch.accepted.fetch_add(self.counts(), Ordering::AcqRel);
        self.not_ingested();
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Sum of the counts.
    #[must_use]
    pub fn counts(&self) -> u64 {
        self.entries().map(|entry| entry.count).sum()
    }

    /// The datums to send.
    #[must_use]
    pub fn datums(&self, layouts: &Layouts) -> Vec<Datum> {
        let table = &self.batch.counts.table;
        // A series without a layout is never in a call, so nothing is skipped here.
        let datum = |entry: &Entry| {
            let (id, minute) = (entry.key.series(), entry.key.minute());
            let series = table.with(id, |series| resolve(series, minute, layouts))?;
            Some(Datum { series, amount: Amount::Ones(entry.count) })
        };
        self.entries().filter_map(datum).collect()
    }

    /// Marks the entries as accepted or dropped.
    pub fn settle(&self) {
        for place in &self.places {
            self.batch.settled[*place as usize].store(true, Ordering::Release);
        }
    }

    /// Splits the call into two halves.
    #[must_use]
    pub(crate) fn halves(mut self) -> (Self, Self) {
        let places = self.places.split_off(self.len() / 2);
        let second = Self { batch: Arc::clone(&self.batch), places };
        (self, second)
    }

    /// Removes the datums at these positions: returns the rest, and them.
    #[must_use]
    pub fn without(self, taken: &BTreeSet<usize>) -> (Self, Self) {
        let (mut rest, mut out) = (Vec::new(), Vec::new());
        for (at, place) in self.places.into_iter().enumerate() {
            if taken.contains(&at) { &mut out } else { &mut rest }.push(place);
        }
        let call = |places| Self { batch: Arc::clone(&self.batch), places };
        (call(rest), call(out))
    }

    /// Appends the datums of another call of the same batch.
    pub fn append(&mut self, mut other: Self) {
        self.places.append(&mut other.places);
    }

    /// The contents as keys and counts.
    #[must_use]
    pub(crate) fn keyed(&self) -> Vec<(Key, u64)> {
        let table = &self.batch.counts.table;
        let keyed = |entry: &Entry| {
            let key = |series: &[u8]| key_of(series, entry.key.minute());
            (table.with(entry.key.series(), key), entry.count)
        };
        self.entries().map(keyed).collect()
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.places.iter().map(|place| &self.batch.counts.entries()[*place as usize])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::aggregate::{EntryKey, KeyBuilder, SeriesTable, series_of};
    use crate::limits::DATUMS_PER_CALL_MAX;
    use crate::rules::Layout;
    use crate::ses::EventType;

    /// Unix milliseconds of a minute's start.
    const NOW_MS: i64 = 29_000_000 * 60_000;

    /// A batch with these minutes, one per series, with this many dimensions.
    fn batch(layouts: &Layouts, minutes: &[i64], dimensions: usize) -> Arc<PublishBatch> {
        let dimensions: Vec<_> = (0..dimensions).map(|at| format!("campaign-{at}")).collect();
        let others = dimensions.len() - 1;
        let id =
            layouts.id(Layout { namespace: "SES".into(), metric: EventType::Send, dimensions });
        let (table, mut key) = (Arc::new(SeriesTable::default()), KeyBuilder::default());
        let entry = |(at, minute): (usize, &i64)| {
            key.start(id);
            key.push(format!("{at:0200}").as_bytes());
            (0..others).for_each(|_| key.push(b"opera"));
            let series = table.intern(series_of(key.finish(Minute(*minute))));
            let key = EntryKey::new(series.expect("there is room"), Minute(*minute));
            Entry { key, count: 1 + at as u64 }
        };
        let entries = minutes.iter().enumerate().map(entry).collect();
        Arc::new(PublishBatch::new(Counts::new(table, entries)))
    }

    fn places(calls: &[&Call]) -> Vec<u32> {
        let mut places: Vec<_> = calls.iter().flat_map(|call| &call.places).copied().collect();
        places.sort_unstable();
        places
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// For all minutes, each entry is in one call, or set aside because of its age. The calls
        /// keep CloudWatch's limits, and there are as few as possible.
        #[test]
        fn every_entry_has_one_place(
            minutes in prop::collection::vec(-25_000_i64..200, 0..2500),
            dimensions in 1_usize..=30,
        ) {
            let minutes: Vec<_> = minutes.iter().map(|minute| 29_000_000 + minute).collect();
            let layouts = Layouts::default();
            let batch = batch(&layouts, &minutes, dimensions);
            let packed = pack(&batch, "SES", &layouts, Some(NOW_MS), DATUMS_PER_CALL_MAX);
            let mut all: Vec<_> = packed.calls.iter().collect();
            all.extend([&packed.too_old, &packed.too_new, &packed.unresolved]);
            let every: Vec<_> = (0..).take(minutes.len()).collect();
            prop_assert_eq!(places(&all), every);
            let aged = |range: std::ops::Range<i64>| minutes.iter().filter(|minute| range.contains(minute)).count();
            prop_assert_eq!(packed.too_old.len(), aged(0..29_000_000 - 14 * 1440 + 1));
            prop_assert_eq!(packed.too_new.len(), aged(29_000_000 + 120..i64::MAX));
            prop_assert!(packed.unresolved.is_empty());
            // The keys of a datum and of its dimensions in CBOR, and the texts.
            let bytes = |datum: &Datum| {
                let pairs = datum.series.dimensions.iter();
                let texts = pairs.map(|(name, value)| 24 + name.len() + value.len());
                96 + datum.series.metric.len() + texts.sum::<usize>()
            };
            let lens: Vec<_> = packed.calls.iter().map(|call| {
                let datums = call.datums(&layouts);
                (datums.len(), datums.iter().map(bytes).sum::<usize>())
            }).collect();
            for (call, (len, bytes)) in packed.calls.iter().zip(&lens) {
                prop_assert_eq!(call.len(), *len);
                prop_assert!((1..=DATUMS_PER_CALL_MAX).contains(len));
                prop_assert!(CALL_OVERHEAD + "SES".len() + bytes <= CALL_BYTES_MAX);
            }
            // One more datum, with a few bytes for each of its keys, would be too much.
            let full = |(len, bytes): &(usize, usize)| {
                let more = bytes.div_ceil(*len) + len * (8 + dimensions);
                *len == DATUMS_PER_CALL_MAX || bytes + more > CALL_BYTES_MAX
            };
            prop_assert!(lens.iter().rev().skip(1).all(full), "{:?}", lens);
        }
    }

    #[test]
    fn what_no_call_settled_is_left() {
        let layouts = Layouts::default();
        let batch = batch(&layouts, &[29_000_000; 7], 1);
        let mut calls = pack(&batch, "SES", &layouts, None, DATUMS_PER_CALL_MAX).calls;
        assert_eq!((calls.len(), batch.left().entries().len()), (1, 7));
        let keyed = calls[0].keyed();
        let lines = |keys: &[(Key, u64)]| {
            let keys = keys.iter().map(|(key, count)| (&**key, *count));
            crate::aggregate::sorted_lines(keys, &layouts)
        };
        assert_eq!(lines(&keyed), crate::aggregate::lines_of(&[batch.left()], &layouts));
        let (first, second) = calls.remove(0).halves();
        assert_eq!((first.len(), second.len()), (3, 4));
        first.settle();
        assert_eq!(batch.left().sum(), second.counts());
        let (rest, out) = second.without(&BTreeSet::from([0, 3]));
        assert_eq!(
            (rest.places.as_slice(), out.places.as_slice()),
            ([4, 5].as_slice(), [3, 6].as_slice())
        );
        out.settle();
        assert_eq!(batch.left().sum(), rest.counts());
        let values: Vec<_> = rest.datums(&layouts).iter().map(|datum| datum.amount).collect();
        let entries: Vec<_> =
            batch.left().entries().iter().map(|entry| Amount::Ones(entry.count)).collect();
        assert_eq!(values, entries);
        let mut both = rest.clone();
        both.append(out);
        both.settle();
        assert!(batch.left().is_empty());
    }

    #[test]
    fn series_of_unknown_layouts_are_set_aside() {
        let batch = batch(&Layouts::default(), &[29_000_000; 3], 1);
        let packed = pack(&batch, "SES", &Layouts::default(), None, DATUMS_PER_CALL_MAX);
        assert_eq!((packed.calls.len(), packed.unresolved.len()), (0, 3));
    }
}
