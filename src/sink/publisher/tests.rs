//! Counts whose publishing panics, calls in doubt, and pauses while the daemon drains.

mod rejections;
mod times;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::*;
use crate::ack::{AckGuard, Admission, DoneWhen, Ledger, RequestId, SourceKind, Stage};
use crate::aggregate::{Delta, KeyBuilder, Limits};
use crate::config::Ambiguous;
use crate::rules::{Layout, Layouts};
use crate::ses::{EventType, Minute};
use crate::sink::{Amount, Culprit, Datum, Failure, PutOutcome};
use crate::telemetry::{DoubtCause, DropReason};

/// Panics at its first call and accepts all others; remembers the sum of each.
#[derive(Debug, Default)]
struct PanicsOnce(Mutex<Vec<u64>>);

impl PanicsOnce {
    fn sums(&self) -> Vec<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl MetricSink for PanicsOnce {
    async fn put(&self, _: &str, datums: &[Datum], _: Duration) -> PutOutcome {
        let count = |datum: &Datum| match datum.amount {
            Amount::Ones(count) => count,
            ref amount => unreachable!("not a count: {amount:?}"),
        };
        let sum = datums.iter().map(count).sum();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sum);
        assert!(self.sums().len() > 1, "the first call panics");
        Ok(()).into()
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
    async fn put(&self, _: &str, _: &[Datum], _: Duration) -> PutOutcome {
        let tries = self.tries.fetch_add(1, Ordering::Relaxed) + 1;
        if tries > self.times {
            return Ok(()).into();
        }
        if tries == self.times {
            self.last_failure.notify_one();
        }
        Err(self.way.clone()).into()
    }

    fn identity(&self) -> &'static str {
        "a sink that fails"
    }
}

/// Refuses or accepts by when a call comes and what it holds; remembers each call.
struct Judges<F> {
    start: Instant,
    judge: F,
    calls: Mutex<Vec<SeenCall>>,
}

/// When a call came, its namespace and its campaigns, and whether it was accepted.
#[derive(Clone, Debug)]
struct SeenCall {
    at: Duration,
    namespace: String,
    campaigns: Vec<String>,
    accepted: bool,
}

impl<F> Judges<F> {
    fn new(judge: F) -> Self {
        Self { start: Instant::now(), judge, calls: Mutex::default() }
    }

    fn calls(&self) -> Vec<SeenCall> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sorted.
    fn accepted(&self) -> Vec<String> {
        let calls = self.calls().into_iter().filter(|call| call.accepted);
        let mut accepted: Vec<_> = calls.flat_map(|call| call.campaigns).collect();
        accepted.sort();
        accepted
    }
}

impl<F> MetricSink for Judges<F>
where
    F: Fn(&SeenCall) -> Result<(), Failure> + Send + Sync + 'static,
{
    async fn put(&self, namespace: &str, datums: &[Datum], _: Duration) -> PutOutcome {
        let campaign = |datum: &Datum| datum.series.dimensions[0].1.clone();
        let mut call = SeenCall {
            at: self.start.elapsed(),
            namespace: namespace.to_owned(),
            campaigns: datums.iter().map(campaign).collect(),
            accepted: false,
        };
        let verdict = (self.judge)(&call);
        call.accepted = verdict.is_ok();
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        verdict.into()
    }

    fn identity(&self) -> &'static str {
        "a sink that judges"
    }
}

/// Counts of a request, each with its namespace and campaign.
fn delta(layouts: &Layouts, counts: &[(&str, &str, u64)]) -> Delta {
    delta_at(layouts, Minute(0), counts)
}

fn delta_at(layouts: &Layouts, minute: Minute, counts: &[(&str, &str, u64)]) -> Delta {
    let (mut delta, mut key) = (Delta::default(), KeyBuilder::default());
    for (namespace, campaign, count) in counts {
        let layout = layouts.id(Layout {
            namespace: (*namespace).into(),
            metric: EventType::Send.into(),
            dimensions: vec!["campaign".to_owned()],
        });
        key.start(layout);
        key.push(campaign.as_bytes());
        delta.add(key.finish(minute), *count);
    }
    delta
}

/// A publisher for two counts of one request, with one datum per call and one call at a time.
fn publisher_to<S: MetricSink>(sink: S, ledger: &Ledger) -> (Publisher<S>, Arc<Metrics>) {
    let settings = PublisherSettings { concurrency: 1, datums_per_call: 1, ..SETTINGS };
    let counts = [("SES", "a", 1), ("SES", "b", 2)];
    publisher_of(sink, ledger, &counts, &settings)
}

const SETTINGS: PublisherSettings = PublisherSettings {
    flush_interval: Duration::from_secs(1),
    concurrency: 4,
    requests_per_second: 100,
    ambiguous: Ambiguous::Retry,
    attempt_timeout: Duration::from_secs(5),
    datums_per_call: 1000,
};

/// A publisher for the counts of one request, each with its namespace and campaign.
fn publisher_of<S: MetricSink>(
    sink: S,
    ledger: &Ledger,
    counts: &[(&str, &str, u64)],
    settings: &PublisherSettings,
) -> (Publisher<S>, Arc<Metrics>) {
    let (layouts, metrics) = (Layouts::default(), Metrics::new().expect("metrics"));
    let limits = Limits { series: None, entries: 1000 };
    let clock = Clock::manual(0);
    let aggregator = Arc::new(Aggregator::new(limits, layouts.clone(), clock.clone()));
    let Admission::New(ticket) = ledger.admit(RequestId::new(SourceKind::Sqs, b"source", b"id"))
    else {
        unreachable!("no id is known");
    };
    aggregator.merge(&delta(&layouts, counts), || ticket.merged(false).counts).expect("it fits");
    (Publisher::new(sink, aggregator, Arc::clone(&metrics), clock, None, settings), metrics)
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

/// Each of three namespaces has as many calls as there are slots. While the calls of one are in
/// doubt, they alone are sent for it, and the others are published without delay.
#[tokio::test(start_paused = true)]
async fn calls_in_doubt_stop_no_other_namespace_and_no_other_call_of_theirs_starts() {
    let names: Vec<_> = (0..8).map(|at| format!("c{at}")).collect();
    let namespaces = ["A", "B", "C"];
    let counts: Vec<_> = namespaces
        .iter()
        .flat_map(|namespace| names.iter().map(move |name| (*namespace, &**name, 1)))
        .collect();
    let (end, ledger) =
        (Duration::from_mins(2), Ledger::new(DoneWhen::Settled, Duration::from_mins(1), 10));
    let sink = Judges::new(move |call: &SeenCall| {
        let is_silent = call.namespace == "A" && call.at < end;
        if is_silent { Err(Failure::Unknown("no answer".to_owned())) } else { Ok(()) }
    });
    let settings = PublisherSettings { datums_per_call: 1, ..SETTINGS };
    let (publisher, _) = publisher_of(sink, &ledger, &counts, &settings);
    tokio::select! {
        () = publisher.run(std::future::pending()) => {}
        () = publisher.settled() => {}
    }
    let calls = publisher.sink().calls();
    assert_eq!(calls.iter().filter(|call| call.accepted).count(), counts.len());
    for call in calls.iter().filter(|call| call.namespace != "A") {
        assert!(call.accepted && call.at < Duration::from_secs(5), "{call:?}");
    }
    let in_doubt = calls.iter().filter(|call| call.namespace == "A" && call.at < end);
    let in_doubt: std::collections::BTreeSet<_> =
        in_doubt.flat_map(|call| &call.campaigns).collect();
    assert!((1..=settings.concurrency).contains(&in_doubt.len()), "{in_doubt:?}");
    // No other call started until all of them had an outcome.
    let others = calls.iter().filter(|call| call.namespace == "A");
    let first = others.clone().position(|call| !in_doubt.contains(&call.campaigns[0]));
    let accepted = others.take(first.expect("there are others")).filter(|call| call.accepted);
    assert_eq!(accepted.count(), in_doubt.len());
}

fn unnamed() -> Result<(), Failure> {
    Err(Failure::Invalid(Culprit::Unnamed("invalid".to_owned())))
}
