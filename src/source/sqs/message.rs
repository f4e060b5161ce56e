//! One message, from its receipt to the word that it may be deleted.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::Shared;
#[cfg(feature = "s3")]
use super::objects::merge_objects;
use crate::ack::{Admission, Reason, Refusal, RequestId, Stage, Ticket, Waiter};
use crate::backoff::Backoff;
use crate::pipeline::Batch;
use crate::ses::read_all;
use crate::source::cores::is_quick;
#[cfg(feature = "s3")]
use crate::source::s3::Notification;
use crate::source::{Charge, Merged, Named};
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
    match shared.ledger.admit(request) {
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
    let mut charge = match enter(shared, body.len()).await {
        Ok(charge) => charge,
        Err(refusal) => return Err(refuse(ticket, refusal)),
    };
    shared.metrics.request_bytes.add(body.len() as u64);
    let read = |blank: Batch| {
        let (shared, body) = (Arc::clone(shared), body.clone());
        async move {
            let (quick, letters) = (is_quick(&body), shared.merger.letters());
            let read = move || {
                let mut batch = blank.blank(letters);
                read_all(&body, batch.rules().interest(), &mut batch);
                batch
            };
            shared.merger.cores.run(quick, read).await
        }
    };
    let Some(mut batch) = read(shared.merger.intake.batch()).await else {
        let refusal = Refusal::new(Reason::GivenUp, "the work on it failed");
        return Err(refuse(ticket, refusal));
    };
    let named = Named {
        source: shared.queue.url().as_bytes(),
        request: message,
        ids: &[request],
        life: Some(shared.settings.id_life),
    };
    let waiter = merge_read(shared, named, ticket, &mut batch, &read).await?;
    charge.merged();
    Ok(waiter)
}

/// Merges what was read, however long it takes until that can be. `again` reads it once more.
pub async fn merge_read<A, F>(
    shared: &Shared,
    named: Named<'_>,
    mut ticket: Ticket,
    batch: &mut Batch,
    again: A,
) -> Result<Waiter, Refusal>
where
    A: Fn(Batch) -> F + Send + Sync,
    F: Future<Output = Option<Batch>> + Send,
{
    let (until_settled, mut backoff) = (shared.settings.until_settled, Backoff::default());
    loop {
        let merging = shared.merger.merge(named, ticket, batch, &again, until_settled).await;
        let (back, refusal) = match merging {
            Ok(Merged { waiter, .. }) => return Ok(waiter),
            Err(refused) => refused,
        };
        ticket = back;
        if let Err(refusal) = wait(shared, &mut backoff, refusal).await {
            return Err(refuse(ticket, refusal));
        }
    }
}

fn refuse(ticket: Ticket, refusal: Refusal) -> Refusal {
    ticket.refuse(refusal.clone());
    refusal
}

/// Waits until a message may be worked on, and is among those in flight.
pub async fn enter(shared: &Shared, bytes: usize) -> Result<Charge, Refusal> {
    let mut backoff = Backoff::default();
    loop {
        // In flight first, as at any door: a drain that finds nothing in flight is seen behind it.
        let refusal = match shared.in_flight.enter() {
            None => Refusal::new(Reason::Busy, "too many requests in flight"),
            Some(mut charge) => match shared.merger.intake.admit(shared.settings.until_settled) {
                Err(refusal) => refusal,
                Ok(()) if charge.grow(bytes) => return Ok(charge),
                Ok(()) => Refusal::new(Reason::Busy, "too many bytes in flight"),
            },
        };
        wait(shared, &mut backoff, refusal).await?;
    }
}

/// Waits for better times after a refusal that is one for now; gives it back when there will be none.
async fn wait(shared: &Shared, backoff: &mut Backoff, refusal: Refusal) -> Result<(), Refusal> {
    match refusal.reason {
        Reason::Busy | Reason::Entries | Reason::Behind | Reason::Journal | Reason::Forwards => {}
        Reason::Unauthorized
        | Reason::Forbidden
        | Reason::BadRequest
        | Reason::Draining
        | Reason::GivenUp => return Err(refusal),
    }
    tokio::select! {
        () = shared.drain.cancelled() => {
            Err(Refusal::new(Reason::Draining, "shutting down; the message is given back"))
        }
        () = sleep(backoff.pause()) => Ok(()),
    }
}

/// Waits for a merged message to be done, and has it deleted then.
pub async fn follow(taken: Taken) {
    let Taken { hold, request, waiters, outcome, started } = taken;
    let shared = Arc::clone(&hold.shared);
    let until_settled = shared.settings.until_settled;
    let mut outcome = outcome;
    for mut waiter in waiters {
        match waiter.answered(until_settled).await {
            Stage::Settled | Stage::Merged => {}
            Stage::Lost => {
                shared.ledger.release(request);
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
