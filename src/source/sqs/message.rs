//! Processes one message, from its receipt to its deletion or redelivery.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::SqsShared;
use super::hand::MessageGuard;
use super::objects::merge_objects;
use crate::ack::{Admission, Refusal, RefusalReason, RequestId, SourceKind, Stage, Ticket, Waiter};
use crate::intake::{LetterContent, Named, Patience};
use crate::limits::SQS_VISIBILITY_MAX;
use crate::pipeline::Batch;
use crate::source::s3::Notification;
use crate::telemetry::RequestOutcome;

/// How long a message waits for room or for the disk before it is returned: long enough for a
/// restart of what it waits for, short enough that an outage does not fill the process with waiting
/// messages.
const WAIT_MAX: Duration = Duration::from_mins(5);

/// A message in flight. Dropping it lets SQS redeliver the message after its visibility timeout.
#[derive(Debug)]
pub(super) struct Hold {
    shared: Arc<SqsShared>,
    id: Arc<str>,
    is_kept: bool,
}

/// The content that SQS delivered.
#[derive(Debug)]
pub(super) struct Content {
    pub body: String,
    /// How often SQS has delivered it, including this time.
    pub receives: u32,
}

/// What to wait for: the message, or the objects that it names.
type Waiters = (Vec<Waiter>, RequestOutcome);

// === impl Hold ===

impl Hold {
    pub(super) fn new(shared: Arc<SqsShared>, id: Arc<str>) -> Self {
        Self { shared, id, is_kept: false }
    }

    /// Keeps the message in flight until it is returned at the end.
    fn keep(mut self) {
        self.is_kept = true;
    }

    /// Requests the message's deletion; it stays in flight until then.
    fn delete(mut self) {
        self.is_kept = true;
        self.shared.hand.settled(&self.id);
        // The deleting task runs until no message is left.
        let _ = self.shared.deletions.send(Arc::clone(&self.id));
    }

    /// Releases the message, and hides it in SQS for a time that doubles with each delivery, which
    /// the queue's redrive policy counts.
    async fn hide(self, receives: u32) {
        let handles: Vec<MessageGuard> = self.shared.hand.handles(&[Arc::clone(&self.id)]);
        let time = hidden_for(self.shared.settings.visibility, receives);
        let failed = self.shared.queue.show_in(&handles, time).await;
        self.shared
            .complain("changing a message's visibility failed; SQS will redeliver it", &failed);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.is_kept {
            self.shared.hand.release(&self.id);
        }
    }
}

/// How long an unprocessed message is hidden: twice as long each time.
fn hidden_for(visibility: Duration, receives: u32) -> Duration {
    let times = 2_u32.saturating_pow(receives.saturating_sub(1).min(20));
    visibility.saturating_mul(times).min(SQS_VISIBILITY_MAX)
}

/// Counts a message, waits for the acknowledgement, and deletes it. `place` limits the messages in
/// progress; it is released when only the wait for the counts remains.
pub(super) async fn handle(hold: Hold, content: Content, place: OwnedSemaphorePermit) {
    let started = Instant::now();
    let shared = Arc::clone(&hold.shared);
    let id = Arc::clone(&hold.id);
    let request = RequestId::new(SourceKind::Sqs, shared.queue.url().as_bytes(), id.as_bytes());
    let merged = merge(&shared, &id, request, content.body.into()).await;
    drop(place);
    let ended = match merged {
        Ok((waiters, outcome)) => wait(&shared, request, waiters, outcome).await,
        Err(refusal) => Err(refusal),
    };
    let outcome = match &ended {
        Ok(outcome) => *outcome,
        Err(refusal) => RequestOutcome::Refused(refusal.reason),
    };
    shared.metrics.request(outcome, started.elapsed());
    let Err(refusal) = ended else {
        if matches!(outcome, RequestOutcome::Acknowledged | RequestOutcome::Repeated) {
            hold.delete();
        }
        return;
    };
    if refusal.reason == RefusalReason::Draining {
        return hold.keep();
    }
    if shared.warnings.allow() {
        let (queue, reason, why) = (shared.queue.url(), refusal.reason.as_str(), &*refusal.message);
        let message = &*id;
        tracing::warn!(queue, message, reason, why, "message not processed; SQS will redeliver it");
    }
    if refusal.reason.is_temporary() {
        hold.hide(content.receives).await;
    } else if refusal.reason.is_final() || refusal.reason == RefusalReason::Forbidden {
        // It is known and costs nothing: its deliveries should be used up quickly.
        hold.hide(1).await;
    }
}

async fn merge(
    shared: &Arc<SqsShared>,
    message: &str,
    request: RequestId,
    body: Bytes,
) -> Result<Waiters, Refusal> {
    if let Some(source) = &shared.objects
        && let Some(notification) = Notification::read(&body)
    {
        let waiters = merge_objects(shared, source, notification).await?;
        return Ok((waiters, RequestOutcome::Acknowledged));
    }
    match shared.source.ledger.admit(request) {
        Admission::Known(waiter) => Ok((vec![waiter], RequestOutcome::Repeated)),
        Admission::New(ticket) => {
            let source = shared.queue.url().as_bytes();
            let named = Named { source, request: message, ids: &[request] };
            let merged = merge_new(shared, named, ticket, body.clone()).await;
            let waiter = merged.map_err(|(ticket, refusal)| {
                shared.source.refuse(named, ticket, refusal, LetterContent::Whole(&body))
            })?;
            Ok((vec![waiter], RequestOutcome::Acknowledged))
        }
    }
}

async fn merge_new(
    shared: &SqsShared,
    named: Named<'_>,
    ticket: Ticket,
    body: Bytes,
) -> Result<Waiter, (Ticket, Refusal)> {
    let (source, mut patience) = (&shared.source, shared.patience());
    let charge = match source.enter_patiently(body.len(), &mut patience).await {
        Ok(charge) => charge,
        Err(refusal) => return Err((ticket, refusal)),
    };
    shared.metrics.request_bytes.add(body.len() as u64);
    let budget = source.intake.budget(charge);
    let read = || source.read(body.clone(), source.intake.batch(), &budget);
    let read = patience.read(&budget, read).await;
    let mut batch = match read {
        Ok(batch) => batch,
        Err(refusal) => return Err((ticket, refusal)),
    };
    let again = |blank: Batch| source.read_again(body.clone(), blank);
    let committed =
        source.commit_patiently(named, ticket, &mut batch, again, &mut patience).await?;
    drop(budget.committed());
    Ok(committed.waiter)
}

/// Waits until a merged message is done.
async fn wait(
    shared: &SqsShared,
    request: RequestId,
    waiters: Vec<Waiter>,
    mut outcome: RequestOutcome,
) -> Result<RequestOutcome, Refusal> {
    for mut waiter in waiters {
        match waiter.answered(shared.source.until_settled).await {
            Stage::Settled | Stage::Merged => {}
            Stage::Lost => {
                shared.source.ledger.release(request);
                tracing::error!(
                    "message counted, but whether its counts were published is unknown"
                );
                outcome = RequestOutcome::Lost;
            }
            Stage::Refused(refusal) => return Err(refusal),
            Stage::Reading | Stage::Forwarding => {
                return Err(Refusal::new(
                    RefusalReason::GivenUp,
                    "processing of the message stopped early",
                ));
            }
        }
    }
    Ok(outcome)
}

// === impl Shared ===

impl SqsShared {
    /// The patience of one message, which waits for room for a limited time.
    pub(super) fn patience(&self) -> Patience {
        Patience::new(self.drain.clone()).at_most(WAIT_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_hidden_twice_as_long_each_time_and_never_longer_than_sqs_can() {
        let visibility = Duration::from_mins(1);
        let minutes = |receives| hidden_for(visibility, receives).as_secs() / 60;
        assert_eq!([0, 1, 2, 3, 7].map(minutes), [1, 1, 2, 4, 64]);
        assert_eq!([30, u32::MAX].map(|at| hidden_for(visibility, at)), [SQS_VISIBILITY_MAX; 2]);
    }
}
