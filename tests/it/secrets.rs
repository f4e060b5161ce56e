//! Recipient addresses and secrets never leave the process: they are planted in every input, and
//! searched for in every output.
//!
//! Dimension values are published by design, so no planted text is one.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::app::PATIENCE;
use crate::support::command::{clean, postmeter, project_file, run_with_stdin};
use crate::support::fake_cloudwatch::{FakeCloudWatch, Fault, State};
use crate::support::firehose::{Firehose, Reply, get, gzip};
use crate::support::process::Daemon;
use crate::support::traffic::send_of;

/// Part of every planted text, and of nothing else.
const MARK: &str = "planted";
const KEY: &str = "planted-key-0123456789";
const OLD_KEY: &str = "planted-old-key-0123456789";

/// Every output, with its origin.
#[derive(Default)]
struct Heard(Vec<(String, Vec<u8>)>);

impl Heard {
    fn add(&mut self, place: impl Into<String>, said: impl Into<Vec<u8>>) {
        self.0.push((place.into(), said.into()));
    }

    fn reply(&mut self, place: &str, reply: &Reply) {
        self.add(place, format!("{:?} {}", reply.headers, reply.body));
    }

    fn assert_nothing_planted(&self) {
        let planted = memchr::memmem::Finder::new(MARK);
        for (place, said) in &self.0 {
            assert!(!said.is_empty(), "{place} said nothing");
            if let Some(at) = planted.find(said) {
                let around = &said[at.saturating_sub(200)..said.len().min(at + 200)];
                panic!("{place}: {}", String::from_utf8_lossy(around));
            }
        }
    }
}

/// Events of every type, with planted texts wherever SES copies foreign text.
fn events() -> Vec<String> {
    let folder = project_file("tests/fixtures/events");
    let mut events = Vec::new();
    for entry in fs::read_dir(folder).expect("the fixtures") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a fixture");
        let mut event: Value = serde_json::from_str(&text).expect("JSON");
        plant(&mut event);
        events.push(event.to_string());
    }
    assert!(events.len() > 20);
    events
}

/// Replaces every text that no definition reads.
fn plant(value: &mut Value) {
    match value {
        Value::String(text) => *text = format!("{MARK}.person@{MARK}.example <{text}>"),
        Value::Array(list) => list.iter_mut().for_each(plant),
        Value::Object(members) => {
            for (name, value) in members {
                match &**name {
                    "eventType" | "notificationType" | "timestamp" | "tags" | "linkTags" => {}
                    "headers" => plant_headers(value),
                    _ => plant(value),
                }
            }
        }
        _ => {}
    }
}

fn plant_headers(headers: &mut Value) {
    for header in headers.as_array_mut().into_iter().flatten() {
        let name = header["name"].as_str().unwrap_or_default();
        if !name.eq_ignore_ascii_case("X-Mailer-Pool") {
            plant(&mut header["value"]);
        }
    }
}

/// Valid, invalid, malformed and rejected input.
async fn drive(daemon: &Daemon, heard: &mut Heard) {
    let firehose = Firehose::new(daemon.http, KEY);
    let events = events();
    let old = Firehose::new(daemon.http, OLD_KEY);
    heard.reply("good", &firehose.deliver("good", &events).await);
    heard.reply("gzip", &old.deliver_gzip("gzip", &events).await);
    let sns = json!({"Type": "Notification", "TopicArn": MARK, "Message": events[0]}).to_string();
    let torn = &events[1][..events[1].len() - 20];
    let person = format!("{MARK}.person@example.com is no JSON");
    let cut = gzip(events[2].as_bytes());
    let odd = [sns.as_bytes(), torn.as_bytes(), person.as_bytes(), &cut[..cut.len() / 2], b"\xff"];
    heard.reply("malformed", &firehose.deliver("malformed", &odd).await);

    for (place, key) in [("wrong", "planted-wrong-key"), ("none", ""), ("almost", &KEY[1..])] {
        let reply = Firehose::new(daemon.http, key).deliver(place, &events).await;
        assert_eq!(reply.status, 401);
        heard.reply(place, &reply);
    }
    for (place, body) in [
        ("no request", events[0].clone().into_bytes()),
        ("another id", crate::support::firehose::body_of("other", &events)),
        ("broken gzip", cut[..40].to_vec()),
        ("cut", crate::support::firehose::body_of("cut", &events)[..5000].to_vec()),
        (
            "no base64",
            format!("{{\"requestId\":\"x\",\"records\":[{{\"data\":\"{MARK}@\"}}]}}").into(),
        ),
    ] {
        let reply = firehose.clone().with("x-amz-firehose-request-id", "x").post(body).await;
        assert!(reply.status == 400 || place == "no base64", "{place}: {}", reply.body);
        heard.reply(place, &reply);
    }
    let mut elsewhere = firehose.clone();
    elsewhere.path = format!("/{MARK}/firehose?key={MARK}");
    // Short, because no reader removes it there and a long one would be truncated.
    assert_eq!(elsewhere.deliver("elsewhere", &[send_of("a")]).await.status, 404);
    let old_version = firehose.clone().with("x-amz-firehose-protocol-version", MARK);
    heard.reply("version", &old_version.deliver("version", &events).await);
    let attributes = firehose.clone().with("x-amz-firehose-common-attributes", KEY);
    heard.reply("attributes", &attributes.deliver("attributes", &[send_of("a")]).await);
    for path in ["/metrics", "/series", "/livez", "/readyz"] {
        heard.add(path, get(daemon.admin, path).await.1);
    }
}

/// A daemon with the most detailed log.
fn start(command: &mut Command, url: &str, more: &[(&str, &str)]) -> Daemon {
    let keys = format!("{KEY},{OLD_KEY}");
    let variables = [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_SECRET_ACCESS_KEY", "planted-aws-secret"),
        ("AWS_SESSION_TOKEN", "planted-session-token"),
        ("POSTMETER__FIREHOSE__ACCESS_KEYS", &*keys),
        (
            "POSTMETER__TELEMETRY__LOG",
            "trace,aws_smithy_runtime=trace,aws_config=trace,hyper=trace",
        ),
    ];
    Daemon::spawn(command, &[&variables, more].concat())
}

async fn stop(daemon: Daemon, heard: &mut Heard, place: &str) -> Option<i32> {
    daemon.signal("TERM");
    let ended = tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it ends");
    heard.add(format!("stderr, {place}"), ended.2.join("\n"));
    ended.0.code()
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_secret_never_comes_out_whatever_goes_wrong() {
    let fake = FakeCloudWatch::start().await;
    fake.script(vec![Fault::Http500After, Fault::AccessDenied403, Fault::Throttle]);
    let directory = tempfile::tempdir().expect("a directory");
    let definitions = directory.path().join("definitions.json");
    fs::copy(project_file("config/definitions.json"), &definitions).expect("it is copied");
    let definitions = definitions.to_str().expect("a name in UTF-8");
    let mut heard = Heard::default();
    let mut daemon =
        start(&mut postmeter(&["serve"]), &fake.url(), &[("POSTMETER__DEFINITIONS", definitions)]);
    drive(&daemon, &mut heard).await;
    assert!(fake.wait_until(|state: &State| state.calls().len() >= 4, PATIENCE).await);
    fs::write(definitions, "{\"ConfigurationSets\": [{}, 5]}").expect("it is written");
    daemon.signal("HUP");
    heard.add("reload", daemon.wait_for_line("new definitions rejected"));
    assert_eq!(stop(daemon, &mut heard, "published").await, Some(0));

    // The remaining counts are printed completely at the end: series, but no addresses.
    fake.set_mode(Fault::HangBefore);
    let grace = [("POSTMETER__SHUTDOWN__GRACE", "1s")];
    let daemon = start(&mut postmeter(&["serve"]), &fake.url(), &grace);
    drive(&daemon, &mut heard).await;
    assert_eq!(stop(daemon, &mut heard, "left").await, Some(1));
    heard.assert_nothing_planted();
}

/// Not in the journal either, whether its disk is full or not.
#[tokio::test(flavor = "multi_thread")]
async fn planted_secret_is_never_journaled() {
    let fake = FakeCloudWatch::start().await;
    let mut heard = Heard::default();
    for kib in [u64::MAX >> 20, 1] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut limited = Command::new("bash");
        let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" serve");
        limited.args(["-c", &script, env!("CARGO_BIN_EXE_postmeter")]);
        clean(&mut limited);
        let path = directory.path().to_str().expect("a name in UTF-8");
        let journaled = [
            ("POSTMETER__FIREHOSE__ACKNOWLEDGE", "journaled"),
            ("POSTMETER__JOURNAL__DIRECTORY", path),
        ];
        let daemon = start(&mut limited, &fake.url(), &journaled);
        drive(&daemon, &mut heard).await;
        let failures = postmeter::telemetry::read_metrics(&get(daemon.admin, "/metrics").await.1);
        assert_eq!(failures["postmeter_journal_failures_total"] > 0.0, kib == 1);
        stop(daemon, &mut heard, "journaled").await;
        add_files(directory.path(), &mut heard);
    }
    heard.assert_nothing_planted();
}

fn add_files(directory: &Path, heard: &mut Heard) {
    let before = heard.0.len();
    for entry in fs::read_dir(directory).expect("the journal") {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).expect("a file of the journal");
        if !bytes.is_empty() {
            heard.add(path.display().to_string(), bytes);
        }
    }
    assert!(heard.0.len() > before, "there is no journal");
}

/// The commands on files print places and counts; only `explain` shows what a definition reads.
#[test]
fn planted_secret_is_never_printed_by_commands_on_files() {
    let torn = format!("{{\"eventType\": \"{MARK}\n{MARK}.person@example.com\n");
    let input = [events().join("\n"), torn].join("\n");
    let mut heard = Heard::default();
    for command in [
        &["count", "--format", "json", "--strict"][..],
        &["count", "--format", "table"],
        &["explain"],
        &["explain", "--format", "json"],
    ] {
        let arguments = [command, &["--definitions", "config/definitions.json"]].concat();
        let output = run_with_stdin(&arguments, input.as_bytes());
        heard.add(format!("{arguments:?}"), [output.stdout, output.stderr].concat());
    }
    heard.assert_nothing_planted();
}
