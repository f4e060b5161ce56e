//! `[dedupe]`: the same event under another request ID is removed, and nothing else.

use std::path::Path;
use std::time::{Duration, Instant};

use postmeter::config::Acknowledge;
use postmeter::synth::Profile;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::app::{PATIENCE, TestApp};
use crate::support::command::postmeter;
use crate::support::fake_cloudwatch::{FakeCloudWatch, Fault, State};
use crate::support::firehose::get;
use crate::support::process::Daemon;
use crate::support::traffic::{Traffic, assert_held, assert_same_lines, held_of, send_of};

/// Events without any data that is not visible in the counts.
fn plain_traffic(seed: u64) -> Traffic {
    Traffic::with(Profile { seed, ..Profile::default() }, "config/definitions.json")
}

async fn without_duplicates() -> TestApp {
    TestApp::in_memory(|config| config.dedupe.enabled = true).await
}

async fn removed(app: &TestApp) -> u64 {
    app.metric("postmeter_duplicates_removed_total").await
}

/// Asserts that `/series` shows exactly what was sent, and that every value is accounted for.
async fn assert_counted(app: &TestApp, traffic: &Traffic, values: u64) {
    let (status, lines) = get(app.admin, "/series").await;
    assert_eq!(status, 200);
    assert_same_lines(&lines, &traffic.truth.to_lines());
    let mut found = removed(app).await;
    for kind in ["event", "unknown_type", "malformed", "foreign", "control", "notice"] {
        found += app.metric(&format!("postmeter_values_total{{kind=\"{kind}\"}}")).await;
    }
    assert_eq!(found, values, "values = events + duplicates + what is no event");
    let mut events = 0;
    for routing in ["matched", "unmatched", "unrouted"] {
        events += app.metric(&format!("postmeter_events_total{{routing=\"{routing}\"}}")).await;
    }
    assert_eq!(events, app.metric("postmeter_values_total{kind=\"event\"}").await);
}

fn sns(record: &str) -> String {
    let topic = "arn:aws:sns:us-east-1:111122223333:ses";
    json!({"Type": "Notification", "TopicArn": topic, "Message": record}).to_string()
}

#[tokio::test]
async fn an_event_under_other_ids_is_counted_once() {
    let app = without_duplicates().await;
    let firehose = app.firehose();
    let mut traffic = plain_traffic(80);
    let first = traffic.records(300);
    assert_eq!(firehose.deliver("first", &first).await.status, 200);
    assert_eq!(removed(&app).await, 0);
    // In other wrappings, among new ones, and twice in one request.
    let second: Vec<_> = [
        traffic.records(50),
        first[..100].iter().map(|record| sns(record)).collect(),
        first[50..60].to_vec(),
    ]
    .concat();
    assert_eq!(firehose.deliver("second", &second).await.status, 200);
    let new = traffic.records(20);
    let third = [&new[..], &new[..], &second[..50]].concat();
    assert_eq!(firehose.deliver_gzip("third", &third).await.status, 200);
    assert_eq!(removed(&app).await, 110 + 20 + 50);
    assert_counted(&app, &traffic, 300 + 160 + 90).await;
    assert_eq!(app.metric("postmeter_remembered_events").await, 370);
    // A retry of a request is recognized by its ID, and not read at all.
    assert_eq!(firehose.deliver("second", &second).await.status, 200);
    assert_eq!(removed(&app).await, 180);
}

/// However unusual events are, no two of them are confused.
#[tokio::test]
async fn events_that_are_no_duplicates_are_counted() {
    let app = without_duplicates().await;
    let mut traffic = Traffic::new(81);
    for at in 0..4 {
        let reply = app.firehose().deliver(&format!("{at}"), &traffic.records(1000)).await;
        assert_eq!(reply.status, 200);
    }
    assert_counted(&app, &traffic, 4000).await;
    assert_eq!(removed(&app).await, 0);
}

fn click(second: u32, recipient: &str, link: &str) -> String {
    let time = format!("2026-11-20T12:00:{second:02}.000Z");
    json!({
        "eventType": "Click",
        "mail": {
            "messageId": "0102019a-000000",
            "timestamp": "2026-11-20T11:00:00.000Z",
            "destination": [recipient],
            "tags": {"ses:configuration-set": ["prod"]},
        },
        "click": {"timestamp": time, "link": link, "ipAddress": "192.0.2.1", "userAgent": "m"},
    })
    .to_string()
}

#[tokio::test]
async fn a_second_click_another_recipient_and_another_link_are_no_duplicates() {
    let app = without_duplicates().await;
    let clicks = [
        click(1, "ann@example.com", "https://example.com/a"),
        click(2, "ann@example.com", "https://example.com/a"),
        click(1, "ben@example.com", "https://example.com/a"),
        click(1, "ann@example.com", "https://example.com/b"),
    ];
    for (at, record) in clicks.iter().enumerate() {
        assert_eq!(app.firehose().deliver(&format!("{at}"), &[record]).await.status, 200);
    }
    assert_eq!(app.metric("postmeter_events_total{routing=\"matched\"}").await, 4);
    assert_eq!(app.firehose().deliver("again", &clicks).await.status, 200);
    assert_eq!(app.metric("postmeter_events_total{routing=\"matched\"}").await, 4);
    assert_eq!(removed(&app).await, 4);
}

#[tokio::test]
async fn without_being_told_to_nothing_is_left_out() {
    let app = TestApp::in_memory(|_| {}).await;
    let record = click(1, "ann@example.com", "https://example.com/a");
    assert_eq!(app.firehose().deliver("a", &[&record, &record]).await.status, 200);
    assert_eq!(app.firehose().deliver("b", &[&record]).await.status, 200);
    assert_eq!(app.metric("postmeter_events_total{routing=\"matched\"}").await, 3);
    assert_eq!(removed(&app).await, 0);
    assert_eq!(app.metric("postmeter_remembered_events").await, 0);
}

/// Twenty events of as many campaigns.
fn sends(name: &str) -> Vec<String> {
    let send = |at| {
        let campaign = format!("{name}{at}");
        send_of(&campaign).replace("\"tags\"", &format!("\"messageId\":\"{campaign}\",\"tags\""))
    };
    (0..20).map(send).collect()
}

#[tokio::test]
async fn a_request_that_is_refused_leaves_no_trace() {
    let fake = FakeCloudWatch::start().await;
    fake.pause_listening().await;
    let app = TestApp::start(&fake, |config| {
        config.dedupe.enabled = true;
        config.limits.entries = 50;
    })
    .await;
    let firehose = app.firehose();
    for (name, status) in [("opera", 200), ("ballet", 200), ("circus", 503)] {
        assert_eq!(firehose.deliver(name, &sends(name)).await.status, status, "{name}");
    }
    assert_eq!(app.metric("postmeter_remembered_events").await, 40);
    fake.resume_listening().await;
    app.settled().await;
    assert_eq!(firehose.deliver("another", &sends("circus")).await.status, 200);
    assert_eq!(removed(&app).await, 0);
    app.settled().await;
    assert_eq!(firehose.deliver("circus", &sends("circus")).await.status, 200);
    assert_eq!(removed(&app).await, 20);
    app.settled().await;
    for name in ["opera", "ballet", "circus"] {
        assert_eq!(
            (held_of(&fake, &format!("{name}0")), held_of(&fake, &format!("{name}19"))),
            (1, 1)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_requests_at_once_one_counts_each_event() {
    let app = without_duplicates().await;
    let mut traffic = plain_traffic(83);
    let records = traffic.records(400);
    let mut deliveries = JoinSet::new();
    for at in 0..24 {
        // Each overlaps with its neighbors, and some are large enough for their own thread.
        let length = if at % 4 == 0 { 4000 } else { 200 };
        let turned: Vec<_> = records.iter().cycle().skip(37 * at).take(length).cloned().collect();
        let firehose = app.firehose();
        deliveries.spawn(async move { firehose.deliver(&format!("{at}"), &turned).await.status });
    }
    let statuses = timeout(PATIENCE, deliveries.join_all()).await.expect("nobody waits for ever");
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_counted(&app, &traffic, 6 * 4000 + 18 * 200).await;
    assert_eq!(app.metric("postmeter_remembered_events").await, 400);
}

#[tokio::test]
async fn beyond_the_limit_the_oldest_events_are_forgotten_and_counted() {
    let app = TestApp::in_memory(|config| {
        config.dedupe.enabled = true;
        config.dedupe.events = 50;
    })
    .await;
    let mut traffic = plain_traffic(84);
    let old = traffic.records(40);
    let new = traffic.records(40);
    assert_eq!(app.firehose().deliver("old", &old).await.status, 200);
    assert_eq!(app.firehose().deliver("new", &new).await.status, 200);
    assert_eq!(app.metric("postmeter_remembered_events").await, 50);
    assert_eq!(app.metric("postmeter_remembered_events_evicted_total").await, 30);
    assert_eq!(app.firehose().deliver("new again", &new).await.status, 200);
    assert_eq!(app.firehose().deliver("old again", &old[30..]).await.status, 200);
    assert_eq!(removed(&app).await, 50);
}

#[tokio::test]
async fn definitions_that_are_read_again_remove_duplicates_as_before() {
    let app = without_duplicates().await;
    let mut traffic = plain_traffic(85);
    let records = traffic.records(50);
    assert_eq!(app.firehose().deliver("before", &records).await.status, 200);
    app.catalog.reload().await.expect("sound definitions");
    assert_eq!(app.firehose().deliver("after", &records).await.status, 200);
    assert_counted(&app, &traffic, 100).await;
}

/// The response to a duplicate confirms that its events are in CloudWatch, so it waits for the
/// request that counted them.
#[tokio::test(flavor = "multi_thread")]
async fn where_answers_wait_for_cloudwatch_that_of_a_duplicate_does_too() {
    let fake = FakeCloudWatch::start().await;
    fake.pause_listening().await;
    let app = TestApp::start(&fake, |config| {
        config.dedupe.enabled = true;
        config.firehose.acknowledge = Acknowledge::Published;
    })
    .await;
    let mut traffic = plain_traffic(86);
    let records = traffic.records(40);
    let deliver = |id: &'static str| {
        let (firehose, records) = (app.firehose(), records.clone());
        tokio::spawn(async move { firehose.deliver(id, &records).await.status })
    };
    let first = deliver("first");
    app.until_metric("postmeter_pending_counts", |counts| counts > 0).await;
    let duplicate = deliver("duplicate");
    app.until_metric("postmeter_in_flight_requests", |requests| requests >= 2).await;
    assert_eq!(removed(&app).await, 0);
    assert!(!first.is_finished() && !duplicate.is_finished());
    fake.resume_listening().await;
    for delivery in [duplicate, first] {
        let status = timeout(PATIENCE, delivery).await.expect("an answer").expect("no panic");
        assert_eq!(status, 200);
        assert_held(&fake, &traffic.sums());
    }
    assert_eq!(removed(&app).await, 40);
}

/// The shipped example, with other paths.
fn start(fake: &FakeCloudWatch, directory: &Path, enabled: &str) -> Daemon {
    let (url, directory) = (fake.url(), directory.display().to_string());
    let variables = [
        ("AWS_ENDPOINT_URL", &*url),
        ("POSTMETER__JOURNAL__DIRECTORY", &*directory),
        ("POSTMETER__DEDUPE__ENABLED", enabled),
    ];
    let example = ["serve", "--config", "config/examples/dedupe.toml"];
    Daemon::spawn(&mut postmeter(&example), &variables)
}

async fn end(daemon: Daemon, signal: &str) -> Vec<String> {
    daemon.signal(signal);
    tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it has ended").2
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_journal_duplicates_are_known_after_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let fake = FakeCloudWatch::start().await;
    let mut traffic = plain_traffic(87);
    let records = traffic.records(200);
    let first = start(&fake, directory.path(), "true");
    assert_eq!(first.firehose().deliver("first", &records).await.status, 200);
    end(first, "KILL").await;

    let second = start(&fake, directory.path(), "true");
    let more = [&records[..], &traffic.records(100)].concat();
    assert_eq!(second.firehose().deliver("second", &more).await.status, 200);
    let sum = traffic.counts();
    assert!(fake.wait_until(|state: &State| state.total_in("SES") >= sum, PATIENCE).await);
    let log = end(second, "TERM").await;
    // The removed duplicate is logged, without any address.
    let line = log.iter().find(|line| line.contains("duplicate events skipped"));
    let line: Value = serde_json::from_str(line.expect("a line")).expect("a log line is JSON");
    assert_eq!(line["duplicates"], 200, "{line}");
    let first_event: Value = serde_json::from_str(&records[0]).expect("an event");
    assert_eq!(line["message_id"], first_event["mail"]["messageId"], "{line}");
    assert!(!log.iter().any(|line| line.contains('@')), "{log:#?}");

    // All of them are in a checkpoint now.
    let third = start(&fake, directory.path(), "true");
    assert_eq!(third.firehose().deliver("third", &more).await.status, 200);
    let (_, text) = get(third.admin, "/metrics").await;
    assert!(text.contains("postmeter_duplicates_removed_total 300\n"), "{text}");
    assert!(text.contains("postmeter_remembered_events 300\n"), "{text}");
    end(third, "TERM").await;
    assert_held(&fake, &traffic.sums());

    // Switched off, nothing is removed, and nothing is stored for later.
    let fourth = start(&fake, directory.path(), "false");
    assert_eq!(fourth.firehose().deliver("fourth", &[send_of("encore")]).await.status, 200);
    assert_eq!(fourth.firehose().deliver("fifth", &records).await.status, 200);
    let twice = sum + held_of(&fake, "encore");
    assert!(fake.wait_until(|state: &State| state.total_in("SES") > twice, PATIENCE).await);
    end(fourth, "TERM").await;
    let fifth = start(&fake, directory.path(), "true");
    let (_, text) = get(fifth.admin, "/metrics").await;
    assert!(text.contains("postmeter_remembered_events 0\n"), "{text}");
}

/// A request whose events another one has reserved is rejected at the end of its patience, and is a
/// duplicate when it is retried.
#[tokio::test(flavor = "multi_thread")]
async fn request_that_waits_for_its_duplicate_is_answered_within_its_patience() {
    let fake = FakeCloudWatch::start().await;
    fake.set_mode(Fault::Throttle);
    let patience = Duration::from_secs(3);
    let app = TestApp::start(&fake, |config| {
        config.dedupe.enabled = true;
        config.firehose.acknowledge = Acknowledge::Published;
        config.cloudwatch.settle_deadline = patience;
        config.firehose.patience = patience;
    })
    .await;
    let record = click(1, "ann@example.com", "https://example.com/a");
    let first = tokio::spawn({
        let (firehose, record) = (app.firehose(), record.clone());
        async move { firehose.deliver("first", &[record]).await.status }
    });
    app.until_metric("postmeter_pending_counts", |counts| counts > 0).await;
    let started = Instant::now();
    let second = app.firehose().deliver("second", &[&record]).await;
    assert_eq!(second.status, 503);
    assert!(started.elapsed() < patience + Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(second.body.contains("its turn did not come"), "{}", second.body);
    assert_eq!(app.metric("postmeter_requests_total{outcome=\"timed_out\"}").await, 1);
    assert_eq!(first.await.expect("it ends"), 503);

    fake.set_mode(None);
    app.settled().await;
    for id in ["second", "first"] {
        assert_eq!(app.firehose().deliver(id, &[&record]).await.status, 200);
    }
    assert_eq!(removed(&app).await, 1);
    assert_eq!(app.metric("postmeter_events_total{routing=\"matched\"}").await, 1);
}
