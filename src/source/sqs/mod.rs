//! Messages of an SQS queue: taken, counted, and deleted when that is safe.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html>, 2026-11-21.
//!
//! A [`SqsSource`] asks for messages with as many pollers as there is work for. Each message is a
//! request: known by queue and id, read whole, merged in one step. From its receipt to its deletion
//! it is in the [`hand`]: SQS shows it to nobody else, because its visibility is lengthened in time,
//! and if SQS gives it out again nevertheless, only its newest receipt handle is kept. What cannot be
//! merged now waits here; what can never be read is counted, as in any source.

mod hand;
mod message;
#[cfg(feature = "s3")]
mod objects;
mod poller;
mod queue;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::hand::Hand;
use self::queue::Queue;
use crate::intake::SourceIntake;
use crate::supervisor::Supervisor;
use crate::telemetry::{LogLimiter, Metrics, TaskName};

#[cfg(feature = "s3")]
pub use objects::ObjectSource;
pub use queue::region_of;

/// How a queue is read.
#[derive(Clone, Debug)]
pub struct SqsSettings {
    pub queue_url: String,
    /// How long SQS shows nobody else a message that was taken.
    pub visibility: Duration,
    pub held_messages: usize,
    pub pollers: usize,
}

/// What a source is made of, beside the queue.
#[derive(Clone, Debug)]
pub struct SqsParts {
    /// Of this queue's messages.
    pub source: SourceIntake,
    pub metrics: Arc<Metrics>,
    pub supervisor: Supervisor,
    /// How objects are read that messages name.
    #[cfg(feature = "s3")]
    pub objects: Option<ObjectSource>,
    /// Cancelled when the daemon drains.
    pub drain: CancellationToken,
}

/// A queue that is read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SqsSource(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: SqsSettings,
    queue: Queue,
    hand: Hand,
    source: SourceIntake,
    metrics: Arc<Metrics>,
    /// Messages that are to be deleted.
    deletions: mpsc::UnboundedSender<Arc<str>>,
    warnings: LogLimiter,
    #[cfg(feature = "s3")]
    objects: Option<ObjectSource>,
    drain: CancellationToken,
    /// Places of messages that are worked on, each with its body in memory.
    working: Arc<Semaphore>,
    tasks: TaskTracker,
}

/// Messages of a queue that are worked on at once. One that has to wait for room keeps its place, so
/// a few that wait do not stop the others, and many stop the asking for more.
const WORKING_MAX: usize = 64;

/// Says at the start what a queue lacks, if its attributes can be read.
async fn warn_without_redrive_policy(shared: Arc<Shared>) {
    let queue = shared.queue.url();
    match shared.queue.has_redrive_policy().await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(
            queue,
            "the queue has no redrive policy: permanently rejected messages are redelivered until \
             their retention ends; set RedrivePolicy"
        ),
        Err(why) => tracing::debug!(queue, why, "reading the queue's attributes failed"),
    }
}

// === impl SqsSource ===

impl SqsSource {
    /// Begins to read a queue, until the daemon drains.
    #[must_use]
    pub fn start(sdk: &SdkConfig, settings: SqsSettings, parts: SqsParts) -> Self {
        let SqsParts { source, metrics, supervisor, drain, .. } = parts;
        let (deletions, deleting) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            queue: Queue::new(sdk, &settings),
            hand: Hand::new(settings.held_messages, settings.visibility),
            settings,
            source,
            warnings: LogLimiter::new(Duration::from_secs(10), Arc::clone(&metrics)),
            metrics,
            deletions,
            #[cfg(feature = "s3")]
            objects: parts.objects,
            drain,
            working: Arc::new(Semaphore::new(WORKING_MAX)),
            tasks: TaskTracker::new(),
        });
        tokio::spawn(warn_without_redrive_policy(Arc::clone(&shared)));
        let polling = shared.tasks.track_future(poller::poll(Arc::clone(&shared)));
        supervisor.spawn(TaskName::SqsPoller, polling);
        // These end with the last message in hand.
        let deleting = upkeep::delete(Arc::downgrade(&shared), deleting);
        supervisor.spawn_worker(TaskName::SqsDeletions, deleting);
        let lengthening = upkeep::lengthen(Arc::downgrade(&shared));
        supervisor.spawn_worker(TaskName::SqsVisibility, lengthening);
        Self(shared)
    }

    /// Messages from their receipt to their deletion, and pollers at work.
    #[must_use]
    pub fn gauges(&self) -> (u64, u64) {
        (self.0.hand.len() as u64, self.0.hand.pollers())
    }

    /// Waits until every message that may be deleted is, and gives the others back, which may take
    /// until `end`. Nothing is merged or settled any more.
    pub async fn finish(&self, deadline: Instant, end: Instant) {
        let shared = &self.0;
        shared.tasks.close();
        let done = async {
            // A poller may still wait for an answer, and a message for the word that it is settled.
            shared.tasks.wait().await;
            if shared.deletions.is_closed() {
                // The task that deletes has panicked.
                upkeep::delete_left(shared).await;
            }
            shared.hand.deleted().await;
        };
        let _ = timeout_at(deadline, done).await;
        let undeleted = shared.hand.deletable().len();
        if undeleted > 0 {
            shared.metrics.sqs_messages_undeleted.add(undeleted as u64);
            let queue = shared.queue.url();
            tracing::error!(
                messages = undeleted,
                queue,
                "counted messages were not deleted before the exit; SQS will redeliver them"
            );
        }
        let left = shared.hand.unsettled();
        if !left.is_empty() {
            let messages = left.len();
            tracing::warn!(messages, queue = shared.queue.url(), "messages returned to the queue");
        }
        let _ = timeout_at(end, upkeep::give_back(shared, &left)).await;
    }
}
