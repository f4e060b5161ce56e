//! `postmeter-load record` accepts what AWS's own client sends.

use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatch::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit, StatisticSet};
use serde_json::Value;

use crate::support::firehose::get;
use crate::support::load::Recorder;

const NOON_SECONDS: i64 = 1_795_176_000;

fn client(recorder: &Recorder) -> Client {
    let config = aws_sdk_cloudwatch::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(&recorder.url)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("AKID", "secret", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(1)).build(),
        )
        .build();
    Client::from_conf(config)
}

fn datum(metric: &str) -> aws_sdk_cloudwatch::types::builders::MetricDatumBuilder {
    // Not sorted, because the recorder sorts.
    let dimensions = [("genre", "jazz"), ("campaign", "spring")];
    let dimensions = dimensions.map(|(n, v)| Dimension::builder().name(n).value(v).build());
    MetricDatum::builder()
        .metric_name(metric)
        .set_dimensions(Some(dimensions.into()))
        .timestamp(DateTime::from_secs(NOON_SECONDS))
        .unit(StandardUnit::Count)
}

/// Makes a call; returns its error code, and `None` when it was accepted.
async fn put(client: &Client, datums: Vec<MetricDatum>) -> Option<String> {
    let call = client.put_metric_data().namespace("SES").set_metric_data(Some(datums));
    match call.send().await {
        Ok(_) => None,
        Err(SdkError::ServiceError(answer)) => {
            Some(answer.err().code().unwrap_or_default().to_owned())
        }
        Err(SdkError::TimeoutError(_)) => Some("timeout".to_owned()),
        Err(error) => panic!("{error:?}"),
    }
}

async fn stats_of(recorder: &Recorder) -> Value {
    serde_json::from_str(&get(recorder.address, "/stats").await.1).expect("JSON")
}

#[tokio::test]
async fn sums_are_exact_for_every_form_of_amounts() {
    let recorder = Recorder::start(&[]);
    let client = client(&recorder);
    let statistics =
        StatisticSet::builder().sample_count(2.0).sum(5.0).minimum(1.0).maximum(4.0).build();
    let datums = vec![
        datum("Send").values(1.0).counts(7.0).build(),
        datum("Send").values(1.0).values(3.0).counts(2.0).counts(5.0).build(),
        datum("Send").value(4.0).build(),
        datum("Send").statistic_values(statistics).build(),
        datum("Open").value(0.5).build(),
    ];
    assert_eq!(put(&client, datums).await, None);
    // Large enough for the SDK to send gzip.
    let many = (0..1000).map(|_| datum("Click").values(1.0).counts(3.0).build()).collect();
    assert_eq!(put(&client, many).await, None);

    let line = |metric: &str, value: &str, count: u64| {
        format!(
            "{{\"Namespace\":\"SES\",\"MetricName\":\"{metric}\",\"Dimensions\":[{{\"Name\":\"campaign\",\
             \"Value\":\"spring\"}},{{\"Name\":\"genre\",\"Value\":\"jazz\"}}],\"Timestamp\":\
             \"2026-11-20T12:00:00Z\",\"Unit\":\"Count\",\"Values\":[{value}],\"Counts\":[{count}]}}\n"
        )
    };
    let expected = [line("Click", "1", 3000), line("Open", "0.5", 1), line("Send", "1", 33)];
    let shown = get(recorder.address, "/series").await;
    assert_eq!(shown, (200, expected.concat()));
    let stats = stats_of(&recorder).await;
    assert_eq!((&stats["calls_held"], &stats["datums_held"]), (&2.into(), &1005.into()), "{stats}");
    assert!(stats["bytes"].as_u64() < Some(50_000), "the large call came as gzip: {stats}");
    assert_eq!(recorder.stop(), expected.concat());
}

#[tokio::test]
async fn faults_are_what_the_client_reads_them_as() {
    for (option, code, is_held) in [
        ("--throttle", "Throttling", false),
        ("--fail", "InternalServiceError", false),
        ("--fail-after-accept", "InternalServiceError", true),
        ("--hang", "timeout", false),
        ("--hang-after-accept", "timeout", true),
    ] {
        let recorder = Recorder::start(&[option, "1"]);
        let datums = vec![datum("Send").values(1.0).counts(7.0).build()];
        assert_eq!(put(&client(&recorder), datums).await.as_deref(), Some(code), "{option}");
        // It also stops on request while a call hangs.
        assert_eq!(recorder.stop().lines().count(), usize::from(is_held), "{option}");
    }
}

#[tokio::test]
async fn call_without_room_is_rejected_as_a_whole() {
    let recorder = Recorder::start(&["--entries", "2"]);
    let client = client(&recorder);
    let datums = |names: &[&str]| -> Vec<_> {
        names.iter().map(|name| datum(name).values(1.0).counts(1.0).build()).collect()
    };
    assert_eq!(put(&client, datums(&["Send", "Open"])).await, None);
    let refused = put(&client, datums(&["Send", "Click"])).await;
    assert_eq!(refused.as_deref(), Some("LimitExceeded"));
    let stats = stats_of(&recorder).await;
    assert_eq!((&stats["counts"], &stats["refused_full"]), (&2.into(), &1.into()), "{stats}");
}

#[tokio::test]
async fn requests_that_are_not_calls_are_rejected() {
    let recorder = Recorder::start(&[]);
    let (status, said) = get(recorder.address, "/somewhere").await;
    assert_eq!((status, said.contains("/series")), (404, true), "{said}");
    // Another operation of the same service.
    let listed = client(&recorder).list_metrics().send().await.expect_err("it is not answered");
    assert_eq!(listed.into_service_error().code(), Some("UnknownOperationException"));
    assert_eq!(stats_of(&recorder).await["refused_invalid"], 1);
}
