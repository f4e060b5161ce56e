//! Series have one ID, and the limit counts metrics.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::aggregate::key::{KeyBuilder, series_of};
use crate::rules::{Layout, Layouts, SeriesMetric, ValueIndex};
use crate::ses::Minute;

const HOUR_MS: i64 = 3_600_000;

proptest! {
    /// Each series keeps one ID, no two series share one, and the bytes round-trip.
    #[test]
    fn series_has_one_id(all in prop::collection::vec(prop::collection::vec(0_u8..3, 0..6), 0..300)) {
        let table = SeriesTable::default();
        let mut ids = HashMap::new();
        for series in &all {
            prop_assert_eq!(table.id(series), ids.get(series).copied());
            let id = table.intern(series).expect("there is room");
            prop_assert_eq!(*ids.entry(series).or_insert(id), id);
        }
        prop_assert_eq!(table.series(), ids.len());
        let mut by_id = HashMap::new();
        for (series, id) in ids {
            prop_assert!(id.0 < 1 << SeriesId::BITS);
            prop_assert_eq!(by_id.insert(id.0, series), None);
            prop_assert!(table.with(id, |bytes| bytes == series.as_slice()));
        }
    }
}

#[test]
fn series_are_counted_once_an_hour_and_leave_no_trace_at_the_limit() {
    let (table, limit) = (SeriesTable::default(), HourlyLimit::new(Some(2)));
    let first = limit.turn(0);
    let a = table.admit(b"a", &limit).expect("first of two");
    assert!(table.admit(b"b", &limit).is_some());
    assert_eq!((table.admit(b"c", &limit), table.id(b"c"), table.series()), (None, None, 2));
    assert_eq!(table.find(&[b"a", b"c", b"b"], first), [Some(a), None, table.id(b"b")]);
    assert_eq!((table.admit(b"a", &limit), limit.series(0)), (Some(a), 2));
    // In the next hour known series count again and keep their IDs.
    let second = limit.turn(HOUR_MS);
    assert_eq!(table.find(&[b"a"], second), [None]);
    assert!(table.admit(b"c", &limit).is_some());
    assert_eq!((table.admit(b"a", &limit), limit.series(HOUR_MS)), (Some(a), 2));
    assert_eq!(table.admit(b"b", &limit), None);
}

#[test]
fn values_of_a_metric_are_one_series_of_the_limit() {
    let layouts = Layouts::default();
    let metric = SeriesMetric::DeliveryTime;
    let id = layouts.id(Layout { namespace: "SES".into(), metric, dimensions: Vec::new() });
    let series = |value| {
        let mut key = KeyBuilder::default();
        key.start(id);
        key.push_value(ValueIndex(value));
        series_of(key.finish(Minute(0))).to_vec()
    };
    let (table, limit) = (Arc::new(SeriesTable::default()), HourlyLimit::new(Some(1)));
    let stamp = limit.turn(0);
    let ids: Vec<_> = (0..9).map(|value| table.admit(&series(value), &limit)).collect();
    assert!(ids.iter().all(Option::is_some) && limit.series(0) == 1);
    assert_eq!(table.find(&[&series(3), &series(9)], stamp), [ids[3], None]);
    assert!(table.is_counted(metric_of(&series(77)), stamp));
    assert_eq!(table.admit(b"other", &limit), None);
    let shared: Vec<_> = ids.iter().flatten().map(|id| table.metric_id(*id)).collect();
    assert!(shared.iter().all(|id| *id == shared[0]) && !ids.contains(&Some(shared[0])));
    // So it is in the next table, and in the next hour.
    let next = SeriesTable::after(Arc::clone(&table));
    assert!(next.admit(&series(4), &limit).is_some() && limit.series(0) == 1);
    let other = SeriesTable::default();
    let moved: Vec<_> = ids.iter().flatten().map(|id| table.id_in(&other, *id)).collect();
    let shared = other.metric_id(moved[0].expect("there is room"));
    assert!(moved.iter().flatten().all(|id| other.metric_id(*id) == shared));
    let second = limit.turn(HOUR_MS);
    assert_eq!(table.find(&[&series(3)], second), [None]);
    assert_eq!((table.admit(&series(3), &limit), limit.series(HOUR_MS)), (ids[3], 1));
    assert_eq!(table.admit(&series(3), &limit), ids[3]);
    assert_eq!((table.admit(b"other", &limit), limit.series(HOUR_MS)), (None, 1));
}

#[test]
fn next_table_knows_what_was_counted_in_this_hour() {
    let (table, limit) = (Arc::new(SeriesTable::default()), HourlyLimit::new(Some(3)));
    limit.turn(0);
    table.admit(b"old", &limit).expect("there is room");
    let stamp = limit.turn(HOUR_MS);
    for series in [b"a", b"b"] {
        table.admit(series, &limit).expect("there is room");
    }
    let next = SeriesTable::after(Arc::clone(&table));
    // Before and after the carry.
    assert!(next.admit(b"a", &limit).is_some());
    assert_eq!(limit.series(HOUR_MS), 2);
    next.intern(b"z").expect("there is room");
    next.carry(stamp);
    assert_eq!(Arc::strong_count(&table), 1);
    assert!(next.find(&[b"a", b"b"], stamp).iter().all(Option::is_some));
    assert_eq!((next.series(), next.id(b"old")), (3, None));
    assert!(next.admit(b"b", &limit).is_some());
    assert_eq!(limit.series(HOUR_MS), 2);
    assert!(next.admit(b"z", &limit).is_some());
    assert_eq!((next.admit(b"old", &limit), limit.series(HOUR_MS)), (None, 3));
}
