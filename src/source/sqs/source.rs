//! A queue that is polled, from its start to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::in_flight::InFlightMessages;
use super::object_source::ObjectSource;
use super::queue::Queue;
use super::settings::SqsSettings;
use super::shared::SqsShared;
use super::{poller, upkeep};
use crate::intake::SourceIntake;
use crate::supervisor::Supervisor;
use crate::telemetry::{LogLimiter, Metrics, TaskName};

/// Maximum number of messages of a queue in progress. A message that waits for room keeps its
/// place: a few of them do not stop the others, and many stop further polling.
const WORKING_MAX: usize = 64;

/// The parts of a source besides the queue.
#[derive(Clone, Debug)]
pub(crate) struct SqsDeps {
    /// For this queue's messages.
    pub source: SourceIntake,
    pub metrics: Arc<Metrics>,
    pub supervisor: Supervisor,
    /// Reads the objects that messages name.
    pub objects: Option<ObjectSource>,
    /// Cancelled when the daemon drains.
    pub drain: CancellationToken,
}

/// A queue that is polled. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct SqsSource(Arc<SqsShared>);

// === impl SqsSource ===

impl SqsSource {
    /// Starts to poll a queue, until the daemon drains.
    #[must_use]
    pub(crate) fn start(queue: Arc<dyn Queue>, settings: SqsSettings, deps: SqsDeps) -> Self {
        let SqsDeps { source, metrics, supervisor, drain, .. } = deps;
        let (deletions, deleting) = mpsc::unbounded_channel();
        let shared = Arc::new(SqsShared {
            queue,
            in_flight: InFlightMessages::new(settings.held_messages, settings.visibility),
            settings,
            source,
            warnings: LogLimiter::new(Duration::from_secs(10), Arc::clone(&metrics)),
            metrics,
            deletions,
            objects: deps.objects,
            drain,
            working: Arc::new(Semaphore::new(WORKING_MAX)),
            tasks: TaskTracker::new(),
        });
        tokio::spawn(warn_without_redrive_policy(Arc::clone(&shared)));
        let polling = shared.tasks.track_future(poller::poll(Arc::clone(&shared)));
        supervisor.spawn(TaskName::SqsPoller, polling);
        // These tasks end with the last message in flight.
        let deleting = upkeep::delete(Arc::downgrade(&shared), deleting);
        supervisor.spawn_worker(TaskName::SqsDeletions, deleting);
        let extending = upkeep::extend(Arc::downgrade(&shared));
        supervisor.spawn_worker(TaskName::SqsVisibility, extending);
        Self(shared)
    }

    /// Messages between receipt and deletion, and running pollers.
    #[must_use]
    pub(crate) fn gauges(&self) -> (u64, u64) {
        (self.0.in_flight.len() as u64, self.0.in_flight.pollers())
    }

    /// Deletes every settled message until the deadline, and returns the others to the queue, which
    /// may take until `end`. Called when nothing is merged or settled any more.
    pub(crate) async fn finish(&self, deadline: Instant, end: Instant) {
        let shared = &self.0;
        shared.tasks.close();
        // A poller may still wait for a response, and a message for its forwarded events.
        let _ = timeout_at(deadline, shared.tasks.wait()).await;
        let deleting = async {
            if shared.deletions.is_closed() {
                // The deleting task has panicked.
                upkeep::delete_left(shared).await;
            }
            shared.in_flight.deleted().await;
        };
        let (_, ()) = tokio::join!(timeout_at(deadline, deleting), self.return_unsettled(end));
        let undeleted = shared.in_flight.deletable().len();
        if undeleted > 0 {
            shared.metrics.sqs_messages_undeleted.add(undeleted as u64);
            let queue = shared.queue.url();
            tracing::error!(
                messages = undeleted,
                queue,
                "counted messages were not deleted before the exit; SQS will redeliver them"
            );
        }
    }

    /// Returns messages whose counts are not published, so that other daemons get them at once.
    async fn return_unsettled(&self, end: Instant) {
        let shared = &self.0;
        let left = shared.in_flight.unsettled();
        if left.is_empty() {
            return;
        }
        let why = upkeep::return_to_queue(shared, &left, end).await;
        let kept = left.iter().filter(|left| shared.in_flight.holds(&left.id)).count();
        let (queue, returned) = (shared.queue.url(), left.len() - kept);
        if kept == 0 {
            tracing::warn!(queue, messages = returned, "messages returned to the queue");
        } else {
            tracing::error!(
                queue,
                messages = returned,
                not_returned = kept,
                why = why.as_deref().unwrap_or("the grace period ended"),
                "not all messages were returned to the queue; SQS will redeliver the others after \
                 their visibility timeout"
            );
        }
    }
}

/// Warns at the start about a missing redrive policy, if the queue's attributes can be read.
async fn warn_without_redrive_policy(shared: Arc<SqsShared>) {
    let queue = shared.queue.url();
    match shared.queue.has_redrive_policy().await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(
            queue,
            "the queue has no redrive policy: permanently rejected messages are redelivered until \
             their retention ends; set RedrivePolicy"
        ),
        Err(error) => tracing::debug!(queue, why = %error, "reading the queue's attributes failed"),
    }
}
