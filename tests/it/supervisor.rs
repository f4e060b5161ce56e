//! A failing part of the daemon: `/readyz` fails, the daemon drains and exits with 1, and
//! acknowledged counts are kept or reported. The process exits at the end of the grace period,
//! whatever its threads do. Faults come from `POSTMETER_FAULT`, which only debug builds read.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::support::app::PATIENCE;
use crate::support::command::postmeter;
use crate::support::fake_cloudwatch::{FakeCloudWatch, State};
use crate::support::fake_sqs::FakeSqs;
use crate::support::firehose::{body_of, get};
use crate::support::process::Daemon;
use crate::support::raw::Raw;
use crate::support::traffic::{Traffic, assert_held, assert_same_lines, held_of, send_of};

/// What the process may take beyond the grace period: half a second for the watchdog, and the
/// delays of a busy machine.
const SLACK: Duration = Duration::from_secs(3);

fn start(fake: &FakeCloudWatch, fault: &str, more: &[(&str, &str)]) -> Daemon {
    let url = fake.url();
    let variables = [
        ("AWS_ENDPOINT_URL", &*url),
        ("POSTMETER_FAULT", fault),
        ("POSTMETER__LIMITS__SERIES", "1000000"),
    ];
    Daemon::start(&[&variables, more].concat())
}

fn journaled<'v>(directory: &'v str, more: &[(&'v str, &'v str)]) -> Vec<(&'v str, &'v str)> {
    let journal = [
        ("POSTMETER__FIREHOSE__ACKNOWLEDGE", "journaled"),
        ("POSTMETER__JOURNAL__DIRECTORY", directory),
    ];
    [&journal, more].concat()
}

async fn ended(daemon: Daemon) -> (ExitStatus, Duration, Vec<String>) {
    tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it ends")
}

fn assert_said(stderr: &[String], task: &str) {
    let said = format!("\"task\":\"{task}\"");
    assert!(stderr.iter().any(|line| line.contains(&said)), "no {said}: {stderr:#?}");
}

fn lines_of_counts(stderr: &[String]) -> String {
    let left = stderr.iter().filter(|line| line.starts_with("{\"Namespace\""));
    left.fold(String::new(), |left, line| left + line + "\n")
}

/// A delivery that is not complete, so that the drain waits for it.
async fn unfinished_delivery(daemon: &Daemon) -> Raw {
    let mut raw = Raw::connect(daemon.http).await;
    assert!(raw.begin("unfinished", "", 1000).await && raw.send(b"{").await);
    daemon.until_metric("postmeter_in_flight_requests", |requests| requests == 1).await;
    raw
}

async fn until_not_ready(daemon: &Daemon) {
    let deadline = Instant::now() + PATIENCE;
    while get(daemon.admin, "/readyz").await.0 == 200 {
        assert!(Instant::now() < deadline, "it stays ready");
    }
    assert_eq!(get(daemon.admin, "/livez").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn journal_writer_panic_drains_and_exits_1() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path().display().to_string();
    let fake = FakeCloudWatch::start().await;
    let slow = [("POSTMETER__CLOUDWATCH__FLUSH_INTERVAL", "1m")];
    let more = journaled(&place, &slow);
    let first = start(&fake, "journal_write=panic@3", &more);
    let mut traffic = Traffic::new(400);
    let records: Vec<_> = (0..3).map(|_| traffic.records(30)).collect();
    let firehose = first.firehose();
    for (at, records) in records[..2].iter().enumerate() {
        assert_eq!(firehose.deliver(&format!("r{at}"), records).await.status, 200);
    }
    let unfinished = unfinished_delivery(&first).await;
    let reply = firehose.deliver("r2", &records[2]).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    until_not_ready(&first).await;
    let failed = first.metric("postmeter_tasks_failed_total{task=\"journal_writer\"}").await;
    assert_eq!(failed, 1);
    drop(unfinished);
    let (status, took, stderr) = ended(first).await;
    assert_eq!(status.code(), Some(1), "{stderr:#?}");
    // Without a journal no call can be made, so there is nothing to wait for.
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_said(&stderr, "journal_writer");

    let second = start(&fake, "", &journaled(&place, &[]));
    assert_eq!(second.firehose().deliver("r2", &records[2]).await.status, 200);
    let sum = traffic.counts();
    assert!(fake.wait_until(|state: &State| state.total_in("SES") >= sum, PATIENCE).await);
    second.end().await;
    assert_held(&fake, &traffic.sums());
}

#[tokio::test(flavor = "multi_thread")]
async fn publisher_panic_drains_and_exits_1_with_its_counts_named() {
    let fake = FakeCloudWatch::start().await;
    // Long enough for the delivery that does not end.
    let slow = [("POSTMETER__CLOUDWATCH__FLUSH_INTERVAL", "500ms")];
    let daemon = start(&fake, "publish=panic", &slow);
    let mut traffic = Traffic::new(401);
    let unfinished = unfinished_delivery(&daemon).await;
    assert_eq!(daemon.firehose().deliver("a", &traffic.records(60)).await.status, 200);
    until_not_ready(&daemon).await;
    drop(unfinished);
    let (status, took, stderr) = ended(daemon).await;
    assert_eq!(status.code(), Some(1), "{stderr:#?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_said(&stderr, "publisher");
    assert_eq!(fake.total_in("SES"), 0);
    assert_same_lines(&lines_of_counts(&stderr), &traffic.truth.to_lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn publisher_panic_that_is_not_repeated_loses_nothing_and_exits_1() {
    let fake = FakeCloudWatch::start().await;
    let daemon = start(&fake, "publish=panic@1", &[]);
    let mut traffic = Traffic::new(402);
    assert_eq!(daemon.firehose().deliver("a", &traffic.records(60)).await.status, 200);
    let (status, _, stderr) = ended(daemon).await;
    assert_eq!(status.code(), Some(1), "{stderr:#?}");
    assert_said(&stderr, "publisher");
    assert_eq!(lines_of_counts(&stderr), "");
    assert_held(&fake, &traffic.sums());
}

/// A request that waits for its counts fails, and is counted by the next daemon.
#[tokio::test(flavor = "multi_thread")]
async fn publisher_panic_acknowledges_no_request_that_waits() {
    let fake = FakeCloudWatch::start().await;
    let published = [("POSTMETER__FIREHOSE__ACKNOWLEDGE", "published")];
    let daemon = start(&fake, "publish=panic", &published);
    let firehose = daemon.firehose();
    let reply = firehose.try_post(body_of("a", &[send_of("waits")]));
    let status = reply.await.map(|reply| reply.status);
    assert_ne!(status, Ok(200));
    let (status, _, stderr) = ended(daemon).await;
    assert_eq!(status.code(), Some(1), "{stderr:#?}");
    assert_eq!(held_of(&fake, "waits"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letter_writer_panic_drains_and_exits_1() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path().display().to_string();
    let fake = FakeCloudWatch::start().await;
    let letters = [("POSTMETER__DEAD_LETTERS__DIRECTORY", &*place)];
    let daemon = start(&fake, "dead_letter_write=panic", &letters);
    let unfinished = unfinished_delivery(&daemon).await;
    let records = [send_of("opera"), "{\"torn\"\n".to_owned()];
    assert_eq!(daemon.firehose().deliver("a", &records).await.status, 200);
    until_not_ready(&daemon).await;
    // The value is counted as unreadable, and its dead letter as failed.
    assert_eq!(daemon.metric("postmeter_values_total{kind=\"malformed\"}").await, 1);
    assert_eq!(daemon.metric("postmeter_dead_letters_total{outcome=\"failed\"}").await, 1);
    drop(unfinished);
    let (status, took, stderr) = ended(daemon).await;
    assert_eq!(status.code(), Some(1), "{stderr:#?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_said(&stderr, "dead_letters");
    assert_eq!(held_of(&fake, "opera"), 1);
}

/// Counted messages are deleted anyway, so that no other daemon counts them again.
#[tokio::test(flavor = "multi_thread")]
async fn sqs_deletion_panic_drains_deletes_and_exits_1() {
    let (fake, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("postmeter.toml");
    std::fs::write(&file, format!("[[sqs]]\nqueue_url = \"{}\"\n", sqs.url())).expect("a file");
    let file = file.display().to_string();
    let url = fake.url();
    let daemon = Daemon::spawn(
        &mut postmeter(&["serve", "--config", &file]),
        &[("AWS_ENDPOINT_URL", &url), ("POSTMETER_FAULT", "sqs_delete=panic@1")],
    );
    sqs.send((0..5).map(|_| send_of("queued")));
    let (status, took, stderr) = ended(daemon).await;
    assert_eq!(status.code(), Some(1), "{stderr:#?}");
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert_said(&stderr, "sqs_deletions");
    let queue = sqs.queue();
    assert_eq!(held_of(&fake, "queued"), queue.deleted, "{stderr:#?}");
    assert!(queue.deleted > 0);
}

/// Every worker thread is busy for a minute: health responds, SIGTERM is handled, and the process
/// exits at the end of the grace period.
#[tokio::test(flavor = "multi_thread")]
async fn busy_worker_threads_delay_neither_health_nor_the_end() {
    let fake = FakeCloudWatch::start().await;
    let grace = [("POSTMETER__SHUTDOWN__GRACE", "3s")];
    let mut daemon = start(&fake, "delivery=spin", &grace);
    let threads = std::thread::available_parallelism().map_or(4, std::num::NonZero::get);
    let mut busy = Vec::new();
    for _ in 0..3 * threads {
        let mut raw = Raw::connect(daemon.http).await;
        raw.begin("a", "", 1000).await;
        busy.push(raw);
    }
    // The listener whose threads are busy does not respond any more.
    let mut health = Raw::connect(daemon.http).await;
    let ask = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    while health.send(ask).await && health.status_within(Duration::from_secs(2)).await.is_some() {}
    let asked = Instant::now();
    assert_eq!(get(daemon.admin, "/livez").await.0, 200);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    daemon.signal("TERM");
    daemon.wait_for_line("SIGTERM");
    let (_, took, stderr) = ended(daemon).await;
    assert!(took < Duration::from_secs(3) + SLACK, "{took:?} {stderr:#?}");
    assert!(stderr.iter().any(|line| line.contains("\"stopped\"")), "{stderr:#?}");
}

/// The exit does not wait for a thread that reads or writes files for a minute.
#[tokio::test(flavor = "multi_thread")]
async fn busy_blocking_thread_does_not_delay_the_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path().display().to_string();
    let fake = FakeCloudWatch::start().await;
    let more =
        [("POSTMETER__DEAD_LETTERS__DIRECTORY", &*place), ("POSTMETER__SHUTDOWN__GRACE", "2s")];
    let daemon = start(&fake, "dead_letter_write=spin", &more);
    let records = [send_of("opera"), "{\"torn\"\n".to_owned()];
    assert_eq!(daemon.firehose().deliver("a", &records).await.status, 200);
    daemon.signal("TERM");
    let (status, took, stderr) = ended(daemon).await;
    assert!(took < Duration::from_secs(2) + SLACK, "{took:?} {stderr:#?}");
    assert_eq!(status.code(), Some(0), "{stderr:#?}");
    assert!(stderr.iter().any(|line| line.contains("dead letters lost")), "{stderr:#?}");
    assert_eq!(held_of(&fake, "opera"), 1);
}

/// If even the shutdown hangs, the watchdog ends it, and logs that.
#[tokio::test(flavor = "multi_thread")]
async fn watchdog_ends_a_shutdown_that_hangs() {
    let fake = FakeCloudWatch::start().await;
    let daemon = start(&fake, "stop=spin", &[("POSTMETER__SHUTDOWN__GRACE", "1s")]);
    assert_eq!(daemon.firehose().deliver("a", &[send_of("opera")]).await.status, 200);
    daemon.signal("TERM");
    let (status, took, stderr) = ended(daemon).await;
    assert_eq!(status.code(), Some(1), "{stderr:#?}");
    assert!(took < Duration::from_secs(1) + SLACK, "{took:?}");
    let said = "shutdown did not finish within the grace period";
    assert!(stderr.iter().any(|line| line.contains(said)), "{stderr:#?}");
}

/// A start with a journal that is expected to crash.
fn dies(fake: &FakeCloudWatch, directory: &str) {
    let mut command: Command = postmeter(&["serve"]);
    let output = command
        .envs(journaled(directory, &[]))
        .envs([
            ("AWS_ENDPOINT_URL", &*fake.url()),
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
            ("POSTMETER__LISTEN__HTTP", "127.0.0.1:0"),
            ("POSTMETER__LISTEN__ADMIN", "127.0.0.1:0"),
            ("POSTMETER__DEFINITIONS", "config/definitions.json"),
            ("POSTMETER_FAULT", "restore=abort"),
        ])
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), None, "it is ended by a signal: {stderr}");
}

fn set_aside(directory: &Path) -> Vec<std::fs::DirEntry> {
    let entries = std::fs::read_dir(directory).expect("the directory");
    let entries = entries.map(|entry| entry.expect("an entry"));
    entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".set-aside")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn restored_counts_that_end_two_starts_are_set_aside_and_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path().display().to_string();
    let fake = FakeCloudWatch::start().await;
    let slow = [("POSTMETER__CLOUDWATCH__FLUSH_INTERVAL", "1m")];
    let first = start(&fake, "", &journaled(&place, &slow));
    let mut traffic = Traffic::new(403);
    let records = traffic.records(40);
    assert_eq!(first.firehose().deliver("r", &records).await.status, 200);
    first.kill().await;
    for _ in 0..2 {
        dies(&fake, &place);
        assert!(set_aside(directory.path()).is_empty());
    }
    let third = start(&fake, "restore=abort", &journaled(&place, &[]));
    let named = third.metric("postmeter_doubtful_counts_total{cause=\"set_aside\"}").await;
    assert_eq!(named, traffic.counts());
    let files = set_aside(directory.path());
    assert_eq!(files.len(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = files[0].metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // Its request is still known, and others are counted.
    assert_eq!(third.firehose().deliver("r", &records).await.status, 200);
    assert_eq!(third.firehose().deliver("new", &[send_of("opera")]).await.status, 200);
    let (status, _, stderr) = {
        third.signal("TERM");
        ended(third).await
    };
    assert_eq!(status.code(), Some(0), "{stderr:#?}");
    assert!(stderr.iter().any(|line| line.contains("two starts ended")), "{stderr:#?}");
    assert_eq!(held_of(&fake, "opera"), 1);
    assert!(!directory.path().join("starting").exists());

    // Under its old name, alone in a directory, the file is a journal again.
    let other = tempfile::tempdir().expect("a directory");
    let name = files[0].file_name().to_string_lossy().into_owned();
    let name = name.trim_end_matches(".set-aside");
    std::fs::copy(files[0].path(), other.path().join(name)).expect("a copy");
    let before = fake.total_in("SES");
    let fourth = start(&fake, "", &journaled(&other.path().display().to_string(), &[]));
    let sum = before + traffic.counts();
    assert!(fake.wait_until(|state: &State| state.total_in("SES") >= sum, PATIENCE).await);
    fourth.end().await;
}
