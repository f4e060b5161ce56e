//! One message, from its receipt to the word that it may be deleted.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::Shared;
#[cfg(feature = "s3")]
use super::objects::merge_objects;
use crate::ack::{Admission, Reason, Refusal, RequestId, Stage, Ticket, Waiter};
use crate::intake::{Named, Patience};
use crate::pipeline::Batch;
#[cfg(feature = "s3")]
use crate::source::s3::Notification;
use crate::telemetry::RequestOutcome;

/// A message in hand. Dropped, it is let go: SQS shows it again when its time is over.
#[derive(Debug)]
pub struct Hold {
    shared: Arc<Shared>,
    id: Arc<str>,
    is_kept: bool,
}

/// A message that is merged, or was known.
#[derive(Debug)]
pub struct Taken {
    hold: Hold,
    request: RequestId,
    /// Of the message, or of the objects that it names.
    waiters: Vec<Waiter>,
    outcome: RequestOutcome,
    started: Instant,
}

// === impl Hold ===

impl Hold {
    pub fn new(shared: Arc<Shared>, id: Arc<str>) -> Self {
        Self { shared, id, is_kept: false }
    }

    /// Keeps the message in hand until it is given back at the end.
    fn keep(mut self) {
        self.is_kept = true;
    }

    /// Has the message deleted; until then it is in hand.
    fn delete(mut self) {
        self.is_kept = true;
        self.shared.hand.settled(&self.id);
        // Who deletes does so until no message is left.
        let _ = self.shared.deletions.send(Arc::clone(&self.id));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.is_kept {
            self.shared.hand.release(&self.id);
        }
    }
}

/// Counts a message and merges it, however long it takes until there is room. `None`: it is not to be
/// deleted.
pub async fn merge(hold: Hold, body: String) -> Option<Taken> {
    let started = Instant::now();
    let shared = Arc::clone(&hold.shared);
    let request = RequestId::new(shared.queue.url().as_bytes(), hold.id.as_bytes());
    match merge_body(&shared, &hold.id, request, body.into()).await {
        Ok((waiters, outcome)) => Some(Taken { hold, request, waiters, outcome, started }),
        Err(refusal) => {
            shared.metrics.request(RequestOutcome::Refused(refusal.reason), started.elapsed());
            if refusal.reason == Reason::Draining {
                hold.keep();
            } else if shared.warnings.allow() {
                let queue = shared.queue.url();
                tracing::warn!(queue, why = %refusal.message, "message not taken; it comes again");
            }
            None
        }
    }
}

async fn merge_body(
    shared: &Arc<Shared>,
    message: &str,
    request: RequestId,
    body: Bytes,
) -> Result<(Vec<Waiter>, RequestOutcome), Refusal> {
    #[cfg(feature = "s3")]
    if let Some(source) = &shared.objects
        && let Some(notification) = Notification::read(&body)
    {
        let waiters = merge_objects(shared, source, notification).await?;
        return Ok((waiters, RequestOutcome::Acknowledged));
    }
    match shared.source.ledger.admit(request) {
        Admission::Known(waiter) => Ok((vec![waiter], RequestOutcome::Repeated)),
        Admission::New(ticket) => {
            let waiter = merge_new(shared, message, request, ticket, body).await?;
            Ok((vec![waiter], RequestOutcome::Acknowledged))
        }
    }
}

async fn merge_new(
    shared: &Arc<Shared>,
    message: &str,
    request: RequestId,
    ticket: Ticket,
    body: Bytes,
) -> Result<Waiter, Refusal> {
    let mut patience = shared.patience();
    let source = &shared.source;
    let charge = match source.enter_patiently(body.len(), &mut patience).await {
        Ok(charge) => charge,
        Err(refusal) => return Err(ticket.refuse(refusal)),
    };
    shared.metrics.request_bytes.add(body.len() as u64);
    let budget = source.intake.budget(charge);
    let read = source.read(body.clone(), source.intake.batch(), &budget).await;
    let mut batch = match read {
        Ok(batch) => batch,
        Err(refusal) => return Err(ticket.refuse(refusal)),
    };
    let named = Named { source: shared.queue.url().as_bytes(), request: message, ids: &[request] };
    let again = |blank: Batch| source.read_again(body.clone(), blank);
    let committed =
        source.commit_patiently(named, ticket, &mut batch, again, &mut patience).await?;
    drop(budget.committed());
    Ok(committed.waiter)
}

/// Waits for a merged message to be done, and has it deleted then.
pub async fn follow(taken: Taken) {
    let Taken { hold, request, waiters, outcome, started } = taken;
    let shared = Arc::clone(&hold.shared);
    let until_settled = shared.source.until_settled;
    let mut outcome = outcome;
    for mut waiter in waiters {
        match waiter.answered(until_settled).await {
            Stage::Settled | Stage::Merged => {}
            Stage::Lost => {
                shared.source.ledger.release(request);
                tracing::error!("a message is counted, but what became of its counts is not known");
                outcome = RequestOutcome::Lost;
            }
            Stage::Refused(refusal) => outcome = RequestOutcome::Refused(refusal.reason),
            Stage::Reading | Stage::Forwarding => {
                outcome = RequestOutcome::Refused(Reason::GivenUp);
            }
        }
    }
    if matches!(outcome, RequestOutcome::Acknowledged | RequestOutcome::Repeated) {
        hold.delete();
    }
    shared.metrics.request(outcome, started.elapsed());
}

// === impl Shared ===

impl Shared {
    /// For one message: waits until there is room, or the daemon drains.
    pub(super) fn patience(&self) -> Patience {
        Patience::new(self.drain.clone())
    }
}
