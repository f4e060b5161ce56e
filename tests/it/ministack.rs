//! The real SDK against an emulator of AWS. Runs if `make test` has installed one.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use postmeter::ses::EventType;
use postmeter::synth::Profile;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use crate::support::app::{PATIENCE, TestApp};
use crate::support::command::{postmeter, project_file};
use crate::support::fake_cloudwatch::FakeSeries;
use crate::support::firehose::get;
use crate::support::installed::program;
use crate::support::load::report;
use crate::support::process::Daemon;
use crate::support::traffic::{Sums, Traffic};

/// The emulator; stops when it is dropped.
struct Ministack {
    child: Child,
    url: String,
}

impl Ministack {
    /// Starts the emulator that the environment names, if any.
    async fn start() -> Option<Self> {
        let path = program("ministack")?;
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
            free.local_addr().expect("its address").port()
        };
        let child = Command::new(path)
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_HOST", "127.0.0.1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the emulator starts");
        let emulator = Self { child, url: format!("http://127.0.0.1:{port}") };
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let up = async {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, up).await.expect("the emulator listens");
        Some(emulator)
    }

    fn cloudwatch(&self) -> Client {
        let config = aws_sdk_cloudwatch::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(&self.url)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("AKID", "secret", None, None, "tests"))
            .build();
        Client::from_conf(config)
    }

    /// Asserts the emulator's content, read series by series.
    async fn assert_held(&self, sums: &Sums) {
        for (series, held) in self.held(sums).await {
            assert_eq!(held, sums[&series], "{series:?}");
        }
    }

    /// The emulator's content for these series.
    async fn held(&self, sums: &Sums) -> Sums {
        let client = self.cloudwatch();
        let times = || sums.keys().map(|series| series.timestamp);
        let (first, last) = (times().min().expect("some"), times().max().expect("some"));
        let metrics: BTreeSet<_> =
            sums.keys().map(|series| (&series.metric, &series.dimensions)).collect();
        assert!(metrics.len() > 100, "{} metrics", metrics.len());
        let mut all: Sums = sums.keys().map(|series| (series.clone(), 0)).collect();
        for (metric, dimensions) in metrics {
            let named = dimensions
                .iter()
                .map(|(name, value)| Dimension::builder().name(name).value(value).build());
            let statistics = client
                .get_metric_statistics()
                .namespace("SES")
                .metric_name(metric)
                .set_dimensions(Some(named.collect()))
                .start_time(DateTime::from_secs(first))
                .end_time(DateTime::from_secs(last + 60))
                .period(60)
                .statistics(Statistic::Sum)
                .send()
                .await
                .expect("the emulator answers");
            for point in statistics.datapoints() {
                let series = FakeSeries {
                    namespace: "SES".to_owned(),
                    metric: metric.clone(),
                    dimensions: dimensions.clone(),
                    timestamp: point.timestamp().expect("a point has a time").secs(),
                };
                all.insert(series, whole(point.sum().expect("a sum was asked for")));
            }
        }
        all
    }

    /// Fills a queue with a script in the emulator's venv; returns the queue's URL.
    fn feed(&self, way: &[&str], lines: &[String]) -> String {
        let mut child = Command::new(program("python").expect("the emulator runs"))
            .arg(project_file("tests/python/feed.py"))
            .arg(&self.url)
            .args(way)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the script starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        for line in lines {
            stdin.write_all(line.as_bytes()).expect("it reads");
        }
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// Runs the script that creates targets of forwarded events and reads them; returns its output.
    fn forwarded(&self, way: &[&str]) -> Value {
        let output = Command::new(program("python").expect("the emulator runs"))
            .arg(project_file("tests/python/forwarded.py"))
            .arg(&self.url)
            .args(way)
            .stderr(Stdio::inherit())
            .output()
            .expect("the script starts");
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Whether a queue is empty, including messages in flight.
    async fn is_empty(&self, queue: &str) -> bool {
        use aws_sdk_sqs::types::QueueAttributeName::{
            ApproximateNumberOfMessages as Visible,
            ApproximateNumberOfMessagesNotVisible as InFlight,
        };
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(&self.url)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("AKID", "secret", None, None, "tests"))
            .build();
        let call = aws_sdk_sqs::Client::from_conf(config).get_queue_attributes().queue_url(queue);
        let answer = call.attribute_names(Visible).attribute_names(InFlight).send().await;
        let answer = answer.expect("the emulator answers");
        let attributes = answer.attributes().expect("it has some");
        [Visible, InFlight]
            .iter()
            .all(|name| attributes.get(name).is_some_and(|count| count == "0"))
    }

    /// Deletes everything.
    async fn reset(&self) {
        let authority = self.url.strip_prefix("http://").expect("it is one");
        let mut stream = tokio::net::TcpStream::connect(authority).await.expect("it listens");
        let request = format!(
            "POST /_ministack/reset HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn daemon(&self, more: &[(&str, &str)]) -> Daemon {
        let mut variables = vec![
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("POSTMETER__CLOUDWATCH__ATTEMPT_TIMEOUT", "20s"),
            ("POSTMETER__LIMITS__SERIES", "1000000"),
        ];
        variables.extend(more);
        Daemon::start(&variables)
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_deliveries_read_back_with_get_metric_statistics_equal_what_was_sent() {
    let Some(emulator) = Ministack::start().await else { return };
    let app = TestApp::start_at(&emulator.url, postmeter::clock::Clock::System, |config| {
        config.cloudwatch.flush_interval = Duration::from_secs(1);
        config.cloudwatch.attempt_timeout = Duration::from_secs(20);
    })
    .await;
    let mut traffic = Traffic::with(profile(100), "config/definitions.json");
    for at in 0..50 {
        let records = traffic.records(500);
        let reply = if at % 2 == 0 {
            app.firehose().deliver(&at.to_string(), &records).await
        } else {
            app.firehose().deliver_gzip(&at.to_string(), &records).await
        };
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    app.settled().await;
    assert_eq!(app.doubtful().await, 0);
    assert_eq!(get(app.admin, "/series").await.1, traffic.truth.to_lines());

    emulator.assert_held(&traffic.sums()).await;
}

/// The load generator, through a delivery stream's API and through the daemon, with the emulator as
/// both AWS services.
#[tokio::test(flavor = "multi_thread")]
async fn harness_verifies_the_counts_of_the_emulator() {
    let Some(emulator) = Ministack::start().await else { return };
    let environment = [
        ("AWS_ENDPOINT_URL", emulator.url.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let daemon = Daemon::start(&[
        ("AWS_ENDPOINT_URL", &emulator.url),
        ("POSTMETER__CLOUDWATCH__ATTEMPT_TIMEOUT", "20s"),
    ]);
    let (url, admin) =
        (format!("http://{}/firehose", daemon.http), format!("http://{}", daemon.admin));
    let args = ["firehose-http", &url, "--gzip", "--events", "5000", "--admin", &admin];
    let ran = report(&[&args[..], &["--verify", "aws", "--awkward"]].concat(), &environment).await;
    assert_eq!(ran.exit, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.report["verify"]["exact"], true);
    assert!(ran.report["verify"]["counts_held"].as_u64() > Some(5000));

    let config = aws_sdk_firehose::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(&emulator.url)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("AKID", "secret", None, None, "tests"))
        .build();
    let firehose = aws_sdk_firehose::Client::from_conf(config);
    let created = firehose.create_delivery_stream().delivery_stream_name("ses").send().await;
    created.expect("the emulator makes a stream");
    let ran = report(&["firehose-stream", "ses", "--events", "1200"], &environment).await;
    assert_eq!(ran.exit, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.report["events"]["taken"], 1200);
    let ran =
        report(&["firehose-stream", "no", "--events", "5", "--retry-for", "0s"], &environment);
    let ran = ran.await;
    assert_eq!(ran.exit, 1, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.report["refusals"]["ResourceNotFoundException"], 1);
}

/// SES events as SNS delivers them, with an envelope and raw.
#[tokio::test(flavor = "multi_thread")]
async fn messages_from_sns_to_a_queue_are_counted_exactly() {
    let Some(emulator) = Ministack::start().await else { return };
    for way in ["sns", "sns-raw"] {
        let mut traffic = Traffic::with(profile(101), "config/definitions.json");
        let queue = emulator.feed(&[way], &traffic.records(3000));
        let daemon = emulator.daemon(&[("POSTMETER__SQS__0__QUEUE_URL", &queue)]);
        deleted(&daemon, 3000).await;
        daemon.end().await;
        emulator.assert_held(&traffic.sums()).await;
        emulator.reset().await;
    }
}

/// The whole path: SNS, a queue, postmeter; from there counts to CloudWatch, and each event as
/// received to Firehose, SNS and EventBridge.
#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_queue_are_counted_and_forwarded_unchanged() {
    const EVENTS: usize = 1500;
    let Some(emulator) = Ministack::start().await else { return };
    let targets = emulator.forwarded(&["make"]);
    let text = std::fs::read_to_string(project_file("config/definitions.json")).expect("the file");
    let mut definitions: Value = serde_json::from_str(&text).expect("JSON");
    for set in definitions["ConfigurationSets"].as_array_mut().expect("a list") {
        let destinations = set["EventDestinations"].as_array_mut().expect("a list");
        for (at, target) in targets.as_array().expect("a list").iter().enumerate() {
            let mut destination = target.clone();
            destination["Name"] = json!(format!("forward-{at}"));
            destination["Enabled"] = json!(true);
            destination["MatchingEventTypes"] = json!(EventType::ALL.map(EventType::api_name));
            destinations.push(destination);
        }
    }
    let definitions = definitions.to_string();
    let profile = Profile { awkward: false, ..profile(104) };
    let mut traffic = Traffic::with(profile, "config/definitions.json");
    let records = traffic.records(EVENTS);
    let queue = emulator.feed(&["sns"], &records);
    let daemon = emulator.daemon(&[
        ("POSTMETER__SQS__0__QUEUE_URL", &queue),
        ("POSTMETER__DEFINITIONS", "env:DEFINITIONS"),
        ("POSTMETER__FORWARD_PATIENCE", "50s"),
        ("DEFINITIONS", &definitions),
    ]);
    deleted(&daemon, EVENTS as u64).await;
    daemon.end().await;
    emulator.assert_held(&traffic.sums()).await;

    let found = emulator.forwarded(&["read", &EVENTS.to_string()]);
    let sorted = |texts: &mut dyn Iterator<Item = String>| {
        let mut texts: Vec<_> = texts.collect();
        texts.sort();
        texts
    };
    let as_came = sorted(&mut records.iter().cloned());
    let of = |service: &str| {
        let texts = found[service].as_array().expect("a list").iter();
        sorted(&mut texts.map(|text| text.as_str().expect("text").to_owned()))
    };
    for service in ["firehose", "sns"] {
        assert!(of(service) == as_came, "{service}: {} of {EVENTS}", of(service).len());
    }
    let value = |text: &String| serde_json::from_str::<Value>(text).expect("JSON").to_string();
    let details = sorted(&mut of("event_bridge").iter().map(value));
    assert!(details == sorted(&mut records.iter().map(value)), "{} of {EVENTS}", details.len());
}

/// Two hundred objects, and a daemon that is killed five times.
#[tokio::test(flavor = "multi_thread")]
async fn objects_that_s3_names_are_counted_and_kills_lose_nothing() {
    let Some(emulator) = Ministack::start().await else { return };
    let mut traffic = Traffic::with(profile(102), "config/definitions.json");
    let queue = emulator.feed(&["s3", "200"], &traffic.records(10_000));
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().display().to_string();
    let variables = [
        ("POSTMETER__SQS__0__QUEUE_URL", queue.as_str()),
        ("POSTMETER__SQS__0__VISIBILITY", "2s"),
        ("POSTMETER__SQS__0__ACKNOWLEDGE", "journaled"),
        ("POSTMETER__SQS__0__POLLERS", "1"),
        ("POSTMETER__JOURNAL__DIRECTORY", directory.as_str()),
    ];
    let mut doubt = 0;
    for _ in 0..5 {
        let daemon = emulator.daemon(&variables);
        doubt += crash_doubt(&daemon).await;
        deleted(&daemon, 10).await;
        daemon.kill().await;
    }
    let last = emulator.daemon(&variables);
    doubt += crash_doubt(&last).await;
    // The messages of the killed daemons become visible after two seconds.
    let empty = async {
        while last.metric("postmeter_sqs_pollers").await > 1
            || last.metric("postmeter_sqs_messages_held").await > 0
            || !emulator.is_empty(&queue).await
        {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, empty).await.expect("the queue is emptied");
    last.end().await;
    let (sums, mut doubled) = (traffic.sums(), 0);
    for (series, held) in emulator.held(&sums).await {
        doubled += held.checked_sub(sums[&series]).expect("nothing is lost");
    }
    assert!(doubled <= doubt, "{doubled} doubled, {doubt} named");
}

/// Two hundred objects, replayed in two runs.
#[tokio::test(flavor = "multi_thread")]
async fn archive_in_s3_is_replayed_once() {
    let Some(emulator) = Ministack::start().await else { return };
    let mut traffic = Traffic::with(profile(103), "config/definitions.json");
    emulator.feed(&["s3", "200"], &traffic.records(5_000));
    let folder = tempfile::tempdir().expect("a folder");
    let replay = |range: &[&str]| {
        postmeter(&["replay", "--state"])
            .arg(folder.path())
            .args(range)
            .arg("s3://mail/events/")
            .envs([
                ("AWS_ACCESS_KEY_ID", "AKID"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ENDPOINT_URL", emulator.url.as_str()),
                ("POSTMETER__DEFINITIONS", "config/definitions.json"),
                ("POSTMETER__CLOUDWATCH__ATTEMPT_TIMEOUT", "20s"),
                ("POSTMETER__LIMITS__SERIES", "1000000"),
            ])
            .output()
            .expect("the binary starts")
    };
    // No object is that old; then all are new, and then none is left.
    for range in [&["--to", "2026-01-01"][..], &["--from", "2026-01-01"], &[]] {
        let output = replay(range);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    emulator.assert_held(&traffic.sums()).await;
}

fn profile(seed: u64) -> Profile {
    Profile { seed, awkward: true, events_per_second: 100.0, ..Profile::default() }
}

async fn crash_doubt(daemon: &Daemon) -> u64 {
    daemon.metric("postmeter_doubtful_counts_total{cause=\"crash\"}").await
}

async fn deleted(daemon: &Daemon, messages: u64) {
    let all = async {
        while daemon.metric("postmeter_sqs_messages_deleted_total").await < messages {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, all).await.expect("the messages are deleted");
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole")]
fn whole(sum: f64) -> u64 {
    assert!(sum >= 0.0 && sum.fract() == 0.0, "{sum}");
    sum as u64
}
