//! A message that names objects in S3: done when each of them is.

use std::sync::Arc;

use super::Shared;
use crate::ack::{Admission, Reason, Receipts, Refusal, Stage, Ticket, Waiter};
use crate::intake::{Named, Patience, Reading, SourceIntake};
use crate::pipeline::Batch;
use crate::source::s3::{Notification, Object, Objects};
use crate::telemetry::ObjectOutcome;

/// How the objects are read that messages name. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ObjectSource {
    pub objects: Objects,
    /// Its ledger is that of all queues: an object is counted once, whichever names it.
    pub source: SourceIntake,
}

/// Reads all objects that are new and merges them in one step. Gives who is to be waited for.
pub async fn merge_objects(
    shared: &Arc<Shared>,
    objects_of: &ObjectSource,
    notification: Notification,
) -> Result<Vec<Waiter>, Refusal> {
    shared.metrics.s3_objects(ObjectOutcome::Ignored, notification.others);
    let (source, mut patience) = (&objects_of.source, shared.patience());
    let charge = source.enter_patiently(0, &mut patience).await?;
    let (mut waiters, mut objects, mut tickets) = (Vec::new(), Vec::new(), Vec::new());
    for object in notification.objects {
        match source.ledger.admit(object.id()) {
            Admission::New(ticket) => {
                objects.push(object);
                tickets.push(ticket);
            }
            Admission::Known(waiter) => {
                shared.metrics.s3_objects(ObjectOutcome::Repeated, 1);
                waiters.push(waiter);
            }
        }
    }
    let blank = source.intake.archived_batch();
    let budget = source.intake.budget(charge);
    let fresh = || Reading::new(blank.blank(source.intake.letters()), &budget);
    let bytes_max = source.intake.object_bytes;
    let read = objects_of.objects.read(&objects, bytes_max, fresh).await;
    let read =
        read.map_err(Refusal::from).and_then(|(reading, missing)| Ok((reading.finish()?, missing)));
    let (batch, missing) = match read {
        Ok(read) => read,
        Err(refusal) => {
            for ticket in tickets {
                ticket.refuse(refusal.clone());
            }
            return Err(refusal);
        }
    };
    for at in missing.into_iter().rev() {
        tracing::warn!(object = objects[at].url(), "an object is not there any more");
        objects.remove(at);
        // Should it come back, its notification does too.
        drop(tickets.remove(at));
    }
    if !objects.is_empty() {
        let ticket = tickets.remove(0);
        let first = merge_all(objects_of, &objects, ticket, batch, &mut patience).await?;
        for ticket in tickets {
            waiters.push(ticket.waiter());
            end_with(ticket, first.clone());
        }
        waiters.push(first);
    }
    drop(budget.committed());
    Ok(waiters)
}

async fn merge_all(
    of: &ObjectSource,
    objects: &[Object],
    ticket: Ticket,
    mut batch: Batch,
    patience: &mut Patience,
) -> Result<Waiter, Refusal> {
    let again = |blank: Batch| {
        let (of, objects) = (of.clone(), objects.to_vec());
        async move {
            // It was within its budget before.
            let fresh = || Reading::unbounded(blank.blank(of.source.intake.letters()));
            match of.objects.read(&objects, None, fresh).await? {
                (reading, missing) if missing.is_empty() => Ok(reading.finish()?),
                _ => Err(Refusal::new(Reason::GivenUp, "an object is not there any more")),
            }
        }
    };
    let ids: Vec<_> = objects.iter().map(Object::id).collect();
    let url = objects[0].url();
    let named = Named {
        source: url.as_bytes(),
        request: objects[0].version().unwrap_or_default(),
        ids: &ids,
    };
    let source = &of.source;
    Ok(source.commit_patiently(named, ticket, &mut batch, again, patience).await?.waiter)
}

/// Ends an object that was merged with another as that does.
fn end_with(ticket: Ticket, mut first: Waiter) {
    // The first waits for its events to be forwarded, if any are; so does this one.
    let Receipts { counts, forwarding } = ticket.merged(true);
    tokio::spawn(async move {
        if matches!(first.answered(false).await, Stage::Merged | Stage::Settled) {
            // Nothing else is to be waited for.
            drop(forwarding.map(|receipt| receipt.split(0)));
        }
        if counts.is_some() && first.answered(true).await == Stage::Settled {
            drop(counts.map(|receipt| receipt.split(0)));
        }
    });
}
