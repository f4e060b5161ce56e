//! The real SDK against an emulator of AWS. Runs where `make test` has made one available.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use postmeter::synth::Profile;
use tokio::time::{sleep, timeout};

use crate::support::app::{PATIENCE, TestApp};
use crate::support::firehose::get;
use crate::support::load::report;
use crate::support::process::Daemon;
use crate::support::traffic::Traffic;

/// The emulator; ends when it is dropped.
struct Ministack {
    child: Child,
    url: String,
}

impl Ministack {
    /// Starts the emulator that the environment names; `None` where it names none.
    async fn start() -> Option<Self> {
        let Some(path) = std::env::var_os("POSTMETER_MINISTACK") else {
            println!("skipped: POSTMETER_MINISTACK names no emulator; `make test` provides one");
            return None;
        };
        assert!(Path::new(&path).exists(), "no emulator at {}", path.display());
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
    let profile =
        Profile { seed: 100, awkward: true, events_per_second: 100.0, ..Profile::default() };
    let mut traffic = Traffic::with(profile, "config/definitions.json");
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

    let client = emulator.cloudwatch();
    let sums = traffic.sums();
    let times = || sums.keys().map(|series| series.timestamp);
    let (first, last) = (times().min().expect("some"), times().max().expect("some"));
    let mut metrics: BTreeMap<_, BTreeMap<i64, u64>> = BTreeMap::new();
    for (series, sum) in &sums {
        let minutes = metrics.entry((&series.metric, &series.dimensions)).or_default();
        minutes.insert(series.timestamp, *sum);
    }
    assert!(metrics.len() > 100, "{} metrics", metrics.len());
    for ((metric, dimensions), minutes) in metrics {
        let dimensions = dimensions
            .iter()
            .map(|(name, value)| Dimension::builder().name(name).value(value).build());
        let statistics = client
            .get_metric_statistics()
            .namespace("SES")
            .metric_name(metric)
            .set_dimensions(Some(dimensions.collect()))
            .start_time(DateTime::from_secs(first))
            .end_time(DateTime::from_secs(last + 60))
            .period(60)
            .statistics(Statistic::Sum)
            .send()
            .await
            .expect("the emulator answers");
        let held: BTreeMap<i64, u64> = statistics
            .datapoints()
            .iter()
            .map(|point| {
                let time = point.timestamp().expect("a point has a time").secs();
                (time, whole(point.sum().expect("a sum was asked for")))
            })
            .collect();
        assert_eq!(held, minutes, "{metric} {:?}", statistics.label());
    }
}

/// The harness, through a delivery stream's API and through the daemon, with the emulator as both
/// AWS services.
#[tokio::test(flavor = "multi_thread")]
async fn the_harness_verifies_what_the_emulator_holds() {
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

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole")]
fn whole(sum: f64) -> u64 {
    assert!(sum >= 0.0 && sum.fract() == 0.0, "{sum}");
    sum as u64
}
