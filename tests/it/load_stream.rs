//! The load generator against a Firehose delivery stream with failing records.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::command::{run_with_stdin, text};
use crate::support::delivery_stream::{answer, records};
use crate::support::endpoint::Endpoint;
use crate::support::load::{Ran, report};

async fn put(endpoint: &Endpoint, options: &[&str]) -> Ran {
    let url = format!("http://{}", endpoint.address);
    let environment = [
        ("AWS_ENDPOINT_URL_FIREHOSE", url.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    report(&[&["firehose-stream", "ses"], options].concat(), &environment).await
}

/// The number of accepted events.
fn counted(taken: &[Vec<u8>]) -> u64 {
    let arguments =
        ["count", "--definitions", "config/definitions.json", "--summary", "/dev/stdout"];
    let output = run_with_stdin(&arguments, &taken.concat());
    let summary = text(&output.stdout).lines().next().expect("the summary");
    let summary: Value = serde_json::from_str(summary).expect("JSON");
    assert_eq!(summary["malformed"], 0);
    summary["events"].as_u64().expect("a count")
}

/// For every call, the next records on its connection are those that failed, in order.
#[tokio::test]
async fn failed_records_alone_are_sent_again() {
    let taken: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let list = Arc::clone(&taken);
    let endpoint = Endpoint::start(move |number, received| {
        let list = Arc::clone(&list);
        async move {
            let records = records(&received);
            // Every third record fails at first, and every second of these fails again.
            let is_good = |at: usize| match number % 3 {
                0 => !at.is_multiple_of(3),
                1 => !at.is_multiple_of(2),
                _ => true,
            };
            let good = records.iter().enumerate().filter(|(at, _)| is_good(*at));
            let good: Vec<_> = good.map(|(_, record)| record.clone()).collect();
            list.lock().expect("nobody panics with it").extend(good);
            answer(&records, is_good)
        }
    })
    .await;
    let options = ["--events", "1200", "--connections", "1", "--body-bytes", "300KB"];
    let ran = put(&endpoint, &options).await;
    assert_eq!(ran.exit, 0, "{}{}", ran.stdout, ran.stderr);
    let received = endpoint.received();
    assert_eq!(received.len() % 3, 0, "{} calls", received.len());
    let mut failed = 0;
    for tries in received.chunks(3) {
        let [first, second, third] = [0, 1, 2].map(|at| records(&tries[at]));
        let again: Vec<_> = first.iter().step_by(3).cloned().collect();
        assert_eq!(second, again);
        let once_more: Vec<_> = second.iter().step_by(2).cloned().collect();
        assert_eq!(third, once_more);
        failed += second.len() + third.len();
    }
    assert_eq!(ran.report["refusals"], json!({"record: ServiceUnavailableException": failed}));
    assert_eq!(ran.report["events"]["taken"], 1200);
    assert_eq!(ran.report["events"]["perhaps_twice"], 0);
    assert_eq!(counted(&taken.lock().expect("nobody panics with it")), 1200);
}

#[tokio::test]
async fn call_of_unknown_outcome_is_retried_and_doubtful_and_a_throttled_one_is_not() {
    let endpoint = Endpoint::start(|number, received| async move {
        match number {
            0 => (400, json!({"__type": "ThrottlingException"}).to_string()),
            1 => (503, json!({"__type": "ServiceUnavailableException"}).to_string()),
            2 => (500, json!({"__type": "InternalFailure"}).to_string()),
            _ => answer(&records(&received), |_| true),
        }
    })
    .await;
    let ran = put(&endpoint, &["--events", "50"]).await;
    assert_eq!(ran.exit, 0, "{}{}", ran.stdout, ran.stderr);
    let refusals = json!({
        "ThrottlingException": 1, "ServiceUnavailableException": 1, "InternalFailure": 1
    });
    assert_eq!(ran.report["refusals"], refusals);
    assert_eq!(ran.report["events"]["taken"], 50);
    assert_eq!(ran.report["events"]["perhaps_twice"], 50);
    let calls = endpoint.received();
    assert_eq!(calls.len(), 4);
    assert!(calls.iter().all(|call| records(call) == records(&calls[0])));
}

#[tokio::test]
async fn records_that_fail_for_too_long_are_not_delivered_and_a_failure() {
    let endpoint =
        Endpoint::start(|_, received| async move { answer(&records(&received), |at| at > 4) })
            .await;
    let ran = put(&endpoint, &["--events", "50", "--retry-for", "0s"]).await;
    assert_eq!(ran.exit, 1, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.report["events"]["taken"], 45);
    assert_eq!(ran.report["events"]["not_delivered"], 5);
    assert_eq!(ran.report["events"]["in_doubt"], 0);
}
