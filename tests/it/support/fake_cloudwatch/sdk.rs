//! The fake and the real client agree: how aws-sdk-cloudwatch reads each response, and how a call
//! that was certainly not ingested differs from one in doubt.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatch::config::{
    BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents,
};
use aws_sdk_cloudwatch::error::{BoxError, ProvideErrorMetadata as _, SdkError};
use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};

use super::{FakeCloudWatch, Fault, Outcome};

/// Counts the requests that were signed and handed to the connection pool.
#[derive(Clone, Debug, Default)]
struct Transmitted(Arc<AtomicUsize>);

impl Intercept for Transmitted {
    fn name(&self) -> &'static str {
        "Transmitted"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[derive(Debug)]
enum NoCredentials {
    Failing,
    Hanging,
}

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            match self {
                Self::Failing => Err(CredentialsError::provider_error("none here")),
                Self::Hanging => std::future::pending().await,
            }
        })
    }
}

struct Sdk {
    client: Client,
    transmitted: Transmitted,
}

type SendError = SdkError<PutMetricDataError>;

impl Sdk {
    fn new(url: &str) -> Self {
        Self::with(url, Credentials::new("AKID", "secret", None, None, "test"))
    }

    fn with(url: &str, credentials: impl ProvideCredentials + 'static) -> Self {
        let transmitted = Transmitted::default();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_millis(200))
            .operation_attempt_timeout(Duration::from_secs(1));
        let config = aws_sdk_cloudwatch::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(credentials)
            .endpoint_url(url)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.build())
            .interceptor(transmitted.clone())
            .build();
        Self { client: Client::from_conf(config), transmitted }
    }

    async fn put(&self, datums: usize) -> Result<(), Box<SendError>> {
        let data = (0..datums).map(datum).collect();
        let call = self.client.put_metric_data().namespace("Mail").set_metric_data(Some(data));
        call.send().await.map(drop).map_err(Box::new)
    }

    async fn refused(&self) -> Box<SendError> {
        self.put(1).await.expect_err("this call cannot go well")
    }

    fn transmitted(&self) -> usize {
        self.transmitted.0.load(Ordering::Relaxed)
    }
}

fn datum(i: usize) -> MetricDatum {
    #[expect(clippy::disallowed_methods, reason = "compared with the fake's own clock")]
    let now = SystemTime::now();
    let dimension = Dimension::builder().name("set").value(format!("set-{i}"));
    MetricDatum::builder()
        .metric_name("Delivery")
        .dimensions(dimension.build())
        .timestamp(DateTime::from(now))
        .values(1.0)
        .counts(3.0)
        .unit(StandardUnit::Count)
        .storage_resolution(60)
        .build()
}

/// Whether the request failed to get a connection, so that nothing of it was sent.
fn never_connected(error: &(dyn Error + 'static)) -> bool {
    let client = error.downcast_ref::<hyper_util::client::legacy::Error>();
    client.is_some_and(hyper_util::client::legacy::Error::is_connect)
        || error.source().is_some_and(never_connected)
}

#[tokio::test]
async fn a_thousand_datums_of_the_sdk_arrive_packed() {
    let fake = FakeCloudWatch::start().await;
    Sdk::new(&fake.url()).put(1000).await.unwrap();
    assert_eq!((fake.total_in("Mail"), fake.totals().len()), (3000, 1000));
    let call = &fake.calls()[0];
    assert!(call.gzip && call.wire_bytes < call.uncompressed_bytes, "{call:?}");
    assert_eq!(call.outcome, Outcome::Answered { status: 200, code: "" });
}

#[tokio::test]
async fn the_sdk_reads_code_and_message_of_each_answer() {
    let fake = FakeCloudWatch::start().await;
    let sdk = Sdk::new(&fake.url());
    for (fault, status, code) in [
        (Fault::Throttle, 400, Some("Throttling")),
        (Fault::TooManyRequests429, 429, Some("TooManyRequestsException")),
        (Fault::ServiceUnavailable503, 503, Some("ServiceUnavailable")),
        (Fault::Http500Before, 500, Some("InternalServiceError")),
        (Fault::Http500After, 500, Some("InternalServiceError")),
        (Fault::AccessDenied403, 403, Some("AccessDenied")),
        (Fault::ExpiredToken403, 403, Some("ExpiredToken")),
        (Fault::RefuseAll("no".to_owned()), 400, Some("InvalidParameterValue")),
        (Fault::TooLarge413, 413, Some("RequestEntityTooLarge")),
        // Without a body there is no code, only the status.
        (Fault::RequestTimeout408, 408, None),
    ] {
        fake.script(vec![fault.clone()]);
        let error = sdk.refused().await;
        assert!(matches!(*error, SdkError::ServiceError(_)), "{fault:?}: {error:?}");
        let seen = error.raw_response().map(|response| response.status().as_u16());
        assert_eq!((seen, error.code()), (Some(status), code), "{fault:?}");
        assert_eq!(error.message().is_some(), code.is_some(), "{fault:?}");
    }
    fake.script(vec![Fault::RefuseNamed("set-0".to_owned())]);
    let named = "The value set-0 for parameter MetricData.member.1.Dimensions.member.1.Value is \
                 invalid.";
    assert_eq!(sdk.refused().await.message(), Some(named));
}

#[tokio::test]
async fn a_call_that_got_no_connection_can_be_told_from_one_in_doubt() {
    let fake = FakeCloudWatch::start().await;
    let sdk = Sdk::new(&fake.url());
    fake.script(vec![Fault::ResetBefore, Fault::ResetAfter]);
    for _ in 0..2 {
        let error = sdk.refused().await;
        assert!(matches!(*error, SdkError::DispatchFailure(_)), "{error:?}");
        assert!(!never_connected(&*error), "{error:?}");
    }

    // An orderly end without a response has another kind, `is_other`.
    fake.script(vec![Fault::HangAfter]);
    let close = async {
        let hangs = |state: &super::State| {
            state.calls().last().is_some_and(|last| last.outcome == Outcome::InFlight)
        };
        assert!(fake.wait_until(hangs, Duration::from_secs(5)).await);
        fake.pause_listening().await;
    };
    let (error, ()) = tokio::join!(sdk.refused(), close);
    assert!(matches!(&*error, SdkError::DispatchFailure(failure) if !failure.is_io()));
    assert!(!never_connected(&*error), "{error:?}");

    // The listener is closed: with TLS or without, nothing was sent.
    let url = fake.url();
    for url in [url.clone(), url.replace("http:", "https:")] {
        let error = Sdk::new(&url).refused().await;
        assert!(matches!(*error, SdkError::DispatchFailure(_)), "{error:?}");
        assert!(never_connected(&*error), "{error:?}");
    }
    fake.resume_listening().await;
    let error = Sdk::new(&url.replace("http:", "https:")).refused().await;
    assert!(never_connected(&*error), "a failed TLS handshake: {error:?}");
    sdk.put(1).await.unwrap();
}

#[tokio::test]
async fn an_attempts_timeout_says_nothing_of_what_was_sent_but_an_interceptor_does() {
    let fake = FakeCloudWatch::start().await;
    let sdk = Sdk::new(&fake.url());
    fake.script(vec![Fault::HangBefore, Fault::HangAfter]);
    for sent in 1..=2 {
        let error = sdk.refused().await;
        assert!(matches!(*error, SdkError::TimeoutError(_)), "{error:?}");
        assert_eq!(sdk.transmitted(), sent);
    }
    assert_eq!(fake.total_in("Mail"), 3);

    // The attempt's timeout includes finding credentials.
    let hanging = Sdk::with(&fake.url(), NoCredentials::Hanging);
    assert!(matches!(*hanging.refused().await, SdkError::TimeoutError(_)));
    let failing = Sdk::with(&fake.url(), NoCredentials::Failing);
    let error = failing.refused().await;
    assert!(matches!(*error, SdkError::DispatchFailure(_)), "{error:?}");
    assert!(!never_connected(&*error), "{error:?}");
    assert_eq!((hanging.transmitted(), failing.transmitted()), (0, 0));
    assert_eq!(fake.calls().len(), 2);
}
