//! Ages by CloudWatch's clock, how long calls wait for their responses, and the end of the grace
//! period.

use std::collections::BTreeSet;

use tokio::time::{advance, sleep, timeout};

use super::*;

/// A strict service with its own clock, whose responses take a while.
struct Service<L> {
    start: Instant,
    start_ms: i64,
    /// Whether rejections name datums.
    names: bool,
    /// How long the response to a call takes that is sent at this time.
    latency: L,
    calls: Mutex<Vec<ServiceCall>>,
}

#[derive(Clone, Debug)]
struct ServiceCall {
    within: Duration,
    counts: u64,
    ingested: bool,
}

/// A minute of the service's clock.
const NOW: Minute = Minute(29_000_000);

impl<L> Service<L> {
    fn new(names: bool, latency: L) -> Self {
        let (start, start_ms) = (Instant::now(), NOW.start_seconds() * 1000);
        Self { start, start_ms, names, latency, calls: Mutex::default() }
    }

    fn calls(&self) -> Vec<ServiceCall> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn ingested(&self) -> u64 {
        self.calls().iter().filter(|call| call.ingested).map(|call| call.counts).sum()
    }

    fn now_ms(&self) -> i64 {
        self.start_ms + i64::try_from(self.start.elapsed().as_millis()).expect("a short test")
    }

    /// The datums that are more than two weeks old or two hours ahead.
    fn aged(&self, datums: &[Datum]) -> BTreeSet<usize> {
        let age_ms = |datum: &Datum| self.now_ms() - datum.series.minute.start_seconds() * 1000;
        let is_valid = |datum| (-7_200_000..=14 * 86_400_000).contains(&age_ms(datum));
        (0..datums.len()).filter(|at| !is_valid(&datums[*at])).collect()
    }
}

impl<L> MetricSink for Service<L>
where
    L: Fn(Duration) -> Duration + Send + Sync + 'static,
{
    async fn put(&self, _: &str, datums: &[Datum], within: Duration) -> PutOutcome {
        let aged = self.aged(datums);
        let count = |datum: &Datum| match datum.amount {
            Amount::Ones(count) => count,
            ref amount => unreachable!("not a count: {amount:?}"),
        };
        let counts = datums.iter().map(count).sum();
        let call = ServiceCall { within, counts, ingested: aged.is_empty() };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        let takes = (self.latency)(self.start.elapsed());
        sleep(takes.min(within)).await;
        if takes > within {
            return Err(Failure::TimedOut("no response in time".to_owned())).into();
        }
        let result = match aged.is_empty() {
            true => Ok(()),
            false if self.names => Err(Failure::Invalid(Culprit::Datums(aged))),
            false => unnamed(),
        };
        PutOutcome { result, date_ms: Some(self.now_ms()) }
    }

    fn identity(&self) -> &'static str {
        "a service with a clock"
    }
}

/// Merges counts, each with how many minutes ahead it is.
type Merge = Box<dyn Fn(&[(i64, u64)])>;

/// A publisher with a wall clock, and what merges counts into it.
fn publisher_with<S: MetricSink>(sink: S, wall: Clock) -> (Publisher<S>, Arc<Metrics>, Merge) {
    let (layouts, metrics) = (Layouts::default(), Metrics::new().expect("metrics"));
    let limits = Limits { series: None, entries: 1000 };
    let aggregator = Arc::new(Aggregator::new(limits, layouts.clone(), wall.clone()));
    let merged = Arc::clone(&aggregator);
    let ledger = Ledger::new(DoneWhen::Settled, Duration::from_mins(1), 1000);
    let requests = AtomicUsize::new(0);
    let merge = move |counts: &[(i64, u64)]| {
        for (minutes, count) in counts {
            let id = requests.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            let id = RequestId::new(SourceKind::Sqs, b"source", &id);
            let Admission::New(ticket) = ledger.admit(id) else { unreachable!("it is new") };
            let delta = delta_at(&layouts, Minute(NOW.0 + minutes), &[("SES", "a", *count)]);
            merged.merge(&delta, || ticket.merged(false).counts).expect("it fits");
        }
    };
    let publisher = Publisher::new(sink, aggregator, Arc::clone(&metrics), wall, None, &SETTINGS);
    (publisher, metrics, Box::new(merge))
}

/// Publishes until all is settled; fails if that takes longer than a minute.
async fn settle<S: MetricSink>(publisher: &Publisher<S>) {
    let settled = async {
        tokio::select! {
            () = publisher.run(std::future::pending()) => {}
            () = publisher.settled() => {}
        }
    };
    timeout(Duration::from_mins(1), settled).await.expect("it settles");
    assert!(publisher.is_idle() && publisher.left().sum == 0);
}

/// Whatever the wall clock shows, exactly the counts beyond CloudWatch's limits are dropped, each
/// with its reason. A call tells the time when it is not known.
#[tokio::test(start_paused = true)]
async fn ages_are_judged_by_the_clock_of_the_service() {
    let now_ms = NOW.start_seconds() * 1000;
    let hour_ms = 3_600_000;
    for (wall_ms, names) in [
        (0, true),
        (now_ms - 3 * hour_ms, true),
        (now_ms - 3 * hour_ms, false),
        (now_ms, false),
        (now_ms + 3 * hour_ms, false),
        (now_ms + 400 * 24 * hour_ms, true),
    ] {
        let at_once = |_| Duration::from_millis(20);
        let wall = Clock::manual(wall_ms);
        let (publisher, metrics, merge) =
            publisher_with(Service::new(names, at_once), wall.clone());
        let dropped = |reason| metrics.dropped.get(reason);
        let sink = publisher.sink();

        merge(&[(-14 * 1440 - 1, 1), (-14 * 1440 + 2, 10), (0, 20), (110, 30), (121, 2)]);
        settle(&publisher).await;
        assert_eq!((sink.ingested(), sink.calls().len()), (60, 2), "{wall_ms}");
        assert_eq!((dropped(DropReason::TooOld), dropped(DropReason::TooNew)), (1, 2));

        // Known: nothing that is too old or too new is sent, wherever the wall clock jumps back to.
        wall.set_ms(wall_ms - 3 * hour_ms);
        merge(&[(-14 * 1440 - 1, 4), (0, 1), (180, 8)]);
        settle(&publisher).await;
        assert_eq!((sink.ingested(), sink.calls().len()), (61, 3));
        assert_eq!((dropped(DropReason::TooOld), dropped(DropReason::TooNew)), (5, 10));

        // Not known any more: one call tells.
        advance(Duration::from_secs(61)).await;
        merge(&[(2, 100), (180, 16)]);
        settle(&publisher).await;
        assert_eq!((sink.ingested(), sink.calls().len()), (161, 5));
        assert_eq!((dropped(DropReason::TooOld), dropped(DropReason::TooNew)), (5, 26));
        assert_eq!(metrics.dropped.sum(), 31);
    }
}

/// Responses take 9 s for 40 s, and calls wait for 5 s at first. Everything that is ingested twice
/// is in doubt, that is one call, and later calls wait long enough.
#[tokio::test(start_paused = true)]
async fn slow_service_costs_one_retry() {
    let slow = Duration::from_secs(40);
    let latency = move |at| Duration::from_millis(if at < slow { 9000 } else { 20 });
    let (publisher, metrics, merge) = publisher_with(Service::new(true, latency), Clock::manual(0));
    let start = Instant::now();
    merge(&[(0, 100)]);
    settle(&publisher).await;
    let doubtful = || metrics.doubtful.get(DoubtCause::Ambiguous);
    assert_eq!((publisher.sink().ingested(), doubtful()), (200, 100));
    let mut sent = 100;
    while start.elapsed() < slow {
        merge(&[(0, 7)]);
        sent += 7;
        settle(&publisher).await;
    }
    let within: Vec<_> =
        publisher.sink().calls().iter().map(|call| call.within.as_secs()).collect();
    assert_eq!(within, [5, 10, 10, 10, 10]);
    // Quick responses end it.
    for _ in 0..2 {
        merge(&[(0, 7)]);
        sent += 7;
        settle(&publisher).await;
    }
    let calls = publisher.sink().calls();
    assert_eq!(calls.last().map(|call| call.within.as_secs()), Some(5));
    assert_eq!((publisher.sink().ingested(), doubtful()), (sent + 100, 100));
}

/// At the end of the grace period a call in flight still gets its response, and no other starts.
#[tokio::test(start_paused = true)]
async fn call_in_flight_at_the_end_is_not_cut_and_no_other_starts() {
    let latency = |_| Duration::from_secs(3);
    let (publisher, metrics, merge) = publisher_with(Service::new(true, latency), Clock::manual(0));
    merge(&[(0, 100)]);
    let running = {
        let publisher = publisher.clone();
        tokio::spawn(async move { publisher.run(sleep(Duration::from_secs(2))).await })
    };
    sleep(Duration::from_millis(2500)).await;
    assert_eq!(publisher.sink().calls().len(), 1, "it is in flight");
    merge(&[(0, 7)]);
    publisher.flush().await;
    publisher.stop_calls();
    timeout(Duration::from_secs(3), running).await.expect("it ends").expect("no panic");
    assert_eq!((publisher.sink().ingested(), publisher.sink().calls().len()), (100, 1));
    let left = publisher.left();
    assert_eq!((left.sum, left.in_doubt, metrics.doubtful.sum()), (7, 0, 0));
    assert!(!publisher.has_panicked());
}
