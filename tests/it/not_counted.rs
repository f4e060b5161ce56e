//! What is not counted is named: its kind, its reason, and the place where it was first seen.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::command::{run, run_with_stdin, text};
use crate::support::fake_cloudwatch::FakeCloudWatch;
use crate::support::fake_s3::{FakeS3, gzip, notification};
use crate::support::fake_sqs::FakeSqs;
use crate::support::process::Daemon;
use crate::support::traffic::send_of;

const DEFINITIONS: &str = "config/definitions.json";

/// An event of a type, with tags.
fn event(event_type: &str, tags: &Value) -> String {
    let mail = json!({"timestamp": "2026-11-20T12:00:00Z", "tags": tags});
    json!({"eventType": event_type, "mail": mail}).to_string()
}

/// Definitions with one destination that counts Send by `campaign`, and one that is off.
fn definitions(source: &str) -> String {
    let destination = |name: &str, enabled: bool, dimension: &str, source: &str| {
        json!({"Name": name, "Enabled": enabled, "MatchingEventTypes": ["SEND"],
            "CloudWatchDestination": {"DimensionConfigurations": [{"DimensionName": dimension,
                "DimensionValueSource": source, "DefaultDimensionValue": "none"}]}})
    };
    let destinations = [
        destination("on", true, "campaign", source),
        destination("off", false, "campaign", "MESSAGE_TAG"),
    ];
    json!({"ConfigurationSets":
        [{"ConfigurationSetName": "prod", "EventDestinations": destinations}]})
    .to_string()
}

/// A file in a folder that lasts as long as the test.
fn file(folder: &tempfile::TempDir, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(name);
    fs::write(&path, content).expect("a file");
    path.display().to_string()
}

/// Values of every kind that is not counted, in this order, and the offset of each.
fn one_of_each_kind() -> (String, Vec<usize>) {
    let values = [
        event("Send", &json!({"ses:configuration-set": ["prod"], "campaign": ["spring"]})),
        "{\"eventType\":\"Send\" ?".to_owned(),
        json!({"level": "info", "message": "hello"}).to_string(),
        event("TextDelivered", &json!({"ses:configuration-set": ["prod"]})),
        event("Send", &json!({"ses:configuration-set": ["staging"]})),
        event("Open", &json!({"ses:configuration-set": ["prod"]})),
        event("Send", &json!({"ses:configuration-set": ["prod"], "campaign": ["two words"]})),
    ];
    let (mut text, mut places) = (String::new(), Vec::new());
    for value in values {
        places.push(text.len());
        text.push_str(&value);
        text.push('\n');
    }
    (text, places)
}

/// What a command says besides warnings about the definitions.
fn said(output: &Output) -> String {
    let lines = text(&output.stderr).split_inclusive('\n');
    lines.filter(|line| line.starts_with("postmeter: ")).collect()
}

#[test]
fn count_says_what_it_does_not_count_by_kind_with_the_first_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let definitions = file(&folder, "d.json", definitions("MESSAGE_TAG"));
    let (text_of_each, at) = one_of_each_kind();
    let counted = text_of_each.lines().next().expect("an event").to_owned();
    let (sound, each) = (file(&folder, "sound", &counted), file(&folder, "each", &text_of_each));
    let other = file(&folder, "other", event("Send", &json!({})) + "7");
    let output = run(&["count", "--definitions", &definitions, &sound, &each, &other]);
    assert_eq!(output.status.code(), Some(0));
    let line = |what: &str, at: usize| {
        format!("postmeter: {what}; the first is at byte {at} of the text in {each}\n")
    };
    let expected = [
        line("1 value could not be read (malformed: not JSON 1)", at[1]),
        line("2 values not counted (foreign)", at[2]),
        line("1 value not counted (unknown_type: TextDelivered 1)", at[3]),
        line("2 events not counted (unrouted: staging 1, no configuration set 1)", at[4]),
        line("1 event not counted (unmatched: prod/Open 1)", at[5]),
        line("1 count dropped (invalid_value: prod/on 1)", at[6]),
    ];
    assert_eq!(said(&output), expected.concat());

    let output = run(&["count", "--definitions", &definitions, &sound]);
    assert_eq!(said(&output), "", "everything is counted");

    let nothing = "postmeter: the input is empty: it has no events and no other values\n";
    for command in ["count", "explain"] {
        let output = run_with_stdin(&[command, "--definitions", &definitions], b" \n[]");
        assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), nothing), "{command}");
    }
    let folder = folder.path().display().to_string();
    let output = run(&["count", "--definitions", &definitions, &folder]);
    let directory = format!("postmeter: cannot read {folder}: it is a directory; pass files\n");
    assert_eq!((output.status.code(), said(&output)), (Some(1), directory));
}

#[test]
fn count_says_the_same_of_a_text_of_many_blocks() {
    let folder = tempfile::tempdir().expect("a folder");
    let definitions = file(&folder, "d.json", definitions("MESSAGE_TAG"));
    let counted = event("Send", &json!({"ses:configuration-set": ["prod"]})) + "\n";
    let sound = counted.repeat((3 << 20) / counted.len());
    let others: String = (0..100)
        .map(|at| event("Send", &json!({"ses:configuration-set": [format!("set-{}", at % 3)]})))
        .collect();
    let input = [&*sound, &others, &sound, &others].concat();
    let output = run_with_stdin(&["count", "--definitions", &definitions], input.as_bytes());
    assert_eq!(
        said(&output),
        format!(
            "postmeter: 200 events not counted (unrouted: set-0 68, set-1 66, set-2 66); the first \
             is at byte {} of the text in stdin\n",
            sound.len()
        )
    );
}

/// A line of `explain` for each value that is not an event.
#[test]
fn explain_gives_the_reason_of_every_value_that_is_no_event() {
    let (input, at) = one_of_each_kind();
    let explain = ["explain", "--definitions", DEFINITIONS];
    let output = run_with_stdin(&explain, input.as_bytes());
    let stdout = text(&output.stdout);
    let has = |line: &str| assert!(stdout.lines().any(|found| found == line), "{line}\n{stdout}");
    has(&format!(
        "malformed (bare): not counted: not JSON: expected `,` or `}}` after 20 bytes of it; at byte \
         {} of the text",
        at[1]
    ));
    has(&format!(
        "foreign (bare): not counted: an object with the keys level, message, not an SES event; at \
         byte {} of the text",
        at[2]
    ));
    has(&format!(
        "unknown_type (bare): not counted: eventType \"TextDelivered\" is not one of the 10 types; \
         at byte {} of the text",
        at[3]
    ));

    let why = |input: &[u8]| {
        let output = run_with_stdin(&[&explain[..], &["--format", "json"]].concat(), input);
        let last = text(&output.stdout).lines().last().expect("a line").to_owned();
        let line: Value = serde_json::from_str(&last).expect("JSON");
        line["reason"].as_str().unwrap_or_else(|| panic!("no reason: {line}")).to_owned()
    };
    let torn = gzip(&event("Send", &json!({})));
    for (input, reason) in [
        (&b"{\"eventType\":\"Open\"}"[..], "Open event without a `mail` object"),
        (b"{\"notificationType\":\"Send\",\"mail\":{}}", "is not Bounce, Complaint or Delivery"),
        (b"{\"Records\":[{\"body\":1}]}", "an object with the key body, not an SES event"),
        (b"{\"detail-type\":\"x\",\"source\":\"aws.s3\",\"detail\":{}}", "EventBridge envelope"),
        (b"{\"requestId\":\"r\",\"records\":[{\"data\":\"?\"}]}", "not Base64"),
        (b"{\"a\":\"\xff\"}", "not valid UTF-8 after 6 bytes of it"),
        (b"[7,{\"a\":1}", "ends inside a list"),
        (b"{\"a\":", "the text ends inside the value after 5 bytes of it"),
        (&torn[..torn.len() - 4], "gzip stream is truncated"),
        (b"PK\x03\x04", "ZIP"),
        (b"{\"Type\":\"UnsubscribeConfirmation\"}", "about a subscription"),
        (b"Successfully validated SNS topic for Amazon SES event publishing.", "a notice"),
    ] {
        let found = why(input);
        assert!(found.contains(reason), "{reason}: {found}");
    }
}

#[test]
fn explain_lists_destinations_that_are_off_and_says_what_is_known_of_headers() {
    let folder = tempfile::tempdir().expect("a folder");
    let definitions = file(&folder, "d.json", definitions("EMAIL_HEADER"));
    let explained = |mail: Value| {
        let mut event: Value =
            serde_json::from_str(&event("Send", &json!({"ses:configuration-set": ["prod"]})))
                .expect("JSON");
        event["mail"].as_object_mut().expect("it is one").extend(mail.as_object().unwrap().clone());
        let output = run_with_stdin(
            &["explain", "--definitions", &definitions],
            event.to_string().as_bytes(),
        );
        let stdout = text(&output.stdout).to_owned();
        assert!(stdout.contains("\n  destination off: disabled\n"), "{stdout}");
        stdout
    };
    let other = json!([{"name": "Date", "value": "today"}]);
    for (mail, expected) in [
        (json!({"headers": other, "headersTruncated": false}), "because the event has none)"),
        (json!({"headers": other, "headersTruncated": true}), "it may have been cut off)"),
        (json!({}), "because the event carries no headers)"),
        (json!({"headers": []}), "because the event carries no headers)"),
        (
            json!({"headers": [{"name": "CAMPAIGN", "value": "x"}], "headersTruncated": true}),
            "(email header; from the event)",
        ),
    ] {
        let stdout = explained(mail);
        assert!(stdout.contains(expected), "{expected}: {stdout}");
    }
}

// === serve ===

/// The warning of a kind in a daemon's log: there is only one.
fn warning(log: &[String], reason: &str) -> Value {
    let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut lines: Vec<_> = lines.filter(|line| line["reason"] == reason).collect();
    assert_eq!(lines.len(), 1, "{reason}: {log:#?}");
    lines.remove(0)
}

async fn ended(daemon: Daemon) -> Vec<String> {
    daemon.signal("TERM");
    let (status, _, log) = tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it ends");
    assert!(status.success(), "{log:#?}");
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn daemon_warns_once_a_minute_of_each_kind_and_names_the_source() {
    let cloudwatch = FakeCloudWatch::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let definitions = file(&folder, "d.json", definitions("MESSAGE_TAG"));
    let url = cloudwatch.url();
    let daemon = Daemon::start(&[
        ("AWS_ENDPOINT_URL_CLOUDWATCH", &url),
        ("POSTMETER__DEFINITIONS", &definitions),
    ]);
    let (each, _) = one_of_each_kind();
    let address = event("Send", &json!({"ses:configuration-set": ["reader@example.net"]}));
    for request in ["first", "second", "third"] {
        let mut records: Vec<_> = each.lines().map(str::to_owned).collect();
        records.push(address.clone());
        assert_eq!(daemon.firehose().deliver(request, &records).await.status, 200);
    }
    let log = ended(daemon).await;
    let source = warning(&log, "malformed")["source"].clone();
    for (reason, first_at, count, names) in [
        ("malformed", 1, 1, "not JSON 1".into()),
        ("foreign", 2, 1, Value::Null),
        ("unknown_type", 3, 1, "TextDelivered 1".into()),
        ("unrouted", 4, 2, "staging 1, an invalid name 1".into()),
        ("unmatched", 5, 1, "prod/Open 1".into()),
        ("invalid_value", 6, 1, "prod/on 1".into()),
    ] {
        let line = warning(&log, reason);
        assert_eq!(line["level"], "WARN", "{line}");
        assert_eq!((&line["request"], &line["source"]), (&json!("first"), &source), "{line}");
        assert_eq!(
            (&line["first_at"], &line["count"]),
            (&json!(first_at), &json!(count)),
            "{line}"
        );
        assert_eq!(line["names"], names, "{line}");
    }
    assert!(!log.iter().any(|line| line.contains("reader")), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("two words")), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn torn_object_that_a_queue_names_is_named_in_the_log() {
    let (cloudwatch, sqs, s3) =
        (FakeCloudWatch::start().await, FakeSqs::start().await, FakeS3::start().await);
    let (url, queue, bucket) = (cloudwatch.url(), sqs.url(), s3.url());
    let daemon = Daemon::start(&[
        ("AWS_ENDPOINT_URL_CLOUDWATCH", &url),
        ("AWS_ENDPOINT_URL_S3", &bucket),
        ("POSTMETER__SQS__0__QUEUE_URL", &queue),
    ]);
    let torn = gzip(&send_of("torn").repeat(3));
    let sound = s3.put("2026/11/20/10/sound.gz", gzip(&send_of("sound")));
    let torn = s3.put("2026/11/20/10/torn.gz", torn[..torn.len() - 9].to_vec());
    sqs.send([notification(&[sound, torn])]);
    sqs.until_empty().await;
    // A message that is not an object is named by its queue and ID.
    sqs.send(["{\"level\":\"info\"}".to_owned()]);
    sqs.until_empty().await;
    let log = ended(daemon).await;
    let line = warning(&log, "malformed");
    assert_eq!(line["source"], "s3://mail/2026/11/20/10/torn.gz", "{line}");
    let line = warning(&log, "foreign");
    assert_eq!(line["source"], queue.as_str(), "{line}");
    assert!(line["request"].as_str().is_some_and(|id| !id.is_empty()), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn daemon_says_how_many_destinations_are_on_and_warns_of_none() {
    let cloudwatch = FakeCloudWatch::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let on = definitions("MESSAGE_TAG");
    let off = on.replace("\"Enabled\":true", "\"Enabled\":false");
    let definitions = file(&folder, "d.json", on);
    let url = cloudwatch.url();
    let mut daemon = Daemon::start(&[
        ("AWS_ENDPOINT_URL_CLOUDWATCH", &url),
        ("POSTMETER__DEFINITIONS", &definitions),
    ]);
    let said = |daemon: &mut Daemon| {
        let line = daemon.wait_for_line("\"disabled\":");
        let line: Value = serde_json::from_str(&line).expect("a log line is JSON");
        (line["level"].clone(), line["enabled"].clone(), line["disabled"].clone())
    };
    assert_eq!(said(&mut daemon), (json!("INFO"), json!(1), json!(1)));
    fs::write(&definitions, off).expect("a file");
    daemon.signal("HUP");
    assert_eq!(said(&mut daemon), (json!("WARN"), json!(0), json!(2)));
    ended(daemon).await;
}

// === replay ===

#[tokio::test(flavor = "multi_thread")]
async fn replay_names_objects_with_unreadable_values_and_fails_if_it_is_strict() {
    let (cloudwatch, s3) = (FakeCloudWatch::start().await, FakeS3::start().await);
    let torn = gzip(&send_of("torn").repeat(3));
    s3.put("events/sound.gz", gzip(&send_of("sound")));
    // Half of the trailer is missing: whatever the events are, all of them can be read.
    s3.put("events/torn.gz", torn[..torn.len() - 4].to_vec());
    let folder = tempfile::tempdir().expect("a folder");
    let replay = |more: &[&str]| {
        let mut command = crate::support::command::postmeter(&["replay"]);
        command.args(more).arg("s3://mail/events/").envs([
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("POSTMETER__DEFINITIONS", DEFINITIONS),
            ("POSTMETER__CLOUDWATCH__FLUSH_INTERVAL", "200ms"),
            ("AWS_ENDPOINT_URL_CLOUDWATCH", &cloudwatch.url()),
            ("AWS_ENDPOINT_URL_S3", &s3.url()),
        ]);
        tokio::task::spawn_blocking(move || command.output().expect("it runs"))
    };
    let named =
        "postmeter: s3://mail/events/torn.gz: 1 value could not be read (malformed: torn gzip 1)";
    let state = folder.path().join("state").display().to_string();
    for (arguments, code) in [
        (&["--dry-run"][..], 0),
        (&["--dry-run", "--strict"], 1),
        (&["--state", &state, "--strict"], 1),
    ] {
        let output = replay(arguments).await.expect("it ends");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.lines().any(|line| line.starts_with(named)), "{stderr}");
        assert!(!stderr.contains("sound.gz"), "{stderr}");
        assert!(!stderr.contains("run the same command again"), "{stderr}");
    }
}
