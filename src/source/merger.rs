//! The last steps of a request that was read, whatever source it came from.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::cores::Cores;
use crate::ack::{Reason, Receipt, Refusal, RequestId, Ticket, Waiter};
use crate::clock::Clock;
use crate::dead_letters::{DeadLetters, Letters};
use crate::forward::{Forwarder, Room};
use crate::pipeline::{Batch, Claim, Intake};
use crate::telemetry::{Metrics, RateLimit};

/// What sources merge their requests by.
#[derive(Debug)]
pub struct Merger {
    pub intake: Arc<Intake>,
    pub cores: Cores,
    pub clock: Clock,
    dead_letters: Option<DeadLetters>,
    forwarder: Option<Forwarder>,
    warnings: RateLimit,
}

/// A request by its sender's names.
#[derive(Clone, Copy, Debug)]
pub struct Named<'r> {
    /// A stream, queue or object.
    pub source: &'r [u8],
    /// The sender's id of the request.
    pub request: &'r str,
    /// All that the request is known by; the ticket is that of the first.
    pub ids: &'r [RequestId],
    /// How long a journal is to know them, if not as long as one of Firehose.
    pub life: Option<Duration>,
}

/// A request that is merged.
#[derive(Debug)]
pub struct Merged {
    pub waiter: Waiter,
    /// Ends when the request's dead letters are written.
    pub letters: Option<oneshot::Receiver<()>>,
}

// === impl Merger ===

impl Merger {
    #[must_use]
    pub fn new(
        intake: Arc<Intake>,
        metrics: Arc<Metrics>,
        clock: Clock,
        dead_letters: Option<DeadLetters>,
        forwarder: Option<Forwarder>,
    ) -> Self {
        let warnings = RateLimit::new(Duration::from_secs(10), metrics);
        Self { intake, cores: Cores::new(), clock, dead_letters, forwarder, warnings }
    }

    /// Where a batch collects what cannot be read, if that is kept.
    #[must_use]
    pub fn letters(&self) -> Option<Letters> {
        self.dead_letters.as_ref().map(DeadLetters::letters)
    }

    /// Merges what was read, in one step. `again` reads the request into the batch that it is given,
    /// should others have counted some of its events meanwhile. With `until_settled`, answers wait for
    /// counts: then one with copies of them does too.
    ///
    /// # Errors
    /// Nothing was merged, and nobody was told.
    pub async fn merge<A, F>(
        &self,
        named: Named<'_>,
        ticket: Ticket,
        batch: &mut Batch,
        again: A,
        until_settled: bool,
    ) -> Result<Merged, (Ticket, Refusal)>
    where
        A: Fn(Batch) -> F + Send,
        F: Future<Output = Option<Batch>> + Send,
    {
        let waiter = ticket.waiter();
        let Some(claim) = self.claim(batch, again).await else {
            let refusal = Refusal::new(Reason::GivenUp, "the work on it failed");
            return Err((ticket, refusal));
        };
        let room = match self.room(batch) {
            Ok(room) => room,
            Err(refusal) => return Err((ticket, refusal)),
        };
        let room = match (room, batch.forwards.take()) {
            (Some((forwarder, room)), Some(events)) if self.intake.is_journaled() => {
                // Once it is in the journal, a repeat is answered and not read: what was not forwarded
                // by then never would be. So that comes first.
                let (receipt, told) = Receipt::told();
                forwarder.send(room, events, receipt);
                if !told.await.unwrap_or(false) {
                    let refusal = Refusal::new(Reason::GivenUp, "forwarding its events failed");
                    return Err((ticket, refusal));
                }
                None
            }
            (Some((forwarder, room)), Some(events)) => Some((forwarder, room, events)),
            _ => None,
        };
        let (mut ticket, mut forwarding) = (Some(ticket), None);
        let receipt = || {
            let receipts = ticket.take()?.merged(room.is_some());
            forwarding = receipts.forwarding;
            receipts.counts
        };
        let merging = self.intake.merge(named.ids, named.life, batch, claim, receipt).await;
        match (merging, ticket) {
            (Ok(claim), _) => end_claim(claim, waiter.clone(), until_settled),
            (Err(refusal), Some(ticket)) => {
                // Should it be merged another time.
                batch.forwards = room.map(|(.., events)| events);
                return Err((ticket, refusal));
            }
            // A receipt is asked for only when nothing can refuse any more.
            (Err(refusal), None) => tracing::error!(why = %refusal.message, "refused when merged"),
        }
        if let Some(((forwarder, room, events), receipt)) = room.zip(forwarding) {
            forwarder.send(room, events, receipt);
        }
        let letters = self.dead_letters.as_ref().zip(batch.letters.take());
        let letters = letters.and_then(|(dead_letters, letters)| {
            dead_letters.keep(letters, named.source, named.request, self.clock.now_ms())
        });
        if let Some(at) = batch.first_malformed
            && self.warnings.allow()
        {
            let malformed = batch.tally.malformed;
            let request = named.request;
            tracing::warn!(malformed, request, first_at = at, "values that cannot be read");
        }
        Ok(Merged { waiter, letters })
    }

    /// Room for the events of a batch that are to be forwarded, if there are any.
    fn room(&self, batch: &Batch) -> Result<Option<(&Forwarder, Room)>, Refusal> {
        let forwards = batch.forwards.as_ref().filter(|forwards| !forwards.is_empty());
        let Some((forwarder, forwards)) = self.forwarder.as_ref().zip(forwards) else {
            return Ok(None);
        };
        Ok(Some((forwarder, forwarder.reserve(&batch.rules(), forwards)?)))
    }

    /// Claims the events of a batch, and reads it again without those that were counted elsewhere
    /// meanwhile; `None` when that failed.
    async fn claim<A, F>(&self, batch: &mut Batch, again: A) -> Option<Claim>
    where
        A: Fn(Batch) -> F + Send,
        F: Future<Output = Option<Batch>> + Send,
    {
        loop {
            let known = match self.intake.claim(batch).await {
                Ok(claim) => return Some(claim),
                Err(known) => known,
            };
            batch.leave_out(known);
            *batch = again(batch.blank(None)).await?;
        }
    }
}

/// Ends the claim of a merged request. Where answers wait for counts, so does a request with copies
/// of them: its answer stands for them too.
fn end_claim(claim: Claim, mut waiter: Waiter, until_settled: bool) {
    if !until_settled || claim.is_empty() {
        return claim.counted();
    }
    tokio::spawn(async move {
        waiter.answered(true).await;
        claim.counted();
    });
}
