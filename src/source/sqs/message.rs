//! Processes one message, from its receipt to its deletion or redelivery.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::envelope::envelope_id;
use super::message_guard::MessageGuard;
use super::objects::merge_objects;
use super::queue::MessageContent;
use super::shared::SqsShared;
use crate::ack::{Admission, Refusal, RefusalReason, RequestId, SourceKind, Stage, Ticket, Waiter};
use crate::intake::{LetterContent, RequestKey};
use crate::pipeline::Batch;
use crate::source::s3::Notification;
use crate::telemetry::RequestOutcome;

/// What to wait for: the message, or the objects that it names.
type Waiters = (Vec<Waiter>, RequestOutcome);

/// Counts a message, waits for the acknowledgement, and deletes it. `place` limits the messages in
/// progress; it is released when only the wait for the counts remains.
pub(super) async fn handle(
    guard: MessageGuard,
    content: MessageContent,
    place: OwnedSemaphorePermit,
) {
    let started = Instant::now();
    let shared = Arc::clone(&guard.shared);
    let id = Arc::clone(&guard.id);
    let request = RequestId::new(SourceKind::Sqs, shared.queue.url().as_bytes(), id.as_bytes());
    let body = Bytes::from(content.body);
    let merged = merge(&shared, &id, request, body.clone()).await;
    drop(place);
    let may_have_copies = merged.is_err() && envelope_id(shared.queue.url(), &body).is_some();
    drop(body);
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
            guard.delete();
        }
        return;
    };
    if refusal.reason == RefusalReason::Draining {
        return guard.keep();
    }
    if shared.warnings.allow() {
        let (queue, reason, why) = (shared.queue.url(), refusal.reason.as_str(), &*refusal.message);
        let message_id = &*id;
        tracing::warn!(
            queue,
            message_id,
            reason,
            why,
            "message not processed; SQS will redeliver it"
        );
    }
    if refusal.reason.is_temporary() {
        guard.hide(content.receives, may_have_copies).await;
    } else if refusal.reason.is_final() || refusal.reason == RefusalReason::Forbidden {
        // It is known and costs nothing: its deliveries should be used up quickly.
        guard.hide(1, may_have_copies).await;
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
    let queue = shared.queue.url();
    let ids: Vec<_> = [request].into_iter().chain(envelope_id(queue, &body)).collect();
    match shared.source.ledger.admit_all(&ids) {
        Admission::Known(waiter) => Ok((vec![waiter], RequestOutcome::Repeated)),
        Admission::New(ticket) => {
            let key = RequestKey { source: queue.as_bytes(), request: message, ids: &ids };
            let merged = merge_new(shared, key, ticket, body.clone()).await;
            let waiter = merged.map_err(|(ticket, refusal)| {
                shared.source.refuse(key, ticket, refusal, LetterContent::Whole(&body))
            })?;
            Ok((vec![waiter], RequestOutcome::Acknowledged))
        }
    }
}

async fn merge_new(
    shared: &SqsShared,
    key: RequestKey<'_>,
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
    let committed = source.commit_patiently(key, ticket, &mut batch, again, &mut patience).await?;
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
        match waiter.acknowledged(shared.source.until_settled).await {
            Stage::Settled | Stage::Merged => {}
            Stage::Lost => {
                shared.source.ledger.release(request);
                if shared.drain.is_cancelled() {
                    // The shutdown names the counts that CloudWatch may have.
                    let why = "shutting down before its counts were published";
                    return Err(Refusal::new(RefusalReason::Draining, why));
                }
                if shared.warnings.allow() {
                    let queue = shared.queue.url();
                    tracing::error!(
                        queue,
                        "message counted, but whether its counts were published is unknown"
                    );
                }
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
