//! Unreadable input is kept, and can be read again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postmeter::clock::Clock;
use postmeter::config::{Config, Publish, Unread};
use postmeter::synth::{Profile, StreamOptions, stream};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::support::app::{PATIENCE, TestApp};
use crate::support::command::{postmeter, run, run_with_stdin, text};
use crate::support::delivery_stream::{answer, records};
use crate::support::endpoint::Endpoint;
use crate::support::firehose::{SOURCE_ARN, body_of, gzip};
use crate::support::process::Daemon;

const ID: &str = "x-amz-firehose-request-id";
const ADDRESS: &str = "somebody@example.com";

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn keep_in(directory: &TempDir) -> impl FnOnce(&mut Config) {
    let directory = directory.path().to_owned();
    move |config| config.dead_letters.directory = Some(directory)
}

/// The dead letters in a directory, as text and as JSON.
fn letters(directory: &Path) -> Vec<(String, Value)> {
    let entries = fs::read_dir(directory).expect("the directory is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let texts = paths.iter().map(|path| fs::read_to_string(path).expect("text"));
    let lines: Vec<_> =
        texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines
        .into_iter()
        .map(|line| {
            let letter = serde_json::from_str(&line).expect("a line is JSON");
            (line, letter)
        })
        .collect()
}

const COUNT: [&str; 5] =
    ["count", "--definitions", "config/definitions.json", "--summary", "/dev/stdout"];

/// The summary of `count` for some bytes.
fn summary(input: &[u8]) -> Value {
    summary_of(&run_with_stdin(&COUNT, input))
}

fn summary_of(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_str(text(&output.stdout).lines().next().expect("the summary")).expect("JSON")
}

async fn values(app: &TestApp, kind: &str) -> u64 {
    app.metric(&format!("postmeter_values_total{{kind=\"{kind}\"}}")).await
}

/// Dead letters by outcome, without zeros.
async fn outcomes(app: &TestApp) -> BTreeMap<&'static str, u64> {
    let mut all = BTreeMap::new();
    for outcome in ["kept", "again", "full", "too_large", "failed"] {
        let name = format!("postmeter_dead_letters_total{{outcome=\"{outcome}\"}}");
        all.insert(outcome, app.metric(&name).await);
    }
    all.retain(|_, letters| *letters > 0);
    all
}

async fn until(app: &TestApp, expected: &[(&'static str, u64)]) {
    let expected: BTreeMap<_, _> = expected.iter().copied().collect();
    let same = async {
        while outcomes(app).await != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if timeout(PATIENCE, same).await.is_err() {
        assert_eq!(outcomes(app).await, expected);
    }
}

/// Unusual events in every wrapping, with faults: records, some of them gzip, some truncated.
fn awkward_records(seed: u64) -> Vec<Vec<u8>> {
    let profile = Profile { seed, awkward: true, ..Profile::default() };
    let part = |seed, torn_end| {
        let profile = Profile { seed, ..profile.clone() };
        stream(profile, 20, &StreamOptions { torn_end, ..StreamOptions::default() }).bytes
    };
    let packed = gzip(&part(seed + 3, false));
    let torn = packed[..packed.len() - 30].to_vec();
    vec![part(seed, false), part(seed + 1, true), gzip(&part(seed + 2, true)), packed, torn]
}

/// The dead letters of a delivery, read again, are exactly what was `malformed` or of unknown type:
/// no event, nothing else, and nothing twice.
#[tokio::test]
async fn letters_hold_every_unreadable_value_and_no_event() {
    let directory = directory();
    let app = TestApp::in_memory(keep_in(&directory)).await;
    let files = self::directory();
    let mut paths = Vec::new();
    for number in 0..10 {
        let id = format!("{number}");
        let records = awkward_records(number * 10);
        let body = String::from_utf8(body_of(&id, &records)).expect("text");
        let body = body.replacen('[', "[{\"data\":\"not base64!\"},{},{\"data\":7},", 1);
        for _ in 0..2 {
            let firehose = app.firehose().with(ID, &id);
            assert_eq!(firehose.post(body.clone().into_bytes()).await.status, 200);
        }
        for (at, record) in records.iter().enumerate() {
            let path = files.path().join(format!("{number}-{at}"));
            fs::write(&path, record).expect("the file is written");
            paths.push(path.to_str().expect("text").to_owned());
        }
    }
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    let expected = summary_of(&run(&[&COUNT[..], &paths].concat()));
    let number = |summary: &Value, key: &str| summary[key].as_u64().expect("a number");
    let unknown = number(&expected, "unknown_type");
    let malformed = number(&expected, "malformed") + 3 * 10;
    assert!(malformed > 100 && unknown > 0 && number(&expected, "events") > 1000, "{expected}");
    assert_eq!(values(&app, "malformed").await, malformed);
    assert_eq!(values(&app, "event").await, number(&expected, "events"));
    until(&app, &[("kept", malformed + unknown)]).await;
    app.stop().await;

    let letters = letters(directory.path());
    let lines: Vec<_> = letters.iter().map(|(line, _)| format!("{line}\n")).collect();
    let again = summary(lines.concat().as_bytes());
    for (key, count) in [("malformed", malformed), ("unknown_type", unknown), ("events", 0)] {
        assert_eq!(number(&again, key), count, "{key}");
    }
    assert_eq!(number(&again, "foreign") + number(&again, "control") + number(&again, "notice"), 0);
    assert!(letters.iter().all(|(_, letter)| letter["source"] == SOURCE_ARN));
    let not_base64 = letters
        .iter()
        .filter(|(_, letter)| letter["requestId"] == "3" && letter["record"].as_u64() < Some(3));
    assert_eq!(not_base64.count(), 3);

    // A daemon that receives them and keeps dead letters itself stores nothing new.
    let other = self::directory();
    let app = TestApp::in_memory(keep_in(&other)).await;
    assert_eq!(app.firehose().deliver("again", &lines).await.status, 200);
    assert_eq!(values(&app, "malformed").await, malformed);
    assert_eq!(values(&app, "unknown_type").await, unknown);
    assert_eq!(values(&app, "event").await, 0);
    until(&app, &[("again", malformed + unknown)]).await;
    app.stop().await;
    assert_eq!(self::letters(other.path()), []);
}

#[tokio::test]
async fn event_whose_type_is_known_later_is_counted_from_its_letter() {
    let directory = directory();
    let app = TestApp::in_memory(|config| {
        keep_in(&directory)(config);
        config.dead_letters.keep = vec![Unread::UnknownType, Unread::Foreign];
    })
    .await;
    let event = |event_type: &str| {
        json!({"eventType": event_type, "mail": {"timestamp": "2026-11-20T12:00:00Z",
            "tags": {"ses:configuration-set": ["prod"]}}})
        .to_string()
    };
    let records = [event("Send"), event("Telepathy"), "{\"a\":7}".into(), "torn: {".into()];
    assert_eq!(app.firehose().deliver("1", &records).await.status, 200);
    until(&app, &[("kept", 2)]).await;
    app.stop().await;
    let kept = letters(directory.path());
    let codes: Vec<_> = kept.iter().map(|(_, letter)| &letter["errorCode"]).collect();
    assert_eq!(codes, ["unknown_type", "foreign"]);
    let raw = |at: usize| {
        let raw = kept[at].1["rawData"].as_str().expect("text");
        String::from_utf8(STANDARD.decode(raw).expect("base64")).expect("text")
    };
    assert_eq!((raw(0), raw(1)), (event("Telepathy"), "{\"a\":7}".to_owned()));

    // As if this version were newer.
    let known = STANDARD.encode(raw(0).replace("Telepathy", "Delivery"));
    let letter = kept[0].0.replace(&STANDARD.encode(raw(0)), &known);
    let counted = summary(letter.as_bytes());
    assert_eq!((&counted["events"], &counted["unknown_type"]), (&json!(1), &json!(0)));
}

/// Neither for a rejection before the records are read nor for one afterwards.
#[tokio::test]
async fn rejected_request_leaves_no_letter() {
    let directory = directory();
    let traffic: Vec<Vec<u8>> = awkward_records(1);
    // Merged counts stay pending as long as the test runs.
    let never_flushed = Duration::from_hours(24);
    let app = TestApp::in_memory(|config| config.cloudwatch.flush_interval = never_flushed).await;
    assert_eq!(app.firehose().deliver("0", &traffic).await.status, 200);
    let entries = app.metric("postmeter_pending_entries").await;
    app.stop().await;
    let app = TestApp::in_memory(|config| {
        keep_in(&directory)(config);
        // Room for this request only.
        config.limits.entries = usize::try_from(entries).expect("a few");
        config.cloudwatch.flush_interval = never_flushed;
    })
    .await;
    let events = include_bytes!("../../config/examples/events.ndjson");
    assert_eq!(app.firehose().deliver("0", &[events]).await.status, 200);
    assert_eq!(app.firehose().deliver("1", &traffic).await.status, 503);
    let body = String::from_utf8(body_of("2", &traffic)).expect("text");
    let broken = body.replacen('[', "[{},", 1).replace("]}", "]");
    assert_eq!(app.firehose().with(ID, "2").post(broken.into_bytes()).await.status, 400);
    let twice = body.replacen('[', "[{},", 1).replace("]}", "],\"requestId\":\"3\"}");
    assert_eq!(app.firehose().with(ID, "2").post(twice.into_bytes()).await.status, 400);
    let refused = app.metric("postmeter_requests_total{outcome=\"entries_limit\"}").await;
    assert_eq!(refused, 1);
    let left = outcomes(&app).await;
    app.stop().await;
    assert_eq!((left, letters(directory.path())), (BTreeMap::new(), vec![]));
}

#[tokio::test]
async fn request_without_room_for_letters_continues_and_its_letters_are_counted() {
    let directory = directory();
    let app = TestApp::in_memory(|config| {
        keep_in(&directory)(config);
        config.dead_letters.bytes = 10;
    })
    .await;
    let large = [b"{\"".to_vec(), vec![b'x'; 13 << 20]].concat();
    assert_eq!(app.firehose().deliver("1", &[&b"{"[..], b"}", &large]).await.status, 200);
    until(&app, &[("full", 2), ("too_large", 1)]).await;
    assert_eq!(values(&app, "malformed").await, 3);
    app.stop().await;
}

#[test]
fn directory_that_cannot_be_used_stops_the_start() {
    let output = postmeter(&["serve"])
        .envs([
            ("POSTMETER__CLOUDWATCH__PUBLISH", "memory"),
            ("POSTMETER__LISTEN__HTTP", "127.0.0.1:0"),
            ("POSTMETER__LISTEN__ADMIN", "127.0.0.1:0"),
            ("POSTMETER__DEAD_LETTERS__DIRECTORY", "/dev/null/letters"),
        ])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("cannot keep dead letters in /dev/null/letters (dead_letters.directory): ")
    );
    assert!(said.contains("; make it a directory that this process can write to"), "{said}");
}

/// Not even at the most detailed level, and not when a letter fails.
#[test]
fn log_never_shows_the_content_of_a_letter() {
    let directory = directory();
    let (place, log) = (directory.path().to_str().expect("text"), "trace");
    let daemon = Daemon::start(&[
        ("POSTMETER__CLOUDWATCH__PUBLISH", "memory"),
        ("POSTMETER__DEAD_LETTERS__DIRECTORY", place),
        ("POSTMETER__DEAD_LETTERS__BYTES", "1048576"),
        ("POSTMETER__TELEMETRY__LOG", log),
    ]);
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let torn = format!("{{\"eventType\":\"Send\",\"mail\":{{\"destination\":[\"{ADDRESS}\"");
    let large = torn.clone() + &" ".repeat(1 << 20);
    let reply = runtime.block_on(daemon.firehose().deliver("1", &[torn, large]));
    assert_eq!(reply.status, 200);
    daemon.signal("TERM");
    let (status, _, said) = daemon.wait();
    assert!(status.success());
    assert!(said.iter().any(|line| line.contains("dead letters not kept")), "{said:#?}");
    assert!(!said.iter().any(|line| line.contains("somebody")), "{said:#?}");
    let kept = letters(directory.path());
    assert_eq!(kept.len(), 1);
    assert!(!kept[0].0.contains("somebody"), "it is in base64");
}

// === to a stream ===

async fn send_to(endpoint: &Endpoint) -> TestApp {
    let url = format!("http://{}", endpoint.address);
    TestApp::start_at(&url, Clock::System, |config| {
        config.cloudwatch.publish = Publish::Memory;
        config.dead_letters.stream = Some("ses".to_owned());
    })
    .await
}

#[tokio::test]
async fn stream_gets_every_letter_and_rejected_ones_are_retried() {
    let taken: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let list = Arc::clone(&taken);
    let endpoint = Endpoint::start(move |number, received| {
        let list = Arc::clone(&list);
        async move {
            if number == 0 {
                return (500, json!({"__type": "InternalFailure"}).to_string());
            }
            let records = records(&received);
            let is_good = |at: usize| number > 1 || !at.is_multiple_of(3);
            let good = records.iter().enumerate().filter(|(at, _)| is_good(*at));
            let good: Vec<_> = good.map(|(_, record)| record.clone()).collect();
            list.lock().expect("nobody panics with it").extend(good);
            answer(&records, is_good)
        }
    })
    .await;
    let app = send_to(&endpoint).await;
    let mut bad: Vec<_> = (0..1100).map(|number| format!("bad {number}").into_bytes()).collect();
    bad.push(vec![b'x'; 800_000]);
    assert_eq!(app.firehose().deliver("1", &bad).await.status, 200);
    until(&app, &[("kept", 1100), ("too_large", 1)]).await;

    let calls: Vec<_> = endpoint.received().iter().map(records).collect();
    let lens: Vec<_> = calls.iter().map(Vec::len).collect();
    assert_eq!(lens, [500, 500, 167, 500, 100]);
    assert_eq!(calls[0], calls[1]);
    assert_eq!(calls[2], calls[0].iter().step_by(3).cloned().collect::<Vec<_>>());

    // As the stream delivers them.
    let taken = std::mem::take(&mut *taken.lock().expect("nobody panics with it"));
    assert!(taken.iter().all(|line| line.ends_with(b"\n")));
    assert_eq!(summary(&taken.concat())["malformed"], 1100);
    assert_eq!(app.firehose().deliver("2", &taken).await.status, 200);
    until(&app, &[("kept", 1100), ("too_large", 1), ("again", 1100)]).await;
    assert_eq!(values(&app, "malformed").await, 2201);
    app.stop().await;
    assert_eq!(endpoint.received().len(), 5);
}

#[tokio::test]
async fn letter_that_no_retry_helps_has_failed_and_the_next_is_sent() {
    let endpoint = Endpoint::start(|number, received| async move {
        match number {
            0 => (400, json!({"__type": "InvalidArgumentException"}).to_string()),
            _ => answer(&records(&received), |_| true),
        }
    })
    .await;
    let app = send_to(&endpoint).await;
    assert_eq!(app.firehose().deliver("1", &["{"]).await.status, 200);
    until(&app, &[("failed", 1)]).await;
    assert_eq!(app.firehose().deliver("2", &["{"]).await.status, 200);
    until(&app, &[("failed", 1), ("kept", 1)]).await;
    app.stop().await;
}

#[tokio::test]
async fn letters_pending_at_shutdown_are_sent_within_the_grace() {
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    let endpoint = Endpoint::start(move |_, received| {
        let gate = Arc::clone(&gate);
        async move {
            if gate.load(Ordering::Relaxed) {
                answer(&records(&received), |_| true)
            } else {
                (400, json!({"__type": "AccessDeniedException"}).to_string())
            }
        }
    })
    .await;
    let mut app = send_to(&endpoint).await;
    assert_eq!(app.firehose().deliver("1", &["{", "}"]).await.status, 200);
    let refused = async {
        while endpoint.received().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, refused).await.expect("a first try");
    app.signal();
    open.store(true, Ordering::Relaxed);
    app.stop().await;
    let calls = endpoint.received();
    assert_eq!(records(calls.last().expect("a call")).len(), 2);
    assert!(calls.len() > 1);
}
