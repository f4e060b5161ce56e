//! The content of CloudWatch in the end, under every fault it can have.

use std::collections::BTreeMap;
use std::time::Duration;

use postmeter::config::{Ambiguous, DefinitionsSource};
use postmeter::synth::Profile;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::support::app::{PATIENCE, TestApp};
use crate::support::endpoint::Endpoint;
use crate::support::fake_cloudwatch::{FakeCloudWatch, FakeSeries, Fault, State};
use crate::support::process::Daemon;
use crate::support::traffic::{Traffic, assert_held, assert_values, held, send_of};

/// How long CloudWatch is unavailable; `POSTMETER_TEST_OUTAGE_SECONDS=20` for a longer outage.
pub(crate) fn outage() -> Duration {
    let seconds = std::env::var("POSTMETER_TEST_OUTAGE_SECONDS").ok();
    Duration::from_secs_f64(seconds.map_or(1.5, |seconds| seconds.parse().expect("seconds")))
}

/// Sends requests of 100 events, every other one as gzip; all must be acknowledged.
async fn send(app: &TestApp, traffic: &mut Traffic, requests: usize, name: &str) {
    let firehose = app.firehose();
    for at in 0..requests {
        let (id, records) = (format!("{name}-{at}"), traffic.records(100));
        let reply = if at % 2 == 0 {
            firehose.deliver(&id, &records).await
        } else {
            firehose.deliver_gzip(&id, &records).await
        };
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
}

/// The daemon publishes what `count` counts, also by fields of the event and in several sets.
#[tokio::test]
async fn fields_and_sets_of_dimensions_are_published_exactly() {
    const DEFINITIONS: &str = "config/examples/bounces-by-campaign.json";
    let fake = FakeCloudWatch::start().await;
    let app = TestApp::start(&fake, |config| {
        config.definitions = Some(DefinitionsSource::Path(DEFINITIONS.into()));
    })
    .await;
    let profile = Profile { seed: 61, awkward: true, ..Profile::default() };
    let mut traffic = Traffic::with(profile, DEFINITIONS);
    send(&app, &mut traffic, 8, "fields").await;
    app.settled().await;
    assert_held(&fake, &traffic.sums());
    let summary = traffic.truth.summary();
    let dropped = app.metric("postmeter_dropped_total{reason=\"invalid_value\"}").await;
    assert_eq!(dropped, summary.values_dropped);
    assert!(dropped > 0);
    assert_eq!(app.metric("postmeter_series_matches_total").await, summary.values);
    let matches = app.metric("postmeter_destination_matches_total").await;
    assert_eq!(matches, summary.destination_matches);
}

/// Two daemons publish every value that `count` counts, and the average of a rate over all minutes
/// is the share of hard bounces.
#[tokio::test]
async fn measures_of_two_daemons_are_published_exactly() {
    for (seed, question) in [(71, "bounce-rate-by-campaign"), (72, "delivery-time-by-provider")] {
        let path = format!("config/examples/{question}.json");
        let fake = FakeCloudWatch::start().await;
        let profile = Profile { seed, awkward: true, ..Profile::default() };
        let mut traffic = Traffic::with(profile, &path);
        for number in 0..2 {
            let app = TestApp::start(&fake, |config| {
                config.definitions = Some(DefinitionsSource::Path(path.clone().into()));
            })
            .await;
            send(&app, &mut traffic, 8, &format!("daemon-{number}")).await;
            app.settled().await;
        }
        assert_values(&fake, &traffic);
        let units = fake.units();
        assert!(units.values().all(|units| units.len() == 1), "{units:?}");
        let sum_of = |figures: BTreeMap<FakeSeries, f64>, metric: &str| -> f64 {
            let of_metric =
                |series: &FakeSeries| series.metric == metric && series.dimensions.is_empty();
            figures.into_iter().filter(|(series, _)| of_metric(series)).map(|(_, sum)| sum).sum()
        };
        if question.starts_with("bounce") {
            let hard = sum_of(fake.totals(), "HardBounceRate");
            let outcomes = sum_of(fake.sample_counts(), "HardBounceRate");
            let deliveries = sum_of(fake.totals(), "Delivery");
            assert!(hard > 0.0 && deliveries > 0.0);
            assert_eq!(outcomes.to_string(), (deliveries + hard).to_string());
        } else {
            let unit = &units[&("SES".to_owned(), "DeliveryTime".to_owned())];
            assert_eq!(unit, &["Milliseconds"]);
        }
    }
}

#[tokio::test]
async fn sent_events_are_published_exactly() {
    let fake = FakeCloudWatch::start().await;
    let app = TestApp::start(&fake, |_| {}).await;
    let mut traffic = Traffic::new(11);
    send(&app, &mut traffic, 20, "plain").await;
    app.settled().await;
    assert_held(&fake, &traffic.sums());
    assert_eq!(app.doubtful().await, 0);
    let units = fake.units();
    assert!(units.values().all(|units| units == &["Count"]), "{units:?}");
}

/// Throttling, 429, 408, 413, refused connections and rejected credentials are certainly not
/// ingested: everything is published once, and nothing is in doubt.
#[tokio::test]
async fn data_certainly_not_ingested_is_retried_until_it_is() {
    let faults = [
        Fault::Throttle,
        Fault::TooManyRequests429,
        Fault::RequestTimeout408,
        Fault::AccessDenied403,
        Fault::ExpiredToken403,
    ];
    for (seed, fault) in (20..).zip(faults) {
        let fake = FakeCloudWatch::start().await;
        fake.set_mode(fault.clone());
        let app = TestApp::start(&fake, |_| {}).await;
        let mut traffic = Traffic::new(seed);
        send(&app, &mut traffic, 4, "a").await;
        assert!(fake.wait_until(|state| state.calls().len() >= 2, PATIENCE).await, "{fault:?}");
        sleep(outage()).await;
        send(&app, &mut traffic, 4, "b").await;
        assert_eq!(fake.total_in("SES"), 0);
        fake.set_mode(None);
        app.settled().await;
        assert_held(&fake, &traffic.sums());
        assert_eq!(app.doubtful().await, 0, "{fault:?}");
    }
}

#[tokio::test]
async fn refused_connections_leave_no_doubt() {
    let fake = FakeCloudWatch::start().await;
    fake.pause_listening().await;
    let app = TestApp::start(&fake, |_| {}).await;
    let mut traffic = Traffic::new(30);
    send(&app, &mut traffic, 4, "a").await;
    sleep(outage()).await;
    send(&app, &mut traffic, 4, "b").await;
    fake.resume_listening().await;
    app.settled().await;
    assert_held(&fake, &traffic.sums());
    assert_eq!(app.doubtful().await, 0);
}

/// The gauge is 1 while any namespace is denied, even if another is accepted.
#[tokio::test]
async fn denied_permissions_show_in_the_gauge_until_they_are_fixed() {
    let fake = FakeCloudWatch::start().await;
    fake.set_mode_for("Mail/Reputation", Fault::AccessDenied403);
    let app = TestApp::start(&fake, |config| {
        let path = "config/examples/extensions.json".into();
        config.definitions = Some(DefinitionsSource::Path(path));
    })
    .await;
    let event = |kind: &str| send_of("a").replace("prod", "newsletter").replace("Send", kind);
    assert_eq!(app.firehose().deliver("a", &[event("Bounce")]).await.status, 200);
    assert!(fake.wait_until(|state| state.calls().len() >= 2, PATIENCE).await);
    assert_eq!(app.firehose().deliver("b", &[event("Send")]).await.status, 200);
    let accepted = |state: &State| state.total_in("Mail/Newsletter") == 1;
    assert!(fake.wait_until(accepted, PATIENCE).await);
    assert_eq!(app.metric("postmeter_publish_denied").await, 1);
    fake.set_mode_for("Mail/Reputation", None);
    app.settled().await;
    assert_eq!(app.metric("postmeter_publish_denied").await, 0);
    assert_eq!(fake.total_in("Mail/Reputation"), 1);
}

/// Rejected credentials are fetched again, although they claim to be valid for years.
#[tokio::test(flavor = "multi_thread")]
async fn rejected_credentials_are_fetched_again() {
    let fake = FakeCloudWatch::start().await;
    fake.expire_key("OLD");
    let credentials = Endpoint::start(|number, _| async move {
        let key = if number == 0 { "OLD" } else { "NEW" };
        let given = json!({
            "AccessKeyId": key,
            "SecretAccessKey": "secret",
            "Token": "token",
            "Expiration": "2100-01-01T00:00:00Z",
        });
        (200, given.to_string())
    })
    .await;
    let daemon = Daemon::start(&[
        ("AWS_ENDPOINT_URL", &*fake.url()),
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("http://{}/", credentials.address)),
    ]);
    assert_eq!(daemon.firehose().deliver("a", &[send_of("a")]).await.status, 200);
    assert!(fake.wait_until(|state: &State| state.total_in("SES") > 0, PATIENCE).await);
    assert_eq!((fake.calls().len(), credentials.received().len()), (2, 2));
}

/// However often a call is denied, one log line per minute names the action, the namespace and the
/// identity.
#[tokio::test(flavor = "multi_thread")]
async fn denied_permissions_are_logged_once_a_minute_with_the_fix() {
    let fake = FakeCloudWatch::start().await;
    fake.set_mode(Fault::AccessDenied403);
    let variables = [("AWS_ENDPOINT_URL", &*fake.url()), ("POSTMETER__SHUTDOWN__GRACE", "100ms")];
    let mut daemon = Daemon::start(&variables);
    assert_eq!(daemon.firehose().deliver("a", &[send_of("a")]).await.status, 200);
    let said = daemon.wait_for_line("PutMetricData denied");
    for needed in ["ERROR", "cloudwatch:PutMetricData", "\"namespace\":\"SES\"", "us-east-1"] {
        assert!(said.contains(needed), "{needed}: {said}");
    }
    assert!(fake.wait_until(|state: &State| state.calls().len() >= 4, PATIENCE).await);
    daemon.signal("TERM");
    let (_, _, lines) = tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it ends");
    let again = lines.iter().filter(|line| line.contains("PutMetricData denied"));
    assert_eq!(again.count(), 1, "{lines:#?}");
}

/// One datum that CloudWatch rejects, named or not, is dropped with its reason; every other one is
/// published exactly.
#[tokio::test]
async fn rejected_datum_costs_only_itself() {
    let faults = [Fault::RefuseNamed("opera".to_owned()), Fault::RefuseUnnamed("opera".to_owned())];
    for (seed, fault) in (40..).zip(faults) {
        let fake = FakeCloudWatch::start().await;
        fake.set_mode(fault.clone());
        let app = TestApp::start(&fake, |_| {}).await;
        let mut traffic = Traffic::new(seed);
        send(&app, &mut traffic, 6, "a").await;
        // What is rejected alone and last waits for a call that is accepted behind it.
        let mut later = 0;
        while timeout(Duration::from_secs(3), app.settled()).await.is_err() {
            assert!(later < 20, "{fault:?}");
            send(&app, &mut traffic, 1, &format!("later-{later}")).await;
            later += 1;
        }
        let (refused, accepted): (BTreeMap<_, _>, BTreeMap<_, _>) = traffic
            .sums()
            .into_iter()
            .partition(|(series, _)| series.dimensions.iter().any(|(_, value)| value == "opera"));
        assert!(!refused.is_empty(), "the traffic has what is refused");
        assert_held(&fake, &accepted);
        assert_eq!(app.dropped("refused").await, refused.values().sum::<u64>(), "{fault:?}");
        assert_eq!(app.doubtful().await, 0, "{fault:?}");
    }
}

/// A rejection that names no datum drops none, however long it lasts.
#[tokio::test]
async fn rejection_without_a_named_datum_gives_up_nothing() {
    // Enough calls that single datums are refused too.
    for (message, calls) in
        [("The value Mail for parameter Namespace is invalid.", 4), ("The request is invalid.", 10)]
    {
        let fake = FakeCloudWatch::start().await;
        fake.set_mode(Fault::RefuseAll(message.to_owned()));
        let app = TestApp::start(&fake, |_| {}).await;
        let mut traffic = Traffic::new(50);
        send(&app, &mut traffic, 1, "a").await;
        assert!(fake.wait_until(|state| state.calls().len() >= calls, PATIENCE).await);
        fake.set_mode(None);
        app.settled().await;
        assert_held(&fake, &traffic.sums());
        assert_eq!(app.dropped("refused").await, 0, "{message}");
    }
}

#[tokio::test]
async fn call_that_is_too_large_is_split() {
    let fake = FakeCloudWatch::start().await;
    fake.script(vec![Fault::TooLarge413, Fault::TooLarge413]);
    let app = TestApp::start(&fake, |_| {}).await;
    let mut traffic = Traffic::new(51);
    send(&app, &mut traffic, 2, "a").await;
    app.settled().await;
    assert_held(&fake, &traffic.sums());
    let datums: Vec<_> = fake.calls().iter().map(|call| call.datums).collect();
    assert!(datums[1] < datums[0], "{datums:?}");
}

/// Faults with an unknown outcome, each with whether CloudWatch had ingested the call.
fn faults_in_doubt() -> [(Fault, bool); 7] {
    [
        (Fault::Http500After, true),
        (Fault::ResetAfter, true),
        (Fault::HangAfter, true),
        (Fault::TimeoutAfter(Duration::from_secs(30)), true),
        (Fault::Http500Before, false),
        (Fault::ServiceUnavailable503, false),
        (Fault::ResetBefore, false),
    ]
}

/// With `retry`, the excess in CloudWatch equals the doubtful counts if every doubtful call was
/// ingested, and is never more; with `drop`, published and doubtful counts together are what was
/// sent.
#[tokio::test]
async fn doubt_is_counted_and_bounds_the_error() {
    for (seed, (fault, ingested)) in (60..).zip(faults_in_doubt()) {
        for ambiguous in [Ambiguous::Retry, Ambiguous::Drop] {
            let fake = FakeCloudWatch::start().await;
            let app = TestApp::start(&fake, |config| {
                config.cloudwatch.ambiguous = ambiguous;
                config.cloudwatch.connect_timeout = Duration::from_millis(500);
                config.cloudwatch.attempt_timeout = Duration::from_millis(500);
            })
            .await;
            fake.script(vec![fault.clone(), Fault::Accept, fault.clone()]);
            let mut traffic = Traffic::new(seed);
            for name in ["a", "b", "c"] {
                send(&app, &mut traffic, 2, name).await;
                app.settled().await;
            }
            let (sent, published) = (traffic.counts(), fake.total_in("SES"));
            let (doubtful, dropped) = (app.doubtful().await, app.dropped("ambiguous").await);
            assert!(doubtful > 0, "{fault:?}");
            match (ambiguous, ingested) {
                (Ambiguous::Retry, true) => assert_eq!(published, sent + doubtful, "{fault:?}"),
                (Ambiguous::Retry, false) | (Ambiguous::Drop, true) => {
                    assert_eq!(published, sent, "{fault:?}");
                }
                (Ambiguous::Drop, false) => assert_eq!(published + doubtful, sent, "{fault:?}"),
            }
            assert_eq!(dropped, if ambiguous == Ambiguous::Drop { doubtful } else { 0 });
        }
    }
}

#[tokio::test]
async fn call_in_doubt_is_retried_byte_for_byte_before_another_starts() {
    let fake = FakeCloudWatch::start().await;
    fake.set_mode(Fault::Http500After);
    let app = TestApp::start(&fake, |config| config.cloudwatch.concurrency = 1).await;
    let mut traffic = Traffic::new(70);
    send(&app, &mut traffic, 1, "a").await;
    assert!(fake.wait_until(|state| state.calls().len() >= 2, PATIENCE).await);
    send(&app, &mut traffic, 3, "b").await;
    assert!(fake.wait_until(|state| state.calls().len() >= 4, PATIENCE).await);
    let calls = fake.calls();
    assert!(calls.iter().all(|call| call.hash == calls[0].hash));
    fake.set_mode(None);
    app.settled().await;
    let repeated: u64 = app.doubtful().await;
    assert_eq!(held(&fake).values().sum::<u64>(), traffic.counts() + repeated);
    assert_eq!(fake.max_in_flight(), 1);
}

/// With one slot and a namespace that never answers, the others are published.
#[tokio::test]
async fn calls_in_doubt_of_a_namespace_delay_no_other() {
    let fake = FakeCloudWatch::start().await;
    fake.set_mode_for("Mail/Reputation", Fault::HangBefore);
    let app = TestApp::start(&fake, |config| {
        let path = "config/examples/extensions.json".into();
        config.definitions = Some(DefinitionsSource::Path(path));
        config.cloudwatch.concurrency = 1;
        config.cloudwatch.connect_timeout = Duration::from_millis(200);
        config.cloudwatch.attempt_timeout = Duration::from_millis(200);
    })
    .await;
    let event = |kind: &str| send_of("a").replace("prod", "newsletter").replace("Send", kind);
    assert_eq!(app.firehose().deliver("a", &[event("Bounce")]).await.status, 200);
    assert!(fake.wait_until(|state| state.calls().len() >= 2, PATIENCE).await);
    let before = app.doubtful().await;
    for at in 0..3 {
        assert_eq!(app.firehose().deliver(&format!("b{at}"), &[event("Send")]).await.status, 200);
        let accepted = |state: &State| state.total_in("Mail/Newsletter") == at + 1;
        assert!(fake.wait_until(accepted, PATIENCE).await);
    }
    assert!(before > 0);
    fake.set_mode_for("Mail/Reputation", None);
    app.settled().await;
    assert_eq!(fake.total_in("Mail/Reputation"), 1);
}
