//! Valid input that is hostile, huge or inefficient: its cost with the limits in `deploy/ecs`, in a
//! task of 512 MiB.
//!
//! `POSTMETER_BINARY=target/release/postmeter cargo test --test it hostile -- --nocapture` prints
//! the cost in a release build. `POSTMETER_HOSTILE_CASES` is the number of cases of the property at
//! the end, and `POSTMETER_HOSTILE_BYTES` the decompressed size of its requests.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::app::PATIENCE;
use crate::support::fake_cloudwatch::FakeCloudWatch;
use crate::support::fake_s3::{FakeS3, notification};
use crate::support::fake_sqs::FakeSqs;
use crate::support::firehose::{Reply, body_of, get, gzip};
use crate::support::process::Daemon;
use crate::support::raw::Raw;
use crate::support::traffic::{held, held_of, send_of};

const ID: &str = "x-amz-firehose-request-id";
const MIB: u64 = 1 << 20;
/// Settings of `deploy/ecs`, with a low limit of series.
const LIMITS: [(&str, &str); 4] = [
    ("POSTMETER__LIMITS__IN_FLIGHT_BYTES", "134217728"),
    ("POSTMETER__LIMITS__ENTRIES", "500000"),
    ("POSTMETER__LIMITS__SERIES", "500"),
    ("POSTMETER__SHUTDOWN__GRACE", "5s"),
];

/// A daemon with a queue and a bucket.
struct Bench {
    cloudwatch: FakeCloudWatch,
    sqs: FakeSqs,
    s3: FakeS3,
    daemon: Daemon,
    what: &'static str,
}

impl Bench {
    async fn start(what: &'static str, more: &[(&str, &str)]) -> Self {
        let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
        let s3 = FakeS3::start().await;
        sqs.queue().receives_max = Some(3);
        let (aws, queue, objects) = (cloudwatch.url(), sqs.url(), s3.url());
        let own = [
            ("AWS_ENDPOINT_URL_CLOUDWATCH", aws.as_str()),
            ("AWS_ENDPOINT_URL_S3", objects.as_str()),
            ("POSTMETER__SQS__0__QUEUE_URL", queue.as_str()),
            ("POSTMETER__SQS__0__VISIBILITY", "2s"),
        ];
        let daemon = Daemon::start(&[&own, &LIMITS, more].concat());
        Self { cloudwatch, sqs, s3, daemon, what }
    }

    async fn post(&self, id: &str, body: Vec<u8>) -> Reply {
        self.daemon.firehose().with(ID, id).post(body).await
    }

    /// An honest sender is served by the endpoint and by the queue.
    async fn assert_serves(&self, name: &str) {
        let id = format!("honest-{name}");
        assert_eq!(self.daemon.firehose().deliver(&id, &[send_of(name)]).await.status, 200);
        self.sqs.send([send_of(name)]);
        let there = async {
            while held_of(&self.cloudwatch, name) < 2 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let there = tokio::time::timeout(PATIENCE, there).await;
        assert!(there.is_ok(), "{name} is not counted");
    }

    /// Its memory never exceeded this.
    fn assert_peak_at_most(&self, bytes: u64) {
        let Some(memory) = self.daemon.memory() else { return };
        let cpu = self.daemon.cpu_seconds().unwrap_or_default();
        println!("{}: peak {} MiB, {cpu:.1} s of CPU", self.what, memory.peak / MIB);
        assert!(memory.peak <= bytes, "{}: {} MiB", self.what, memory.peak / MIB);
    }

    async fn refused(&self) -> u64 {
        self.daemon.metric("postmeter_refused_total{reason=\"over_budget\"}").await
    }
}

/// Polls `/livez` of both listeners; each response must arrive within a second.
struct Pulse {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Duration>,
}

impl Pulse {
    fn of(daemon: &Daemon) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, addresses) = (Arc::clone(&stop), [daemon.http, daemon.admin]);
        let task = tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            while !stopped.load(Ordering::Relaxed) {
                for address in addresses {
                    let asked = Instant::now();
                    assert_eq!(get(address, "/livez").await.0, 200);
                    longest = longest.max(asked.elapsed());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            longest
        });
        Self { stop, task }
    }

    async fn assert_steady(self) {
        self.stop.store(true, Ordering::Relaxed);
        let longest = self.task.await.expect("it is alive");
        println!("    the slowest /livez: {longest:.1?}");
        assert!(longest < Duration::from_secs(1), "/livez took {longest:?}");
    }
}

/// A Firehose request with one record, which is gzip.
fn delivery_of_gzip(id: &str, text: &[u8]) -> Vec<u8> {
    body_of(id, &[gzip(text)])
}

/// The same request as a text, for a queue.
fn message_of_gzip(text: &[u8]) -> String {
    message_of(&gzip(text))
}

/// A text with one record.
fn message_of(record: &[u8]) -> String {
    let data = STANDARD.encode(record);
    json!({"requestId": "inner", "timestamp": 0, "records": [{"data": data}]}).to_string()
}

/// A list of numbers where wrappings have their entries.
fn list_of_numbers(bytes: usize) -> Vec<u8> {
    let (start, end) = (&b"{\"requestId\":\"r\",\"Records\":["[..], &b"0],\"records\":[]}"[..]);
    let zeros = b"0,".repeat((bytes - start.len() - end.len()) / 2);
    [start, &zeros, end].concat()
}

/// Events with one series each.
fn distinct_series(events: usize) -> Vec<u8> {
    let mut text = String::new();
    for at in 0..events {
        let tags = r#""ses:configuration-set":["prod"]"#;
        let _ = writeln!(
            text,
            r#"{{"eventType":"Send","mail":{{"tags":{{{tags},"campaign":["x{at}"]}}}}}}"#
        );
    }
    text.into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn list_of_numbers_costs_no_memory_of_its_own() {
    let bench = Bench::start("a list of 63 million numbers", &[]).await;
    let text = list_of_numbers(126 << 20);
    let pulse = Pulse::of(&bench.daemon);
    let reply = bench.post("r", gzip(&text)).await;
    assert!(matches!(reply.status, 200 | 400), "{}", reply.body);
    bench.sqs.send([message_of_gzip(&text)]);
    let object = bench.s3.put("numbers.gz", gzip(&text));
    bench.sqs.send([notification(&[object])]);
    bench.assert_serves("numbers").await;
    bench.sqs.until("done", |queue| queue.left() == 0).await;
    pulse.assert_steady().await;
    bench.assert_peak_at_most(250 * MIB);
    bench.daemon.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_in_gzip_in_gzip_is_one_malformed_value() {
    let bench = Bench::start("40 million events in three levels of gzip", &[]).await;
    // A member of a few kilobytes holds a megabyte of events.
    let events = gzip(r#"{"eventType":"Send","mail":{}}"#.repeat(34_000).as_bytes()).repeat(400);
    let inner = message_of(&events);
    let pulse = Pulse::of(&bench.daemon);
    for at in 0..3 {
        let id = format!("deep-{at}");
        let body = gzip(&delivery_of_gzip(&id, inner.as_bytes()));
        assert!(body.len() < 50 << 10, "{} bytes", body.len());
        assert_eq!(bench.post(&id, body).await.status, 200);
    }
    let malformed = "postmeter_values_total{kind=\"malformed\"}";
    assert_eq!(bench.daemon.metric(malformed).await, 3);
    bench.sqs.send([message_of_gzip(message_of_gzip(inner.as_bytes()).as_bytes())]);
    bench.assert_serves("deep").await;
    bench.daemon.until_metric(malformed, |values| values == 4).await;
    pulse.assert_steady().await;
    bench.assert_peak_at_most(250 * MIB);
}

/// A million series where 500 are allowed, through each source.
#[tokio::test(flavor = "multi_thread")]
async fn series_beyond_the_limit_take_no_memory_while_reading() {
    // Unoptimized code on a busy machine may need more than the usual patience.
    let patience = [("POSTMETER__FIREHOSE__PATIENCE", "170s")];
    let bench = Bench::start("a million series", &patience).await;
    let text = distinct_series(1_000_000);
    let pulse = Pulse::of(&bench.daemon);
    let reply = bench.post("series", delivery_of_gzip("series", &text)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let dropped = "postmeter_dropped_total{reason=\"series_limit\"}";
    let first = bench.daemon.metric(dropped).await;
    assert!(first > 990_000, "{first}");
    let object = bench.s3.put("series.gz", gzip(&text));
    bench.sqs.send([notification(&[object])]);
    bench.sqs.until("done", |queue| queue.left() == 0).await;
    assert_eq!(bench.sqs.queue().given, 1, "it is asked for once");
    assert!(bench.daemon.metric(dropped).await > 1_980_000);
    // A message holds a few of them only, in gzip.
    bench.sqs.send([message_of_gzip(&distinct_series(100_000))]);
    bench.sqs.until("done", |queue| queue.left() == 0).await;
    pulse.assert_steady().await;
    bench.assert_peak_at_most(300 * MIB);
    assert!(held(&bench.cloudwatch).len() <= 500 * 20);
    bench.daemon.end().await;
}

/// The object can never fit: it is rejected once, logged, and left to the redrive policy, while
/// others are processed.
#[tokio::test(flavor = "multi_thread")]
async fn object_beyond_the_entries_ends_in_the_redrive_queue() {
    let directory = tempfile::tempdir().expect("a directory");
    let letters = directory.path().to_str().expect("text").to_owned();
    let more = [
        ("POSTMETER__LIMITS__SERIES", "1000000"),
        ("POSTMETER__LIMITS__ENTRIES", "2000"),
        ("POSTMETER__DEAD_LETTERS__DIRECTORY", letters.as_str()),
    ];
    let mut bench = Bench::start("an object of 5,000 entries", &more).await;
    let object = bench.s3.put("large.ndjson", distinct_series(5000));
    bench.sqs.send([notification(&[object])]);
    bench.assert_serves("beside").await;
    let named = bench.daemon.wait_for_line("rejected permanently");
    assert!(
        named.contains("s3://mail/large.ndjson") && named.contains("limits.entries"),
        "{named}"
    );
    // When it is received again, it is not read again.
    bench.sqs.until("redriven", |queue| queue.redriven.len() == 1).await;
    assert_eq!((bench.s3.requests(), bench.refused().await), (1, 1));
    bench.assert_serves("after").await;
    let files = std::fs::read_dir(directory.path()).expect("a directory");
    let text: String = files
        .map(|file| std::fs::read_to_string(file.expect("an entry").path()).expect("text"))
        .collect();
    let letter: Value = serde_json::from_str(text.trim()).expect("one letter");
    assert_eq!((&letter["errorCode"], letter.get("rawData")), (&json!("refused"), None));
    assert_eq!(letter["source"], "s3://mail/large.ndjson");
    bench.daemon.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_without_redrive_policy_gets_a_warning() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    let (aws, queue) = (cloudwatch.url(), sqs.url());
    let variables = [
        ("AWS_ENDPOINT_URL_CLOUDWATCH", aws.as_str()),
        ("POSTMETER__SQS__0__QUEUE_URL", queue.as_str()),
    ];
    let mut daemon = Daemon::start(&variables);
    let warned = daemon.wait_for_line("has no redrive policy");
    assert!(warned.contains("WARN") && warned.contains(&queue), "{warned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn message_beyond_its_budget_is_rejected_once_and_kept_as_a_letter() {
    let directory = tempfile::tempdir().expect("a directory");
    let letters = directory.path().to_str().expect("text").to_owned();
    let more = [
        ("POSTMETER__LIMITS__EXPANDED_BYTES", "1048576"),
        ("POSTMETER__DEAD_LETTERS__DIRECTORY", letters.as_str()),
    ];
    let bench = Bench::start("a message that expands to 8 MiB", &more).await;
    let message = message_of_gzip(&distinct_series(100_000));
    bench.sqs.send([message.clone()]);
    bench.assert_serves("beside").await;
    bench.sqs.until("redriven", |queue| queue.redriven.len() == 1).await;
    assert_eq!(bench.refused().await, 1);
    let files = std::fs::read_dir(directory.path()).expect("a directory");
    let text: String = files
        .map(|file| std::fs::read_to_string(file.expect("an entry").path()).expect("text"))
        .collect();
    let letter: Value = serde_json::from_str(text.trim()).expect("one letter");
    let kept = STANDARD.decode(letter["rawData"].as_str().expect("text")).expect("base64");
    assert_eq!(kept, message.as_bytes());
    bench.daemon.end().await;
}

/// An announced length costs a sender nothing, and takes nothing from others.
#[tokio::test(flavor = "multi_thread")]
async fn announced_bytes_are_not_charged_before_they_arrive() {
    let bench = Bench::start("384 MiB announced", &[]).await;
    let mut raws = Vec::new();
    for at in 0..6 {
        let mut raw = Raw::connect(bench.daemon.http).await;
        raw.begin(&format!("announced-{at}"), "", 64 << 20).await;
        raw.send(b"{\"requestId\":").await;
        raws.push(raw);
    }
    bench.daemon.until_metric("postmeter_in_flight_requests", |requests| requests == 6).await;
    bench.assert_serves("beside").await;
    bench.assert_peak_at_most(128 * MIB);
    drop(raws);
    bench.daemon.end().await;
}

/// SIGTERM while threads are busy with hostile input: the process exits within its grace period.
#[tokio::test(flavor = "multi_thread")]
async fn daemon_exits_at_the_end_of_its_grace_while_it_reads() {
    let bench = Bench::start("SIGTERM while reading", &[]).await;
    // Two of them fit into limits.in_flight_bytes, one for each core; others are rejected
    // temporarily.
    let text = r#"{"eventType":"Send","mail":{}}"#.repeat(2_000_000);
    let inner = gzip(text.as_bytes());
    let mut senders = tokio::task::JoinSet::new();
    for at in 0..4 {
        let id = format!("busy-{at}");
        let firehose = bench.daemon.firehose().with(ID, &id);
        let body = gzip(&body_of(&id, &[&inner]));
        senders.spawn(async move { firehose.try_post(body).await });
    }
    bench.daemon.until_metric("postmeter_in_flight_bytes", |bytes| bytes > 50 << 20).await;
    bench.daemon.signal("TERM");
    let ended = tokio::task::spawn_blocking(|| bench.daemon.wait());
    let (_, took, _) = ended.await.expect("it ends");
    println!("{}: gone after {took:.1?}", bench.what);
    assert!(took < Duration::from_secs(6), "{took:?}");
}

/// Names with a meaning, so that cases test known fields and not only grammar.
const KEYS: [&str; 22] = [
    "eventType",
    "mail",
    "tags",
    "headers",
    "timestamp",
    "campaign",
    "Message",
    "Type",
    "TopicArn",
    "Records",
    "records",
    "requestId",
    "data",
    "body",
    "Sns",
    "detail",
    "detail-type",
    "source",
    "rawData",
    "errorCode",
    "ses:configuration-set",
    "a",
];
/// Pieces that a naive reader would read repeatedly.
const UNITS: [&str; 12] = [
    "{\"a\":\n",
    "[\n",
    "[",
    "\"\n",
    "{x\n",
    "{}",
    "1e999\n",
    "\"\\ud800\"",
    " ",
    "\n",
    "{\"mail\":{\"tags\":{\"a\":\"x\"},\"tags\":{}},",
    "\"x",
];

/// Generated bodies.
struct Cases {
    rng: fastrand::Rng,
    /// The large bodies, compressed. There are few different ones, and to compress one takes longer
    /// than the daemon needs to read it.
    large: HashMap<usize, Vec<u8>>,
}

impl Cases {
    fn json(&mut self, depth: u32) -> Value {
        let rng = &mut self.rng;
        match rng.u8(0..if depth == 0 { 5 } else { 9 }) {
            0 => Value::Null,
            1 => json!(rng.i32(..)),
            2 => json!(rng.bool()),
            3 => json!(KEYS[rng.usize(..KEYS.len())]),
            4 => json!(
                ["Send", "Click", "Notification", "aws.ses", "2026-11-20T12:00:00Z"]
                    [rng.usize(..5)]
            ),
            5 | 6 => {
                let members = rng.usize(0..6);
                (0..members)
                    .map(|_| {
                        let key = KEYS[self.rng.usize(..KEYS.len())].to_owned();
                        (key, self.json(depth - 1))
                    })
                    .collect()
            }
            7 => {
                let elements = rng.usize(0..5);
                (0..elements).map(|_| self.json(depth - 1)).collect()
            }
            _ => json!(self.json(depth - 1).to_string()),
        }
    }

    /// A record of any kind.
    fn record(&mut self) -> Vec<u8> {
        match self.rng.u8(0..6) {
            0 => (0..self.rng.usize(0..300)).map(|_| self.rng.u8(..)).collect(),
            1 => self.json(6).to_string().into_bytes(),
            2 => gzip(self.json(4).to_string().as_bytes()),
            3 => {
                let mut text = send_of("property");
                for _ in 0..self.rng.usize(0..12) {
                    text = match self.rng.u8(0..3) {
                        0 => json!({"Type": "Notification", "Message": text}).to_string(),
                        1 => json!({"Records": [{"body": text}]}).to_string(),
                        _ => message_of(text.as_bytes()),
                    };
                }
                text.into_bytes()
            }
            4 => {
                let mut record = self.json(6).to_string().into_bytes();
                record.truncate(self.rng.usize(0..=record.len()));
                if let Some(at) = record.len().checked_sub(1).map(|last| self.rng.usize(0..=last)) {
                    record[at] = self.rng.u8(..);
                }
                record
            }
            _ => UNITS[self.rng.usize(..UNITS.len())].repeat(self.rng.usize(0..2000)).into_bytes(),
        }
    }

    fn body(&mut self, id: &str) -> Vec<u8> {
        let records: Vec<_> = (0..self.rng.usize(0..5)).map(|_| self.record()).collect();
        let mut body = match self.rng.u8(0..6) {
            0 => self.record(),
            1 => self.json(8).to_string().into_bytes(),
            2 => gzip(&body_of(id, &records)),
            _ => body_of(id, &records),
        };
        if self.rng.u8(0..10) == 0 {
            body.truncate(self.rng.usize(0..=body.len()));
        }
        body
    }

    /// Text of about so many bytes, compressed.
    fn large(&mut self, bytes: usize) -> Vec<u8> {
        let kind = match self.rng.u8(0..4) {
            0 => UNITS.len(),
            1 => UNITS.len() + 1,
            _ => self.rng.usize(..UNITS.len()),
        };
        let make = || match UNITS.get(kind) {
            Some(unit) => gzip(unit.repeat(bytes / unit.len()).as_bytes()),
            None if kind == UNITS.len() => gzip(&list_of_numbers(bytes)),
            None => gzip(&distinct_series(bytes / 100)),
        };
        self.large.entry(kind).or_insert_with(make).clone()
    }
}

/// For any bytes and any JSON, one case in a hundred at the limits of size, through each source: no
/// kill, no panic, health within a second, honest senders served, and memory below that of the
/// smallest task.
#[tokio::test(flavor = "multi_thread")]
async fn any_input_leaves_the_daemon_within_its_memory_and_serving() {
    let number = |name: &str, or: usize| {
        std::env::var(name).map_or(or, |number| number.parse().expect("a number"))
    };
    let cases = number("POSTMETER_HOSTILE_CASES", 400);
    // Unoptimized code reads slowly. The limits follow, so a large case is at the limit anyway.
    let bytes_default = if cfg!(debug_assertions) { 8 << 20 } else { 32 << 20 };
    let bytes = number("POSTMETER_HOSTILE_BYTES", bytes_default);
    let seed = number("POSTMETER_SEED", 7) as u64;
    let expanded = bytes.to_string();
    for dedupe in ["false", "true"] {
        let more = [
            ("POSTMETER__DEDUPE__ENABLED", dedupe),
            ("POSTMETER__LIMITS__EXPANDED_BYTES", expanded.as_str()),
        ];
        let bench = Bench::start("any input", &more).await;
        let mut made = Cases { rng: fastrand::Rng::with_seed(seed), large: HashMap::new() };
        let pulse = Pulse::of(&bench.daemon);
        let mut sending = tokio::task::JoinSet::new();
        for at in 0..cases / 2 {
            if sending.len() == 4 {
                sending.join_next().await.expect("there are some").expect("it is answered");
            }
            let id = format!("case-{at}");
            let body = if at % 100 == 50 {
                let large = made.large(bytes / 10 * 9);
                match made.rng.u8(0..3) {
                    0 => {
                        let object = bench.s3.put(&id, large);
                        bench.sqs.send([notification(&[object])]);
                        continue;
                    }
                    1 if large.len() < 700_000 => {
                        bench.sqs.send([message_of(&large)]);
                        continue;
                    }
                    _ => body_of(&id, &[large]),
                }
            } else {
                made.body(&id)
            };
            let firehose = bench.daemon.firehose().with(ID, &id);
            sending.spawn(async move {
                // Rejecting a body early may close the connection.
                if let Ok(reply) = firehose.try_post(body).await {
                    assert!(matches!(reply.status, 200 | 400 | 503), "{}", reply.body);
                }
            });
        }
        sending.join_all().await;
        let honest = bench.daemon.firehose().deliver("after", &[send_of("after")]).await;
        assert_eq!(honest.status, 200, "{}", honest.body);
        while bench.sqs.queue().left() > 0 {
            let left = bench.sqs.queue().left();
            bench.sqs.until("shorter", |queue| queue.left() < left).await;
        }
        pulse.assert_steady().await;
        assert_eq!(bench.daemon.metric("postmeter_refused_total{reason=\"panic\"}").await, 0);
        bench.assert_peak_at_most(450 * MIB);
        bench.daemon.end().await;
    }
}
