//! The SQS source against a strict queue: each message is counted once, and deleted when that is
//! safe.

use std::time::Duration;

use postmeter::config::{Acknowledge, Config, SqsConfig};
use postmeter::synth::SynthWrapping;
use tokio::time::{Instant, sleep};

use crate::support::app::TestApp;
use crate::support::fake_cloudwatch::{FakeCloudWatch, Fault, Hold};
use crate::support::fake_sqs::{FakeSqs, Mode};
use crate::support::firehose::get;
use crate::support::process::Daemon;
use crate::support::traffic::{Traffic, assert_held, held, held_of, send_of};

fn queue_of(sqs: &FakeSqs) -> SqsConfig {
    SqsConfig { queue_url: sqs.url(), ..SqsConfig::default() }
}

/// A daemon that polls a queue, with short waits.
async fn reading(cloudwatch: &FakeCloudWatch, queue: SqsConfig) -> TestApp {
    TestApp::start(cloudwatch, |config: &mut Config| config.sqs = vec![queue]).await
}

/// Each event in its own message: bare, from SNS and from `EventBridge`.
fn wrapped(traffic: &mut Traffic, events: usize, seed: u64) -> Vec<String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let wrappings = [SynthWrapping::Bare, SynthWrapping::SnsEnvelope, SynthWrapping::EventBridge];
    let records = traffic.records(events).into_iter();
    records
        .map(|record| {
            // Types that EventBridge never sends are not unwrapped from it.
            let choices = if record.contains("\"eventType\"") { 3 } else { 2 };
            wrappings[rng.usize(..choices)].wrap(&mut rng, &[record.trim_end()])
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_in_every_wrapping_are_counted_once_and_deleted() {
    for acknowledge in [Acknowledge::Published, Acknowledge::Merged] {
        let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
        // A deletion with an outdated receipt handle leaves the message in the queue.
        let queue = SqsConfig { acknowledge, visibility: Duration::from_secs(2), ..queue_of(&sqs) };
        let app = reading(&cloudwatch, queue).await;
        let mut traffic = Traffic::new(300);
        for seed in 0..4 {
            sqs.send(wrapped(&mut traffic, 500, seed));
            sqs.repeat();
        }
        sqs.until_empty().await;
        app.settled().await;
        assert_held(&cloudwatch, &traffic.sums());
        assert_eq!(app.doubtful().await, 0);
        assert_eq!(sqs.queue().deleted, 2000);
        // SQS reports success for a deletion with an outdated receipt handle.
        assert!(app.metric("postmeter_sqs_messages_deleted_total").await >= 2000);
        assert_eq!(app.metric("postmeter_sqs_messages_held").await, 0);
        assert!(app.stop().await.left.is_empty());
    }
}

/// While CloudWatch is unavailable nothing is deleted and nothing new is received; messages in
/// flight stay hidden, however long that takes.
#[tokio::test(flavor = "multi_thread")]
async fn sqs_message_is_held_until_its_counts_are_accepted() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    cloudwatch.set_mode(Fault::Throttle);
    let app = TestApp::start(&cloudwatch, |config| {
        config.sqs = vec![SqsConfig { visibility: Duration::from_secs(2), ..queue_of(&sqs) }];
        config.cloudwatch.settle_deadline = Duration::from_millis(1500);
    })
    .await;
    sqs.send(["first", "second"].map(send_of));
    sqs.until("lengthened twice", |queue| queue.lengthened >= 4).await;
    // By now the epoch is older than the deadline, and the poller has had its last response.
    app.until_metric("postmeter_oldest_epoch_seconds", |age| age >= 2).await;
    let calls = {
        let queue = sqs.queue();
        assert_eq!((queue.given, queue.deleted), (2, 0));
        queue.receive_calls
    };
    sqs.send(["third"].map(send_of));
    let lengthened = sqs.queue().lengthened;
    sqs.until("lengthened again", |queue| queue.lengthened >= lengthened + 2).await;
    // A call that waited when the epoch became too old may have received the third.
    {
        let queue = sqs.queue();
        let (given, calls) = (queue.given - 2, queue.receive_calls - calls);
        assert!(given <= 1 && calls <= 1, "{given} taken in {calls} calls");
    }
    cloudwatch.set_mode(None);
    sqs.until_empty().await;
    for campaign in ["first", "second", "third"] {
        assert_eq!(held_of(&cloudwatch, campaign), 1, "{campaign}");
    }
    // If the third was received just before, it was hidden unmerged, and is given out again.
    let given = sqs.queue().given;
    assert!(given == 3 || given == 4, "given out {given} times");
    assert!(app.stop().await.left.is_empty());
}

/// SNS may send a message to a queue several times, and SQS gives each copy an ID of its own. A raw
/// message has no ID of SNS, and each copy counts.
#[tokio::test(flavor = "multi_thread")]
async fn sns_message_that_is_in_the_queue_eight_times_is_counted_once() {
    for acknowledge in [Acknowledge::Published, Acknowledge::Merged] {
        let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
        let app = reading(&cloudwatch, SqsConfig { acknowledge, ..queue_of(&sqs) }).await;
        let mut rng = fastrand::Rng::with_seed(310);
        let envelope = SynthWrapping::SnsEnvelope.wrap(&mut rng, &[&send_of("wrapped")]);
        sqs.send(vec![envelope.clone(); 7]);
        sqs.send(vec![send_of("raw"); 8]);
        sqs.until_empty().await;
        // Known after the deletion of the others.
        sqs.send([envelope]);
        sqs.until_empty().await;
        app.settled().await;
        assert_eq!((held_of(&cloudwatch, "wrapped"), held_of(&cloudwatch, "raw")), (1, 8));
        let requests = |outcome| format!("postmeter_requests_total{{outcome=\"{outcome}\"}}");
        assert_eq!(app.metric(&requests("repeated")).await, 7);
        assert_eq!(sqs.queue().deleted, 16);
        assert!(app.stop().await.left.is_empty());
    }
}

/// A standard queue may redeliver a message in flight; then only the newest receipt handle deletes
/// it.
#[tokio::test(flavor = "multi_thread")]
async fn redelivered_message_joins_and_is_deleted_by_its_newest_receipt_handle() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    let hold = Hold::new();
    cloudwatch.set_mode(Fault::HoldUntilReleased(hold.clone()));
    let app = TestApp::start(&cloudwatch, |config| {
        config.sqs = vec![queue_of(&sqs)];
        config.cloudwatch.attempt_timeout = Duration::from_secs(20);
        config.cloudwatch.settle_deadline = Duration::from_secs(40);
    })
    .await;
    // Each has counts to wait for.
    let campaigns: Vec<_> = (0..30).map(|at| format!("c{at}")).collect();
    sqs.send(campaigns.iter().map(|campaign| send_of(campaign)));
    sqs.until("given out", |queue| queue.given == 30).await;
    for round in 2..5 {
        sqs.repeat();
        sqs.until("given out again", |queue| queue.given >= 30 * round).await;
    }
    hold.release();
    cloudwatch.set_mode(None);
    // A deletion with a handle that was just replaced leaves its message in the queue.
    app.until_metric("postmeter_sqs_messages_held", |held| held == 0).await;
    sqs.repeat();
    sqs.until_empty().await;
    app.settled().await;
    assert!(campaigns.iter().all(|campaign| held_of(&cloudwatch, campaign) == 1));
    assert_eq!(sqs.queue().deleted, 30);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_deletions_are_retried_and_nothing_is_counted_again() {
    for mode in [Mode::DeletesHalf, Mode::DeletesUnsaid, Mode::RefusesReceipts, Mode::Unavailable] {
        let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
        let hold = Hold::new();
        cloudwatch.set_mode(Fault::HoldUntilReleased(hold.clone()));
        let app = TestApp::start(&cloudwatch, |config| {
            config.sqs = vec![queue_of(&sqs)];
            config.cloudwatch.attempt_timeout = Duration::from_secs(20);
            config.cloudwatch.settle_deadline = Duration::from_secs(40);
        })
        .await;
        let mut traffic = Traffic::new(302);
        sqs.send(wrapped(&mut traffic, 45, 2));
        sqs.until("given out", |queue| queue.given == 45).await;
        sqs.queue().mode = mode;
        hold.release();
        cloudwatch.set_mode(None);
        app.until_metric("postmeter_sqs_failed_calls_total", |failed| failed > 2).await;
        sqs.queue().mode = Mode::Well;
        if mode == Mode::RefusesReceipts {
            // They are not in flight any more; they are redelivered, and are known.
            app.until_metric("postmeter_sqs_messages_undeleted_total", |given_up| given_up > 0)
                .await;
            app.until_metric("postmeter_sqs_messages_held", |held| held == 0).await;
            sqs.repeat();
        }
        sqs.until_empty().await;
        app.settled().await;
        assert_held(&cloudwatch, &traffic.sums());
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pollers_follow_the_load() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    let queue = SqsConfig { pollers: 4, ..queue_of(&sqs) };
    let app = reading(&cloudwatch, queue).await;
    sqs.until("asked", |queue| queue.receive_calls == 1).await;
    let mut traffic = Traffic::new(303);
    // Each round with IDs of its own, as SNS gives them.
    for seed in 0..5 {
        sqs.send(wrapped(&mut traffic, 600, seed));
    }
    sqs.until_empty().await;
    assert_eq!(sqs.queue().receive_calls_at_once, 4);
    app.settled().await;
    assert_held(&cloudwatch, &traffic.sums());
    app.stop().await;
}

/// Above `held_messages` nothing is received, and other consumers still can.
#[tokio::test(flavor = "multi_thread")]
async fn messages_in_flight_are_limited_as_configured() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    let hold = Hold::new();
    cloudwatch.set_mode(Fault::HoldUntilReleased(hold.clone()));
    let app = TestApp::start(&cloudwatch, |config| {
        config.sqs = vec![SqsConfig { held_messages: 25, ..queue_of(&sqs) }];
        config.cloudwatch.attempt_timeout = Duration::from_secs(20);
        config.cloudwatch.settle_deadline = Duration::from_secs(40);
    })
    .await;
    let campaigns: Vec<_> = (0..100).map(|at| format!("c{at}")).collect();
    sqs.send(campaigns.iter().map(|campaign| send_of(campaign)));
    app.until_metric("postmeter_sqs_messages_held", |held| held >= 20).await;
    assert!(
        cloudwatch.wait_until(|state| state.in_flight() > 0, crate::support::app::PATIENCE).await
    );
    assert!(sqs.queue().given <= 25, "{}", sqs.queue().given);
    assert!(sqs.queue().visible() >= 75);
    hold.release();
    cloudwatch.set_mode(None);
    sqs.until_empty().await;
    app.settled().await;
    assert!(campaigns.iter().all(|campaign| held_of(&cloudwatch, campaign) == 1));
    app.stop().await;
}

/// Unreadable content is data: counted, kept as a dead letter, deleted.
#[tokio::test(flavor = "multi_thread")]
async fn unreadable_messages_are_counted_kept_and_deleted() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    let folder = tempfile::tempdir().expect("a folder");
    let app = TestApp::start(&cloudwatch, |config| {
        config.sqs = vec![queue_of(&sqs)];
        config.dead_letters.directory = Some(folder.path().to_owned());
    })
    .await;
    let event = send_of("a");
    sqs.send([
        "no JSON at all".to_owned(),
        event[..event.len() - 9].to_owned(),
        "{}".to_owned(),
        "Successfully validated SNS topic for Amazon SES event publishing.".to_owned(),
        format!("{event}{event}"),
    ]);
    sqs.until_empty().await;
    let values = |kind: &str| format!("postmeter_values_total{{kind=\"{kind}\"}}");
    for (kind, count) in [("malformed", 2), ("foreign", 1), ("notice", 1), ("event", 2)] {
        assert_eq!(app.metric(&values(kind)).await, count, "{kind}");
    }
    assert_eq!(held_of(&cloudwatch, "a"), 2);
    app.stop().await;
    let file = std::fs::read_dir(folder.path()).expect("it is there").flatten();
    let letters = file.filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    let letters: String = letters.collect();
    assert_eq!(letters.lines().count(), 2, "{letters}");
    assert!(
        letters.contains("mail") && letters.contains("m-0000000"),
        "queue and message: {letters}"
    );
}

/// A queue that is unavailable is polled repeatedly, and does not affect others.
#[tokio::test(flavor = "multi_thread")]
async fn unreachable_queue_stops_no_other_source() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    sqs.queue().mode = Mode::Unavailable;
    let app = reading(&cloudwatch, queue_of(&sqs)).await;
    sqs.send([send_of("late")]);
    app.until_metric("postmeter_sqs_failed_calls_total", |failed| failed >= 2).await;
    assert_eq!(app.firehose().deliver("a", &[send_of("a")]).await.status, 200);
    assert_eq!(get(app.http, "/readyz").await.0, 200);
    sqs.queue().mode = Mode::Well;
    sqs.until_empty().await;
    app.settled().await;
    assert_eq!((held_of(&cloudwatch, "a"), held_of(&cloudwatch, "late")), (1, 1));
    app.stop().await;
}

/// Too many messages are in flight, of all consumers together: one line says what to change.
#[tokio::test(flavor = "multi_thread")]
async fn queue_with_too_many_messages_in_flight_is_named_with_the_fix() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    sqs.queue().mode = Mode::OverLimit;
    let mut daemon = daemon(&cloudwatch, &sqs, &[]);
    let line = daemon.wait_for_line("receiving messages failed");
    assert!(line.contains("OverLimit: full; SQS allows 120000 messages"), "{line}");
    assert!(line.contains("reduce sqs.held_messages"), "{line}");
    sqs.queue().mode = Mode::Well;
    sqs.send([send_of("late")]);
    sqs.until_empty().await;
    daemon.end().await;
    assert_eq!(held_of(&cloudwatch, "late"), 1);
}

fn daemon(cloudwatch: &FakeCloudWatch, sqs: &FakeSqs, more: &[(&str, &str)]) -> Daemon {
    let (aws, queue) = (cloudwatch.url(), sqs.url());
    let mut variables = vec![
        ("AWS_ENDPOINT_URL_CLOUDWATCH", aws.as_str()),
        ("POSTMETER__SQS__0__QUEUE_URL", queue.as_str()),
        ("POSTMETER__LIMITS__SERIES", "1000000"),
    ];
    variables.extend(more);
    Daemon::start(&variables)
}

/// Several daemons share a queue, one of them stops under load, and another replaces it.
#[tokio::test(flavor = "multi_thread")]
async fn daemons_share_a_queue_and_one_that_stops_returns_its_messages() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    let mut traffic = Traffic::new(305);
    // Longer than the test: messages that are not returned would stay in the queue.
    let long = [("POSTMETER__SQS__0__VISIBILITY", "30m")];
    let first = daemon(&cloudwatch, &sqs, &long);
    let second = daemon(&cloudwatch, &sqs, &long);
    for seed in 0..20 {
        sqs.send(wrapped(&mut traffic, 300, seed));
    }
    sqs.until("half empty", |queue| queue.deleted >= 1500).await;
    first.end().await;
    let third = daemon(&cloudwatch, &sqs, &long);
    sqs.until_empty().await;
    for daemon in [second, third] {
        daemon.end().await;
    }
    assert_held(&cloudwatch, &traffic.sums());
}

/// `published`: a kill between the acceptance of counts and the deletion of their messages doubles
/// only the accepted counts; a kill before that doubles nothing.
#[tokio::test(flavor = "multi_thread")]
async fn kills_double_only_counts_accepted_before_the_deletion() {
    for inside in [false, true] {
        let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
        let short = [("POSTMETER__SQS__0__VISIBILITY", "2s")];
        let (mut traffic, mut accepted) = (Traffic::new(308), 0);
        if inside {
            sqs.queue().mode = Mode::DeletesNone;
        } else {
            cloudwatch.set_mode(Fault::Throttle);
        }
        for round in 1..=5 {
            // Before the daemon can receive any.
            let given = {
                let queue = sqs.queue();
                queue.given + queue.left() + 60
            };
            let daemon = daemon(&cloudwatch, &sqs, &short);
            sqs.send(wrapped(&mut traffic, 60, round));
            sqs.until("given out", |queue| queue.given >= given).await;
            if inside {
                let all = sqs.queue().left();
                daemon.until_metric("postmeter_sqs_messages_held", |held| held == all).await;
                daemon.until_metric("postmeter_pending_counts", |counts| counts == 0).await;
                accepted += daemon.metric("postmeter_accepted_counts_total").await;
            }
            daemon.kill().await;
        }
        sqs.queue().mode = Mode::Well;
        cloudwatch.set_mode(None);
        let last = daemon(&cloudwatch, &sqs, &short);
        sqs.until_empty().await;
        last.end().await;
        let (mut doubled, holds) = (0, held(&cloudwatch));
        for (series, sum) in &traffic.sums() {
            doubled += holds[series].checked_sub(*sum).expect("nothing is lost");
        }
        println!(
            "inside the window: {inside}; 5 kills, {accepted} accepted before, {doubled} doubled"
        );
        assert_eq!(doubled, accepted);
    }
}

/// One, two, then four daemons: the same totals, and each receives a share.
#[tokio::test(flavor = "multi_thread")]
async fn several_daemons_each_count_their_share() {
    const MESSAGES: u64 = 4000;
    for daemons in [1, 2, 4] {
        let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
        let mut traffic = Traffic::new(307);
        let running: Vec<_> = (0..daemons).map(|_| daemon(&cloudwatch, &sqs, &[])).collect();
        let started = Instant::now();
        // Gradually, so that any free daemon receives them.
        for seed in 0..MESSAGES / 100 {
            sqs.send(wrapped(&mut traffic, 100, seed));
            sqs.until("taken", |queue| queue.visible() == 0).await;
        }
        sqs.until_empty().await;
        let took = started.elapsed();
        let mut shares = Vec::new();
        for daemon in running {
            // The queue is empty before the last response arrives.
            daemon.until_metric("postmeter_sqs_messages_held", |held| held == 0).await;
            shares.push(daemon.metric("postmeter_sqs_messages_deleted_total").await);
            daemon.end().await;
        }
        println!("{daemons} daemons: {MESSAGES} messages in {took:?}, shares {shares:?}");
        assert_eq!(shares.iter().sum::<u64>(), MESSAGES);
        let least = MESSAGES / daemons / 2;
        assert!(shares.iter().all(|share| *share >= least), "{shares:?}");
        assert_held(&cloudwatch, &traffic.sums());
    }
}

/// Messages that were received but not merged are available to others at once.
#[tokio::test(flavor = "multi_thread")]
async fn messages_waiting_for_room_are_returned_at_the_signal() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    cloudwatch.set_mode(Fault::Throttle);
    let mut app = TestApp::start(&cloudwatch, |config| {
        config.sqs = vec![SqsConfig { visibility: Duration::from_mins(30), ..queue_of(&sqs) }];
        config.limits.entries = 4;
        config.shutdown.grace = Duration::from_secs(5);
    })
    .await;
    // One or two fill the table; the others wait.
    sqs.send((0..10).map(|at| send_of(&format!("c{at}"))));
    app.until_metric("postmeter_sqs_messages_held", |held| held == 10).await;
    app.until_metric("postmeter_pending_entries", |entries| entries > 0).await;
    app.signal();
    cloudwatch.set_mode(None);
    assert!(app.stop().await.left.is_empty());
    let counted = (0..10).filter(|at| held_of(&cloudwatch, &format!("c{at}")) == 1).count();
    let (queue, counted) = (sqs.queue(), counted as u64);
    assert!((1..10).contains(&counted), "{counted}");
    assert_eq!((queue.deleted, queue.given_back), (counted, 10 - counted));
    assert_eq!(queue.visible() as u64, queue.given_back);
}

/// `journaled` deletes messages that are on disk; after a restart in place, undeleted ones are
/// known.
#[tokio::test(flavor = "multi_thread")]
async fn journaled_queue_is_counted_exactly_although_the_daemon_is_killed_repeatedly() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().display().to_string();
    let variables = [
        ("POSTMETER__SQS__0__ACKNOWLEDGE", "journaled"),
        ("POSTMETER__SQS__0__VISIBILITY", "2s"),
        ("POSTMETER__JOURNAL__DIRECTORY", directory.as_str()),
    ];
    let mut traffic = Traffic::new(306);
    let mut rng = fastrand::Rng::with_seed(306);
    for round in 0..5 {
        let daemon = daemon(&cloudwatch, &sqs, &variables);
        sqs.send(wrapped(&mut traffic, 400, round));
        let deleted = sqs.queue().deleted;
        sqs.until("read", |queue| queue.deleted >= deleted + 50).await;
        sleep(Duration::from_millis(rng.u64(0..100))).await;
        daemon.kill().await;
    }
    let last = daemon(&cloudwatch, &sqs, &variables);
    sqs.until_empty().await;
    last.end().await;
    // A call may have been in flight when the process died: then its counts are doubled, and
    // reported.
    let (held, sent) = (cloudwatch.total_in("SES"), traffic.counts());
    assert!(held >= sent, "{held} of {sent}");
}
