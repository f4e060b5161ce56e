//! SIGTERM: merged counts are published, pending requests get a response, and the rest is printed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use postmeter::config::Acknowledge;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::support::app::TestApp;
use crate::support::fake_cloudwatch::{FakeCloudWatch, Fault};
use crate::support::fake_sqs::FakeSqs;
use crate::support::firehose::{Firehose, body_of, get};
use crate::support::process::Daemon;
use crate::support::traffic::{Traffic, held_of, send_of};

/// The responses to a sender; `None`: the connection failed.
type Heard = BTreeMap<String, Option<u16>>;

/// Eight senders, each request with its own campaign, until stopped.
struct Load {
    senders: JoinSet<Heard>,
    stop: Arc<AtomicBool>,
    answered: Arc<Notify>,
}

const EVENTS: usize = 20;

impl Load {
    fn start(firehose: &Firehose) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let mut senders = JoinSet::new();
        for sender in 0..8 {
            let (firehose, stop) = (firehose.clone(), Arc::clone(&stop));
            let answered = Arc::clone(&answered);
            senders.spawn(async move {
                let mut heard = Heard::new();
                for at in 0..10_000 {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let campaign = format!("s{sender}-{at}");
                    let records = vec![send_of(&campaign); EVENTS];
                    let reply = firehose.try_post(body_of(&campaign, &records)).await;
                    heard.insert(campaign, reply.ok().map(|reply| reply.status));
                    answered.notify_one();
                }
                heard
            });
        }
        Self { senders, stop, answered }
    }

    async fn until_answered(&self, requests: usize) {
        for _ in 0..requests {
            self.answered.notified().await;
        }
    }

    async fn end(self) -> Heard {
        self.stop.store(true, Ordering::Relaxed);
        self.senders.join_all().await.into_iter().flatten().collect()
    }
}

/// A request that got 200 is counted once, one that got 503 not at all; a lost connection leaves it
/// open. Returns how many got 200.
fn assert_answers_are_true(fake: &FakeCloudWatch, heard: &Heard) -> usize {
    for (campaign, status) in heard {
        let held = held_of(fake, campaign);
        match status {
            Some(200) => assert_eq!(held, EVENTS as u64, "{campaign}"),
            Some(503) => assert_eq!(held, 0, "{campaign}"),
            Some(other) => panic!("{campaign} was answered {other}"),
            None => assert!(held == 0 || held == EVENTS as u64, "{campaign}: {held}"),
        }
    }
    heard.values().filter(|status| **status == Some(200)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_loses_nothing_that_was_acknowledged() {
    for acknowledge in ["merged", "published"] {
        let fake = FakeCloudWatch::start().await;
        let daemon = Daemon::start(&[
            ("AWS_ENDPOINT_URL", &fake.url()),
            ("POSTMETER__FIREHOSE__ACKNOWLEDGE", acknowledge),
            ("POSTMETER__LIMITS__SERIES", "1000000"),
        ]);
        let load = Load::start(&daemon.firehose());
        load.until_answered(40).await;
        daemon.signal("TERM");
        let (status, took, stderr) = tokio::task::spawn_blocking(|| daemon.wait()).await.unwrap();
        let heard = load.end().await;
        assert_eq!(status.code(), Some(0), "{stderr:#?}");
        assert!(took < Duration::from_secs(25), "within the grace");
        let done = assert_answers_are_true(&fake, &heard);
        assert!(done >= 40, "{done} of {} heard 200 in {acknowledge}", heard.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_left_at_the_end_are_printed_on_stderr_and_equal_the_missing_ones() {
    for fault in [Some(Fault::HangBefore), None] {
        let fake = FakeCloudWatch::start().await;
        let daemon = Daemon::start(&[
            ("AWS_ENDPOINT_URL", &fake.url()),
            ("POSTMETER__SHUTDOWN__GRACE", "1500ms"),
        ]);
        let mut traffic = Traffic::new(90);
        let firehose = daemon.firehose();
        let unreachable = fault.is_none();
        assert_eq!(firehose.deliver("published", &traffic.records(100)).await.status, 200);
        let sum = traffic.counts();
        let all = |state: &crate::support::fake_cloudwatch::State| state.total_in("SES") == sum;
        assert!(fake.wait_until(all, crate::support::app::PATIENCE).await);
        match fault {
            Some(fault) => fake.set_mode(fault),
            None => fake.pause_listening().await,
        }
        let mut missing = Traffic::new(91);
        assert_eq!(firehose.deliver("left", &missing.records(100)).await.status, 200);
        daemon.signal("TERM");
        let (status, took, stderr) = tokio::task::spawn_blocking(|| daemon.wait()).await.unwrap();
        assert_eq!(status.code(), Some(1), "unreachable: {unreachable}");
        assert!(took < Duration::from_secs(6), "{took:?}");
        let left = stderr.iter().filter(|line| line.starts_with("{\"Namespace\""));
        let left = left.fold(String::new(), |left, line| left + line + "\n");
        crate::support::traffic::assert_same_lines(&left, &missing.truth.to_lines());
    }
}

fn assert_returned(sqs: &FakeSqs, messages: usize) {
    let queue = sqs.queue();
    assert_eq!((queue.visible(), queue.deleted), (messages, 0));
}

/// In an outage, a queue's messages whose counts are not published are available to others within
/// the grace period: nothing is lost, printed or doubled, and the log says it in one line.
#[tokio::test(flavor = "multi_thread")]
async fn published_messages_are_returned_to_their_queue_in_an_outage() {
    const MESSAGES: usize = 500;
    let (fake, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    let (aws, queue) = (fake.url(), sqs.url());
    let variables = [
        ("AWS_ENDPOINT_URL_CLOUDWATCH", aws.as_str()),
        ("POSTMETER__SQS__0__QUEUE_URL", queue.as_str()),
        // Longer than the test: messages that are not returned would stay in the queue.
        ("POSTMETER__SQS__0__VISIBILITY", "30m"),
        ("POSTMETER__LIMITS__SERIES", "1000000"),
        // So rarely that no call is on its way when the time for publishing is up.
        ("POSTMETER__CLOUDWATCH__REQUESTS_PER_SECOND", "1"),
        ("POSTMETER__SHUTDOWN__GRACE", "3s"),
    ];
    fake.set_mode(Fault::Throttle);
    let daemon = Daemon::start(&variables);
    let campaigns: Vec<_> = (0..MESSAGES).map(|at| format!("c{at}")).collect();
    // Most are in the epoch that is being published, the others wait behind it.
    for campaigns in [&campaigns[..MESSAGES - 20], &campaigns[MESSAGES - 20..]] {
        let given = sqs.queue().given + campaigns.len() as u64;
        sqs.send(campaigns.iter().map(|campaign| send_of(campaign)));
        sqs.until("received", |queue| queue.given == given).await;
        // An event may count in several series.
        let is_merged = |counts| counts >= given && counts % given == 0;
        daemon.until_metric("postmeter_pending_counts", is_merged).await;
    }
    daemon.signal("TERM");
    let (status, took, said) = tokio::task::spawn_blocking(|| daemon.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0), "{said:#?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_returned(&sqs, MESSAGES);
    let about = |text: &str| said.iter().filter(|line| line.contains(text)).count();
    assert_eq!(about("messages returned to the queue"), 1, "{said:#?}");
    assert_eq!(about(&format!("\"messages\":{MESSAGES}")), 1, "{said:#?}");
    assert_eq!((about("\"ERROR\""), about("{\"Namespace\"")), (0, 0), "{said:#?}");
    fake.set_mode(None);
    let next = Daemon::start(&variables);
    sqs.until_empty().await;
    next.end().await;
    assert!(campaigns.iter().all(|campaign| held_of(&fake, campaign) == 1));
}

/// Counts that CloudWatch accepted without a response go back with their messages, and are named in
/// doubt.
#[tokio::test(flavor = "multi_thread")]
async fn counts_of_returned_messages_that_may_be_accepted_are_named_in_doubt() {
    let (fake, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    let (aws, queue) = (fake.url(), sqs.url());
    fake.set_mode(Fault::HangAfter);
    let daemon = Daemon::start(&[
        ("AWS_ENDPOINT_URL_CLOUDWATCH", &aws),
        ("POSTMETER__SQS__0__QUEUE_URL", &queue),
        ("POSTMETER__SQS__0__VISIBILITY", "30m"),
        ("POSTMETER__SHUTDOWN__GRACE", "2s"),
        ("POSTMETER__CLOUDWATCH__ATTEMPT_TIMEOUT", "20s"),
    ]);
    sqs.send([send_of("a")]);
    let has_counts = |state: &crate::support::fake_cloudwatch::State| state.total_in("SES") > 0;
    assert!(fake.wait_until(has_counts, crate::support::app::PATIENCE).await);
    let accepted = fake.total_in("SES");
    // These are never sent.
    sqs.send((0..5).map(|_| send_of("b")));
    daemon.until_metric("postmeter_pending_counts", |counts| counts == 6 * accepted).await;
    daemon.signal("TERM");
    let (status, _, said) = tokio::task::spawn_blocking(|| daemon.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0), "{said:#?}");
    assert_returned(&sqs, 6);
    let doubt = said.iter().find(|line| line.contains("counts in doubt")).expect("a line");
    assert!(doubt.contains(&format!("\"counts\":{accepted},")), "{doubt}");
}

/// After the signal: not ready, new IDs rejected, known IDs acknowledged, connections closed.
#[tokio::test]
async fn known_requests_get_their_response_and_new_ones_are_rejected_while_draining() {
    let fake = FakeCloudWatch::start().await;
    let mut app =
        TestApp::start(&fake, |config| config.shutdown.grace = Duration::from_secs(20)).await;
    let firehose = app.firehose();
    assert_eq!(firehose.deliver("known", &[send_of("a")]).await.status, 200);
    app.settled().await;
    fake.set_mode(Fault::Throttle);
    assert_eq!(firehose.deliver("pending", &[send_of("b")]).await.status, 200);
    app.signal();
    while get(app.admin, "/readyz").await.0 == 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(get(app.admin, "/livez").await.0, 200);
    let known = app.firehose().deliver("known", &[send_of("a")]).await;
    assert_eq!(known.status, 200, "{}", known.body);
    assert_eq!(known.headers["connection"], "close");
    let new = app.firehose().deliver("new", &[send_of("c")]).await;
    assert_eq!(new.status, 503);
    let says = new.assert_by_the_letter("new").expect("it says why");
    assert!(says.contains("shutting down"), "{says}");
    fake.set_mode(None);
    let drained = app.stop().await;
    assert!(drained.left.is_empty());
    assert_eq!((held_of(&fake, "a"), held_of(&fake, "b"), held_of(&fake, "c")), (1, 1, 0));
}

/// A request that waits for a flush in an hour gets its response at once, because a drain flushes.
#[tokio::test]
async fn requests_waiting_for_a_flush_get_their_response_at_the_signal() {
    let fake = FakeCloudWatch::start().await;
    let mut app = TestApp::start(&fake, |config| {
        config.firehose.acknowledge = Acknowledge::Published;
        config.cloudwatch.flush_interval = Duration::from_hours(1);
        config.shutdown.grace = Duration::from_secs(5);
    })
    .await;
    let firehose = app.firehose();
    let waiting = tokio::spawn(async move { firehose.deliver("a", &[send_of("a")]).await });
    app.until_metric("postmeter_pending_entries", |entries| entries > 0).await;
    app.signal();
    let reply = waiting.await.expect("it is answered");
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(app.stop().await.left.is_empty());
    assert_eq!(held_of(&fake, "a"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_reloads_and_sigint_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("definitions.json");
    std::fs::copy("config/definitions.json", &path).expect("a copy");
    let mut daemon = Daemon::start(&[
        ("POSTMETER__CLOUDWATCH__PUBLISH", "memory"),
        ("POSTMETER__DEFINITIONS", &path.display().to_string()),
    ]);
    std::fs::write(&path, "{}").expect("a file");
    daemon.signal("HUP");
    daemon.wait_for_line("new definitions rejected; keeping the current ones");
    assert_eq!(daemon.firehose().deliver("a", &[send_of("a")]).await.status, 200);
    std::fs::copy("config/definitions.json", &path).expect("a copy");
    daemon.signal("HUP");
    daemon.wait_for_line("definitions reloaded");
    daemon.signal("INT");
    let (status, _, _) = tokio::task::spawn_blocking(|| daemon.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0));
}

/// The own totals are published every minute and once at the end: eleven of them, including zeros.
#[tokio::test]
async fn own_totals_are_published_a_last_time_at_the_end() {
    let fake = FakeCloudWatch::start().await;
    let app = TestApp::start(&fake, |config| {
        config.telemetry.own_namespace = Some("Postmeter".to_owned());
    })
    .await;
    let mut traffic = Traffic::new(95);
    assert_eq!(app.firehose().deliver("a", &traffic.records(200)).await.status, 200);
    assert_eq!(
        app.firehose().with("x-amz-firehose-access-key", "no").deliver("b", &["x"]).await.status,
        401
    );
    let late = app.metric("postmeter_late_events_total").await;
    assert!(app.stop().await.left.is_empty());
    let summary = traffic.truth.summary();
    let mut totals = BTreeMap::new();
    for (series, sum) in fake.totals() {
        if series.namespace == "Postmeter" {
            assert!(series.dimensions.is_empty());
            *totals.entry(series.metric).or_insert(0.0) += sum;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let expected = [
        ("Events", summary.events),
        ("MatchedEvents", summary.matched),
        ("UnmatchedEvents", summary.unmatched),
        ("UnroutedEvents", summary.unrouted),
        ("LateEvents", late),
        ("MalformedValues", 0),
        ("AcceptedCounts", summary.counts),
        ("DroppedCounts", summary.dropped_invalid_value),
        ("DoubtfulCounts", 0),
        ("Requests", 2),
        ("RefusedRequests", 1),
    ]
    .map(|(name, total)| (name.to_owned(), total as f64));
    assert_eq!(totals, BTreeMap::from(expected));
}

/// Recipient addresses, access keys and event values are in no log line and no metric, whatever
/// fails.
#[tokio::test(flavor = "multi_thread")]
async fn address_and_key_are_never_logged_or_measured() {
    let fake = FakeCloudWatch::start().await;
    fake.script(vec![Fault::Http500After, Fault::AccessDenied403, Fault::Throttle]);
    fake.set_mode(Fault::RefuseNamed("planted.person@example.com".to_owned()));
    let key = "planted-secret-key-0123456789";
    let daemon = Daemon::start(&[
        ("AWS_ENDPOINT_URL", &fake.url()),
        ("POSTMETER__FIREHOSE__ACCESS_KEYS", key),
        ("POSTMETER__TELEMETRY__LOG", "trace,aws_smithy_runtime=trace,hyper=trace"),
    ]);
    let firehose = daemon.firehose().with("x-amz-firehose-access-key", key);
    let event = send_of("planted.person@example.com");
    let torn = &event[..event.len() - 9];
    let wrong = daemon.firehose().with("x-amz-firehose-access-key", "planted-wrong-key");
    assert_eq!(wrong.deliver("a", &[&event]).await.status, 401);
    assert_eq!(
        firehose.deliver("a", &[event.as_str(), torn, "not JSON planted.person@"]).await.status,
        200
    );
    let reply = firehose.post(event.clone().into_bytes()).await;
    assert_eq!(reply.status, 400);
    assert!(!reply.body.contains("planted"), "{}", reply.body);
    let refused = |state: &crate::support::fake_cloudwatch::State| state.calls().len() >= 5;
    assert!(fake.wait_until(refused, crate::support::app::PATIENCE).await);
    let metrics = get(daemon.admin, "/metrics").await.1;
    assert!(!metrics.contains("planted"), "{metrics}");
    daemon.signal("TERM");
    let (_, _, stderr) = tokio::task::spawn_blocking(|| daemon.wait()).await.unwrap();
    assert!(stderr.len() > 10, "the log is on");
    for line in stderr {
        // Counts that could not be published are printed completely, as a last resort.
        assert!(!line.contains("planted") || line.starts_with("{\"Namespace\""), "{line}");
    }
}
