//! A message that names objects in S3: done when every object is.

use std::sync::Arc;

use super::object_source::ObjectSource;
use super::shared::SqsShared;
use crate::ack::{Admission, Refusal, RefusalReason, Ticket, Waiter};
use crate::dead_letters::DeadLetterBatch;
use crate::intake::{LetterContent, MeteredBatch, Patience, RequestKey, SourceIntake};
use crate::pipeline::Batch;
use crate::source::s3::{ForbiddenObject, Notification, Object};
use crate::telemetry::ObjectOutcome;

/// Counts the objects that a message names, each as its own request. A rejection of one does not
/// undo the others, which are known when the message is redelivered. Returns what to wait for.
pub(super) async fn merge_objects(
    shared: &Arc<SqsShared>,
    from: &ObjectSource,
    notification: Notification,
) -> Result<Vec<Waiter>, Refusal> {
    from.permit.check(&notification).map_err(|why| {
        shared.metrics.s3_objects.add(ObjectOutcome::Forbidden, notification.objects.len() as u64);
        refusal(&why)
    })?;
    shared.metrics.s3_objects.add(ObjectOutcome::Ignored, notification.others);
    let mut patience = shared.patience();
    let mut waiters = Vec::new();
    for object in notification.objects {
        match from.source.ledger.admit(object.id()) {
            Admission::Known(waiter) => {
                shared.metrics.s3_objects.add(ObjectOutcome::Repeated, 1);
                waiters.push(waiter);
            }
            Admission::New(ticket) => {
                waiters.extend(merge_object(from, &object, ticket, &mut patience).await?);
            }
        }
    }
    Ok(waiters)
}

/// Leaves the message in the queue until its redrive policy moves it.
fn refusal(why: &ForbiddenObject) -> Refusal {
    Refusal::new(RefusalReason::Forbidden, why.to_string())
}

/// `None`: the object no longer exists.
async fn merge_object(
    from: &ObjectSource,
    object: &Object,
    ticket: Ticket,
    patience: &mut Patience,
) -> Result<Option<Waiter>, Refusal> {
    let (url, ids) = (object.url(), [object.id()]);
    let request = object.version().unwrap_or_default();
    let key = RequestKey { source: url.as_bytes(), request, ids: &ids };
    // The dead letter of a rejected object holds only its name, because the daemon may not be
    // allowed to store its content.
    let refuse =
        |(ticket, refusal)| from.source.refuse(key, ticket, refusal, LetterContent::NameOnly);
    let source = &from.source;
    let charge = match source.enter_patiently(0, patience).await {
        Ok(charge) => charge,
        Err(refusal) => return Err(refuse((ticket, refusal))),
    };
    let blank = source.intake.archived_batch();
    let budget = source.intake.budget(charge);
    let fresh = || MeteredBatch::new(blank_of(&blank, source), &budget);
    let read_now = || read(from, object, source.intake.object_bytes, &fresh);
    let mut batch = match patience.read(&budget, read_now).await {
        Ok(Some(batch)) => batch,
        Ok(None) => {
            tracing::warn!(object = object.shown(), "object no longer exists");
            // If the object is created again, there is a new notification.
            drop(ticket);
            return Ok(None);
        }
        Err(refusal) => return Err(refuse((ticket, refusal))),
    };
    let again = |blank: Batch| {
        let (from, object) = (from.clone(), object.clone());
        async move {
            // It was within its budget before.
            let fresh = || MeteredBatch::unbounded(blank_of(&blank, &from.source));
            let gone = || Refusal::new(RefusalReason::GivenUp, "the object no longer exists");
            read(&from, &object, None, fresh).await?.ok_or_else(gone)
        }
    };
    let committed = source.commit_patiently(key, ticket, &mut batch, again, patience).await;
    let committed = committed.map_err(refuse)?;
    drop(budget.committed());
    Ok(Some(committed.waiter))
}

/// A batch like `blank`. Its dead letters hold no content, because the message may name an object
/// that holds something other than events.
fn blank_of(blank: &Batch, source: &SourceIntake) -> Batch {
    blank.blank(source.intake.dead_letter_batch().map(DeadLetterBatch::locations_only))
}

/// Reads an object; `None`: it no longer exists.
async fn read(
    from: &ObjectSource,
    object: &Object,
    bytes_max: Option<u64>,
    fresh: impl Fn() -> MeteredBatch,
) -> Result<Option<Batch>, Refusal> {
    let reading = from.objects.read(object, bytes_max, fresh).await?;
    Ok(reading.map(MeteredBatch::finish).transpose()?)
}
