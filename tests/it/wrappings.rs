//! What people really send: each kind of input gives the same through `count`, `explain`, Firehose, a
//! queue and S3.

use std::fs;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::command::{run, text};
use crate::support::fake_cloudwatch::FakeCloudWatch;
use crate::support::fake_s3::{FakeS3, notification};
use crate::support::fake_sqs::FakeSqs;
use crate::support::process::Daemon;

const DEFINITIONS: &str = "config/definitions.json";

/// The values of an input, by kind: event, malformed, foreign, notice.
type Kinds = [u64; 4];

const KINDS: [&str; 4] = ["event", "malformed", "foreign", "notice"];

struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    kinds: Kinds,
    /// What `count` and `explain` say about it.
    says: &'static str,
}

fn event(number: usize) -> String {
    json!({
        "eventType": "Delivery",
        "mail": {
            "timestamp": "2026-11-20T12:00:00.000Z",
            "messageId": format!("message-{number}"),
            "tags": {"ses:configuration-set": ["prod"], "campaign": ["autumn"]},
        },
        "delivery": {"timestamp": "2026-11-20T12:00:01.000Z"},
    })
    .to_string()
}

fn sns(message: &str) -> String {
    let topic = "arn:aws:sns:eu-central-1:111122223333:mail";
    json!({"Type": "Notification", "TopicArn": topic, "Message": message}).to_string()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("gzip in memory");
    encoder.finish().expect("gzip in memory")
}

/// Inputs that are text; a queue carries no other.
fn texts() -> Vec<Case> {
    let e = |number| event(number);
    let data = |text: &str| STANDARD.encode(text);
    let bridge = json!({
        "version": "0",
        "detail-type": "Email Delivered",
        "source": "aws.ses",
        "detail": serde_json::from_str::<Value>(&e(1)).expect("it is JSON"),
    });
    let logs = json!({
        "messageType": "DATA_MESSAGE",
        "logGroup": "/aws/events/mail",
        "logEvents": [{"id": "1", "timestamp": 1_795_000_000_000_u64, "message": bridge.to_string()}],
    });
    let listed =
        json!({"events": [{"message": e(1)}, {"message": e(2)}], "searchedLogStreams": []});
    let received = json!({
        "Messages": [{"MessageId": "a", "Body": sns(&e(1))}, {"MessageId": "b", "Body": e(2)}]
    });
    let kinesis = json!({"Records": [{"kinesis": {"data": data(&e(1))}, "eventName": "x"}]});
    let transformation = json!({
        "invocationId": "i",
        "deliveryStreamArn": "arn:aws:firehose:eu-central-1:111122223333:deliverystream/mail",
        "records": [{"recordId": "1", "data": data(&format!("{}\n", e(1)))}],
    });
    let log_data = json!({"awslogs": {"data": STANDARD.encode(gzip(&logs.to_string()))}});
    let failure = json!({"errorCode": "Lambda.FunctionError", "rawData": data(&e(1))});
    let succeeded = json!({
        "notificationType": "AmazonSnsSubscriptionSucceeded",
        "message": "Your topic receives bounce notifications for the identity example.com.",
    });
    let surrogate = sns(&e(1)).replacen("\"{\\\"", r#""{\"x\":\"\ud83d\",\""#, 1);
    let case = |name, text: String, kinds| Case { name, bytes: text.into_bytes(), kinds, says: "" };
    vec![
        case("literal-newlines", [e(1), e(2), e(3)].join(r"\n"), [3, 0, 0, 0]),
        case("record-separators", [e(1), e(2)].join("\u{1e}"), [2, 0, 0, 0]),
        case("commas", format!("{},\n{},", e(1), e(2)), [2, 0, 0, 0]),
        case("list", format!("[{},{},\n{}]\n", e(1), e(2), e(3)), [3, 0, 0, 0]),
        case("list-with-a-fault", format!("[{},\n{{]\n,{}]", e(1), e(2)), [2, 1, 0, 0]),
        case("open-list", format!("[{},{}", e(1), e(2)), [2, 1, 0, 0]),
        case("nested-lists", format!("[[{}],[{},7]]", e(1), e(2)), [2, 0, 1, 0]),
        case("json-text", json!(e(1)).to_string(), [1, 0, 0, 0]),
        case("receive-message", format!("{received:#}"), [2, 0, 0, 0]),
        case("kinesis", kinesis.to_string(), [1, 0, 0, 0]),
        case("transformation", transformation.to_string(), [1, 0, 0, 0]),
        case("log-subscription", logs.to_string(), [1, 0, 0, 0]),
        case("filter-log-events", format!("{listed:#}"), [2, 0, 0, 0]),
        case("log-data", log_data.to_string(), [1, 0, 0, 0]),
        case("failed-delivery", failure.to_string(), [1, 0, 0, 0]),
        case("subscription-succeeded", sns(&succeeded.to_string()), [0, 0, 0, 1]),
        case("lone-surrogate", surrogate, [1, 0, 0, 0]),
    ]
}

/// Inputs that are not.
fn binaries() -> Vec<Case> {
    let member = |number| gzip(&event(number));
    let case = |name, bytes: Vec<u8>, kinds, says| Case { name, bytes, kinds, says };
    let text = [&b"\n"[..], event(1).as_bytes(), b"\n"].concat();
    let named = |magic: &[u8]| [magic, &text].concat();
    vec![
        case(
            "gzip-members",
            [member(1), b"\n".to_vec(), member(2), b"\r\n \t".to_vec(), member(3)].concat(),
            [3, 0, 0, 0],
            "",
        ),
        case("gzip-newline", [member(1), b"\n".to_vec()].concat(), [1, 0, 0, 0], ""),
        case("gzip-garbage", [member(1), b"garbage".to_vec()].concat(), [1, 1, 0, 0], ""),
        case("zip", named(b"PK\x03\x04\x14\0\0\0\x08\0"), [0, 1, 0, 0], "ZIP"),
        case("snappy", named(b"\xff\x06\0\0sNaPpY\x01\0\0"), [0, 1, 0, 0], "Snappy"),
        case("snappy-java", named(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"), [0, 1, 0, 0], "Snappy"),
        case(
            "hadoop-snappy",
            named(b"\0\0\x01\x2c\0\0\0\x46\xac\x02\xf0\x41"),
            [0, 1, 0, 0],
            "Hadoop-compatible Snappy",
        ),
        case("bzip2", named(b"BZh91AY&SY\x01\x02"), [0, 1, 0, 0], "bzip2"),
    ]
}

fn cases() -> Vec<Case> {
    [texts(), binaries()].into_iter().flatten().collect()
}

#[test]
fn count_and_explain_give_the_same_values_of_every_kind_of_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    for Case { name, bytes, kinds, says } in cases() {
        let (input, summary) = (path(name), path("summary.json"));
        fs::write(&input, bytes).expect("the input is written");
        let args = ["count", "--definitions", DEFINITIONS, "--summary", &summary, &input];
        let counted = run(&args);
        assert!(counted.status.success(), "{name}: {}", text(&counted.stderr));
        assert!(text(&counted.stderr).contains(says), "{name}: {}", text(&counted.stderr));
        let summary = fs::read_to_string(&summary).expect("a summary");
        let summary: Value = serde_json::from_str(&summary).expect("JSON");
        let number = |key: &str| summary[key].as_u64().expect("a number");
        let found = [number("events"), number("malformed"), number("foreign"), number("notice")];
        assert_eq!(found, kinds, "{name}");
        assert_eq!(number("unknown_type") + number("control"), 0, "{name}");

        let args = ["explain", "--definitions", DEFINITIONS, "--format", "json", &input];
        let explained = run(&args);
        let lines: Vec<Value> = text(&explained.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let count = |kind| lines.iter().filter(|line| line["kind"] == kind).count() as u64;
        assert_eq!(KINDS.map(count), kinds, "{name}: {lines:?}");
        assert_eq!(lines.len() as u64, kinds.iter().sum::<u64>(), "{name}: {lines:?}");
        if !says.is_empty() {
            let reason = lines[0]["reason"].as_str().expect("a reason");
            assert!(reason.starts_with(says) && reason.contains("GZIP"), "{name}: {reason}");
        }
    }
}

fn sum(cases: &[Case]) -> Kinds {
    let add = |sum: Kinds, case: &Case| std::array::from_fn(|at| sum[at] + case.kinds[at]);
    cases.iter().fold(Kinds::default(), add)
}

fn values(kind: &str) -> String {
    format!("postmeter_values_total{{kind=\"{kind}\"}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn firehose_counts_the_values_of_every_kind_of_input() {
    let app = TestApp::in_memory(|_| {}).await;
    let mut before = Kinds::default();
    for Case { name, bytes, kinds, .. } in cases() {
        assert_eq!(app.firehose().deliver(name, &[bytes]).await.status, 200, "{name}");
        let mut after = Kinds::default();
        for (after, kind) in after.iter_mut().zip(KINDS) {
            *after = app.metric(&values(kind)).await;
        }
        let found: Kinds = std::array::from_fn(|at| after[at] - before[at]);
        assert_eq!(found, kinds, "{name}");
        before = after;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_and_s3_count_the_values_of_every_kind_of_input() {
    let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
    let s3 = FakeS3::start().await;
    let (cloudwatch_url, queue, s3_url) = (cloudwatch.url(), sqs.url(), s3.url());
    let daemon = Daemon::start(&[
        ("AWS_ENDPOINT_URL_CLOUDWATCH", cloudwatch_url.as_str()),
        ("AWS_ENDPOINT_URL_S3", s3_url.as_str()),
        ("POSTMETER__SQS__0__QUEUE_URL", queue.as_str()),
    ]);
    let message = |case: Case| String::from_utf8(case.bytes).expect("a text");
    sqs.send(texts().into_iter().map(message));
    sqs.until_empty().await;
    let expected = sum(&texts());
    for (kind, expected) in KINDS.into_iter().zip(expected) {
        assert_eq!(daemon.metric(&values(kind)).await, expected, "{kind} in messages");
    }
    let records: Vec<_> = cases().into_iter().map(|case| s3.put(case.name, case.bytes)).collect();
    sqs.send(records.chunks(5).map(notification));
    sqs.until_empty().await;
    for ((kind, before), more) in KINDS.into_iter().zip(expected).zip(sum(&cases())) {
        assert_eq!(daemon.metric(&values(kind)).await, before + more, "{kind} in objects");
    }
    daemon.end().await;
}
