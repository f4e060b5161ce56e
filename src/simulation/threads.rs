//! The engine on real threads, in real time: senders side by side, seals every 50 ms, hours that
//! pass in a second, reloads, and checkpoints. What it counts is exact.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request as HttpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::definitions::rules;
use super::run::number;
use super::settings::LifeSettings;
use super::start::{deps, open};
use crate::aggregate::SeriesMinute;
use crate::app::Engine;
use crate::clock::Clock;
use crate::config::{Acknowledge, Config};
use crate::journal::simulated::SimulatedDisk;
use crate::ses::Minute;
use crate::sink::{Amount, Datum, Failure, MetricSink, PutOutcome};
use crate::source::firehose::FirehoseEndpoint;
use crate::telemetry::Metrics;

type Sums = BTreeMap<SeriesMinute, u64>;

/// Adds up what it accepts; refuses every seventh call for now.
#[derive(Debug, Default)]
struct AddingSink {
    sums: Mutex<Sums>,
    calls: AtomicU64,
}

const SENDERS: u64 = 8;
const WORKERS: usize = 4;
/// Threads besides workers and one for each sender: the journal's writer, checkpoints and seals.
const OTHERS: usize = 8;
/// So much of the daemon's time passes in a second.
const A_SECOND: Duration = Duration::from_hours(2);

// === impl AddingSink ===

impl MetricSink for AddingSink {
    async fn put(&self, _: &str, datums: &[Datum], _: Duration) -> PutOutcome {
        if self.calls.fetch_add(1, Ordering::Relaxed) % 7 == 6 {
            return Err(Failure::NotIngested("throttled".to_owned())).into();
        }
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        for Datum { series, amount } in datums {
            let Amount::Ones(count) = amount else { unreachable!("not a count: {amount:?}") };
            *sums.entry(series.clone()).or_default() += count;
        }
        Ok(()).into()
    }

    fn identity(&self) -> &'static str {
        "a sink that adds up"
    }
}

/// A request of some events at this time, and what it counts under every version of the definitions.
fn request(id: &str, rng: &mut Rng, now_ms: i64) -> (String, Sums) {
    let (mut records, mut sums) = (Vec::new(), Sums::new());
    for _ in 0..rng.usize(1..20) {
        let minute = Minute::of_ms(now_ms - rng.i64(0..600_000));
        let campaign = format!("c{}", rng.u32(0..200));
        let event = format!(
            r#"{{"eventType":"Send","mail":{{"timestamp":"{minute}","messageId":"m","tags":{{"ses:configuration-set":["sim"],"request":["{id}"],"campaign":["{campaign}"]}}}}}}"#
        );
        records.push(format!(r#"{{"data":"{}"}}"#, STANDARD.encode(event)));
        for (namespace, name, value) in [
            ("A", "request", id),
            ("A", "campaign", &campaign),
            ("C", "ses:configuration-set", "sim"),
        ] {
            let series = SeriesMinute {
                namespace: namespace.into(),
                metric: "Send",
                dimensions: vec![(name.to_owned(), value.to_owned())],
                minute,
                unit: "Count",
            };
            *sums.entry(series).or_default() += 1;
        }
    }
    let records = records.join(",");
    (format!(r#"{{"requestId":"{id}","timestamp":{now_ms},"records":[{records}]}}"#), sums)
}

/// Sends requests one after the other, each until it is accepted, and some twice. Returns what they
/// count.
async fn send(
    endpoint: FirehoseEndpoint,
    sender: u64,
    clock: Clock,
    is_over: Arc<AtomicBool>,
) -> Sums {
    let (mut rng, mut sums) = (Rng::with_seed(sender), Sums::new());
    let mut requests = 0;
    while !is_over.load(Ordering::Relaxed) {
        let id = format!("s{sender}-{requests}");
        requests += 1;
        let (body, counts) = request(&id, &mut rng, clock.now_ms());
        for (series, count) in counts {
            *sums.entry(series).or_default() += count;
        }
        let mut accepted = 0;
        while accepted < 1 + usize::from(requests % 16 == 0) {
            let delivery = HttpRequest::post("/firehose").body(Body::from(body.clone()));
            let response = endpoint.deliver(delivery.expect("its parts are fine")).await;
            match response.status().as_u16() {
                200 => accepted += 1,
                503 => sleep(Duration::from_millis(1)).await,
                status => panic!("{id} is answered {status}"),
            }
        }
    }
    sums
}

/// The threads of this process; only Linux tells.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// Counts in one mode for a while. Returns what was sent, what was accepted, and the most threads.
async fn count(mode: Acknowledge, time: Duration) -> (Sums, Sums, usize) {
    let mut config = Config::default();
    config.firehose.acknowledge = mode;
    config.cloudwatch.flush_interval = Duration::from_millis(50);
    config.cloudwatch.requests_per_second = 10_000;
    config.limits.series = 10_000_000;
    let settings = LifeSettings { config, datums_per_call: 500, log_bytes: 200_000 };
    let clock = Clock::manual(1_795_176_000_000);
    let (metrics, disk) = (Metrics::new().expect("the bounds are valid"), SimulatedDisk::default());
    let opened = match mode {
        Acknowledge::Journaled => {
            let deps = deps(&settings, &metrics, clock.clone());
            Some(open(disk.mounted(), &deps, settings.log_bytes).await.expect("the disk works"))
        }
        _ => None,
    };
    let deps = deps(&settings, &metrics, clock.clone());
    let rules_now = rules(false, &deps.layouts);
    let engine = Arc::new(Engine::start(deps, rules_now, AddingSink::default(), opened).await);
    let (stop, is_over) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
    let running = tokio::spawn({
        let (engine, stop) = (Arc::clone(&engine), stop.clone());
        let grace = Duration::from_mins(1);
        async move { engine.run(stop.cancelled(), CancellationToken::new(), grace).await }
    });
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let endpoint = engine.endpoint.clone();
        senders.spawn(send(endpoint, sender, clock.clone(), Arc::clone(&is_over)));
    }
    let (until, mut most, mut also) = (Instant::now() + time, 0, false);
    while Instant::now() < until {
        sleep(Duration::from_millis(10)).await;
        also = !also;
        engine.intake.set_rules(rules(also, engine.aggregator.layouts()));
        let passes_ms = i64::try_from((A_SECOND / 100).as_millis()).expect("it is short");
        clock.set_ms(clock.now_ms() + passes_ms);
        most = most.max(threads());
    }
    is_over.store(true, Ordering::Relaxed);
    let mut sent = Sums::new();
    while let Some(sums) = senders.join_next().await {
        for (series, count) in sums.expect("no panic") {
            *sent.entry(series).or_default() += count;
        }
    }
    stop.cancel();
    assert_eq!(running.await.expect("no panic").counts, 0);
    let mut accepted = engine.publisher.sink().sums.lock().unwrap_or_else(PoisonError::into_inner);
    accepted.retain(|series, _| &*series.namespace != "B");
    let accepted = std::mem::take(&mut *accepted);
    (sent, accepted, most)
}

/// The lists are long, so only the first difference is shown.
fn assert_same(mode: Acknowledge, sent: &Sums, accepted: &Sums) {
    assert!(!sent.is_empty());
    let keys = sent.keys().chain(accepted.keys());
    let differs = |series: &&SeriesMinute| sent.get(series) != accepted.get(series);
    let other = keys.clone().find(differs);
    let pair = other.map(|series| (series, sent.get(series), accepted.get(series)));
    assert_eq!(pair, None, "{mode:?}");
}

/// `POSTMETER_THREADS_SECONDS` is the time for each mode, in a run that has the process for itself.
#[test]
fn engine_counts_exactly_on_many_threads() {
    let seconds = number("POSTMETER_THREADS_SECONDS");
    let time = Duration::from_millis(seconds.map_or(500, |seconds| seconds * 1000));
    let before = threads();
    for mode in [Acknowledge::Merged, Acknowledge::Journaled, Acknowledge::Published] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .enable_time()
            .build()
            .expect("there are threads");
        let (sent, accepted, most) = runtime.block_on(count(mode, time));
        assert_same(mode, &sent, &accepted);
        let bound = before + WORKERS + usize::try_from(SENDERS).expect("few") + OTHERS;
        assert!(seconds.is_none() || most <= bound, "{most} threads, at most {bound}");
    }
}
