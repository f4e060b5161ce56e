//! Where the counts of a daemon go.

use std::time::Duration;

use super::error::StartError;
use crate::aws::AwsEnvironment;
use crate::config::{Config, Publish};
use crate::sink::cloudwatch::{CloudWatch, CloudWatchSettings};
use crate::sink::{Datum, Memory, MetricSink, PutOutcome};

/// Where counts go.
#[derive(Debug)]
pub(super) enum AppSink {
    CloudWatch(Box<CloudWatch>),
    Memory(Memory),
}

// === impl AppSink ===

impl AppSink {
    /// The configured one.
    ///
    /// # Errors
    /// The configuration does not fit AWS.
    pub(super) async fn new(
        config: &Config,
        environment: AwsEnvironment,
    ) -> Result<Self, StartError> {
        if config.cloudwatch.publish == Publish::Memory {
            return Ok(Self::Memory(Memory));
        }
        let settings = CloudWatchSettings {
            environment,
            region: config.cloudwatch.region.clone(),
            role_arn: config.cloudwatch.role_arn.clone(),
            connect_timeout: config.cloudwatch.connect_timeout,
        };
        // Boxed, because the future is large and needed only once.
        let client = Box::pin(CloudWatch::new(&settings)).await;
        let client = client.map_err(|error| StartError::Configuration(error.to_owned()))?;
        Ok(Self::CloudWatch(Box::new(client)))
    }
}

impl MetricSink for AppSink {
    async fn put(&self, namespace: &str, datums: &[Datum], within: Duration) -> PutOutcome {
        match self {
            Self::CloudWatch(client) => client.put(namespace, datums, within).await,
            Self::Memory(memory) => memory.put(namespace, datums, within).await,
        }
    }

    fn identity(&self) -> &str {
        match self {
            Self::CloudWatch(client) => client.identity(),
            Self::Memory(memory) => memory.identity(),
        }
    }

    fn refresh_credentials(&self) {
        match self {
            Self::CloudWatch(client) => client.refresh_credentials(),
            Self::Memory(memory) => memory.refresh_credentials(),
        }
    }
}
