//! The queues in the daemon: set up at the start, polled while it runs, cleaned up at the end.

use std::sync::Arc;

use aws_config::SdkConfig;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::engine::Engine;
use crate::app::error::StartError;
use crate::app::time_left::TimeLeft;
use crate::aws::AwsEnvironment;
use crate::config::{BucketOwner, Config, SqsConfig};
use crate::sink::MetricSink;
use crate::source::s3::{Objects, Permit};
use crate::source::sqs::{ObjectSource, SqsDeps, SqsSettings, SqsSource, region_of};
use crate::telemetry::Gauges;

/// Queues that are not polled yet.
#[derive(Debug)]
pub(super) struct Queues(Vec<UnstartedQueue>);

/// A queue that is not polled yet.
#[derive(Debug)]
struct UnstartedQueue {
    sdk: SdkConfig,
    settings: SqsSettings,
    permit: Permit,
    /// The account that its buckets belong to.
    owner: Option<String>,
}

/// Queues that are polled.
#[derive(Clone, Debug)]
pub(super) struct RunningQueues(Vec<SqsSource>);

// === impl Queues ===

impl Queues {
    /// Finds region and credentials.
    ///
    /// # Errors
    /// No region is known for a queue.
    pub(super) async fn new(config: &Config, aws: &AwsEnvironment) -> Result<Self, StartError> {
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
            queues.push(UnstartedQueue {
                sdk,
                settings,
                permit: Permit::new(sqs.buckets.clone()),
                owner: owner_of(sqs),
            });
        }
        Ok(Self(queues))
    }

    /// Starts to poll them, until `drain`.
    pub(super) fn start<S: MetricSink>(
        self,
        engine: &Engine<S>,
        drain: &CancellationToken,
    ) -> RunningQueues {
        let sources = self.0.into_iter().zip(&engine.sources.queues).map(|(queue, source)| {
            let UnstartedQueue { sdk, settings, .. } = queue;
            let deps = SqsDeps {
                source: source.clone(),
                metrics: Arc::clone(&engine.metrics),
                supervisor: engine.supervisor.clone(),
                objects: Some(ObjectSource {
                    objects: Objects::new(&sdk, queue.owner, Arc::clone(&engine.metrics)),
                    permit: queue.permit,
                    source: engine.sources.objects_of(source),
                }),
                drain: drain.clone(),
            };
            SqsSource::start(&sdk, settings, deps)
        });
        RunningQueues(sources.collect())
    }
}

/// The account that a queue's buckets belong to: the queue's own unless configured otherwise.
fn owner_of(sqs: &SqsConfig) -> Option<String> {
    match &sqs.bucket_owner {
        BucketOwner::Any => None,
        BucketOwner::Account(account) => Some(account.clone()),
        BucketOwner::OfQueue => {
            let account = sqs.queue_url.rsplit('/').nth(1)?;
            let is_account =
                account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            is_account.then(|| account.to_owned())
        }
    }
}

// === impl RunningQueues ===

impl RunningQueues {
    /// Adds the number of messages they hold.
    pub(super) fn add_to(&self, gauges: &mut Gauges) {
        for source in &self.0 {
            let (held, pollers) = source.gauges();
            gauges.sqs_messages_held += held;
            gauges.sqs_pollers += pollers;
        }
    }

    /// Waits for the last deletions. Called when nothing is merged or settled any more.
    pub(super) async fn finish(&self, time: TimeLeft) {
        let (settle_by, end) = time.two_steps();
        let mut finishing = JoinSet::new();
        for source in self.0.clone() {
            finishing.spawn(async move { source.finish(settle_by, end).await });
        }
        while finishing.join_next().await.is_some() {}
    }
}
