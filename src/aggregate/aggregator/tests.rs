//! Exact limits, and no losses between merge and seal.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use super::*;
use crate::ack::{Admission, DoneWhen, Ledger, RequestId, SourceKind, Stage};
use crate::aggregate::KeyBuilder;
use crate::rules::{Layout, LayoutId};
use crate::ses::{EventType, Minute};

fn layout(layouts: &Layouts, namespace: &str) -> LayoutId {
    let dimensions = vec!["campaign".to_owned()];
    layouts.id(Layout { namespace: namespace.into(), metric: EventType::Send.into(), dimensions })
}

fn delta(layout: LayoutId, entries: &[(&str, i64, u64)]) -> Delta {
    let (mut delta, mut key) = (Delta::default(), KeyBuilder::default());
    for (campaign, minute, count) in entries {
        key.start(layout);
        key.push(campaign.as_bytes());
        delta.add(key.finish(Minute(*minute)), *count);
    }
    delta
}

fn aggregator(series: Option<usize>, entries: u64) -> (Aggregator, LayoutId) {
    let layouts = Layouts::default();
    let id = layout(&layouts, "SES");
    (Aggregator::new(Limits { series, entries }, layouts, Clock::manual(0)), id)
}

fn merge(aggregator: &Aggregator, delta: &Delta) -> Result<Merge, Full> {
    aggregator.merge(delta, || None)
}

#[test]
fn requests_are_merged_whole_up_to_the_limit_of_entries_or_not_at_all() {
    let (aggregator, id) = aggregator(None, 3);
    assert!(merge(&aggregator, &delta(id, &[("a", 1, 1), ("a", 2, 1)])).is_ok());
    // Two new entries exceed the limit by one: nothing is merged, and existing entries stay the
    // same.
    assert_eq!(merge(&aggregator, &delta(id, &[("a", 1, 5), ("b", 1, 1), ("c", 1, 1)])), Err(Full));
    assert_eq!((aggregator.pending.entries(), aggregator.pending.counts()), (2, 2));
    assert!(merge(&aggregator, &delta(id, &[("a", 1, 5), ("b", 1, 1)])).is_ok());
    assert_eq!((aggregator.pending.entries(), aggregator.pending.counts()), (3, 8));
    assert_eq!(merge(&aggregator, &delta(id, &[("c", 1, 1)])), Err(Full));
    // A known series needs no new entry until its epoch is sealed.
    assert!(merge(&aggregator, &delta(id, &[("a", 1, 1)])).is_ok());
    let sealed = aggregator.seal();
    assert_eq!(merge(&aggregator, &delta(id, &[("a", 1, 1)])), Err(Full));
    aggregator.pending.done(sealed.counts.entries().len() as u64, 9);
    assert!(merge(&aggregator, &delta(id, &[("a", 1, 1)])).is_ok());
    assert_eq!((aggregator.pending.entries(), aggregator.pending.counts()), (1, 1));
}

#[test]
fn closed_aggregator_takes_the_counts_of_the_journal_alone() {
    let (aggregator, id) = aggregator(None, 2);
    let one = delta(id, &[("a", 1, 1)]);
    aggregator.close();
    let merge = |keeper| {
        let room = aggregator.reserve(&one, keeper).expect("it fits");
        aggregator.merge_into(room, &one, keeper, || None).is_some()
    };
    assert!(!merge(CountKeeper::Sender));
    assert_eq!((aggregator.pending.entries(), aggregator.pending.counts()), (0, 0));
    assert!(merge(CountKeeper::Journal));
    assert_eq!((aggregator.pending.entries(), aggregator.pending.counts()), (1, 1));
}

#[test]
fn room_is_given_back_when_unused_and_restored_counts_need_none() {
    let (aggregator, id) = aggregator(None, 2);
    let two = delta(id, &[("a", 1, 1), ("b", 1, 1)]);
    let room = aggregator.reserve(&two, CountKeeper::Sender).expect("it fits");
    assert_eq!(
        aggregator.reserve(&delta(id, &[("c", 1, 1)]), CountKeeper::Sender).map(drop),
        Err(Full)
    );
    drop(room);
    let room = aggregator.reserve(&two, CountKeeper::Sender).expect("it was given back");
    assert_eq!(
        aggregator.merge_into(room, &two, CountKeeper::Sender, || None),
        Some(Merge::default())
    );
    assert_eq!((aggregator.pending.entries(), aggregator.pending.counts()), (2, 2));
    let old = delta(id, &[("c", 1, 5), ("d", 1, 5)]);
    assert_eq!(aggregator.restore(&old), Merge::default());
    assert_eq!((aggregator.pending.entries(), aggregator.pending.counts()), (4, 12));
    assert_eq!(merge(&aggregator, &delta(id, &[("e", 1, 1)])), Err(Full));
    // Near the limit only new entries need room, and these are known. An epoch that ends in between
    // makes them new.
    let room = aggregator.reserve(&two, CountKeeper::Sender).expect("nothing is new");
    let _ = aggregator.seal();
    assert_eq!(
        aggregator.merge_into(room, &two, CountKeeper::Sender, || None),
        Some(Merge::default())
    );
    assert_eq!((aggregator.pending.entries(), aggregator.pending.counts()), (6, 14));
}

#[test]
fn series_are_made_up_to_the_limit_and_minutes_need_none() {
    let (aggregator, id) = aggregator(Some(2), 100);
    let merged =
        merge(&aggregator, &delta(id, &[("a", 1, 1), ("a", 2, 1), ("b", 1, 1), ("c", 1, 7)]));
    assert_eq!(merged.map(|merge| merge.series_limit()), Ok(7));
    assert_eq!((aggregator.series(), aggregator.pending.entries()), (2, 3));
    // Known series are accepted in the next epoch too.
    let _ = aggregator.seal();
    let merged = merge(&aggregator, &delta(id, &[("b", 9, 1), ("c", 1, 2)]));
    assert_eq!(merged.map(|merge| merge.series_limit()), Ok(2));
}

#[test]
fn series_of_a_request_are_admitted_whole_or_not_at_all_where_nothing_may_be_dropped() {
    let (aggregator, id) = aggregator(Some(3), 100);
    let aggregator = aggregator.with_overflow(SeriesOverflow::Refuse);
    let two = delta(id, &[("a", 1, 1), ("a", 2, 1), ("b", 1, 1)]);
    assert_eq!(aggregator.reserve_series(&two), Ok(()));
    assert_eq!((aggregator.series(), aggregator.reserve_series(&two)), (2, Ok(())));
    let three = delta(id, &[("b", 1, 1), ("c", 1, 1), ("d", 1, 1)]);
    let full = aggregator.reserve_series(&three).expect_err("there is one place");
    assert_eq!((full, aggregator.series()), (SeriesFull { new: 2, left: 1, max: 3 }, 2));
    assert_eq!(aggregator.reserve_series(&delta(id, &[("c", 1, 1)])), Ok(()));
    // The hour may end between the two, and restored counts were admitted by an earlier process.
    assert_eq!(merge(&aggregator, &three), Ok(Merge::default()));
    assert_eq!(aggregator.restore(&delta(id, &[("e", 1, 1)])), Merge::default());
    let full = aggregator.reserve_series(&delta(id, &[("f", 1, 1)]));
    assert_eq!(full, Err(SeriesFull { new: 1, left: 0, max: 3 }));
}

#[test]
fn recent_lines_show_the_active_epoch_and_what_was_sealed_once() {
    let (aggregator, id) = aggregator(None, 100);
    for _ in 0..3 {
        merge(&aggregator, &delta(id, &[("a", 1, 2)])).expect("it fits");
        let _ = aggregator.seal();
        merge(&aggregator, &delta(id, &[("a", 1, 3)])).expect("it fits");
    }
    let lines = aggregator.recent_lines();
    assert_eq!(lines.iter().map(|line| line.count).collect::<Vec<_>>(), [15]);
}

/// A series whose values have 9 to 19 bytes.
fn push_three_values(key: &mut KeyBuilder, at: u64) {
    let mut bits = at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for dimension in 0..3 {
        bits = (bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = format!("{at:07}{dimension}-of-a-campaign");
        key.push(&value.as_bytes()[..9 + (bits >> 40) as usize % 11]);
    }
}

/// Merges series with one entry each in this minute, by requests of 400.
fn merge_series(aggregator: &Aggregator, layout: LayoutId, series: u64, minute: i64) {
    let (mut delta, mut key) = (Delta::default(), KeyBuilder::default());
    for first in (0..series).step_by(400) {
        delta.clear();
        for at in first..(first + 400).min(series) {
            key.start(layout);
            push_three_values(&mut key, at);
            delta.add(key.finish(Minute(minute)), 1);
        }
        merge(aggregator, &delta).expect("it fits");
    }
}

#[test]
fn series_takes_at_most_100_bytes() {
    const SERIES: u64 = 100_000;
    let (aggregator, id) = aggregator(Some(1_000_000), 1_000_000);
    merge_series(&aggregator, id, SERIES, 29_000_000);
    let sealed = aggregator.seal();
    assert_eq!(sealed.counts.entries().len() as u64, SERIES);
    drop(sealed);
    // Once more, so that both the epoch and the recent entries hold all of them.
    merge_series(&aggregator, id, SERIES, 29_000_000);
    let bytes = aggregator.bytes() as u64;
    // 42 bytes of each are values. The overhead of capacities is the same in every run.
    assert!((86 * SERIES..90 * SERIES).contains(&bytes), "{bytes} bytes");
}

#[test]
fn memory_of_a_burst_is_given_back() {
    let (aggregator, id) = aggregator(None, 1_000_000);
    let before = aggregator.bytes();
    for minute in 0..5 {
        merge_series(&aggregator, id, 50_000, 29_000_000 + minute);
    }
    let burst = aggregator.bytes();
    assert!(burst > before + 250_000 * 16, "{burst}");
    drop(aggregator.seal());
    // The epoch's map is freed at once.
    assert!(aggregator.bytes() < burst / 2, "{} of {burst}", aggregator.bytes());
    // After three hours and one more epoch the series are freed as well.
    aggregator.clock.set_ms(4 * 3_600_000);
    for _ in 0..2 {
        merge(&aggregator, &delta(id, &[("a", 29_000_300, 1)])).expect("it fits");
        drop(aggregator.seal());
    }
    assert_eq!(aggregator.recent_lines().len(), 1);
    let after = aggregator.bytes();
    assert!(after < before + 300_000, "{after} after {before}");
}

#[test]
fn hourly_limit_holds_across_a_new_table() {
    let (aggregator, id) = aggregator(Some(5000), 100_000);
    merge_series(&aggregator, id, 5000, 1);
    assert_eq!(
        merge(&aggregator, &delta(id, &[("a", 1, 3)])).map(|merge| merge.series_limit()),
        Ok(3)
    );
    drop(aggregator.seal());
    aggregator.clock.set_ms(4 * 3_600_000);
    assert_eq!(aggregator.series(), 0);
    let table = || aggregator.with_active(|epoch| Arc::as_ptr(&epoch.table));
    let before = table();
    for round in 1..=3 {
        let sealed = {
            merge(&aggregator, &delta(id, &[("a", 1, 1), ("b", 1, 1)])).expect("it fits");
            aggregator.seal()
        };
        assert_eq!(sealed.counts.sum(), 2);
        assert_eq!((aggregator.series(), aggregator.recent_lines().len()), (2, 2));
        assert!(aggregator.recent_lines().iter().all(|line| line.count == round));
    }
    assert_ne!(table(), before);
    let left = delta(id, &[("c", 1, 1)]);
    merge_series(&aggregator, id, 4998, 1);
    assert_eq!(merge(&aggregator, &left).map(|merge| merge.series_limit()), Ok(1));
    assert_eq!(aggregator.series(), 5000);
}

/// However merges and seals interleave, the sealed epochs hold exactly what was merged, and each
/// guard is in the epoch of its counts and namespaces. Tables are replaced throughout, because no
/// series stays alive.
#[test]
fn merges_concurrent_with_seals_lose_nothing() {
    let (aggregator, id) = aggregator(None, 1_000_000);
    let other = layout(&aggregator.layouts, "Other");
    let ledger = Ledger::new(DoneWhen::Settled, Duration::from_mins(1), 100_000);
    let mut sealed = Vec::new();
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4_u8)
            .map(|writer| {
                let (aggregator, ledger) = (&aggregator, &ledger);
                scope.spawn(move || {
                    for at in 0..2_000_i64 {
                        let request = RequestId::new(SourceKind::Sqs, &[writer], &at.to_le_bytes());
                        let Admission::New(ticket) = ledger.admit(request) else {
                            panic!("the id is new")
                        };
                        let layout = if at % 2 == 0 { id } else { other };
                        let own = format!("{writer}-{at}");
                        let counts = [("a", at % 7, 1), ("b", at % 5, 2), (own.as_str(), 0, 1)];
                        let delta = delta(layout, &counts);
                        aggregator.merge(&delta, || ticket.merged(false).counts).expect("it fits");
                    }
                })
            })
            .collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            aggregator.clock.set_ms(aggregator.clock.now_ms() + 4 * 3_600_000);
            sealed.push(aggregator.seal());
        }
    });
    sealed.push(aggregator.seal());
    let mut totals: BTreeMap<(Vec<u8>, Minute), u64> = BTreeMap::new();
    let (mut acks, mut entries, mut counts) = (0, 0, 0);
    for epoch in sealed {
        entries += epoch.counts.entries().len() as u64;
        for Entry { key, count } in epoch.counts.entries() {
            let series = epoch.counts.table.with(key.series(), <[u8]>::to_vec);
            *totals.entry((series, key.minute())).or_default() += count;
            counts += count;
        }
        for (ack, namespaces) in epoch.acks {
            acks += 1;
            assert_eq!(namespaces.len(), 1);
            for share in ack.split(namespaces.len()) {
                share.settle();
            }
        }
    }
    assert_eq!((acks, counts), (8_000, 8_000 * 4));
    assert_eq!((aggregator.pending.entries(), aggregator.pending.counts()), (entries, counts));
    assert_eq!(totals.len(), 2 * (7 + 5) + 8_000);
    let Admission::Known(waiter) =
        ledger.admit(RequestId::new(SourceKind::Sqs, &[3], &1_999_i64.to_le_bytes()))
    else {
        panic!("the id is known")
    };
    assert_eq!(waiter.stage(), Stage::Settled);
}

/// And a wall clock that is set does not change that.
#[tokio::test(start_paused = true)]
async fn epoch_is_as_old_as_its_first_merge_of_counts() {
    let layouts = Layouts::default();
    let id = layout(&layouts, "SES");
    let clock = Clock::manual(5000);
    let aggregator =
        Aggregator::new(Limits { series: Some(1), entries: 9 }, layouts, clock.clone());
    assert!(merge(&aggregator, &delta(id, &[])).is_ok());
    assert_eq!(aggregator.first_merge(), None);
    tokio::time::advance(Duration::from_secs(1)).await;
    let first = Instant::now();
    assert!(merge(&aggregator, &delta(id, &[("a", 1, 1)])).is_ok());
    tokio::time::advance(Duration::from_secs(1)).await;
    clock.set_ms(0);
    assert!(merge(&aggregator, &delta(id, &[("a", 1, 1)])).is_ok());
    assert_eq!(aggregator.first_merge(), Some(first));
    assert_eq!(aggregator.seal().first_merge, Some(first));
    assert_eq!(merge(&aggregator, &delta(id, &[("b", 1, 1)])).map(|it| it.over_limit.len()), Ok(1));
    assert_eq!((aggregator.first_merge(), aggregator.seal().first_merge), (None, None));
}
