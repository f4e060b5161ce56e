//! `acknowledge = "journaled"`: acknowledged requests survive `kill -9`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::support::app::PATIENCE;
use crate::support::command::{clean, postmeter};
use crate::support::fake_cloudwatch::{FakeCloudWatch, Fault, State};
use crate::support::process::Daemon;
use crate::support::traffic::{Traffic, assert_held, held_of, send_of};

/// A daemon with a journal in a directory.
fn start(fake: &FakeCloudWatch, directory: &Path, more: &[(&str, &str)]) -> Daemon {
    spawn(&mut postmeter(&["serve"]), fake, directory, more)
}

fn spawn(
    command: &mut Command,
    fake: &FakeCloudWatch,
    directory: &Path,
    more: &[(&str, &str)],
) -> Daemon {
    let (url, directory) = (fake.url(), directory.display().to_string());
    let variables = [
        ("AWS_ENDPOINT_URL", &*url),
        ("POSTMETER__FIREHOSE__ACKNOWLEDGE", "journaled"),
        ("POSTMETER__JOURNAL__DIRECTORY", &*directory),
        ("POSTMETER__LIMITS__SERIES", "1000000"),
    ];
    Daemon::spawn(command, &[&variables, more].concat())
}

async fn crash_doubt(daemon: &Daemon) -> u64 {
    daemon.metric("postmeter_doubtful_counts_total{cause=\"crash\"}").await
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_requests_survive_kill_and_are_counted_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let fake = FakeCloudWatch::start().await;
    let mut traffic = Traffic::new(70);
    // Nothing is published before the end of the first life.
    let slow = [("POSTMETER__CLOUDWATCH__FLUSH_INTERVAL", "1m")];
    let first = start(&fake, directory.path(), &slow);
    let records: Vec<_> = (0..5).map(|_| traffic.records(50)).collect();
    for (at, records) in records.iter().enumerate() {
        let reply = first.firehose().deliver(&format!("r{at}"), records).await;
        assert_eq!(reply.status, 200);
    }
    first.kill().await;
    assert_eq!(fake.total_in("SES"), 0);

    let second = start(&fake, directory.path(), &[]);
    let more = traffic.records(50);
    assert_eq!(second.firehose().deliver("new", &more).await.status, 200);
    // Senders without a response retry.
    for (at, records) in records.iter().enumerate() {
        assert_eq!(second.firehose().deliver(&format!("r{at}"), records).await.status, 200);
    }
    let sum = traffic.counts();
    assert!(fake.wait_until(|state: &State| state.total_in("SES") >= sum, PATIENCE).await);
    assert_eq!(crash_doubt(&second).await, 0);
    second.signal("TERM");
    let (status, ..) = tokio::task::spawn_blocking(|| second.wait()).await.expect("it ends");
    assert_eq!(status.code(), Some(0));
    assert_held(&fake, &traffic.sums());

    // Everything is settled: a third life publishes nothing, and still knows the IDs.
    let third = start(&fake, directory.path(), &[]);
    assert_eq!(third.firehose().deliver("new", &more).await.status, 200);
    assert_eq!(third.metric("postmeter_pending_counts").await, 0);
    assert_eq!(third.metric("postmeter_requests_total{outcome=\"repeated\"}").await, 1);
    assert_held(&fake, &traffic.sums());
}

#[tokio::test(flavor = "multi_thread")]
async fn call_in_flight_at_a_kill_is_in_doubt_as_configured() {
    for (ambiguous, held) in [("retry", 2 * 30), ("drop", 30)] {
        let directory = tempfile::tempdir().expect("a directory");
        let fake = FakeCloudWatch::start().await;
        // Accepted without a response.
        fake.set_mode(Fault::HangAfter);
        let policy = [("POSTMETER__CLOUDWATCH__AMBIGUOUS", ambiguous)];
        let first = start(&fake, directory.path(), &policy);
        let records = vec![send_of("opera"); 30];
        assert_eq!(first.firehose().deliver("a", &records).await.status, 200);
        assert!(fake.wait_until(|state: &State| state.total_in("SES") > 0, PATIENCE).await);
        // Its timeout is a second away.
        first.kill().await;
        fake.set_mode(None);
        let once = held_of(&fake, "opera");
        let second = start(&fake, directory.path(), &policy);
        assert_eq!(second.firehose().deliver("b", &[send_of("ballet")]).await.status, 200);
        let new = |state: &State| state.total_in("SES") > once + 3;
        assert!(once == 30 && (fake.wait_until(new, PATIENCE).await || ambiguous == "drop"));
        let doubt = crash_doubt(&second).await;
        let settled = async {
            while second.metric("postmeter_pending_counts").await > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, settled).await.expect("it settles in time");
        assert_eq!(held_of(&fake, "opera"), held, "{ambiguous}");
        assert!(held - 30 <= doubt, "{doubt}");
        assert!(doubt > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_not_published_in_time_stay_in_the_journal() {
    let mut doubts = Vec::new();
    // A call in flight at the very end of the grace period is in doubt and reported so: not in all
    // five rounds.
    while doubts.len() < 5 && !doubts.contains(&0) {
        let directory = tempfile::tempdir().expect("a directory");
        let fake = FakeCloudWatch::start().await;
        fake.pause_listening().await;
        let mut traffic = Traffic::new(71);
        let first = start(&fake, directory.path(), &[("POSTMETER__SHUTDOWN__GRACE", "500ms")]);
        assert_eq!(first.firehose().deliver("a", &traffic.records(60)).await.status, 200);
        first.signal("TERM");
        let waiting = tokio::task::spawn_blocking(|| first.wait());
        let (status, _, stderr) = waiting.await.expect("it ends");
        assert_eq!(status.code(), Some(0), "{stderr:#?}");
        assert!(!stderr.iter().any(|line| line.starts_with("{\"Namespace\"")));
        fake.resume_listening().await;
        let second = start(&fake, directory.path(), &[]);
        let sum = traffic.counts();
        assert!(fake.wait_until(|state: &State| state.total_in("SES") >= sum, PATIENCE).await);
        doubts.push(crash_doubt(&second).await);
        assert_held(&fake, &traffic.sums());
    }
    assert!(doubts.contains(&0), "{doubts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn journal_belongs_to_one_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let fake = FakeCloudWatch::start().await;
    let _first = start(&fake, directory.path(), &[]);
    let second = postmeter(&["serve"])
        .envs([
            ("POSTMETER__LISTEN__HTTP", "127.0.0.1:0"),
            ("POSTMETER__LISTEN__ADMIN", "127.0.0.1:0"),
            ("POSTMETER__CLOUDWATCH__PUBLISH", "memory"),
            ("POSTMETER__FIREHOSE__ACKNOWLEDGE", "journaled"),
            ("POSTMETER__JOURNAL__DIRECTORY", &directory.path().display().to_string()),
        ])
        .output()
        .expect("it runs");
    assert_eq!(second.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&second.stderr);
    assert!(stderr.contains("another process is using it"), "{stderr}");
}

/// No file of this process may exceed 32 KiB, so writing more fails as on a full disk.
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_the_disk_does_not_take_are_rejected_and_counted_when_retried() {
    let directory = tempfile::tempdir().expect("a directory");
    let fake = FakeCloudWatch::start().await;
    let mut limited = Command::new("bash");
    let script = "trap '' XFSZ; ulimit -f 32; exec \"$0\" serve";
    limited.args(["-c", script, env!("CARGO_BIN_EXE_postmeter")]);
    clean(&mut limited);
    let slow = [("POSTMETER__CLOUDWATCH__FLUSH_INTERVAL", "1m")];
    let first = spawn(&mut limited, &fake, directory.path(), &slow);
    let mut traffic = Traffic::new(72);
    let mut refused = 0;
    for at in 0..12 {
        let (id, records) = (format!("r{at}"), traffic.records(400));
        let mut reply = first.firehose().deliver(&id, &records).await;
        if reply.status != 200 {
            assert_eq!(reply.status, 503, "{}", reply.body);
            assert!(reply.body.contains("journal"), "{}", reply.body);
            refused += 1;
            reply = first.firehose().deliver(&id, &records).await;
        }
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    assert!(refused > 0, "everything fitted");
    let said = first.metric("postmeter_requests_total{outcome=\"journal\"}").await;
    assert_eq!(said, refused);
    assert_eq!(first.metric("postmeter_journal_failures_total").await, refused);
    first.kill().await;
    let second = start(&fake, directory.path(), &[]);
    let sum = traffic.counts();
    assert!(fake.wait_until(|state: &State| state.total_in("SES") >= sum, PATIENCE).await);
    assert_eq!(second.metric("postmeter_journal_corrupt_bytes_total").await, 0);
    assert_held(&fake, &traffic.sums());
}

/// The disk takes no file of more than 1 KiB, so the checkpoint of the start does not fit.
#[tokio::test(flavor = "multi_thread")]
async fn start_on_a_full_disk_says_how_to_fix_it_and_keeps_all_counts() {
    let directory = tempfile::tempdir().expect("a directory");
    let fake = FakeCloudWatch::start().await;
    let mut traffic = Traffic::new(73);
    let slow = [("POSTMETER__CLOUDWATCH__FLUSH_INTERVAL", "1m")];
    let first = start(&fake, directory.path(), &slow);
    assert_eq!(first.firehose().deliver("a", &traffic.records(400)).await.status, 200);
    first.kill().await;
    let mut limited = Command::new("bash");
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" serve";
    limited.args(["-c", script, env!("CARGO_BIN_EXE_postmeter")]);
    clean(&mut limited);
    let ended = limited
        .envs([
            ("POSTMETER__DEFINITIONS", "config/definitions.json"),
            ("POSTMETER__LISTEN__HTTP", "127.0.0.1:0"),
            ("POSTMETER__LISTEN__ADMIN", "127.0.0.1:0"),
            ("POSTMETER__CLOUDWATCH__PUBLISH", "memory"),
            ("POSTMETER__FIREHOSE__ACKNOWLEDGE", "journaled"),
            ("POSTMETER__JOURNAL__DIRECTORY", &directory.path().display().to_string()),
        ])
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{stderr}");
    let last = stderr.trim_end().lines().last().unwrap_or_default();
    let place = directory.path().display().to_string();
    for part in [&*place, "no room for a checkpoint", "free space on its disk", "are kept"] {
        assert!(last.contains(part), "{part}: {stderr}");
    }
    let third = start(&fake, directory.path(), &[]);
    let sum = traffic.counts();
    assert!(fake.wait_until(|state: &State| state.total_in("SES") >= sum, PATIENCE).await);
    assert_eq!(third.metric("postmeter_journal_corrupt_bytes_total").await, 0);
    assert_held(&fake, &traffic.sums());
}

/// A request that is being written gets no response from the disk, and one behind it is not written
/// at all. Both are answered in time, and counted once when they are retried.
#[tokio::test(flavor = "multi_thread")]
async fn stalled_disk_delays_no_response_beyond_the_patience() {
    let directory = tempfile::tempdir().expect("a directory");
    let fake = FakeCloudWatch::start().await;
    let stalled = [
        ("POSTMETER_FAULT", "journal_write=spin@1"),
        ("POSTMETER__FIREHOSE__PATIENCE", "2s"),
        ("POSTMETER__FORWARD_PATIENCE", "1s"),
    ];
    let first = start(&fake, directory.path(), &stalled);
    for (id, reason) in [("written", "given_up"), ("waiting", "journal")] {
        let started = Instant::now();
        assert_eq!(first.firehose().deliver(id, &[send_of(id)]).await.status, 503);
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        let name = format!("postmeter_requests_total{{outcome=\"{reason}\"}}");
        assert_eq!(first.metric(&name).await, 1, "{reason}");
    }
    first.kill().await;
    let second = start(&fake, directory.path(), &[]);
    for id in ["written", "waiting"] {
        assert_eq!(second.firehose().deliver(id, &[send_of(id)]).await.status, 200);
    }
    // Only the first was on disk.
    assert_eq!(second.metric("postmeter_requests_total{outcome=\"repeated\"}").await, 1);
    second.until_metric("postmeter_pending_counts", |counts| counts == 0).await;
    assert_eq!((held_of(&fake, "written"), held_of(&fake, "waiting")), (1, 1));
}
