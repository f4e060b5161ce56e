//! Every entry has one place, and what calls settle is settled.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::aggregate::{EntryKey, KeyBuilder, MetricValue, SeriesMinute, SeriesTable, series_of};
use crate::limits::{DATUMS_PER_CALL_MAX, VALUES_PER_DATUM_MAX};
use crate::rules::{Layout, SeriesMetric, ValueIndex};
use crate::ses::{EventType, Minute};

/// Unix milliseconds of a minute's start.
const NOW_MS: i64 = 29_000_000 * 60_000;

/// A batch with these minutes, one per series, with this many dimensions.
fn batch(layouts: &Layouts, minutes: &[i64], dimensions: usize) -> Arc<PublishBatch> {
    let dimensions: Vec<_> = (0..dimensions).map(|at| format!("campaign-{at}")).collect();
    let others = dimensions.len() - 1;
    let id =
        layouts.id(Layout { namespace: "SES".into(), metric: EventType::Send.into(), dimensions });
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

fn places(calls: &[Call]) -> Vec<u32> {
    let mut places: Vec<_> = calls.iter().flat_map(|call| &call.places).copied().collect();
    places.sort_unstable();
    places
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// For all minutes, each entry is in one call. The calls keep CloudWatch's limits, there are as
    /// few as possible, and each gives away exactly what is too old or too new.
    #[test]
    fn every_entry_has_one_place(
        minutes in prop::collection::vec(-25_000_i64..200, 0..2500),
        dimensions in 1_usize..=30,
    ) {
        let minutes: Vec<_> = minutes.iter().map(|minute| 29_000_000 + minute).collect();
        let layouts = Layouts::default();
        let batch = batch(&layouts, &minutes, dimensions);
        let packed = pack(&batch, "SES", &layouts, DATUMS_PER_CALL_MAX);
        let every: Vec<_> = (0..).take(minutes.len()).collect();
        prop_assert_eq!(places(&packed.calls), every);
        prop_assert!(packed.unresolved.is_empty());
        let (oldest, newest) = (29_000_001 - 14 * 1440, 29_000_119);
        for mut call in packed.calls.clone() {
            let whole = call.places.clone();
            let [(_, too_old), (_, too_new)] = call.take_aged(NOW_MS);
            let minutes = |call: &Call| {
                call.entries().map(|entry| entry.key.minute().0).collect::<Vec<_>>()
            };
            prop_assert!(minutes(&too_old).iter().all(|minute| *minute < oldest));
            prop_assert!(minutes(&too_new).iter().all(|minute| *minute > newest));
            prop_assert!(minutes(&call).iter().all(|minute| (oldest..=newest).contains(minute)));
            prop_assert_eq!(places(&[call, too_old, too_new]), whole);
        }
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
    let mut calls = pack(&batch, "SES", &layouts, DATUMS_PER_CALL_MAX).calls;
    assert_eq!((calls.len(), batch.left().entries().len()), (1, 7));
    assert_eq!(calls[0].journaled(), []);
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
    let values: Vec<_> = rest.datums(&layouts).iter().map(|datum| datum.amount.clone()).collect();
    let entries: Vec<_> =
        batch.left().entries().iter().map(|entry| Amount::Ones(entry.count)).collect();
    assert_eq!(values, entries);
    let mut both = rest.clone();
    both.append(out);
    both.settle();
    assert!(batch.left().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Counts of two keepers are one datum with their sum. The journal is told its own share, and
    /// both shares are settled together.
    #[test]
    fn datum_of_two_keepers_is_sent_once_and_the_journal_has_its_share(
        shares in prop::collection::vec((0_u64..9, 0_u64..9), 0..60),
        datums_max in 1_usize..20,
    ) {
        let layouts = Layouts::default();
        let single = batch(&layouts, &vec![29_000_000; shares.len()], 1);
        let keepers = [CountKeeper::Sender, CountKeeper::Journal];
        let entries = single.datums.entries().iter().zip(&shares).flat_map(|(entry, shares)| {
            let counts = keepers.into_iter().zip([shares.0, shares.1]);
            let entry = *entry;
            let kept = counts.filter(|(_, count)| *count > 0);
            kept.map(move |(keeper, count)| Entry { key: entry.key.kept_by(keeper), count })
        });
        let counts = Counts::new(Arc::clone(single.datums.table()), entries.collect());
        let lines = crate::aggregate::lines_of(&[counts.of(CountKeeper::Journal)], &layouts);
        let batch = Arc::new(PublishBatch::new(counts));
        let packed = pack(&batch, "SES", &layouts, datums_max);
        let (mut sent, mut journaled, mut entries) = (Vec::new(), Vec::new(), 0);
        for call in &packed.calls {
            let of = call.journaled();
            let sum: u64 = of.iter().map(|(_, count)| count).sum();
            prop_assert_eq!(sum, call.counts_of(CountKeeper::Journal));
            prop_assert_eq!(call.counts(), sum + call.counts_of(CountKeeper::Sender));
            prop_assert!(call.len() <= datums_max);
            call.sending();
            call.accepted();
            call.settle();
            sent.extend(call.datums(&layouts).into_iter().map(|datum| datum.amount));
            journaled.extend(of);
            entries += call.entries_len();
        }
        let sums = shares.iter().map(|(one, other)| one + other).filter(|sum| *sum > 0);
        prop_assert_eq!(sent, sums.map(Amount::Ones).collect::<Vec<_>>());
        let journaled = journaled.iter().map(|(key, count)| (&**key, *count));
        prop_assert_eq!(crate::aggregate::sorted_lines(journaled, &layouts), lines);
        prop_assert_eq!(entries, batch.len() as u64);
        prop_assert_eq!(batch.accepted(), shares.iter().map(|shares| shares.0).sum::<u64>());
        prop_assert!(batch.left().is_empty());
    }
}

#[test]
fn series_of_unknown_layouts_are_set_aside() {
    let batch = batch(&Layouts::default(), &[29_000_000; 3], 1);
    let packed = pack(&batch, "SES", &Layouts::default(), DATUMS_PER_CALL_MAX);
    assert_eq!((packed.calls.len(), packed.unresolved.len()), (0, 3));
}

/// A value that some keepers have counts of: its metric, minute and index, and their counts.
type ValueShares = (u8, i64, u16, (u64, u64));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// All values of a metric and minute are in its datums, ascending and at most 150 in each, and
    /// each once, whoever keeps its counts. What is settled is what was sent.
    #[test]
    fn datum_has_all_values_of_its_metric_and_minute(
        shares in prop::collection::vec((0_u8..4, 0_i64..3, 0_u16..400, (0_u64..9, 0_u64..9)), 0..900),
        datums_max in 1_usize..9,
    ) {
        let layouts = Layouts::default();
        let table = Arc::new(SeriesTable::default());
        let (entries, expected) = values(&layouts, &table, &shares);
        let batch = Arc::new(PublishBatch::new(Counts::new(Arc::clone(&table), entries)));
        let sum: u64 = expected.values().sum();
        let packed = pack(&batch, "SES", &layouts, datums_max);
        prop_assert!(packed.unresolved.is_empty());
        let (mut sent, mut journaled) = (BTreeMap::new(), 0);
        for call in &packed.calls {
            prop_assert!((1..=datums_max).contains(&call.len()));
            prop_assert_eq!(call.keys().count(), call.len());
            journaled += call.journaled().iter().map(|(_, count)| count).sum::<u64>();
            call.sending();
            call.accepted();
            call.settle();
            for Datum { series, amount } in call.datums(&layouts) {
                let values = match amount {
                    Amount::Ones(count) => vec![(MetricValue(1.0), count)],
                    Amount::Values(values) => values,
                    Amount::Value(value) => unreachable!("not of an epoch: {value}"),
                };
                prop_assert!((1..=VALUES_PER_DATUM_MAX).contains(&values.len()));
                prop_assert!(values.is_sorted_by(|a, b| a.0 < b.0));
                for (value, count) in values {
                    prop_assert_eq!(sent.insert((series.clone(), value), count), None);
                }
            }
        }
        prop_assert_eq!(sent, expected);
        prop_assert_eq!(batch.accepted() + journaled, sum);
        prop_assert!(batch.left().is_empty());
    }
}

/// Entries of these values, and what is sent of each. Metric 0 is a count.
fn values(
    layouts: &Layouts,
    table: &SeriesTable,
    shares: &[ValueShares],
) -> (Vec<Entry>, BTreeMap<(SeriesMinute, MetricValue), u64>) {
    let (mut entries, mut expected) = (BTreeMap::new(), BTreeMap::new());
    for (metric, minute, index, (sender, journal)) in shares {
        let (metric, campaign) = match metric {
            0 => (SeriesMetric::Count(EventType::Delivery), "a"),
            1 => (SeriesMetric::HardBounceRate, "a"),
            2 => (SeriesMetric::DeliveryTime, "a"),
            _ => (SeriesMetric::DeliveryTime, "b"),
        };
        let index =
            ValueIndex(if metric == SeriesMetric::HardBounceRate { index % 2 } else { *index });
        let dimensions = vec!["campaign".to_owned()];
        let mut key = KeyBuilder::default();
        key.start(layouts.id(Layout { namespace: "SES".into(), metric, dimensions }));
        key.push(campaign.as_bytes());
        if metric.has_values() {
            key.push_value(index);
        }
        let minute = Minute(29_000_000 + minute);
        let id = table.intern(series_of(key.finish(minute))).expect("there is room");
        for (keeper, count) in [(CountKeeper::Sender, sender), (CountKeeper::Journal, journal)] {
            if *count > 0 {
                *entries.entry(EntryKey::new(id, minute).kept_by(keeper)).or_insert(0) += count;
            }
        }
        if sender + journal > 0 {
            let series = SeriesMinute {
                namespace: "SES".into(),
                metric: metric.name(),
                dimensions: vec![("campaign".to_owned(), campaign.to_owned())],
                minute,
                unit: metric.unit(),
            };
            let value = MetricValue(metric.value(index).unwrap_or(1.0));
            *expected.entry((series, value)).or_insert(0) += sender + journal;
        }
    }
    let entry = |(key, count)| Entry { key, count };
    (entries.into_iter().map(entry).collect(), expected)
}
