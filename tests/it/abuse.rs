//! Malicious senders: how the daemon handles them, and what they cost.
//!
//! Each test checks the daemon's response, that other senders are served meanwhile, and how much
//! its memory may grow; `cargo test --test it abuse -- --nocapture` prints the cost.
//! `POSTMETER_IDLE_CONNECTIONS` is the number of idle connections, 2000 by default.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use postmeter::telemetry::read_metrics;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::JoinSet;

use crate::support::app::PATIENCE;
use crate::support::command::{clean, postmeter, run, text};
use crate::support::fake_cloudwatch::FakeCloudWatch;
use crate::support::firehose::{Firehose, Reply, get, gzip};
use crate::support::process::Daemon;
use crate::support::raw::{End, Raw};
use crate::support::traffic::{held_of, send_of};

const KEY: &str = "a-key-of-the-abused";
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// A daemon that counts into memory, and its memory before the first client.
struct Abused {
    daemon: Daemon,
    before: Option<u64>,
}

impl Abused {
    fn start(variables: &[(&str, &str)]) -> Self {
        let own = [
            ("POSTMETER__FIREHOSE__ACCESS_KEYS", KEY),
            ("POSTMETER__CLOUDWATCH__PUBLISH", "memory"),
        ];
        let daemon = Daemon::start(&[&own, variables].concat());
        let before = daemon.memory().map(|memory| memory.now);
        Self { daemon, before }
    }

    fn http(&self) -> SocketAddr {
        self.daemon.http
    }

    /// An honest sender.
    fn firehose(&self) -> Firehose {
        Firehose::new(self.daemon.http, KEY)
    }

    async fn assert_serves(&self, id: &str) {
        assert_eq!(self.firehose().deliver(id, &[send_of("honest")]).await.status, 200, "{id}");
    }

    /// Delivers again while the daemon says so, as Firehose does, and returns the last reply.
    async fn deliver_until_decided(&self, id: &str, records: &[Vec<u8>]) -> Reply {
        let firehose = self.firehose();
        let decided = async {
            loop {
                let reply = firehose.deliver(id, records).await;
                if reply.status != 503 {
                    return reply;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, decided).await.unwrap_or_else(|_| panic!("{id}: only 503"))
    }

    async fn metric(&self, name: &str) -> f64 {
        read_metrics(&get(self.daemon.admin, "/metrics").await.1)[name]
    }

    /// Waits until a metric has a value.
    async fn until(&self, name: &str, value: f64) {
        let there = async {
            while (self.metric(name).await - value).abs() > 0.5 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, there).await.unwrap_or_else(|_| panic!("{name}: {value}"));
    }

    /// Memory never grew by more than this.
    fn assert_grown_at_most(&self, bytes: u64, what: &str) {
        let (Some(memory), Some(before)) = (self.daemon.memory(), self.before) else {
            return println!("{what}: no /proc here, so memory is not looked at");
        };
        let (grown, cpu) = (memory.peak.saturating_sub(before), self.daemon.cpu_seconds());
        let cpu = cpu.unwrap_or_default();
        println!("{what}: {} MiB more, {cpu:.1} s of CPU", grown / MIB);
        assert!(grown <= bytes, "{what}: {} KiB, at most {}", grown / KIB, bytes / KIB);
    }
}

/// How many connections are possible from this process to the daemon with the available file
/// descriptors.
fn connections(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let raised = setrlimit(Resource::Nofile, raised).is_ok();
    let handles = if raised { limit.maximum } else { limit.current }.unwrap_or(u64::MAX);
    let handles = usize::try_from(handles).unwrap_or(usize::MAX);
    // The daemon reserves some for itself and an eleventh for its admin listener; concurrent tests
    // need some here.
    let most = (handles.saturating_sub(1500) / 11 * 10).max(50);
    if most < wanted {
        println!("{wanted} connections are too many for {handles} files; {most} are made");
    }
    wanted.min(most)
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_and_half_heads_cost_little_and_are_closed() {
    let wanted = std::env::var("POSTMETER_IDLE_CONNECTIONS").ok();
    let wanted = wanted.map_or(2000, |wanted| wanted.parse().expect("a number"));
    let number = connections(wanted);
    let abused = Abused::start(&[("POSTMETER__LISTEN__KEEP_ALIVE", "3s")]);
    let mut idle = Vec::new();
    for at in 0..number {
        let mut raw = Raw::connect(abused.http()).await;
        if at % 2 == 0 {
            raw.send(b"POST /firehose HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
        }
        idle.push(raw);
    }
    abused.assert_serves("beside").await;
    let mut ends = JoinSet::new();
    for raw in idle {
        ends.spawn(raw.end());
    }
    let ends = ends.join_all().await;
    // No client was disconnected before its time, and none was kept.
    assert!(ends.iter().all(|end| *end == End::Closed), "{:?}", ends.first());
    abused.assert_serves("after").await;
    abused.assert_grown_at_most(number as u64 * 32 * KIB + 16 * MIB, "idle connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_heads_are_rejected_and_many_of_them_share_a_budget() {
    let abused = Abused::start(&[("POSTMETER__LISTEN__KEEP_ALIVE", "3s")]);
    let line = |bytes: usize| format!("POST /firehose HTTP/1.1\r\nX-Long: {}", "x".repeat(bytes));
    let mut raw = Raw::connect(abused.http()).await;
    raw.send(line(129 << 10).as_bytes()).await;
    assert_eq!(raw.end().await, End::Answered(431));

    let number = connections(1500);
    let mut senders = JoinSet::new();
    for _ in 0..number {
        let (http, head) = (abused.http(), line(120 << 10));
        senders.spawn(async move {
            let mut raw = Raw::connect(http).await;
            raw.send(head.as_bytes()).await;
            raw.end().await
        });
    }
    abused.assert_serves("beside").await;
    for end in senders.join_all().await {
        assert_eq!(end, End::Closed);
    }
    abused.assert_serves("after").await;
    // Without a budget, each would take 120 KiB.
    abused.assert_grown_at_most(number as u64 * 40 * KIB + 48 * MIB, "heads of 120 KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn flood_without_a_key_is_rejected_before_its_bodies_are_read() {
    const BODY: usize = 60 << 20;
    let abused = Abused::start(&[]);
    // Clients that wait for their body to be read: except for a few, they get a response without
    // that.
    let mut silent = Vec::new();
    for at in 0..100 {
        let mut raw = Raw::connect(abused.http()).await;
        raw.begin(&format!("silent-{at}"), "wrong", BODY).await;
        silent.push(raw);
    }
    abused.until("postmeter_requests_total{outcome=\"unauthorized\"}", 36.0).await;
    assert!(abused.metric("postmeter_in_flight_requests").await < 0.5);
    // The responses are on their way; a client without one holds a place for longer than this.
    let mut asking = JoinSet::new();
    for mut raw in silent {
        asking.spawn(async move { (raw.status_within(Duration::from_secs(1)).await, raw) });
    }
    let silent = asking.join_all().await;
    assert_eq!(silent.iter().filter(|(status, _)| *status == Some(401)).count(), 36);

    let mut senders = JoinSet::new();
    for at in 0..200 {
        let http = abused.http();
        senders.spawn(async move {
            let mut raw = Raw::connect(http).await;
            let (piece, mut sent) = (vec![b'x'; 64 << 10], 0);
            if raw.begin(&format!("flood-{at}"), "", BODY).await {
                while sent < BODY && raw.send(&piece).await {
                    sent += piece.len();
                }
            }
            (sent, raw.end().await)
        });
    }
    for at in 0..20 {
        abused.assert_serves(&format!("beside-{at}")).await;
    }
    for (sent, end) in senders.join_all().await {
        // A client that is still sending may lose the response when the connection closes.
        assert!(matches!(end, End::Answered(401) | End::Closed), "{end:?}");
        assert!(sent < BODY / 4, "{sent} bytes were taken");
    }
    // A known ID does not replace the key.
    let known = Firehose::new(abused.http(), "wrong").deliver("beside-0", &[send_of("a")]).await;
    assert_eq!((known.status, known.headers["connection"].as_bytes()), (401, &b"close"[..]));
    drop(silent);
    abused.assert_grown_at_most(64 * MIB, "a flood without a key");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_hold_only_their_own_places() {
    let abused = Abused::start(&[("POSTMETER__LIMITS__IN_FLIGHT_REQUESTS", "300")]);
    let mut slow = Vec::new();
    for at in 0..299 {
        let mut raw = Raw::connect(abused.http()).await;
        raw.begin(&format!("slow-{at}"), KEY, 64 << 10).await;
        raw.send(b"{\"requestId\":").await;
        slow.push(raw);
    }
    abused.until("postmeter_in_flight_requests", 299.0).await;
    abused.assert_serves("the last place").await;
    let mut raw = Raw::connect(abused.http()).await;
    raw.begin("slow-299", KEY, 64 << 10).await;
    abused.until("postmeter_in_flight_requests", 300.0).await;
    let refused = abused.firehose().deliver("none left", &[send_of("honest")]).await;
    assert_eq!(refused.status, 503);
    drop((raw, slow));
    abused.until("postmeter_in_flight_requests", 0.0).await;
    abused.assert_serves("none left").await;
    // Each announced 64 KiB; only bytes that arrived were charged.
    abused.assert_grown_at_most(300 * 64 * KIB + 16 * MIB, "slow bodies");
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_bombs_are_rejected_and_never_expanded_whole() {
    let abused = Abused::start(&[
        ("POSTMETER__LIMITS__EXPANDED_BYTES", "16777216"),
        ("POSTMETER__LIMITS__IN_FLIGHT_BYTES", "67108864"),
    ]);
    // A member of a kilobyte holds a megabyte.
    let member = gzip(&vec![b' '; 1 << 20]);
    let bomb = member.repeat(1024);
    let mut senders = JoinSet::new();
    for at in 0..12 {
        let (firehose, bomb) = (abused.firehose(), bomb.clone());
        let firehose = firehose.with("x-amz-firehose-request-id", &format!("bomb-{at}"));
        senders.spawn(async move { firehose.post(bomb).await });
    }
    // Four bombs use up all bytes in flight, so an honest sender may have to try again.
    let honest = [send_of("honest").into_bytes()];
    assert_eq!(abused.deliver_until_decided("beside", &honest).await.status, 200);
    for reply in senders.join_all().await {
        let why = format!("{} {}", reply.status, reply.body);
        assert!(matches!(reply.status, 400 | 503), "{why}");
        assert!(reply.status != 400 || why.contains("limits.expanded_bytes"), "{why}");
    }
    abused.assert_grown_at_most(3 * 64 * MIB, "bodies that are gzip bombs");

    // In records they count toward the decompressed size of the request.
    let records = [send_of("honest").into_bytes(), bomb, send_of("honest").into()];
    let reply = abused.deliver_until_decided("records", &records).await;
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains("limits.expanded_bytes"), "{}", reply.body);
    abused.assert_grown_at_most(4 * 64 * MIB, "records that are gzip bombs");
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_nesting_is_malformed_and_overflows_no_stack() {
    let abused = Abused::start(&[]);
    for open in ["[", "{\"a\":", "{\"Message\":{\"TopicArn\":"] {
        let deep = open.repeat((4 << 20) / open.len());
        let reply = abused.firehose().post(deep.clone().into_bytes()).await;
        assert_eq!(reply.status, 400, "{open}");
        let event = format!("{{\"eventType\":\"Send\",\"mail\":{deep}");
        let records = [deep, event, send_of("honest")];
        assert_eq!(abused.firehose().deliver(&format!("deep {open}"), &records).await.status, 200);
    }
    let value = |kind| format!("postmeter_values_total{{kind=\"{kind}\"}}");
    // The lists that are open at the end of a record are a fault of their own.
    assert!((abused.metric(&value("malformed")).await - 7.0).abs() < 0.5);
    assert!((abused.metric(&value("event")).await - 3.0).abs() < 0.5);
    abused.assert_grown_at_most(128 * MIB, "nesting of a million levels");
}

/// Names that would control a terminal, fill a log or break a line are quoted, shortened and
/// rejected.
#[test]
fn hostile_names_in_definitions_are_rejected_in_few_and_harmless_words() {
    let directory = tempfile::tempdir().expect("a directory");
    let long = "x".repeat(1 << 20);
    for name in ["\u{1b}[2J\u{7}", "a\nb\r\nERROR forged", "\u{202e}gnp", "../../etc", &long] {
        let document = serde_json::json!({"ConfigurationSets": [{
            "ConfigurationSetName": name,
            name: name,
            "EventDestinations": [{
                "Name": name,
                "Enabled": name,
                "MatchingEventTypes": [name],
                "CloudWatchDestination": {
                    "Namespace": name,
                    "OnInvalidValue": name,
                    "DimensionConfigurations": [{
                        "DimensionName": name,
                        "DimensionValueSource": name,
                        "DefaultDimensionValue": name,
                    }],
                },
            }],
        }]});
        let path = directory.path().join("definitions.json");
        fs::write(&path, document.to_string()).expect("it can be written");
        let path = path.to_str().expect("a name in UTF-8");
        let checked = run(&["check", "--definitions", path]);
        let mut serve = postmeter(&["serve"]);
        let served = serve.env("POSTMETER__DEFINITIONS", path).output().expect("it starts");
        for output in [checked, served] {
            assert_eq!(output.status.code(), Some(2), "{name:.20}");
            let said = [text(&output.stdout), text(&output.stderr)].concat();
            assert!(said.len() < 8000, "{} bytes were said", said.len());
            assert!(said.lines().count() < 20, "{said}");
            let hostile =
                |letter: char| letter != '\n' && letter.is_control() || letter == '\u{202e}';
            assert!(!said.contains(hostile), "{said:?}");
            assert!(!said.lines().any(|line| line.starts_with("ERROR")), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explosion_of_series_is_cut_off_and_takes_little_memory() {
    let fake = FakeCloudWatch::start().await;
    let abused = Abused::start(&[
        ("AWS_ENDPOINT_URL", &fake.url()),
        ("POSTMETER__CLOUDWATCH__PUBLISH", "aws"),
        ("POSTMETER__LIMITS__SERIES", "500"),
    ]);
    for request in 0..50 {
        let event = |at: usize| send_of(&format!("explosion-{request}-{at}"));
        let records: Vec<_> = (0..400).map(event).collect();
        let reply = abused.firehose().deliver(&request.to_string(), &records).await;
        assert_eq!(reply.status, 200, "what is over the limit is dropped, not refused");
    }
    let dropped = abused.metric("postmeter_dropped_total{reason=\"series_limit\"}").await;
    assert!(dropped > 19_000.0, "{dropped}");
    abused.until("postmeter_pending_counts", 0.0).await;
    let totals = fake.totals();
    let series = totals.keys().map(|key| (&key.metric, &key.dimensions)).collect::<BTreeSet<_>>();
    assert!(series.len() <= 500, "{} series were published", series.len());
    abused.assert_grown_at_most(32 * MIB, "20,000 series where 500 are allowed");
}

/// Connections never use the file descriptors that calls to CloudWatch need.
#[tokio::test(flavor = "multi_thread")]
async fn connections_wait_and_publishing_continues_when_file_descriptors_are_few() {
    let fake = FakeCloudWatch::start().await;
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 200 && exec \"$0\" serve", env!("CARGO_BIN_EXE_postmeter")]);
    clean(&mut command);
    let url = fake.url();
    let variables = [("AWS_ENDPOINT_URL", &*url), ("POSTMETER__FIREHOSE__ACCESS_KEYS", KEY)];
    let daemon = Daemon::spawn(&mut command, &variables);
    let abused = Abused { before: None, daemon };
    // A connection that stays open, for nothing that would be published.
    let firehose = abused.firehose();
    assert_eq!(firehose.deliver("stays", &[""]).await.status, 200);
    let mut idle = Vec::new();
    // Twice as many as are allowed; a system queues at least 128.
    for _ in 0..190 {
        idle.push(Raw::connect(abused.http()).await);
    }
    // All admitted connections hold their descriptors now; the others wait.
    let held = async { while abused.metric("process_open_fds").await < 95.0 {} };
    tokio::time::timeout(PATIENCE, held).await.expect("connections are let in");
    for _ in 0..50 {
        idle.push(Raw::connect(abused.daemon.admin).await);
    }
    assert_eq!(firehose.deliver("beside", &[send_of("few-files")]).await.status, 200);
    assert!(fake.wait_until(|state| state.total_in("SES") > 0, PATIENCE).await);
    assert_eq!(held_of(&fake, "few-files"), 1);
}
