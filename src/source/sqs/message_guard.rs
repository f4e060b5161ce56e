//! A message that is processed, and what becomes of it: deleted, hidden, or redelivered.

use std::sync::Arc;
use std::time::Duration;

use super::in_flight::MessageHandle;
use super::shared::SqsShared;
use crate::limits::SQS_VISIBILITY_MAX;

/// A message in flight. Dropping it lets SQS redeliver the message after its visibility timeout.
#[derive(Debug)]
pub(super) struct MessageGuard {
    pub shared: Arc<SqsShared>,
    pub id: Arc<str>,
    is_kept: bool,
}

// === impl MessageGuard ===

impl MessageGuard {
    pub(super) fn new(shared: Arc<SqsShared>, id: Arc<str>) -> Self {
        Self { shared, id, is_kept: false }
    }

    /// Keeps the message in flight until it is returned at the end.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }

    /// Requests the message's deletion; it stays in flight until then.
    pub(super) fn delete(mut self) {
        self.is_kept = true;
        self.shared.in_flight.settled(&self.id);
        // The deleting task runs until no message is left.
        let _ = self.shared.deletions.send(Arc::clone(&self.id));
    }

    /// Releases the message, and hides it in SQS for a time that doubles with each delivery, which
    /// the queue's redrive policy counts. If the queue may have copies of it, those that are counted
    /// meanwhile are still known when it returns.
    pub(super) async fn hide(self, receives: u32, may_have_copies: bool) {
        let handles: Vec<MessageHandle> = self.shared.in_flight.handles(&[Arc::clone(&self.id)]);
        let time = hidden_for(self.shared.settings.visibility, receives);
        if may_have_copies {
            self.shared.source.ledger.keep_for(time);
        }
        let failed = self.shared.queue.change_visibility(&handles, time).await;
        self.shared
            .warn_failed("changing a message's visibility failed; SQS will redeliver it", &failed);
    }
}

impl Drop for MessageGuard {
    fn drop(&mut self) {
        if !self.is_kept {
            self.shared.in_flight.release(&self.id);
        }
    }
}

/// How long an unprocessed message is hidden: twice as long each time.
fn hidden_for(visibility: Duration, receives: u32) -> Duration {
    let times = 2_u32.saturating_pow(receives.saturating_sub(1).min(20));
    visibility.saturating_mul(times).min(SQS_VISIBILITY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_hidden_twice_as_long_each_time_and_never_longer_than_sqs_allows() {
        let visibility = Duration::from_mins(1);
        let minutes = |receives| hidden_for(visibility, receives).as_secs() / 60;
        assert_eq!([0, 1, 2, 3, 7].map(minutes), [1, 1, 2, 4, 64]);
        assert_eq!([30, u32::MAX].map(|at| hidden_for(visibility, at)), [SQS_VISIBILITY_MAX; 2]);
    }
}
