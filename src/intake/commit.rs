//! The commit of a request that was read: one step, or nothing.

use std::time::Duration;

use tokio::sync::oneshot;

use super::{Intake, Patience, SourceIntake};
use crate::ack::{Receipt, Refusal, RefusalReason, RequestId, Ticket, Waiter};
use crate::aggregate::Full;
use crate::dead_letters::DeadLetters;
use crate::forward::{Forwarder, Forwards, Room};
use crate::pipeline::{Batch, Claim, Known};

/// A request by its sender's names.
#[derive(Clone, Copy, Debug)]
pub struct Named<'r> {
    /// A stream, queue or object.
    pub source: &'r [u8],
    /// The sender's id of the request.
    pub request: &'r str,
    /// All that the request is known by; the ticket is that of the first.
    pub ids: &'r [RequestId],
}

/// A request that is merged.
#[derive(Debug)]
pub struct Committed {
    pub waiter: Waiter,
    /// Ends when the request's dead letters are written.
    pub letters: Option<oneshot::Receiver<()>>,
}

/// What is kept of a request that is refused for good.
#[derive(Clone, Copy, Debug)]
pub enum LetterContent<'r> {
    /// Its sender keeps it.
    None,
    /// Its name alone: what it holds may not be ours to keep.
    NameOnly,
    /// What it holds.
    Whole(&'r [u8]),
}

/// Events of a request and the room for them, to be sent once it is merged.
type Outgoing<'f> = Option<(&'f Forwarder, Room, Forwards)>;

// === impl SourceIntake ===

impl SourceIntake {
    /// Merges what was read, in one step. `again` reads the request into the batch that it is given,
    /// should others have counted some of its events meanwhile.
    ///
    /// # Errors
    /// Nothing was merged, and the ticket is still to be refused.
    pub async fn commit<A, F>(
        &self,
        named: Named<'_>,
        ticket: Ticket,
        batch: &mut Batch,
        again: A,
    ) -> Result<Committed, (Ticket, Refusal)>
    where
        A: Fn(Batch) -> F + Send,
        F: Future<Output = Result<Batch, Refusal>> + Send,
    {
        let intake = &self.intake;
        let waiter = ticket.waiter();
        let claim = match intake.claim_events(batch, again).await {
            Ok(claim) => claim,
            Err(refusal) => return Err((ticket, refusal)),
        };
        let outgoing = match intake.forward_before(batch).await {
            Ok(outgoing) => outgoing,
            Err(refusal) => return Err((ticket, refusal)),
        };
        let (mut ticket, mut forwarding) = (Some(ticket), None);
        let receipt = || {
            let receipts = ticket.take()?.merged(outgoing.is_some());
            forwarding = receipts.forwarding;
            receipts.counts
        };
        let merging = intake.merge(named.ids, self.id_life, batch, claim, receipt).await;
        match (merging, ticket) {
            (Ok(claim), _) => end_claim(claim, waiter.clone(), self.until_settled),
            (Err(refusal), Some(ticket)) => {
                // Should it be merged another time.
                batch.forwards = outgoing.map(|(.., events)| events);
                return Err((ticket, refusal));
            }
            // A receipt is asked for only when nothing can refuse any more.
            (Err(refusal), None) => {
                tracing::error!(why = %refusal.message, "request rejected after its merge")
            }
        }
        if let Some(((forwarder, room, events), receipt)) = outgoing.zip(forwarding) {
            forwarder.send(room, events, receipt);
        }
        let letters = intake.keep_letters(named, batch);
        intake.note_malformed(named, batch);
        Ok(Committed { waiter, letters })
    }

    /// As [`SourceIntake::commit`], and waits for room.
    ///
    /// # Errors
    /// As for [`SourceIntake::commit`], when waiting does not help or the patience is at its end.
    pub async fn commit_patiently<A, F>(
        &self,
        named: Named<'_>,
        mut ticket: Ticket,
        batch: &mut Batch,
        again: A,
        patience: &mut Patience,
    ) -> Result<Committed, (Ticket, Refusal)>
    where
        A: Fn(Batch) -> F + Send + Sync,
        F: Future<Output = Result<Batch, Refusal>> + Send,
    {
        loop {
            let refused = match self.commit(named, ticket, batch, &again).await {
                Ok(committed) => return Ok(committed),
                Err((back, refusal)) => {
                    ticket = back;
                    refusal
                }
            };
            if let Err(refusal) = patience.wait(refused).await {
                return Err((ticket, refusal));
            }
        }
    }

    /// Refuses a request. A final refusal is counted, named in the log and remembered by the
    /// request's id, and it becomes a dead letter if `letter` asks for one and those are kept.
    pub fn refuse(
        &self,
        named: Named<'_>,
        ticket: Ticket,
        refusal: Refusal,
        letter: LetterContent<'_>,
    ) -> Refusal {
        if refusal.reason.is_final() {
            self.intake.note_final(named, &refusal, letter);
        }
        ticket.refuse(refusal)
    }
}

// === impl Intake ===

impl Intake {
    /// Whether a commit may have to wait for others, or for the disk.
    #[must_use]
    pub fn commit_may_wait(&self) -> bool {
        self.journal.is_some() || self.copies.is_some()
    }

    /// Claims the events of a batch, and reads it again without those that were counted elsewhere
    /// meanwhile.
    async fn claim_events<A, F>(&self, batch: &mut Batch, again: A) -> Result<Claim, Refusal>
    where
        A: Fn(Batch) -> F + Send,
        F: Future<Output = Result<Batch, Refusal>> + Send,
    {
        loop {
            let known = match self.claim(batch).await {
                Ok(claim) => return Ok(claim),
                Err(known) => known,
            };
            batch.leave_out(known);
            *batch = again(batch.blank(None)).await?;
        }
    }

    /// Claims the events of a batch, when copies are left out. Waits for requests with the same
    /// ones to be merged or refused.
    ///
    /// # Errors
    /// Others have counted some of them: the request is to be read again without those.
    async fn claim(&self, batch: &Batch) -> Result<Claim, Known> {
        match &self.copies {
            Some(copies) => copies.claim(batch.fingerprints()).await,
            None => Ok(Claim::default()),
        }
    }

    /// Reserves room for the events of a batch that are to be forwarded, and takes them out of it.
    /// With a journal they are forwarded at once: after a crash a repeat is known and not read, so
    /// what was not forwarded by then never would be.
    async fn forward_before(&self, batch: &mut Batch) -> Result<Outgoing<'_>, Refusal> {
        let forwards = batch.forwards.as_ref().filter(|forwards| !forwards.is_empty());
        let Some((forwarder, forwards)) = self.forwarder.as_ref().zip(forwards) else {
            return Ok(None);
        };
        let room = forwarder.reserve(&batch.rules(), forwards)?;
        let Some(events) = batch.forwards.take() else { return Ok(None) };
        if self.journal.is_none() {
            return Ok(Some((forwarder, room, events)));
        }
        let (receipt, told) = Receipt::told();
        forwarder.send(room, events, receipt);
        if told.await.unwrap_or(false) {
            return Ok(None);
        }
        Err(Refusal::new(RefusalReason::GivenUp, "forwarding its events failed; retry"))
    }

    /// Merges the batch of a request in one step, once it is in the journal if there is one. Gives
    /// its claim back, for the caller to say when its events are counted. `life` is how long the
    /// journal is to know the ids, if not as long as one of Firehose. `receipt` is asked for when
    /// nothing can refuse any more. Must not be dropped before its end: the request would be in the
    /// journal and not be counted before the next start.
    ///
    /// # Errors
    /// The pending entries are at their limit, or the journal cannot be written; nothing was
    /// merged.
    pub(super) async fn merge(
        &self,
        ids: &[RequestId],
        life: Option<Duration>,
        batch: &Batch,
        claim: Claim,
        receipt: impl FnOnce() -> Option<Receipt>,
    ) -> Result<Claim, Refusal> {
        let room = self.aggregator.reserve(&batch.delta).map_err(|Full| {
            let message = "too many counts are waiting to be published (limits.entries); retry";
            Refusal::new(RefusalReason::Entries, message)
        })?;
        if let Some(journal) = &self.journal {
            let (now_ms, fingerprints) = (self.clock.now_ms(), batch.fingerprints());
            let written = journal.delta(ids, now_ms, life, &batch.delta, fingerprints).await;
            written.map_err(|_| {
                let message = "the journal cannot be written; retry";
                Refusal::new(RefusalReason::Journal, message)
            })?;
        }
        let merge = self.aggregator.merge_into(room, &batch.delta, receipt);
        batch.tally.record(&self.metrics, merge.series_limit());
        self.note_copies(batch);
        self.given_up(&merge).await;
        Ok(claim)
    }

    fn keep_letters(&self, named: Named<'_>, batch: &mut Batch) -> Option<oneshot::Receiver<()>> {
        let dead_letters: &DeadLetters = self.dead_letters.as_ref()?;
        let letters = batch.letters.take()?;
        dead_letters.keep(letters, named.source, named.request, self.clock.now_ms())
    }

    fn note_final(&self, named: Named<'_>, refusal: &Refusal, letter: LetterContent<'_>) {
        if let Some(reason) = refusal.reason.final_reason() {
            self.metrics.refused.increment(reason);
        }
        if self.refusals.allow() {
            let source = String::from_utf8_lossy(named.source);
            let (request, reason) = (named.request, refusal.reason.as_str());
            let why = &*refusal.message;
            tracing::warn!(%source, request, reason, why, "request rejected permanently");
        }
        let raw = match letter {
            LetterContent::None => return,
            LetterContent::NameOnly => None,
            LetterContent::Whole(raw) => Some(raw),
        };
        if let Some(dead_letters) = &self.dead_letters {
            let Named { source, request, .. } = named;
            dead_letters.keep_refused(source, request, self.clock.now_ms(), &refusal.message, raw);
        }
    }

    fn note_malformed(&self, named: Named<'_>, batch: &Batch) {
        if let Some(at) = batch.first_malformed
            && self.warnings.allow()
        {
            let malformed = batch.tally.malformed;
            let request = named.request;
            tracing::warn!(malformed, request, first_at = at, "unreadable values skipped");
        }
    }

    fn note_copies(&self, batch: &Batch) {
        if let Some(sample) = batch.copy_sample()
            && self.samples.allow()
        {
            let (copies, message_id) = (batch.tally.copies, &sample.message_id);
            let event_type = sample.event_type.metric_name();
            tracing::info!(copies, event_type, message_id, "duplicate events skipped");
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
