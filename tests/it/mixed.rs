//! Sources of different modes beside each other: the journal has the counts of journaled sources
//! alone, so what a queue redelivers is counted once.

use std::path::Path;

use crate::support::fake_cloudwatch::{FakeCloudWatch, Fault};
use crate::support::fake_sqs::FakeSqs;
use crate::support::process::Daemon;
use crate::support::traffic::{held_of, send_of};

/// A daemon with a `published` queue beside a `journaled` Firehose endpoint.
fn daemon(cloudwatch: &FakeCloudWatch, sqs: &FakeSqs, journal: &Path) -> Daemon {
    let (url, queue_url) = (cloudwatch.url(), sqs.url());
    Daemon::start(&[
        ("AWS_ENDPOINT_URL_CLOUDWATCH", &*url),
        ("POSTMETER__SQS__0__QUEUE_URL", &*queue_url),
        ("POSTMETER__SQS__0__VISIBILITY", "2s"),
        ("POSTMETER__SQS__0__ACKNOWLEDGE", "published"),
        ("POSTMETER__FIREHOSE__ACKNOWLEDGE", "journaled"),
        ("POSTMETER__JOURNAL__DIRECTORY", journal.to_str().expect("a path of text")),
        ("POSTMETER__SHUTDOWN__GRACE", "3s"),
    ])
}

/// Messages of the queue, and requests of Firehose for the same minute.
async fn send_both(daemon: &Daemon, sqs: &FakeSqs, messages: usize) {
    sqs.send((0..messages).map(|_| send_of("queue")));
    // The same series and minute as the messages, and others.
    for (at, campaign) in ["queue", "firehose"].into_iter().enumerate() {
        let records = vec![send_of(campaign); 10];
        let reply = daemon.firehose().deliver(&format!("r{at}"), &records).await;
        assert_eq!(reply.status, 200);
    }
}

/// Waits until CloudWatch has what was sent and nothing is left, and asserts that it has no more.
async fn assert_counted_once(
    daemons: &[&Daemon],
    cloudwatch: &FakeCloudWatch,
    sqs: &FakeSqs,
    messages: u64,
) {
    sqs.until_empty().await;
    for daemon in daemons {
        daemon.until_metric("postmeter_pending_counts", |counts| counts == 0).await;
        for cause in ["shutdown", "ambiguous"] {
            let name = format!("postmeter_doubtful_counts_total{{cause=\"{cause}\"}}");
            assert_eq!(daemon.metric(&name).await, 0, "{cause}");
        }
        // The journal names its own share of a call at the kill: 20 events, which count three times
        // at most.
        let crash = daemon.metric("postmeter_doubtful_counts_total{cause=\"crash\"}").await;
        assert!(crash <= 60, "{crash}");
    }
    assert_eq!(held_of(cloudwatch, "queue"), messages + 10);
    assert_eq!(held_of(cloudwatch, "firehose"), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_beside_a_journal_is_returned_at_sigterm_and_counted_once() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    let journal = tempfile::tempdir().expect("a directory");
    cloudwatch.set_mode(Fault::Throttle);
    let first = daemon(&cloudwatch, &sqs, journal.path());
    send_both(&first, &sqs, 100).await;
    // All are merged: with those of Firehose, each counts twice.
    first.until_metric("postmeter_pending_counts", |counts| counts >= 240).await;
    first.end().await;
    sqs.until("given back", |queue| (queue.left(), queue.visible()) == (100, 100)).await;

    cloudwatch.set_mode(None);
    let second = daemon(&cloudwatch, &sqs, journal.path());
    assert_counted_once(&[&second], &cloudwatch, &sqs, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn daemon_that_is_killed_and_back_in_an_outage_counts_its_queue_once() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    let journal = tempfile::tempdir().expect("a directory");
    cloudwatch.set_mode(Fault::Throttle);
    let first = daemon(&cloudwatch, &sqs, journal.path());
    send_both(&first, &sqs, 100).await;
    first.until_metric("postmeter_pending_counts", |counts| counts >= 240).await;
    first.kill().await;

    let second = daemon(&cloudwatch, &sqs, journal.path());
    // What the journal has is back at once, and the messages when they are visible again.
    second.until_metric("postmeter_pending_counts", |counts| counts >= 240).await;
    cloudwatch.set_mode(None);
    assert_counted_once(&[&second], &cloudwatch, &sqs, 100).await;
}

/// What the killed daemon held goes to the other one, and no call of it was accepted: nothing may
/// be doubled.
#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_killed_daemon_are_counted_once_by_the_other() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    let journals = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    cloudwatch.set_mode(Fault::Throttle);
    let first = daemon(&cloudwatch, &sqs, journals[0].path());
    send_both(&first, &sqs, 1000).await;
    first.until_metric("postmeter_pending_counts", |counts| counts >= 200).await;
    let other = daemon(&cloudwatch, &sqs, journals[1].path());
    sqs.until("taken", |queue| queue.visible() == 0).await;
    first.kill().await;
    cloudwatch.set_mode(None);
    let second = daemon(&cloudwatch, &sqs, journals[0].path());
    assert_counted_once(&[&second, &other], &cloudwatch, &sqs, 1000).await;
}
