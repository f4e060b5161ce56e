//! The AWS SDK as a [`MetricSink`].

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatch::config::{ConfigBag, IdentityCache, Intercept, RuntimeComponents};
use aws_sdk_cloudwatch::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use hyper_util::client::legacy::Error as HttpClientError;

use super::classify::{ACTION, answered};
use crate::aws::{AwsEnvironment, AwsError, assume_role};
use crate::sink::{Amount, Datum, Failure, MetricSink};

/// How to reach CloudWatch.
#[derive(Clone, Debug)]
pub struct CloudWatchSettings {
    pub environment: AwsEnvironment,
    /// `None`: the SDK determines it.
    pub region: Option<String>,
    /// The role to assume for publishing.
    pub role_arn: Option<String>,
    pub connect_timeout: Duration,
    pub attempt_timeout: Duration,
}

/// A client of one region and account.
#[derive(Debug)]
pub struct CloudWatch {
    client: ArcSwap<Client>,
    identity: String,
}

/// Whether a request reached the connection pool: before that, nothing was sent.
#[derive(Clone, Debug, Default)]
struct Transmitted(Arc<AtomicBool>);

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
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(settings.connect_timeout)
            // Finding credentials and connecting count toward the attempt, so both get extra time.
            .operation_attempt_timeout(settings.connect_timeout + settings.attempt_timeout)
            .operation_timeout(settings.connect_timeout + settings.attempt_timeout)
            .build();
        let config = aws_sdk_cloudwatch::config::Builder::from(&sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        Ok(Self { client: ArcSwap::from_pointee(Client::from_conf(config)), identity })
    }
}

impl MetricSink for CloudWatch {
    async fn put(&self, namespace: &str, datums: &[Datum]) -> Result<(), Failure> {
        let transmitted = Transmitted::default();
        let client = self.client.load_full();
        let result = client
            .put_metric_data()
            .namespace(namespace)
            .set_metric_data(Some(datums.iter().map(metric_datum).collect()))
            .customize()
            .interceptor(transmitted.clone())
            .send()
            .await;
        result
            .map(|_| ())
            .map_err(|error| classify(&error, transmitted.0.load(Ordering::Relaxed), datums.len()))
    }

    fn identity(&self) -> &str {
        &self.identity
    }

    fn refresh_credentials(&self) {
        // A new cache drops the rejected identity.
        let config = self.client.load().config().to_builder();
        let config = config.identity_cache(IdentityCache::lazy().build()).build();
        self.client.store(Arc::new(Client::from_conf(config)));
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
        .unit(StandardUnit::Count);
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53, beyond any count of a minute")]
    match datum.amount {
        Amount::Ones(count) => builder.values(1.0).counts(count as f64),
        Amount::Value(value) => builder.value(value),
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

// === impl Transmitted ===

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
        self.0.store(true, Ordering::Relaxed);
        Ok(())
    }
}
