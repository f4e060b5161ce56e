//! The AWS SDK as a [`MetricSink`].

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::http::HttpResponse;
use aws_sdk_cloudwatch::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatch::config::{
    Builder, ConfigBag, IdentityCache, Intercept, RuntimeComponents, SharedIdentityCache,
    StalledStreamProtectionConfig,
};
use aws_sdk_cloudwatch::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
use aws_sdk_cloudwatch::primitives::{DateTime, DateTimeFormat};
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use hyper_util::client::legacy::Error as HttpClientError;

use super::classify::{ACTION, answered};
use crate::aws::{AwsEnvironment, AwsError, assume_role};
use crate::sink::response_wait::response_within;
use crate::sink::{Amount, Datum, Failure, MetricSink, PutOutcome};

/// How to reach CloudWatch.
#[derive(Clone, Debug)]
pub struct CloudWatchSettings {
    pub environment: AwsEnvironment,
    /// `None`: the SDK determines it.
    pub region: Option<String>,
    /// The role to assume for publishing.
    pub role_arn: Option<String>,
    pub connect_timeout: Duration,
}

/// A client of one region and account.
#[derive(Debug)]
pub struct CloudWatch {
    client: Client,
    /// Replaced to fetch rejected credentials again. A new client would forget the difference
    /// between this host's clock and the service's, which signatures need.
    credentials: ArcSwap<SharedIdentityCache>,
    identity: String,
    connect_timeout: Duration,
}

/// How far a call came.
#[derive(Clone, Debug, Default)]
struct Progress(Arc<ProgressState>);

#[derive(Debug, Default)]
struct ProgressState {
    /// It reached the connection pool: before that, nothing was sent.
    transmitted: OnceLock<()>,
    /// The time in the response, in Unix milliseconds.
    date_ms: OnceLock<i64>,
}

// === impl CloudWatch ===

impl CloudWatch {
    /// Reads the SDK's standard environment.
    ///
    /// # Errors
    /// No region is configured anywhere.
    pub async fn new(settings: &CloudWatchSettings) -> Result<Self, &'static str> {
        let sdk = settings.environment.load(settings.region.as_deref()).await;
        let sdk = sdk.ok_or("no AWS region: set cloudwatch.region or AWS_REGION")?;
        let region = sdk.region().map_or("", AsRef::as_ref);
        let role = settings.role_arn.as_deref().unwrap_or("the role of this process");
        let identity = format!("{role} in {region}");
        let sdk = assume_role(sdk, settings.role_arn.as_deref()).await;
        // How long to wait for a response is an argument of each call.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(settings.connect_timeout)
            .disable_read_timeout()
            .disable_operation_attempt_timeout()
            .disable_operation_timeout()
            .build();
        let config = Builder::from(&sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Ok(Self {
            client: Client::from_conf(config),
            credentials: ArcSwap::from_pointee(IdentityCache::lazy().build()),
            identity,
            connect_timeout: settings.connect_timeout,
        })
    }
}

impl MetricSink for CloudWatch {
    async fn put(&self, namespace: &str, datums: &[Datum], within: Duration) -> PutOutcome {
        let progress = Progress::default();
        let credentials = SharedIdentityCache::clone(&self.credentials.load());
        let call = self
            .client
            .put_metric_data()
            .namespace(namespace)
            .set_metric_data(Some(datums.iter().map(metric_datum).collect()))
            .customize()
            .config_override(Builder::new().identity_cache(credentials))
            .interceptor(progress.clone())
            .send();
        // Finding credentials and connecting count toward the attempt, so both get extra time.
        let response = response_within(call, self.connect_timeout + within).await;
        let has_been_sent = progress.0.transmitted.get().is_some();
        let result = match response {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(classify(&error, has_been_sent, datums.len())),
            None => Err(timed_out(has_been_sent, within)),
        };
        PutOutcome { result, date_ms: progress.0.date_ms.get().copied() }
    }

    fn identity(&self) -> &str {
        &self.identity
    }

    fn refresh_credentials(&self) {
        self.credentials.store(Arc::new(IdentityCache::lazy().build()));
    }
}

fn metric_datum(datum: &Datum) -> MetricDatum {
    let dimensions = datum.series.dimensions.iter();
    let dimensions =
        dimensions.map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let builder = MetricDatum::builder()
        .metric_name(datum.series.metric)
        .set_dimensions(Some(dimensions.collect()))
        .timestamp(DateTime::from_secs(datum.series.minute.start_seconds()))
        .unit(StandardUnit::from(datum.series.unit));
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53, beyond any count of a minute")]
    match &datum.amount {
        Amount::Ones(count) => builder.values(1.0).counts(*count as f64),
        Amount::Value(value) => builder.value(*value),
        Amount::Values(values) => builder
            .set_values(Some(values.iter().map(|(value, _)| value.0).collect()))
            .set_counts(Some(values.iter().map(|(_, count)| *count as f64).collect())),
    }
    .build()
}

fn classify(error: &SdkError<PutMetricDataError>, transmitted: bool, datums: usize) -> Failure {
    if let SdkError::ServiceError(answer) = error {
        let (status, fault) = (answer.raw().status().as_u16(), answer.err());
        return answered(status, fault.code(), fault.message(), datums);
    }
    if let SdkError::ResponseError(answer) = error {
        return answered(answer.raw().status().as_u16(), None, None, datums);
    }
    let why = AwsError::of(error, ACTION).to_string();
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if error.is::<CredentialsError>() {
            return Failure::Denied(why);
        }
        if error.downcast_ref::<HttpClientError>().is_some_and(HttpClientError::is_connect) {
            return Failure::NotIngested(why);
        }
        cause = error.source();
    }
    if transmitted { Failure::Unknown(why) } else { Failure::NotIngested(why) }
}

fn timed_out(has_been_sent: bool, within: Duration) -> Failure {
    if has_been_sent {
        Failure::TimedOut(format!("no response within {}s", within.as_secs_f64()))
    } else {
        Failure::NotIngested("no credentials in time".to_owned())
    }
}

/// The time in a response of CloudWatch, in Unix milliseconds. The clock of a proxy, whose
/// responses have no request ID of AWS, may be wrong.
fn date_ms(response: &HttpResponse) -> Option<i64> {
    let headers = response.headers();
    headers.get("x-amzn-requestid")?;
    let date = DateTime::from_str(headers.get("date")?, DateTimeFormat::HttpDate).ok()?;
    date.to_millis().ok()
}

// === impl Progress ===

impl Intercept for Progress {
    fn name(&self) -> &'static str {
        "Progress"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let _ = self.0.transmitted.set(());
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date_ms) = date_ms(context.response()) {
            let _ = self.0.date_ms.set(date_ms);
        }
        Ok(())
    }
}
