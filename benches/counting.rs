//! Merging requests of 400 counts into the shared aggregator: at 100, 10,000 and 1,000,000 live
//! series, by one thread and by two.

use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use postmeter::aggregate::{Aggregator, Delta, KeyBuilder, Limits};
use postmeter::clock::Clock;
use postmeter::rules::{Layout, LayoutId, Layouts};
use postmeter::ses::{EventType, Minute};

/// Counts of one request.
const REQUEST: usize = 400;
const MINUTE: i64 = 29_000_000;

/// An aggregator whose limits no bench reaches, and the layout of its series.
pub fn aggregator() -> (Aggregator, LayoutId) {
    let layouts = Layouts::default();
    let dimensions = ["campaign", "genre", "region"].map(str::to_owned).to_vec();
    let layout = Layout { namespace: "SES".into(), metric: EventType::Send.into(), dimensions };
    let id = layouts.id(layout);
    let limits = Limits { series: Some(10_000_000), entries: 10_000_000 };
    (Aggregator::new(limits, layouts, Clock::manual(0)), id)
}

/// Requests that count each of these series once, in one minute.
pub fn requests(layout: LayoutId, series: usize) -> Vec<Delta> {
    let request = |first| request(layout, first..(first + REQUEST).min(series));
    (0..series).step_by(REQUEST).map(request).collect()
}

/// One count for each series: three values of 9 to 19 bytes.
pub fn request(layout: LayoutId, series: std::ops::Range<usize>) -> Delta {
    let (mut delta, mut key) = (Delta::default(), KeyBuilder::default());
    for at in series {
        key.start(layout);
        let mut bits = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for dimension in 0..3 {
            bits = (bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let value = format!("{at:07}{dimension}-of-a-campaign");
            key.push(&value.as_bytes()[..9 + (bits >> 40) as usize % 11]);
        }
        delta.add(key.finish(Minute(MINUTE)), 1);
    }
    delta
}

pub fn counting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("counting");
    group.throughput(Throughput::Elements(REQUEST as u64));
    for series in [100, 10_000, 1_000_000] {
        for threads in [1, 2] {
            let id = BenchmarkId::new(format!("{series}_series"), format!("{threads}_threads"));
            let mut made = None;
            group.bench_function(id, |bench| {
                let (aggregator, requests) = made.get_or_insert_with(|| live(series));
                bench.iter_custom(|merges| merge_all(aggregator, requests, threads, merges));
            });
        }
    }
    group.finish();
}

/// An aggregator in which these series are live, and requests that count them in random order, 400
/// at a time.
fn live(series: usize) -> (Aggregator, Vec<Delta>) {
    let (aggregator, layout) = aggregator();
    let mut places: Vec<_> = (0..series).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut places);
    let rounds = REQUEST.div_ceil(series);
    let places: Vec<_> = std::iter::repeat_n(places, rounds).flatten().collect();
    let mut requests = Vec::new();
    for places in places.chunks(REQUEST) {
        let mut delta = Delta::default();
        for at in places {
            for (key, count) in request(layout, *at..at + 1).iter() {
                delta.add(key, count);
            }
        }
        aggregator.merge(&delta, || None).expect("it fits");
        requests.push(delta);
    }
    (aggregator, requests)
}

/// The time of this many merges, distributed over threads.
fn merge_all(aggregator: &Aggregator, requests: &[Delta], threads: usize, merges: u64) -> Duration {
    let merges = usize::try_from(merges).expect("few merges");
    let started = Instant::now();
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for at in (thread..merges).step_by(threads) {
                    let request = &requests[at % requests.len()];
                    aggregator.merge(request, || None).expect("it fits");
                }
            });
        }
    });
    started.elapsed()
}
