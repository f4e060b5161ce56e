//! Rates, delivery times and counts, by every field of the event: each value survives kills,
//! restarts, a second daemon and a replay.

use std::path::{Path, PathBuf};
use std::time::Duration;

use postmeter::synth::Profile;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::support::app::PATIENCE;
use crate::support::command::{postmeter, text};
use crate::support::fake_cloudwatch::{FakeCloudWatch, FakeSeries};
use crate::support::firehose::{Firehose, body_of};
use crate::support::process::Daemon;
use crate::support::traffic::{Traffic, assert_values};

/// Kills of a run; `POSTMETER_CHAOS_ROUNDS` sets another number.
const ROUNDS: usize = 8;
const REQUEST_EVENTS: usize = 100;

/// A folder with a document that counts every measure by every field, in several sets.
struct Bench {
    fake: FakeCloudWatch,
    folder: TempDir,
    definitions: PathBuf,
    traffic: Traffic,
}

// === impl Bench ===

impl Bench {
    async fn start(seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let definitions = folder.path().join("definitions.json");
        std::fs::write(&definitions, document().to_string()).expect("it is written");
        let profile = Profile { seed, awkward: true, ..Profile::default() };
        let traffic = Traffic::with(profile, definitions.to_str().expect("UTF-8"));
        let fake = FakeCloudWatch::start().await;
        Self { fake, folder, definitions, traffic }
    }

    /// A daemon that acknowledges what is in the journal of this name.
    fn daemon(&self, journal: &str) -> Daemon {
        Daemon::start(&[
            ("AWS_ENDPOINT_URL", &self.fake.url()),
            ("POSTMETER__DEFINITIONS", shown(&self.definitions)),
            ("POSTMETER__FIREHOSE__ACKNOWLEDGE", "journaled"),
            ("POSTMETER__JOURNAL__DIRECTORY", shown(&self.folder.path().join(journal))),
            ("POSTMETER__LIMITS__SERIES", "1000000"),
            // So that nothing is in doubt because a loaded machine is slow.
            ("POSTMETER__CLOUDWATCH__ATTEMPT_TIMEOUT", "1m"),
        ])
    }

    /// Asserts that percentiles and mean of what CloudWatch holds are near those of the events.
    fn assert_percentiles(&mut self) {
        let is_total =
            |series: &FakeSeries| series.metric == "DeliveryTime" && series.dimensions.is_empty();
        let held = self.fake.values();
        let values = held.iter().filter(|(series, _)| is_total(series)).flat_map(|(_, all)| all);
        let repeated = values.flat_map(|(bits, count)| {
            std::iter::repeat_n(f64::from_bits(*bits), usize::try_from(*count).expect("a few"))
        });
        let mut held: Vec<_> = repeated.collect();
        let exact = &mut self.traffic.delivery_times;
        assert_eq!(held.len(), exact.len());
        assert!(exact.len() > 1_000, "only {} times", exact.len());
        held.sort_by(f64::total_cmp);
        exact.sort_by(f64::total_cmp);
        let assert_near = |what: &str, held: f64, exact: f64| {
            println!("{what}: {held} for {exact}, {:+.1} %", (held / exact - 1.0) * 100.0);
            assert!((held / exact - 1.0).abs() <= 0.05, "{what}: {held} for {exact}");
        };
        for percent in [50, 90, 99] {
            let at = exact.len() * percent / 100;
            assert_near(&format!("p{percent}"), held[at], exact[at]);
        }
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let mean = |times: &[f64]| times.iter().sum::<f64>() / times.len() as f64;
        assert_near("mean", mean(&held), mean(exact));
    }

    /// Delivers requests of which all are acknowledged.
    async fn send(&mut self, daemon: &Daemon, name: &str, requests: usize) {
        for number in 0..requests {
            let records = self.traffic.records(REQUEST_EVENTS);
            let reply = daemon.firehose().deliver(&format!("{name}-{number}"), &records).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
    }

    /// Publishes a file of events by `postmeter replay`.
    async fn replay(&mut self, events: usize) {
        let file = self.folder.path().join("archive.ndjson");
        std::fs::write(&file, self.traffic.records(events).concat()).expect("it is written");
        let mut replay = postmeter(&["replay", "--state"]);
        replay.arg(self.folder.path().join("state")).arg(file).envs([
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL_CLOUDWATCH", &self.fake.url()),
            ("POSTMETER__DEFINITIONS", shown(&self.definitions)),
            ("POSTMETER__LIMITS__SERIES", "1000000"),
            ("POSTMETER__CLOUDWATCH__ATTEMPT_TIMEOUT", "1m"),
        ]);
        let output = tokio::task::spawn_blocking(move || replay.output());
        let output = output.await.expect("no panic").expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Sets of every field alone, of none, and of several together.
fn document() -> Value {
    const FIELDS: [&str; 10] = [
        "bounce_class",
        "bounce_sub_type",
        "delay_type",
        "smtp_status",
        "actor",
        "link_domain",
        "recipient_domain",
        "mailbox_provider",
        "account",
        "region",
    ];
    let of_field =
        |field| json!({"Field": field, "DimensionName": field, "DefaultDimensionValue": "none"});
    let mut sets: Vec<_> = FIELDS.iter().map(|field| json!([field])).collect();
    sets.extend([
        json!([]),
        json!(["campaign"]),
        json!(["campaign", "mailbox_provider"]),
        json!(["campaign", "bounce_class", "smtp_status"]),
    ]);
    let campaign = json!({
        "DimensionName": "campaign",
        "DimensionValueSource": "MESSAGE_TAG",
        "DefaultDimensionValue": "none",
    });
    let destination = json!({
        "Name": "everything",
        "Enabled": true,
        "MatchingEventTypes": [
            "SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "OPEN", "CLICK",
            "RENDERING_FAILURE", "DELIVERY_DELAY", "SUBSCRIPTION",
        ],
        "CloudWatchDestination": {
            "DimensionConfigurations": [campaign],
            "EventDimensions": FIELDS.map(of_field),
            "DimensionSets": sets,
            "Measures": ["COUNT", "HARD_BOUNCE_RATE", "COMPLAINT_RATE", "DELIVERY_TIME"],
            "ValueLimits": {"link_domain": 10_000, "recipient_domain": 10_000},
        },
    });
    json!({"Version": 1, "ConfigurationSets": [
        {"ConfigurationSetName": "prod", "EventDestinations": [destination]},
    ]})
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_two_daemons_a_restart_and_a_replay_equal_the_truth() {
    let mut bench = Bench::start(81).await;
    let (first, second) = (bench.daemon("first"), bench.daemon("second"));
    bench.send(&first, "a", 50).await;
    bench.send(&second, "b", 50).await;
    first.end().await;
    bench.replay(5_000).await;
    let first = bench.daemon("first");
    bench.send(&first, "c", 50).await;
    for daemon in [first, second] {
        daemon.end().await;
    }
    assert!(bench.traffic.truth.measured.len() > 1_000, "there are values to compare");
    assert_values(&bench.fake, &bench.traffic);
    bench.assert_percentiles();
}

/// Sends a request to the daemon of now until one answers 200.
async fn deliver(to: &watch::Receiver<Firehose>, id: &str, records: &[String]) {
    let body = body_of(id, records);
    loop {
        let firehose = to.borrow().clone();
        match firehose.try_post(body.clone()).await {
            Ok(reply) if reply.status == 200 => return,
            _ => sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Each life is killed while a request is on its way. CloudWatch can be reached only by lives that end
/// with SIGTERM, in every third round, so no call that is in doubt was ingested.
#[tokio::test(flavor = "multi_thread")]
async fn values_survive_kills_exactly() {
    let rounds = std::env::var("POSTMETER_CHAOS_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    let mut bench = Bench::start(82).await;
    bench.fake.pause_listening().await;
    let mut daemon = bench.daemon("journal");
    let (to, firehose) = watch::channel(daemon.firehose());
    for round in 0..rounds {
        bench.send(&daemon, &format!("round-{round}"), 1 + round % 3).await;
        if round % 3 == 2 {
            bench.fake.resume_listening().await;
            daemon.end().await;
            bench.fake.pause_listening().await;
            daemon = bench.daemon("journal");
            to.send_replace(daemon.firehose());
        }
        let (records, to_any) = (bench.traffic.records(REQUEST_EVENTS), firehose.clone());
        let id = format!("killed-{round}");
        let sender = tokio::spawn(async move { deliver(&to_any, &id, &records).await });
        // From before its first byte until after its response.
        sleep(Duration::from_millis(round as u64 * 7 % 30)).await;
        daemon.kill().await;
        daemon = bench.daemon("journal");
        to.send_replace(daemon.firehose());
        timeout(PATIENCE, sender).await.expect("an answer in time").expect("no panic");
    }
    bench.fake.resume_listening().await;
    daemon.end().await;
    assert_values(&bench.fake, &bench.traffic);
}
