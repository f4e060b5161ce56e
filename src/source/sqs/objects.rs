//! A message that names objects in S3: done when each of them is.

use std::sync::Arc;

use super::Shared;
use super::message::{enter, merge_read};
use crate::ack::{Admission, Ledger, Reason, Receipts, Refusal, Stage, Ticket, Waiter};
use crate::limits::S3_ID_LIFE;
use crate::pipeline::Batch;
use crate::source::Named;
use crate::source::s3::{Notification, Object, Objects};
use crate::telemetry::ObjectOutcome;

/// How the objects are read that messages name. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ObjectSource {
    pub objects: Objects,
    /// Of all queues: an object is counted once, whoever names it.
    pub ledger: Ledger,
}

/// Reads all objects that are new and merges them in one step. Gives who is to be waited for.
pub async fn merge_objects(
    shared: &Arc<Shared>,
    source: &ObjectSource,
    notification: Notification,
) -> Result<Vec<Waiter>, Refusal> {
    shared.metrics.s3_objects(ObjectOutcome::Ignored, notification.others);
    let mut charge = enter(shared, 0).await?;
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
    let blank = shared.merger.intake.archived_batch();
    let fresh = || blank.blank(shared.merger.letters());
    let read = source.objects.read(&objects, fresh).await;
    // Those that were read leave no trace: their tickets go with them.
    let (batch, missing) = read.map_err(|why| Refusal::new(Reason::GivenUp, why))?;
    for at in missing.into_iter().rev() {
        tracing::warn!(object = objects[at].url(), "an object is not there any more");
        objects.remove(at);
        // Should it come back, its notification does too.
        drop(tickets.remove(at));
    }
    if !objects.is_empty() {
        let ticket = tickets.remove(0);
        let first = merge_all(shared, source, &objects, ticket, batch).await?;
        for ticket in tickets {
            waiters.push(ticket.waiter());
            end_with(ticket, first.clone());
        }
        waiters.push(first);
    }
    charge.merged();
    Ok(waiters)
}

async fn merge_all(
    shared: &Arc<Shared>,
    source: &ObjectSource,
    objects: &[Object],
    ticket: Ticket,
    mut batch: Batch,
) -> Result<Waiter, Refusal> {
    let again = |blank: Batch| {
        let (source, objects, shared) = (source.clone(), objects.to_vec(), Arc::clone(shared));
        async move {
            let fresh = || blank.blank(shared.merger.letters());
            let (batch, missing) = source.objects.read(&objects, fresh).await.ok()?;
            missing.is_empty().then_some(batch)
        }
    };
    let ids: Vec<_> = objects.iter().map(Object::id).collect();
    let url = objects[0].url();
    let named = Named {
        source: url.as_bytes(),
        request: objects[0].version().unwrap_or_default(),
        ids: &ids,
        life: Some(S3_ID_LIFE),
    };
    merge_read(shared, named, ticket, &mut batch, again).await
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
