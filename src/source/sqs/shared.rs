//! What the tasks of a queue share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::in_flight::InFlightMessages;
use super::object_source::ObjectSource;
use super::queue::{FailedEntry, Queue};
use super::settings::SqsSettings;
use crate::ack::{RequestId, SourceKind};
use crate::intake::{Patience, SourceIntake};
use crate::telemetry::{LogLimiter, Metrics};

/// How long a message waits for room or for the disk before it is returned: long enough for a
/// restart of what it waits for, short enough that an outage does not fill the process with waiting
/// messages.
const WAIT_MAX: Duration = Duration::from_mins(5);

/// The state of a queue that is polled.
#[derive(Debug)]
pub(super) struct SqsShared {
    pub settings: SqsSettings,
    pub queue: Arc<dyn Queue>,
    pub in_flight: InFlightMessages,
    pub source: SourceIntake,
    pub metrics: Arc<Metrics>,
    /// Messages to delete.
    pub deletions: mpsc::UnboundedSender<Arc<str>>,
    pub warnings: LogLimiter,
    pub objects: Option<ObjectSource>,
    pub drain: CancellationToken,
    /// Limits the messages in progress, each with its body in memory.
    pub working: Arc<Semaphore>,
    pub tasks: TaskTracker,
}

// === impl SqsShared ===

impl SqsShared {
    /// Releases a message. Its ID is remembered for a while, because a redelivery may be in
    /// transit, and a message that could not be deleted will be redelivered.
    pub(super) fn release(&self, message: &str) {
        let id = RequestId::new(SourceKind::Sqs, self.queue.url().as_bytes(), message.as_bytes());
        self.source.ledger.release(id);
        self.in_flight.release(message);
    }

    /// Counts and logs a call that failed for some messages.
    pub(super) fn warn_failed(&self, what: &'static str, failed: &[FailedEntry]) {
        let Some(FailedEntry { why, .. }) = failed.first() else { return };
        self.metrics.sqs_failed_calls.add(1);
        if self.warnings.allow() {
            tracing::error!(queue = self.queue.url(), messages = failed.len(), why, "{what}");
        }
    }

    /// The patience of one message, which waits for room for a limited time.
    pub(super) fn patience(&self) -> Patience {
        Patience::new(&self.source.intake, self.drain.clone()).at_most(WAIT_MAX)
    }
}
