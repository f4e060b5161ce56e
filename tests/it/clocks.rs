//! A CloudWatch that is slow, a process that stands still, and clocks that differ.

use std::time::Duration;

use postmeter::clock::Clock;
use postmeter::synth::Profile;
use tokio::time::{Instant, sleep, timeout_at};

use crate::support::app::PATIENCE;
use crate::support::fake_cloudwatch::{FakeCloudWatch, Fault, Outcome, State};
use crate::support::process::Daemon;
use crate::support::traffic::{Traffic, assert_held, send_of};

/// The default timeouts are 3 and 5 of these; `POSTMETER_TEST_SECOND_MS=1000` for the real ones.
fn second() -> Duration {
    let ms = std::env::var("POSTMETER_TEST_SECOND_MS").ok();
    Duration::from_millis(ms.map_or(200, |ms| ms.parse().expect("milliseconds")))
}

/// A daemon with the default timeouts, which publishes to a fake.
fn daemon(fake: &FakeCloudWatch, more: &[(&str, &str)]) -> Daemon {
    let ms = |seconds: u32| format!("{}ms", (second() * seconds).as_millis());
    let (connect, attempt, url) = (ms(3), ms(5), fake.url());
    let variables = [
        ("AWS_ENDPOINT_URL", &*url),
        ("POSTMETER__CLOUDWATCH__CONNECT_TIMEOUT", &*connect),
        ("POSTMETER__CLOUDWATCH__ATTEMPT_TIMEOUT", &*attempt),
    ];
    Daemon::start(&[&variables, more].concat())
}

async fn deliver(daemon: &Daemon, id: &str, events: usize) {
    let reply = daemon.firehose().deliver(id, &vec![send_of("a"); events]).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

async fn settled(daemon: &Daemon) {
    daemon.until_metric("postmeter_pending_counts", |pending| pending == 0).await;
}

/// The events in CloudWatch, and those in doubt.
async fn events(fake: &FakeCloudWatch, daemon: &Daemon) -> (u64, u64) {
    (fake.total_in("SES") / SERIES, daemon.metric(DOUBTFUL).await / SERIES)
}

/// An event is counted in so many series.
const SERIES: u64 = 3;

const DOUBTFUL: &str = "postmeter_doubtful_counts_total{cause=\"ambiguous\"}";

/// Responses take 9 seconds for 40 seconds. Timeouts repeat a call once or twice, not five times,
/// and what is ingested too often is exactly what is in doubt.
#[tokio::test(flavor = "multi_thread")]
async fn slow_cloudwatch_costs_a_few_retries_and_each_is_in_doubt() {
    let fake = FakeCloudWatch::start().await;
    fake.set_mode(Fault::TimeoutAfter(second() * 9));
    let daemon = daemon(&fake, &[]);
    let slow_until = Instant::now() + second() * 40;
    deliver(&daemon, "first", 100).await;
    if timeout_at(slow_until, settled(&daemon)).await.is_err() {
        fake.set_mode(None);
        settled(&daemon).await;
    }
    let (ingested, in_doubt) = events(&fake, &daemon).await;
    println!("100 events: {ingested} ingested, {in_doubt} in doubt");
    assert!((100..=300).contains(&ingested) && ingested == 100 + in_doubt);
    // From now on, calls wait long enough, new ones too.
    let mut sent = 100;
    while Instant::now() < slow_until {
        deliver(&daemon, &sent.to_string(), 10).await;
        sent += 10;
        settled(&daemon).await;
    }
    let (ingested, in_doubt) = events(&fake, &daemon).await;
    println!("{sent} events: {ingested} ingested, {in_doubt} in doubt");
    assert!(in_doubt <= 200 && ingested == sent + in_doubt);
    fake.set_mode(None);
    daemon.end().await;
}

/// The process is frozen while the response to a call arrives, for longer than it would wait. It
/// reads the response before it decides.
#[tokio::test(flavor = "multi_thread")]
async fn response_to_a_frozen_process_is_read() {
    let fake = FakeCloudWatch::start().await;
    let daemon = daemon(&fake, &[]);
    for request in 0..3 {
        let calls = fake.calls().len();
        fake.script(vec![Fault::TimeoutAfter(second())]);
        let id = request.to_string();
        deliver(&daemon, &id, 100).await;
        let is_in_flight = |state: &State| {
            let call = state.calls().last();
            let in_flight =
                call.is_some_and(|call| call.ingested && call.outcome == Outcome::InFlight);
            in_flight && state.calls().len() > calls
        };
        assert!(fake.wait_until(is_in_flight, PATIENCE).await);
        daemon.signal("STOP");
        let answered = |state: &State| state.in_flight() == 0;
        assert!(fake.wait_until(answered, PATIENCE).await);
        // Its time is the fault under test.
        sleep(second() * 12).await;
        daemon.signal("CONT");
        settled(&daemon).await;
    }
    assert_eq!(events(&fake, &daemon).await, (300, 0));
    assert_eq!(fake.calls().len(), 3);
    daemon.end().await;
}

/// CloudWatch's clock and the events' differ from this host's by hours. CloudWatch rejects the
/// first signature; nothing is dropped or in doubt.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_clock_of_this_host_drops_nothing() {
    for (seed, ahead_hours) in (80..).zip([-3, 3, 24 * 30]) {
        let fake = FakeCloudWatch::start().await;
        let now_ms = Clock::System.now_ms() + ahead_hours * 3_600_000;
        fake.set_now_ms(now_ms);
        fake.check_signing_time();
        let daemon = daemon(&fake, &[]);
        let profile = Profile { seed, awkward: true, ..Profile::default() };
        let mut traffic = Traffic::at(now_ms, profile, "config/definitions.json");
        for request in 0..4 {
            let reply =
                daemon.firehose().deliver(&request.to_string(), &traffic.records(100)).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
        settled(&daemon).await;
        assert_held(&fake, &traffic.sums());
        for reason in ["too_old", "too_new", "refused"] {
            let dropped = format!("postmeter_dropped_total{{reason=\"{reason}\"}}");
            assert_eq!(daemon.metric(&dropped).await, 0, "{reason} {ahead_hours}");
        }
        assert_eq!(daemon.metric(DOUBTFUL).await, 0);
        daemon.end().await;
    }
}

/// SIGTERM does not wait longer than the grace period for a response, however long calls wait by
/// then.
#[tokio::test(flavor = "multi_thread")]
async fn calls_wait_no_longer_than_the_grace_period() {
    let fake = FakeCloudWatch::start().await;
    fake.set_mode(Fault::HangBefore);
    let daemon = daemon(
        &fake,
        &[
            ("POSTMETER__CLOUDWATCH__CONNECT_TIMEOUT", "100ms"),
            ("POSTMETER__CLOUDWATCH__ATTEMPT_TIMEOUT", "800ms"),
            ("POSTMETER__SHUTDOWN__GRACE", "2s"),
        ],
    );
    assert_eq!(daemon.firehose().deliver("a", &[send_of("a")]).await.status, 200);
    // The third call waits for more than 3 s.
    assert!(fake.wait_until(|state: &State| state.calls().len() == 3, PATIENCE).await);
    daemon.signal("TERM");
    let (status, took, _) = tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it ends");
    assert_eq!(status.code(), Some(1), "counts are left");
    assert!(took < Duration::from_millis(2500), "{took:?}");
}
