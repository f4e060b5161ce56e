//! The load generator against an HTTP endpoint and a file: its report is correct.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::support::app::PATIENCE;
use crate::support::command::{run_with_stdin, text};
use crate::support::endpoint::{Endpoint, Received};
use crate::support::firehose::get;
use crate::support::load::{Recorder, load, read, report, run};
use crate::support::process::Daemon;
use crate::support::traffic::assert_same_lines;

const WRAPPINGS: &str = "bare,sns,sns-object,event-bridge,sqs,sqs-object,lambda-sns,lambda-sqs-sns,\
                         firehose-request,firehose-failed";

fn firehose(daemon: &Daemon) -> String {
    format!("http://{}/firehose", daemon.http)
}

fn admin(daemon: &Daemon) -> String {
    format!("http://{}", daemon.admin)
}

/// The counters of a report's `events`, in the order accepted, in doubt, not delivered, twice,
/// unsent.
fn events(report: &Value) -> [u64; 5] {
    ["taken", "in_doubt", "not_delivered", "perhaps_twice", "unsent"]
        .map(|name| report["events"][name].as_u64().expect("a count"))
}

#[tokio::test]
async fn published_counts_are_verified_exactly() {
    let recorder = Recorder::start(&["--latency", "1ms", "--jitter", "2ms"]);
    let daemon = recorder.daemon(&[]);
    let (url, admin) = (firehose(&daemon), admin(&daemon));
    let usual = [
        "firehose-http",
        &url,
        "--verify",
        &recorder.url,
        "--admin",
        &admin,
        "--connections",
        "3",
        "--pool",
        "5",
        "--body-bytes",
        "200KB",
        "--awkward",
    ];
    for (events_sent, options) in [
        (3001, &["--wrapping", WRAPPINGS][..]),
        (2000, &["--gzip", "--seed", "2", "--campaigns", "90", "--event-bytes", "4KB"]),
        (500, &["--gzip", "--seed", "3", "--mix", "click=1,bounce=2", "--minutes-late", "30"]),
    ] {
        let number = events_sent.to_string();
        let ran = report(&[&usual, options, &["--events", &number]].concat(), &[]).await;
        assert_eq!(ran.exit, 0, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("exact"), "{}", ran.stdout);
        let report = &ran.report;
        assert_eq!(events(report), [events_sent, 0, 0, 0, 0]);
        assert_eq!(report["verify"]["exact"], true);
        assert_eq!(report["verify"]["counts_held"], report["verify"]["counts_expected"]);
        assert!(report["verify"]["counts_held"].as_u64() > Some(events_sent / 2));
        assert_eq!(report["latency"]["requests"], report["requests"]);
        let latencies: Vec<_> = ["p50", "p90", "p99", "p99.9", "max"]
            .map(|name| report["latency"][name].as_u64().expect("microseconds"))
            .into();
        assert!(latencies[0] > 0 && latencies.is_sorted(), "{latencies:?}");
        assert!(report["throughput"]["events_per_second"].as_f64() > Some(0.0));
        assert_eq!((&report["retries"], &report["refusals"]), (&json!(0), &json!({})));
        if cfg!(target_os = "linux") {
            assert!(report["daemon"]["resident_bytes"].as_u64() > Some(1 << 20), "{report}");
            assert!(report["daemon"]["cpu_seconds"].as_f64() >= Some(0.0), "{report}");
            assert!(report["sender"]["cpu_seconds"].as_f64() >= Some(0.0), "{report}");
        }
    }
    // The recorder prints the counts that the daemon reports.
    let (_, counted) = get(daemon.admin, "/series").await;
    assert_same_lines(&recorder.stop(), &counted);
}

/// This seed accepts the first call and responds with 500, so its counts are published twice.
const FIRST_TAKEN_TWICE: [&str; 4] = ["--fail-after-accept", "0.5", "--seed", "4"];

#[tokio::test]
async fn excess_counts_pass_up_to_the_doubt_that_the_daemon_reports() {
    // Of the first calls one is accepted with a 500, the next two are throttled, then again.
    let recorder =
        Recorder::start(&["--throttle", "0.2", "--fail-after-accept", "0.5", "--seed", "8"]);
    let daemon = recorder.daemon(&[]);
    let (url, admin) = (firehose(&daemon), admin(&daemon));
    let usual = ["firehose-http", &url, "--events", "1500", "--verify", &recorder.url];
    let ran = report(&[&usual[..], &["--admin", &admin]].concat(), &[]).await;
    assert_eq!(ran.exit, 0, "{}{}", ran.stdout, ran.stderr);
    let (verify, daemon_says) = (&ran.report["verify"], &ran.report["daemon"]);
    assert_eq!((&verify["passed"], &verify["exact"]), (&json!(true), &json!(false)));
    let too_many = verify["counts_too_many"].as_u64().expect("a count");
    let doubtful = daemon_says["doubtful_counts"].as_u64().expect("a count");
    assert!(0 < too_many && too_many <= doubtful, "{too_many} {doubtful}");
    assert!(ran.stdout.contains("within the reported doubt"), "{}", ran.stdout);
    assert!(ran.stdout.contains("differs: SES "), "{}", ran.stdout);
}

#[tokio::test]
async fn excess_counts_without_reported_doubt_are_a_failure() {
    let recorder = Recorder::start(&FIRST_TAKEN_TWICE);
    let daemon = recorder.daemon(&[]);
    let url = firehose(&daemon);
    let args = ["firehose-http", &url, "--events", "300", "--verify", &recorder.url];
    // Enough time for the second call; the load generator then finds no reported doubt.
    let ran = report(&[&args[..], &["--settle", "3s"]].concat(), &[]).await;
    assert_eq!(ran.exit, 1, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.report["verify"]["passed"], false);
    assert!(ran.report["verify"]["counts_too_many"].as_u64() > Some(0));
}

#[tokio::test]
async fn counts_left_by_an_earlier_run_are_waited_for() {
    let recorder = Recorder::start(&[]);
    let daemon = recorder.daemon(&[("POSTMETER__CLOUDWATCH__FLUSH_INTERVAL", "3s")]);
    let (url, admin) = (firehose(&daemon), admin(&daemon));
    let usual = ["firehose-http", &url, "--events", "300"];
    let earlier = report(&usual, &[]).await;
    assert_eq!(earlier.exit, 0, "{}{}", earlier.stdout, earlier.stderr);
    let check = ["--verify", &recorder.url, "--admin", &admin];
    let ran = report(&[&usual[..], &check].concat(), &[]).await;
    assert_eq!(ran.exit, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.report["verify"]["exact"], true);
    // Without time to wait, it reports that before it sends anything.
    let earlier = report(&usual, &[]).await;
    assert_eq!(earlier.exit, 0, "{}{}", earlier.stdout, earlier.stderr);
    let ran = run(&[&usual[..], &check, &["--settle", "0s"]].concat(), &[]).await;
    assert_eq!(ran.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(said.contains("entries of earlier traffic to publish"), "{said}");
}

#[tokio::test]
async fn truth_by_other_definitions_is_a_difference() {
    let recorder = Recorder::start(&[]);
    let daemon = recorder.daemon(&[]);
    let (url, admin) = (firehose(&daemon), admin(&daemon));
    let ran = report(
        &[
            &["firehose-http", &url, "--events", "300", "--settle", "2s"][..],
            &["--verify", &recorder.url, "--admin", &admin],
            &["--definitions", "tests/fixtures/definitions.json"],
        ]
        .concat(),
        &[],
    )
    .await;
    assert_eq!(ran.exit, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("DIFFERS"), "{}", ran.stdout);
    let differences = ran.report["verify"]["differences"].as_array().expect("a list");
    assert_eq!(differences.len(), 10, "the first ten are listed");
}

fn request_of(received: &Received) -> Value {
    let mut plain = Vec::new();
    let mut body = &received.body[..];
    if received.header("content-encoding") == "gzip" {
        GzDecoder::new(body).read_to_end(&mut plain).expect("gzip of one member");
        body = &plain;
    }
    serde_json::from_slice(body).expect("a Firehose delivery")
}

fn acknowledged(received: &Received) -> (u16, String) {
    let id = received.header("x-amz-firehose-request-id");
    (200, json!({"requestId": id, "timestamp": 1_795_176_000_000_u64}).to_string())
}

#[tokio::test]
async fn rejected_delivery_is_retried_under_its_own_id() {
    for gzip in [false, true] {
        // For each request the first attempt is rejected, and the second gets the response to
        // another one.
        let endpoint = Endpoint::start(|number, received| async move {
            match number % 3 {
                0 => (503, json!({"requestId": "?", "errorMessage": "busy now"}).to_string()),
                1 => (200, json!({"requestId": "another"}).to_string()),
                _ => acknowledged(&received),
            }
        })
        .await;
        let url = format!("http://{}/firehose", endpoint.address);
        let args = ["firehose-http", &url, "--events", "100", "--body-bytes", "60KB"];
        let options: &[&str] =
            if gzip { &["--connections", "1", "--gzip"] } else { &["--connections", "1"] };
        let key = [("POSTMETER_LOAD_ACCESS_KEY", "a-key")];
        let ran = report(&[&args, options].concat(), &key).await;
        assert_eq!(ran.exit, 0, "{}{}", ran.stdout, ran.stderr);
        let received = endpoint.received();
        let requests = received.len() / 3;
        assert!(requests >= 3 && received.len() == 3 * requests, "{}", received.len());
        let (mut ids, mut records) = (BTreeSet::new(), 0);
        for tries in received.chunks(3) {
            let request = request_of(&tries[0]);
            let id = request["requestId"].as_str().expect("an id");
            assert!(ids.insert(id.to_owned()), "{id} came for another request");
            for received in tries {
                assert_eq!(received.header("x-amz-firehose-request-id"), id);
                assert_eq!(received.header("x-amz-firehose-access-key"), "a-key");
                assert_eq!(received.header("x-amz-firehose-protocol-version"), "1.0");
                assert_eq!(received.header("content-type"), "application/json");
                assert_eq!(request_of(received), request);
            }
            records += request["records"].as_array().expect("a list").len();
        }
        assert_eq!(records, 100, "one event in each record");
        let refusals = json!({"503": requests, "200 with another requestId": requests});
        assert_eq!(ran.report["refusals"], refusals);
        assert_eq!(ran.report["retries"], 2 * requests);
        assert_eq!(events(&ran.report), [100, 0, 0, 0, 0]);
        let said = ran.stderr.matches("rejected: 503: busy now").count();
        assert_eq!(said, 1, "each kind is reported once: {}", ran.stderr);
        assert!(!ran.stdout.contains("a-key") && !ran.stderr.contains("a-key"));
    }
}

#[tokio::test]
async fn delivery_rejected_for_too_long_is_in_doubt_and_a_failure() {
    let daemon = Daemon::start(&[
        ("POSTMETER__FIREHOSE__ACCESS_KEYS", "right"),
        ("POSTMETER__CLOUDWATCH__PUBLISH", "memory"),
    ]);
    let url = firehose(&daemon);
    let args = ["firehose-http", &url, "--events", "20", "--retry-for", "400ms"];
    let ran = report(&args, &[("POSTMETER_LOAD_ACCESS_KEY", "wrong")]).await;
    assert_eq!(ran.exit, 1, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(events(&ran.report), [0, 20, 0, 0, 0]);
    assert!(ran.report["refusals"]["401"].as_u64() >= Some(2), "{}", ran.report);
    assert!(ran.stderr.contains("missing or wrong access key"), "{}", ran.stderr);
    let ran = report(&args, &[("POSTMETER_LOAD_ACCESS_KEY", "right")]).await;
    assert_eq!(ran.exit, 0, "{}{}", ran.stdout, ran.stderr);
}

/// One connection, a response after 50 ms, a request due every 10 ms: the 20th is due after 190 ms
/// and gets its response after 1000 ms at the earliest, though that takes only 50 ms.
#[tokio::test]
async fn latency_at_a_rate_is_measured_from_when_a_request_was_due() {
    let endpoint = Endpoint::start(|_, received| async move {
        sleep(Duration::from_millis(50)).await;
        acknowledged(&received)
    })
    .await;
    let url = format!("http://{}/firehose", endpoint.address);
    let args =
        ["firehose-http", &url, "--body-bytes", "1B", "--connections", "1", "--events", "20"];
    let ran = report(&[&args[..], &["--rate", "100"]].concat(), &[]).await;
    assert_eq!(ran.exit, 0, "{}{}", ran.stdout, ran.stderr);
    let latency = &ran.report["latency"];
    assert_eq!((&latency["from"], &latency["requests"]), (&json!("due"), &json!(20)));
    assert!(latency["max"].as_u64() >= Some(810_000), "{latency}");
    assert!(latency["p50"].as_u64() >= Some(400_000), "{latency}");
    // A request that was late when the time ended was sent or reported as unsent.
    let ran = report(&[&args[..6], &["--rate", "100", "--duration", "300ms"]].concat(), &[]).await;
    let [taken, .., unsent] = events(&ran.report);
    assert_eq!(taken + unsent, 30, "{}", ran.report);
}

#[tokio::test]
async fn interrupt_ends_the_sending_and_the_report_covers_what_was_sent() {
    let endpoint = Endpoint::start(|_, received| async move { acknowledged(&received) }).await;
    let url = format!("http://{}/firehose", endpoint.address);
    let folder = TempDir::new().expect("a folder");
    let json = folder.path().join("report.json");
    let child = load(&["firehose-http", &url, "--body-bytes", "1KB", "--rate", "100", "--json"])
        .arg(&json)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the harness starts");
    let sending = async {
        while endpoint.received().len() < 3 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, sending).await.expect("it sends");
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.expect("kill runs").success());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await;
    let output = output.expect("it does not panic").expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_str(&read(&json)).expect("JSON");
    assert_eq!(report["interrupted"], true);
    assert_eq!(report["requests"], endpoint.received().len());
}

#[tokio::test]
async fn daemon_that_disappears_prevents_the_comparison_but_not_the_report() {
    // The first request gets the admin listener's response, later ones do not.
    let asked = Arc::new(AtomicBool::new(false));
    let endpoint = Endpoint::start(move |_, received| {
        let is_delivery = !received.header("x-amz-firehose-request-id").is_empty();
        let first = !is_delivery && !asked.swap(true, Ordering::Relaxed);
        async move {
            match () {
                () if is_delivery => acknowledged(&received),
                () if first => (200, "postmeter_pending_entries 0\n".to_owned()),
                () => (503, String::new()),
            }
        }
    })
    .await;
    let base = format!("http://{}", endpoint.address);
    let ran = report(&["firehose-http", &base, "--events", "100", "--admin", &base], &[]).await;
    assert_eq!(ran.exit, 1, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(events(&ran.report), [100, 0, 0, 0, 0]);
    assert!(ran.stderr.contains("cannot compare"), "{}", ran.stderr);
}

#[test]
fn file_is_counted_as_its_truth_says() {
    let folder = TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (truth, summary) = (path("truth"), path("summary"));
    let at = ["--at", "2026-11-20T12:00:00Z"];
    for (name, options) in [
        ("bare", &["--events", "2000"][..]),
        ("all.gz", &["--gzip", "--events", "4001", "--awkward", "--wrapping", WRAPPINGS]),
        ("large.gz", &["--gzip", "--bytes", "5MB", "--pool", "2", "--wrapping", WRAPPINGS]),
        ("large", &["--bytes", "3MB", "--pool", "1", "--seed", "9", "--sets", "prod"]),
    ] {
        let file = path(name);
        let write = || {
            let args = [&["file", &file, "--truth", &truth], &at[..], options].concat();
            let output = load(&args).output().expect("the harness starts");
            assert!(output.status.success(), "{}", text(&output.stderr));
            std::fs::read(&file).expect("the file")
        };
        let bytes = write();
        assert_eq!(bytes, write(), "the same seed and options make the same bytes");
        let count = ["count", "--definitions", "config/definitions.json", "--format", "json"];
        let counted = run_with_stdin(
            &[&count[..], &["--strict", "--summary", &summary, &file]].concat(),
            b"",
        );
        assert!(counted.status.success(), "{}", text(&counted.stderr));
        assert_same_lines(text(&counted.stdout), &read(truth.as_ref()));
        let summary: Value = serde_json::from_str(&read(summary.as_ref())).expect("JSON");
        let all = summary["events"].as_u64().zip(summary["unknown_type"].as_u64());
        let all = all.map(|(events, unknown)| events + unknown).expect("counts");
        match options.iter().position(|option| *option == "--events") {
            Some(at) => assert_eq!(all.to_string(), options[at + 1]),
            None => assert!(all > 1000, "{all}"),
        }
        if name == "large" {
            assert!((3_000_000..4_200_000).contains(&bytes.len()), "{}", bytes.len());
        }
        if options.contains(&"--gzip") {
            let mut plain = Vec::new();
            let mut member = GzDecoder::new(&bytes[..]);
            member.read_to_end(&mut plain).expect("one member");
            assert!(member.into_inner().is_empty(), "nothing behind the member");
        }
    }
}

#[test]
fn wrong_usage_is_explained_and_exits_with_2() {
    let http = ["firehose-http", "http://127.0.0.1:9/firehose"];
    for (args, said) in [
        (&["firehose-http"][..], "<URL>"),
        (&["firehose-http", "127.0.0.1:9"], "not a URL"),
        (&["file", "/dev/null", "--events", "0"], "1.."),
        (&["file", "/dev/null", "--events", "1", "--bytes", "1MB"], "cannot be used with"),
        (&["file", "/dev/null", "--mix", "sent=1"], "not an event type"),
        (&["file", "/dev/null", "--wrapping", "box"], "possible values"),
        (&["file", "/dev/null", "--definitions", "nowhere.json"], "nowhere.json"),
        (&["file", "/dev/null", "--definitions", "tests/fixtures/faulty/definitions.json"], ":1"),
        (&["file", "/dev/null", "--namespace", "AWS/SES"], "--namespace"),
        (&["record", "--fail", "0.6", "--hang", "0.6"], "more than 1"),
        (&["record", "--throttle", "2"], "not a share"),
        (&[http[0], http[1], "--rate", "0"], "events per second"),
        (&[http[0], http[1], "--duration", "0s"], "must be longer than 0"),
        (&[http[0], http[1], "--pool", "4096", "--body-bytes", "2MB"], "4 GiB"),
        (&[http[0], http[1], "--access-key", "a\nb"], "--access-key"),
        (&[http[0], http[1], "--verify", "elsewhere"], "not a URL"),
        (&["firehose-stream", "ses", "--body-bytes", "4MiB"], "3.0 MiB"),
    ] {
        let output = load(args).output().expect("the harness starts");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn commands_have_help_with_an_example() {
    for command in ["firehose-http", "firehose-stream", "file", "record"] {
        let output = load(&[command, "--help"]).output().expect("the harness starts");
        assert!(output.status.success());
        let help = text(&output.stdout);
        assert!(help.contains("Example"), "{help}");
        assert!(help.contains(&format!("postmeter-load {command}")), "{help}");
    }
}
