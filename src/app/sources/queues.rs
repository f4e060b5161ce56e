//! The queues in the daemon: set up at the start, polled while it runs, cleaned up at the end.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::engine::Engine;
use crate::app::error::StartError;
use crate::app::time_left::TimeLeft;
use crate::aws::{AwsEnvironment, S3Clients};
use crate::config::{BucketOwner, Config, SqsConfig};
use crate::sink::MetricSink;
use crate::source::s3::{Buckets, OBJECTS_AT_ONCE, ObjectStore, Objects, Permit};
use crate::source::sqs::{
    ObjectSource, Queue, QueueClient, SqsDeps, SqsSettings, SqsSource, region_of,
};
use crate::telemetry::Gauges;

/// Queues that are not polled yet.
#[derive(Debug)]
pub(crate) struct Queues(Vec<UnstartedQueue>);

/// A queue that is not polled yet.
#[derive(Debug)]
struct UnstartedQueue {
    queue: Arc<dyn Queue>,
    settings: SqsSettings,
    /// Where the objects are that its messages name.
    objects: Arc<dyn ObjectStore>,
    permit: Permit,
}

/// Queues that are polled.
#[derive(Clone, Debug)]
pub(crate) struct RunningQueues(Vec<SqsSource>);

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
            let queue = QueueClient::new(&sdk, &settings_of(sqs));
            let objects = Buckets::new(S3Clients::new(&sdk), owner_of(sqs));
            queues.push(UnstartedQueue::new(sqs, Arc::new(queue), Arc::new(objects)));
        }
        Ok(Self(queues))
    }

    /// These queues, in their order in the configuration, with objects in this store.
    #[cfg(test)]
    pub(crate) fn of(
        config: &Config,
        queues: impl IntoIterator<Item = Arc<dyn Queue>>,
        objects: &Arc<dyn ObjectStore>,
    ) -> Self {
        let queues = config.sqs.iter().zip(queues);
        let unstarted = |(sqs, queue)| UnstartedQueue::new(sqs, queue, Arc::clone(objects));
        Self(queues.map(unstarted).collect())
    }

    /// Starts to poll them, until `drain`.
    pub(crate) fn start<S: MetricSink>(
        self,
        engine: &Engine<S>,
        drain: &CancellationToken,
    ) -> RunningQueues {
        let sources = self.0.into_iter().zip(&engine.sources.queues).map(|(queue, source)| {
            let UnstartedQueue { queue, settings, objects, permit } = queue;
            let metrics = Arc::clone(&engine.metrics);
            let deps = SqsDeps {
                source: source.clone(),
                supervisor: engine.supervisor.clone(),
                objects: Some(ObjectSource {
                    objects: Objects::new(objects, OBJECTS_AT_ONCE, Arc::clone(&metrics)),
                    permit,
                    source: engine.sources.objects_of(source),
                }),
                metrics,
                drain: drain.clone(),
            };
            SqsSource::start(queue, settings, deps)
        });
        RunningQueues(sources.collect())
    }
}

// === impl UnstartedQueue ===

impl UnstartedQueue {
    fn new(sqs: &SqsConfig, queue: Arc<dyn Queue>, objects: Arc<dyn ObjectStore>) -> Self {
        Self {
            queue,
            settings: settings_of(sqs),
            objects,
            permit: Permit::new(sqs.buckets.clone()),
        }
    }
}

fn settings_of(sqs: &SqsConfig) -> SqsSettings {
    SqsSettings {
        queue_url: sqs.queue_url.clone(),
        visibility: sqs.visibility,
        held_messages: sqs.held_messages,
        pollers: sqs.pollers,
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
    pub(crate) async fn finish(&self, time: TimeLeft) {
        let (settle_by, end) = time.two_steps();
        let mut finishing = JoinSet::new();
        for source in self.0.clone() {
            finishing.spawn(async move { source.finish(settle_by, end).await });
        }
        while finishing.join_next().await.is_some() {}
    }
}
