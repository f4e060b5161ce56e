//! Counts whose publishing panics, and pauses while the daemon drains.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::*;
use crate::ack::{Admission, DoneWhen, Ledger, RequestId, SourceKind, Stage};
use crate::aggregate::{Delta, KeyBuilder, Limits};
use crate::rules::{Layout, Layouts};
use crate::ses::{EventType, Minute};
use crate::sink::{Amount, Datum, Failure};
use crate::telemetry::DoubtCause;

/// Panics at its first call and accepts all others; remembers the sum of each.
#[derive(Debug, Default)]
struct PanicsOnce(Mutex<Vec<u64>>);

impl PanicsOnce {
    fn sums(&self) -> Vec<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl MetricSink for PanicsOnce {
    async fn put(&self, _: &str, datums: &[Datum]) -> Result<(), Failure> {
        let count = |datum: &Datum| match datum.amount {
            Amount::Ones(count) => count,
            Amount::Value(value) => unreachable!("not a count: {value}"),
        };
        let sum = datums.iter().map(count).sum();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sum);
        assert!(self.sums().len() > 1, "the first call panics");
        Ok(())
    }

    fn identity(&self) -> &'static str {
        "a sink that panics"
    }
}

/// Fails this many times in one way, then reports that and accepts everything.
#[derive(Debug)]
struct Fails {
    way: Failure,
    times: usize,
    tries: AtomicUsize,
    last_failure: Arc<Notify>,
}

impl MetricSink for Fails {
    async fn put(&self, _: &str, _: &[Datum]) -> Result<(), Failure> {
        let tries = self.tries.fetch_add(1, Ordering::Relaxed) + 1;
        if tries > self.times {
            return Ok(());
        }
        if tries == self.times {
            self.last_failure.notify_one();
        }
        Err(self.way.clone())
    }

    fn identity(&self) -> &'static str {
        "a sink that fails"
    }
}

/// Counts 1 of a series and 2 of another.
fn delta(layouts: &Layouts) -> Delta {
    let layout = layouts.id(Layout {
        namespace: "SES".into(),
        metric: EventType::Send,
        dimensions: vec!["campaign".to_owned()],
    });
    let (mut delta, mut key) = (Delta::default(), KeyBuilder::default());
    for (campaign, count) in [("a", 1), ("b", 2)] {
        key.start(layout);
        key.push(campaign.as_bytes());
        delta.add(key.finish(Minute(0)), count);
    }
    delta
}

/// A publisher for two counts of one request, with one datum per call and one call at a time.
fn publisher_to<S: MetricSink>(sink: S, ledger: &Ledger) -> (Publisher<S>, Arc<Metrics>) {
    let (layouts, metrics) = (Layouts::default(), Metrics::new().expect("metrics"));
    let limits = Limits { series: None, entries: 10 };
    let clock = Clock::manual(0);
    let aggregator = Arc::new(Aggregator::new(limits, layouts.clone(), clock.clone()));
    let Admission::New(ticket) = ledger.admit(RequestId::new(SourceKind::Sqs, b"source", b"id"))
    else {
        unreachable!("no id is known");
    };
    aggregator.merge(&delta(&layouts), || ticket.merged(false).counts).expect("it fits");
    let settings = PublisherSettings {
        flush_interval: Duration::from_secs(1),
        concurrency: 1,
        requests_per_second: 100,
        ambiguous: Ambiguous::Retry,
        judge_age: false,
        datums_per_call: 1,
    };
    (Publisher::new(sink, aggregator, Arc::clone(&metrics), clock, None, &settings), metrics)
}

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_is_in_doubt_and_comes_again_and_its_waiters_hear_of_a_failure() {
    let ledger = Ledger::new(DoneWhen::Settled, Duration::from_mins(1), 10);
    let (publisher, metrics) = publisher_to(PanicsOnce::default(), &ledger);

    publisher.run(tokio::time::sleep(Duration::from_mins(1))).await;

    let sums = publisher.sink().sums();
    assert!(sums == [1, 2, 1] || sums == [2, 1, 2], "{sums:?}");
    assert_eq!(metrics.doubtful.get(DoubtCause::Ambiguous), sums[0]);
    assert!(publisher.is_idle() && publisher.left().sum == 0);
    let Admission::Known(waiter) = ledger.admit(RequestId::new(SourceKind::Sqs, b"source", b"id"))
    else {
        panic!("a merged id is never forgotten");
    };
    assert_eq!(waiter.stage(), Stage::Lost);
}

/// After eight failures a pause takes at least five seconds; the ten seconds before the end of a
/// shutdown are too short for two of them.
#[tokio::test(start_paused = true)]
async fn pauses_between_tries_grow_and_end_at_the_signal() {
    for way in [Failure::NotIngested("busy".into()), Failure::Unknown("no answer".into())] {
        let ledger = Ledger::new(DoneWhen::Settled, Duration::from_mins(1), 10);
        let last_failure = Arc::new(Notify::new());
        let (times, tries, failed) = (8, AtomicUsize::new(0), Arc::clone(&last_failure));
        let sink = Fails { way, times, tries, last_failure };
        let (publisher, _) = publisher_to(sink, &ledger);

        let (start, mut signal) = (Instant::now(), None);
        publisher
            .run(async {
                failed.notified().await;
                signal = Some(Instant::now());
            })
            .await;

        let signal = signal.expect("it failed so many times");
        assert!(signal - start >= Duration::from_secs(10), "{:?}", signal - start);
        assert!(signal.elapsed() <= Duration::from_secs(1), "{:?}", signal.elapsed());
        assert!(publisher.is_idle() && publisher.left().sum == 0);
    }
}

/// Settling needs no flush interval, and no longer than a failure lasts.
#[tokio::test(start_paused = true)]
async fn who_waits_until_all_is_settled_waits_for_no_flush() {
    for times in [0, 8] {
        let ledger = Ledger::new(DoneWhen::Settled, Duration::from_mins(1), 10);
        let way = Failure::NotIngested("busy".into());
        let (tries, last_failure) = (AtomicUsize::new(0), Arc::default());
        let (publisher, _) = publisher_to(Fails { way, times, tries, last_failure }, &ledger);

        let start = Instant::now();
        tokio::select! {
            () = publisher.run(std::future::pending()) => {}
            () = publisher.settled() => {}
        }
        assert!(publisher.is_idle() && publisher.left().sum == 0);
        let is_quick = start.elapsed() < Duration::from_millis(100);
        assert_eq!(is_quick, times == 0, "{:?}", start.elapsed());
        // Nothing is left, so this returns at once.
        publisher.settled().await;
    }
}
