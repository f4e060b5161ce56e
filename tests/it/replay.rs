//! `postmeter replay`: every object of an archive is counted once, whatever interrupts it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use postmeter::clock::Clock;
use postmeter::ses::Minute;
use postmeter::synth::Profile;
use serde_json::{Value, json};

use crate::support::command::{postmeter, run, text};
use crate::support::fake_cloudwatch::{FakeCloudWatch, Fault as CloudWatchFault};
use crate::support::fake_s3::{FakeS3, Fault, gzip};
use crate::support::traffic::{Traffic, assert_held, held_of, send_of};

const DEFINITIONS: &str = "config/definitions.json";
const DAY_MS: i64 = 86_400_000;

/// A bucket, a CloudWatch, and a folder for the state and local files.
struct Bench {
    cloudwatch: FakeCloudWatch,
    s3: FakeS3,
    folder: tempfile::TempDir,
}

/// The output of a replay.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    /// `Null` when there is none.
    summary: Value,
}

impl Bench {
    async fn start() -> Self {
        Self {
            cloudwatch: FakeCloudWatch::start().await,
            s3: FakeS3::start().await,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a local file.
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        std::fs::write(path, bytes).expect("it is written");
    }

    /// The command, which publishes to the fake and reports its totals.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = postmeter(&["replay"]);
        command
            .args(["--summary", &self.path("summary.json").display().to_string()])
            .args(arguments)
            .envs([
                ("AWS_ACCESS_KEY_ID", "AKID"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
                ("POSTMETER__DEFINITIONS", DEFINITIONS),
                ("POSTMETER__CLOUDWATCH__FLUSH_INTERVAL", "200ms"),
                ("POSTMETER__SHUTDOWN__GRACE", "1s"),
                ("POSTMETER__LIMITS__SERIES", "1000000"),
                ("AWS_ENDPOINT_URL_CLOUDWATCH", &self.cloudwatch.url()),
                ("AWS_ENDPOINT_URL_S3", &self.s3.url()),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs to the end, with the state in the test's folder.
    async fn replay(&self, arguments: &[&str]) -> Ended {
        let state = self.path("state").display().to_string();
        self.end(self.command(&[&["--state", &state], arguments].concat()).spawn()).await
    }

    async fn dry_run(&self, arguments: &[&str]) -> Ended {
        self.end(self.command(&[&["--dry-run"], arguments].concat()).spawn()).await
    }

    async fn end(&self, child: std::io::Result<Child>) -> Ended {
        let child = child.expect("the binary starts");
        let waiting = tokio::task::spawn_blocking(|| child.wait_with_output());
        let output: Output = waiting.await.expect("it ends").expect("it can be waited for");
        let path = self.path("summary.json");
        let summary = std::fs::read_to_string(&path).unwrap_or_else(|_| "null".to_owned());
        let _ = std::fs::remove_file(path);
        Ended {
            code: output.status.code(),
            stdout: text(&output.stdout).to_owned(),
            stderr: text(&output.stderr).to_owned(),
            summary: serde_json::from_str(&summary).expect("JSON"),
        }
    }
}

impl Ended {
    /// Asserts the exit code; on failure shows the output.
    fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        self
    }

    fn objects(&self, what: &str) -> u64 {
        self.of(&format!("/replay/objects/{what}"))
    }

    fn of(&self, pointer: &str) -> u64 {
        let figure = self.summary.pointer(pointer).and_then(Value::as_u64);
        figure.unwrap_or_else(|| panic!("{pointer}: {}", self.summary))
    }

    fn assert_identities(&self) {
        let routed = ["/matched", "/unmatched", "/unrouted"].map(|kind| self.of(kind));
        assert_eq!(self.of("/events"), routed.iter().sum::<u64>());
        let dropped = self.summary["dropped"].as_object().expect("reasons").values();
        let dropped: u64 = dropped.map(|sum| sum.as_u64().expect("a sum")).sum();
        let made = self.of("/destination_matches") + self.of("/replay/resumed");
        assert_eq!(made, self.of("/counts") + dropped, "{}", self.summary);
    }
}

/// `YYYY/MM/dd/HH` and `YYYY-MM-dd-HH-MM-SS` of a time this many days ago.
fn layout(days_ago: i64) -> (String, String) {
    let time = Minute::of_ms(Clock::System.now_ms() - days_ago * DAY_MS).to_string();
    let folder = format!("{}/{}", time[..10].replace('-', "/"), &time[11..13]);
    (folder, format!("{}-{}-{}-00", &time[..10], &time[11..13], &time[14..16]))
}

/// An object's name in Firehose's format.
fn key(at: usize, days_ago: i64) -> String {
    let (folder, stamp) = layout(days_ago);
    format!("events/{folder}/mail-1-{stamp}-{at:08x}-1111-2222-3333-444455556666.gz")
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
    assert!(status.expect("kill runs").success());
}

/// The SES API would create the document; a replay without it would count nothing, permanently.
#[test]
fn definitions_must_exist_even_with_the_api() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("c.toml");
    let toml = format!(
        "definitions = \"{}\"\n[ses_api]\nlisten = \"127.0.0.1:0\"\nauth = \"none\"\n",
        folder.path().join("none.json").display()
    );
    std::fs::write(&config, toml).expect("a file");
    let config = config.to_str().expect("text");
    let ran = run(&["replay", "--config", config, "--dry-run", "config/examples"]);
    assert_eq!(ran.status.code(), Some(2), "{}", text(&ran.stderr));
    assert!(text(&ran.stderr).contains("none.json"), "{}", text(&ran.stderr));
}

/// Interrupted by SIGTERM and by `kill -9`, an archive is published once, except for what is
/// reported.
#[tokio::test(flavor = "multi_thread")]
async fn archive_is_counted_once_though_it_is_interrupted_twice() {
    let bench = Bench::start().await;
    let mut traffic = Traffic::new(700);
    let keys: Vec<_> = (0..150).map(|at| key(at, 0)).collect();
    for (at, key) in keys.iter().enumerate() {
        let text: String = traffic.records(20).concat();
        let text = if at % 3 == 0 { text.replace('\n', "") } else { text };
        bench.s3.put(key, if at % 2 == 0 { gzip(&text) } else { text.into_bytes() });
    }
    let state = bench.path("state").display().to_string();
    let arguments = ["--state", &state, "--objects-at-once", "4", "s3://mail/events/"];

    // Hanging objects, as many as are read at once, keep a run from finishing.
    let hang = |from: usize, fault| {
        for key in &keys[from..from + 4] {
            bench.s3.set_fault(key, fault);
        }
    };
    hang(60, Some(Fault::Hangs));
    let first = bench.command(&arguments).spawn().expect("it starts");
    bench.s3.until_requests(64).await;
    signal(&first, "TERM");
    let first = bench.end(Ok(first)).await.with_code(1);
    assert!(first.stderr.contains("run the same command again to resume"), "{}", first.stderr);
    assert_eq!((first.objects("read"), first.objects("left")), (60, 90));
    assert_eq!(first.summary["replay"]["interrupted"], json!(true));
    first.assert_identities();

    hang(60, None);
    hang(110, Some(Fault::Hangs));
    let second = bench.command(&arguments).spawn().expect("it starts");
    bench.s3.until_requests(64 + 54).await;
    signal(&second, "KILL");
    bench.end(Ok(second)).await;

    hang(110, None);
    let last = bench.end(bench.command(&arguments).spawn()).await.with_code(0);
    last.assert_identities();
    assert!(last.objects("known") >= 60 + 46, "{}", last.summary);
    assert_eq!(last.objects("known") + last.objects("read"), 150);
    let (held, sent) = (bench.cloudwatch.total_in("SES"), traffic.counts());
    let doubt = last.of("/replay/doubtful/crash");
    assert!(held >= sent && held - sent <= doubt, "{held} held of {sent}, {doubt} in doubt");

    // Another run finds nothing to do.
    let again = bench.end(bench.command(&arguments).spawn()).await.with_code(0);
    assert_eq!((again.objects("known"), again.objects("read")), (150, 0));
    assert_eq!(bench.cloudwatch.total_in("SES"), held);
}

/// Runs that are killed during calls report nothing: the last one reports what all of them may have
/// published twice.
#[tokio::test(flavor = "multi_thread")]
async fn doubt_of_killed_runs_adds_up_in_the_last_report() {
    let bench = Bench::start().await;
    let mut traffic = Traffic::new(704);
    bench.write("archive/a", traffic.records(50).concat());
    let (archive, state) = (bench.path("archive").display().to_string(), bench.path("state"));
    let state = state.display().to_string();
    let arguments = ["--state", &state, &archive];
    // Accepted without a response.
    bench.cloudwatch.set_mode(CloudWatchFault::HangAfter);
    for _ in 0..3 {
        let before = bench.cloudwatch.total_in("SES");
        let run = bench.command(&arguments).spawn().expect("it starts");
        let has_more = bench
            .cloudwatch
            .wait_until(|state| state.total_in("SES") > before, crate::support::app::PATIENCE);
        assert!(has_more.await, "it publishes");
        signal(&run, "KILL");
        bench.end(Ok(run)).await;
    }
    bench.cloudwatch.set_mode(None);
    let last = bench.end(bench.command(&arguments).spawn()).await.with_code(0);
    last.assert_identities();
    let (held, sent) = (bench.cloudwatch.total_in("SES"), traffic.counts());
    let [crash, earlier] =
        ["crash", "earlier"].map(|of| last.of(&format!("/replay/doubtful/{of}")));
    assert!(earlier > 0, "{}", last.summary);
    assert!(held - sent <= crash + earlier, "{held} held of {sent}: {}", last.summary);
    assert!(last.stderr.contains("earlier runs"), "{}", last.stderr);
    // It is still known, and not added again.
    let again = bench.end(bench.command(&arguments).spawn()).await.with_code(0);
    let doubt = ["crash", "earlier"].map(|of| again.of(&format!("/replay/doubtful/{of}")));
    assert_eq!(doubt, [0, crash + earlier]);
}

/// Merged counts that could not be published in time are in the state, and published by the next
/// run.
#[tokio::test(flavor = "multi_thread")]
async fn counts_not_published_in_time_are_left_in_the_state() {
    let bench = Bench::start().await;
    let mut traffic = Traffic::new(701);
    for at in 0..40 {
        bench.write(&format!("archive/{at}"), traffic.records(20).concat());
    }
    let (archive, state) = (bench.path("archive").display().to_string(), bench.path("state"));
    bench.cloudwatch.set_mode(CloudWatchFault::Throttle);
    let child = bench.command(&["--state", &state.display().to_string(), &archive]).spawn();
    let child = child.expect("it starts");
    let is_asked =
        bench.cloudwatch.wait_until(|state| state.calls().len() > 2, crate::support::app::PATIENCE);
    assert!(is_asked.await, "it publishes");
    signal(&child, "INT");
    let first = bench.end(Ok(child)).await.with_code(1);
    assert_eq!(
        (first.of("/replay/accepted"), first.of("/replay/pending")),
        (0, first.of("/counts"))
    );
    first.assert_identities();
    bench.cloudwatch.set_mode(None);
    let last = bench.replay(&[&archive]).await.with_code(0);
    assert_eq!(last.of("/replay/resumed"), first.of("/replay/pending"));
    last.assert_identities();
    assert_held(&bench.cloudwatch, &traffic.sums());
}

/// A dry run prints the same as `count` for these bytes, sends nothing to CloudWatch and writes
/// nothing.
#[tokio::test(flavor = "multi_thread")]
async fn dry_run_prints_what_count_prints() {
    let bench = Bench::start().await;
    let mut traffic = Traffic::new(702);
    let mut files = Vec::new();
    for at in 0..50 {
        let records = traffic.records(30);
        let bytes = match at % 4 {
            0 => gzip(&records.concat()),
            1 => failed_deliveries(&records).into_bytes(),
            2 => (records.concat() + "{\"torn\": \n").into_bytes(),
            _ => records.concat().into_bytes(),
        };
        // Of any age.
        let key = key(at, i64::try_from(at).expect("small"));
        bench.s3.put(&key, bytes.clone());
        bench.write(&key, bytes);
        files.push(bench.path(&key).display().to_string());
    }
    bench.write("events/.hidden", send_of("hidden"));
    for format in ["json", "csv", "table"] {
        let mut count = vec!["count", "--definitions", DEFINITIONS, "--format", format];
        let summary = bench.path("count.json").display().to_string();
        count.extend(["--summary", &summary]);
        count.extend(files.iter().map(String::as_str));
        let counted = run(&count);
        let local = bench.path("events").display().to_string();
        for input in ["s3://mail/events/", &local] {
            let ended = bench.dry_run(&["--format", format, input]).await.with_code(0);
            assert_eq!(ended.stdout, text(&counted.stdout), "{input} {format}");
            let counted = std::fs::read_to_string(&summary).expect("the summary");
            let counted: Value = serde_json::from_str(&counted).expect("JSON");
            for (key, value) in counted.as_object().expect("totals") {
                assert_eq!(&ended.summary[key], value, "{input} {key}");
            }
            assert_eq!(ended.objects("read"), 50);
        }
    }
    assert!(bench.cloudwatch.calls().is_empty());
    assert!(!bench.path("state").exists());
}

/// In Firehose's format for failed deliveries.
fn failed_deliveries(records: &[String]) -> String {
    let line = |record: &String| {
        use base64::Engine as _;
        let data = base64::engine::general_purpose::STANDARD.encode(record);
        json!({
            "attemptsMade": 4, "arrivalTimestamp": 1, "errorCode": "HttpEndpoint.DestinationException",
            "errorMessage": "no", "attemptEndingTimestamp": 2, "rawData": data, "dataId": "x",
        })
        .to_string()
    };
    records.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The time range selects objects, and folders outside of it are not even listed.
#[tokio::test(flavor = "multi_thread")]
async fn objects_are_chosen_by_the_times_in_their_names() {
    let bench = Bench::start().await;
    let put = |key: &str| bench.s3.put(key, send_of("chosen").into_bytes());
    let day = |days_ago: i64| layout(days_ago).0[..10].to_owned();
    for days_ago in 0..10 {
        // Enough for a second page.
        for at in 0..3 {
            put(&key(at, days_ago));
        }
        let day = day(days_ago);
        put(&format!("failed/http-endpoint-failed/{day}/x"));
        put(&format!("hive/dt={}/x", day.replace('/', "-")));
        bench.write(&format!("local/{day}/07/x"), send_of("chosen"));
    }
    put("undated");
    let dashed = |days_ago: i64| day(days_ago).replace('/', "-");
    let (from, to) = (dashed(6), dashed(4) + "T00:00:00Z");
    let local = bench.path("local").display().to_string();
    let both = ["--from", &from, "--to", &to, "s3://mail/", &local, "s3://mail/hive/", &local];
    let ended = bench.replay(&both).await.with_code(0);
    assert_eq!(ended.objects("read"), 2 * (3 + 1 + 1 + 1));
    assert_eq!(held_of(&bench.cloudwatch, "chosen"), ended.objects("read"));
    let listed = bench.s3.listed();
    let is_listed = |days_ago: i64| listed.contains(&format!("events/{}/", day(days_ago)));
    assert!(is_listed(5) && is_listed(6), "{listed:?}");
    assert!(!is_listed(1) && !is_listed(2) && !is_listed(9), "{listed:?}");

    // Without an end, an object without a time in its name is selected too; known ones are skipped.
    let ended = bench.replay(&["--from", &from, "s3://mail/"]).await.with_code(0);
    assert_eq!(ended.objects("known"), 2 * (3 + 1 + 1));
    assert_eq!(ended.objects("read"), 5 * (3 + 1 + 1) + 1);
}

/// Objects too old for CloudWatch are not read, and counts too old for it are dropped and reported.
#[tokio::test(flavor = "multi_thread")]
async fn objects_that_are_too_old_are_named() {
    let bench = Bench::start().await;
    let send = |days_ago: i64| {
        let mut event: Value = serde_json::from_str(&send_of("old")).expect("JSON");
        let time = Minute::of_ms(Clock::System.now_ms() - days_ago * DAY_MS);
        event["mail"]["timestamp"] = json!(time.to_string());
        event.to_string()
    };
    bench.s3.put(&key(1, 16), send(16).into_bytes());
    bench.s3.put(&key(2, 10), [send(13), send(15)].concat().into_bytes());
    let ended = bench.replay(&["s3://mail/events/"]).await.with_code(0);
    assert_eq!((ended.objects("read"), ended.objects("too_old")), (1, 1));
    assert_eq!(bench.s3.requests(), 1, "it is not read");
    assert_eq!(held_of(&bench.cloudwatch, "old"), 1);
    assert_eq!(2 * ended.of("/dropped/too_old"), ended.of("/destination_matches"));
    assert!(ended.stderr.contains("too_old"), "{}", ended.stderr);
    ended.assert_identities();
    let rehearsal = bench.dry_run(&["s3://mail/events/"]).await.with_code(0);
    assert_eq!(rehearsal.objects("read"), 2);
    assert!(rehearsal.stderr.contains("older than two weeks"), "{}", rehearsal.stderr);
}

/// An unreadable object is reported and fails the run; the others count, and the next run reads it.
#[tokio::test(flavor = "multi_thread")]
async fn unreadable_object_is_named_and_counted_by_the_next_run() {
    let bench = Bench::start().await;
    for name in ["denied", "torn", "whole", "replaced"] {
        bench.s3.put(&format!("a/{name}"), send_of(name).into_bytes());
    }
    bench.write("denied", send_of("local"));
    bench.s3.set_fault("a/denied", Some(Fault::Denied));
    bench.s3.set_fault("a/torn", Some(Fault::BreaksOff(2)));
    let ended = bench.replay(&["s3://mail/a/"]).await.with_code(1);
    assert!(ended.stderr.contains("s3://mail/a/denied cannot be read"), "{}", ended.stderr);
    assert!(ended.stderr.contains("run the same command again to resume"), "{}", ended.stderr);
    assert_eq!((ended.objects("read"), ended.objects("failed")), (3, 1));
    assert_eq!(ended.of("/malformed"), 0, "what broke off was read again");

    bench.s3.set_fault("a/denied", None);
    bench.s3.put("a/replaced", send_of("newer").into_bytes());
    let ended = bench.replay(&["s3://mail/a/"]).await.with_code(0);
    assert_eq!((ended.objects("known"), ended.objects("read")), (2, 2));
    let names = ["denied", "torn", "whole", "replaced", "newer"];
    assert_eq!(names.map(|name| held_of(&bench.cloudwatch, name)), [1; 5]);
}

/// The first call is rejected, names the region, and every later call goes there.
#[tokio::test(flavor = "multi_thread")]
async fn bucket_in_another_region_is_read_there() {
    let bench = Bench::start().await;
    for at in 0..5 {
        bench.s3.put(&format!("a/{at}"), send_of("elsewhere").into_bytes());
    }
    bench.s3.set_region("eu-west-1");
    let ended = bench.replay(&["s3://mail/a/"]).await.with_code(0);
    assert_eq!((ended.objects("read"), ended.objects("failed")), (5, 0));
    assert_eq!(held_of(&bench.cloudwatch, "elsewhere"), 5);
    let signed = bench.s3.headers("authorization");
    let rejected = signed.iter().filter(|signed| signed.contains("/us-east-1/s3/"));
    assert_eq!((rejected.count(), signed.len()), (1, 7), "{signed:?}");
    assert_eq!(ended.stderr.matches("the bucket is in another region").count(), 1);

    // A name that is no region is not followed, and the error is one line that names it.
    bench.s3.set_region("mars");
    let ended = bench.dry_run(&["s3://mail/a/"]).await.with_code(1);
    let expected = "postmeter: cannot list s3://mail/a/: 301 PermanentRedirect: no; the bucket is in \
                    mars; set AWS_REGION=mars\n";
    assert_eq!(ended.stderr, expected);
}

/// The SDK logs dumps of errors that it also returns.
#[tokio::test(flavor = "multi_thread")]
async fn missing_region_and_credentials_are_one_line_each() {
    let bench = Bench::start().await;
    // A stand-in for the instance's metadata that denies everything.
    let aws =
        ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"];
    let command = |region: &[(&str, &str)]| {
        let mut command = bench.command(&["--dry-run", "s3://mail/a/"]);
        for name in aws {
            command.env_remove(name);
        }
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", bench.s3.url());
        command.env("HOME", bench.folder.path()).envs(region.iter().copied());
        command.spawn()
    };
    let ended = bench.end(command(&[])).await.with_code(2);
    assert_eq!(ended.stderr, "postmeter: no AWS region for S3: set AWS_REGION\n");
    let ended = bench.end(command(&[("AWS_REGION", "us-east-1")])).await.with_code(1);
    let expected = "postmeter: cannot list s3://mail/a/: no credentials";
    assert!(ended.stderr.starts_with(expected), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

/// An outage in which nothing can be read ends the run early.
#[tokio::test(flavor = "multi_thread")]
async fn replay_ends_after_a_hundred_failures_in_a_row() {
    let bench = Bench::start().await;
    for at in 0..300 {
        let key = format!("a/{at}");
        bench.s3.put(&key, send_of("x").into_bytes());
        bench.s3.set_fault(&key, Some(Fault::Denied));
    }
    let ended = bench.replay(&["--objects-at-once", "64", "s3://mail/a/"]).await.with_code(1);
    assert!(ended.stderr.contains("100 objects in a row cannot be read"), "{}", ended.stderr);
    assert_eq!(ended.objects("failed") + ended.objects("left"), 300);
    assert!(ended.objects("left") > 100, "{}", ended.summary);
}

/// An object beyond the limit of series is left whole to a run that may make them.
#[tokio::test(flavor = "multi_thread")]
async fn object_beyond_the_limit_of_series_is_named_and_counted_by_a_later_run() {
    let bench = Bench::start().await;
    let campaigns: Vec<_> = (0..40).map(|at| format!("c{at}")).collect();
    for campaign in &campaigns {
        bench.write(&format!("archive/{campaign}"), send_of(campaign));
    }
    let (archive, state) = (bench.path("archive"), bench.path("state"));
    let replay = async |series: &str| {
        let mut command = bench.command(&["--state", &state.display().to_string()]);
        command.arg(&archive).env("POSTMETER__LIMITS__SERIES", series);
        bench.end(command.spawn()).await
    };
    let counted = || campaigns.iter().map(|campaign| held_of(&bench.cloudwatch, campaign)).sum();
    let first = replay("12").await.with_code(1);
    let read = first.objects("read");
    assert!((1..40).contains(&read), "{}", first.summary);
    assert_eq!((first.objects("failed"), first.objects("series_limit")), (40 - read, 40 - read));
    assert_eq!((first.of("/dropped/series_limit"), counted()), (0, read));
    assert!(first.of("/series") <= 12);
    let why = " is not counted: its 1 new series exceed limits.series (12 in a UTC hour";
    assert_eq!(first.stderr.matches(why).count() as u64, 40 - read, "{}", first.stderr);
    assert!(first.stderr.contains("series limit"), "{}", first.stderr);
    first.assert_identities();
    // What is left of the first run is not judged by the limit again.
    let second = replay("1000").await.with_code(0);
    assert_eq!((second.objects("known"), second.objects("read")), (read, 40 - read));
    assert_eq!(campaigns.iter().map(|one| held_of(&bench.cloudwatch, one)).max(), Some(1));
    assert_eq!(counted(), 40);
    second.assert_identities();
}

/// The limit of entries delays reading, and loses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn replay_waits_while_memory_is_full() {
    let bench = Bench::start().await;
    let mut traffic = Traffic::new(703);
    for at in 0..60 {
        bench.write(&format!("archive/{at}"), traffic.records(20).concat());
    }
    let (archive, state) = (bench.path("archive"), bench.path("state"));
    let mut command = bench.command(&["--state", &state.display().to_string()]);
    command.arg(archive).env("POSTMETER__LIMITS__ENTRIES", "100");
    let ended = bench.end(command.spawn()).await.with_code(0);
    assert_eq!(ended.objects("read"), 60);
    ended.assert_identities();
    assert_held(&bench.cloudwatch, &traffic.sums());
}

/// Duplicates under other keys count as configured.
#[tokio::test(flavor = "multi_thread")]
async fn duplicates_in_other_objects_are_removed_if_enabled() {
    let bench = Bench::start().await;
    let profile = Profile { seed: 704, ..Profile::default() };
    let mut traffic = Traffic::with(profile, DEFINITIONS);
    let text: String = traffic.records(100).concat();
    for at in 0..8 {
        bench.write(&format!("archive/{at}"), &text);
    }
    let (archive, state) = (bench.path("archive"), bench.path("state"));
    let mut command = bench.command(&["--state", &state.display().to_string()]);
    command.arg(archive).env("POSTMETER__DEDUPE__ENABLED", "true");
    let ended = bench.end(command.spawn()).await.with_code(0);
    ended.assert_identities();
    assert_eq!((ended.of("/events"), ended.of("/replay/duplicates")), (100, 700));
    assert_held(&bench.cloudwatch, &traffic.sums());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_is_reported_before_anything_is_done() {
    let bench = Bench::start().await;
    bench.write("one", send_of("x"));
    let one = bench.path("one").display().to_string();
    let state = bench.path("state").display().to_string();
    let cases: [(&[&str], &str); 7] = [
        (&[&one], "--state is required"),
        (&["--state", &state], "INPUT"),
        (&["--state", &state, "--from", "soon", &one], "not a time"),
        (
            &["--state", &state, "--from", "2026-11-21", "--to", "2026-11-21", &one],
            "--to must be later than --from",
        ),
        (&["--state", &state, "-"], "cannot replay stdin"),
        (&["--state", &state, "--dry-run", &one], "--dry-run"),
        (&["--state", &state, "--format", "csv", &one], "--format"),
    ];
    for (arguments, says) in cases {
        let ended = bench.end(bench.command(arguments).spawn()).await.with_code(2);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
    let mut memory = bench.command(&["--state", &state, &one]);
    memory.env("POSTMETER__CLOUDWATCH__PUBLISH", "memory");
    let ended = bench.end(memory.spawn()).await.with_code(2);
    assert!(ended.stderr.contains("nothing would be published"), "{}", ended.stderr);
    let gone = bench.path("gone").display().to_string();
    let ended = bench.replay(&[&gone]).await.with_code(1);
    assert!(ended.stderr.contains("gone"), "{}", ended.stderr);
    assert!(bench.cloudwatch.calls().is_empty());
}

/// Two replays with one state would count twice: the second is rejected.
#[tokio::test(flavor = "multi_thread")]
async fn state_belongs_to_one_replay_at_a_time() {
    let bench = Bench::start().await;
    bench.s3.put("a/x", send_of("x").into_bytes());
    bench.s3.set_fault("a/x", Some(Fault::Hangs));
    let state = bench.path("state").display().to_string();
    let mut first = bench.command(&["--state", &state, "s3://mail/a/"]).spawn().expect("it starts");
    bench.s3.until_requests(1).await;
    let second = bench.replay(&["s3://mail/a/"]).await.with_code(2);
    assert!(second.stderr.contains("another process is using it"), "{}", second.stderr);
    first.kill().expect("it is killed");
    first.wait().expect("it ends");
}

/// A file that is written while it is read is not counted partially.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_known_by_path_size_and_time() {
    let bench = Bench::start().await;
    bench.write("archive/a", send_of("first"));
    let archive = bench.path("archive").display().to_string();
    bench.replay(&[&archive]).await.with_code(0);
    // The same file under another name, and a newer version of it.
    let by_link = bench.path("link");
    std::os::unix::fs::symlink(Path::new(&archive), &by_link).expect("a link");
    let ended = bench.replay(&[&by_link.display().to_string()]).await.with_code(0);
    assert_eq!((ended.objects("known"), ended.objects("read")), (1, 0));
    bench.write("archive/a", send_of("the-second"));
    let ended = bench.replay(&[&archive]).await.with_code(0);
    assert_eq!((ended.objects("known"), ended.objects("read")), (0, 1));
    assert_eq!(["first", "the-second"].map(|name| held_of(&bench.cloudwatch, name)), [1, 1]);
}
