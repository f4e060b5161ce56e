//! The queues in the daemon: set up at the start, read while it runs, left in order at the end.

use std::sync::Arc;

use aws_config::SdkConfig;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::engine::last_moment;
use super::{Engine, StartError};
use crate::aws::AwsEnvironment;
use crate::config::Config;
use crate::sink::MetricSink;
#[cfg(feature = "s3")]
use crate::source::s3::Objects;
#[cfg(feature = "s3")]
use crate::source::sqs::ObjectSource;
use crate::source::sqs::{SqsParts, SqsSettings, SqsSource, region_of};
use crate::telemetry::Gauges;

/// Queues that are not read yet.
#[derive(Debug)]
pub struct Queues(Vec<(SdkConfig, SqsSettings)>);

/// Queues that are read.
#[derive(Clone, Debug)]
pub struct RunningQueues(Vec<SqsSource>);

// === impl Queues ===

impl Queues {
    /// Finds region and credentials.
    ///
    /// # Errors
    /// There is no region for a queue.
    pub async fn new(config: &Config, aws: &AwsEnvironment) -> Result<Self, StartError> {
        let mut queues = Vec::new();
        for sqs in &config.sqs {
            let sdk = aws.load(region_of(&sqs.queue_url)).await.ok_or_else(|| {
                let what = format!("no AWS region for the queue {}", sqs.queue_url);
                StartError::Configuration(format!("{what}: set AWS_REGION"))
            })?;
            let settings = SqsSettings {
                queue_url: sqs.queue_url.clone(),
                visibility: sqs.visibility,
                held_messages: sqs.held_messages,
                pollers: sqs.pollers,
            };
            queues.push((sdk, settings));
        }
        Ok(Self(queues))
    }

    /// Begins to read them, until `drain`.
    pub fn start<S: MetricSink>(
        self,
        engine: &Engine<S>,
        drain: &CancellationToken,
    ) -> RunningQueues {
        let sources = self.0.into_iter().zip(&engine.queues).map(|((sdk, settings), source)| {
            let parts = SqsParts {
                source: source.clone(),
                metrics: Arc::clone(&engine.metrics),
                #[cfg(feature = "s3")]
                objects: Some(ObjectSource {
                    objects: Objects::new(&sdk, Arc::clone(&engine.metrics)),
                    source: engine.objects_of(source),
                }),
                drain: drain.clone(),
            };
            SqsSource::start(&sdk, settings, parts)
        });
        RunningQueues(sources.collect())
    }
}

// === impl RunningQueues ===

impl RunningQueues {
    /// Adds what they hold.
    pub fn add_to(&self, gauges: &mut Gauges) {
        for source in &self.0 {
            let (held, pollers) = source.gauges();
            gauges.sqs_messages_held += held;
            gauges.sqs_pollers += pollers;
        }
    }

    /// Waits for the last deletions. Nothing is merged or settled any more.
    pub async fn finish(&self, deadline: Instant) {
        let deadline = last_moment(deadline);
        for source in &self.0 {
            source.finish(deadline).await;
        }
    }
}
