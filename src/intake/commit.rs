//! Commits a request that was read, in one step or not at all.

use std::time::Duration;

use tokio::sync::oneshot;

use super::entry::{Intake, SourceIntake};
use super::patience::Patience;
use crate::ack::{AckGuard, Refusal, RefusalReason, RequestId, Ticket, Waiter};
use crate::aggregate::Full;
use crate::dead_letters::DeadLetters;
use crate::forward::{Forwarder, Forwards, Room};
use crate::pipeline::{Batch, Duplicates, Reservation};
use crate::printable::shown;

/// A request, as its sender names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestKey<'r> {
    /// A stream, queue or object.
    pub source: &'r [u8],
    /// The sender's id of the request.
    pub request: &'r str,
    /// All IDs of the request, which its ticket was admitted with.
    pub ids: &'r [RequestId],
}

/// A request that is merged.
#[derive(Debug)]
pub(crate) struct CommittedRequest {
    pub waiter: Waiter,
    /// Closes when the request's dead letters are written.
    pub letters: Option<oneshot::Receiver<()>>,
}

/// The part of a permanently rejected request that is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LetterContent<'r> {
    /// Nothing: its sender keeps it.
    None,
    /// Its name only, because this daemon may not be allowed to store the content.
    NameOnly,
    /// The whole request.
    Whole(&'r [u8]),
}

/// Events of a request and the room reserved for them, sent after the merge.
type ReservedForwards<'f> = Option<(&'f Forwarder, Room, Forwards)>;

// === impl SourceIntake ===

impl SourceIntake {
    /// Merges a batch in one step. `again` rereads the request into the given batch, if other
    /// requests have counted some of its events in the meantime.
    ///
    /// # Errors
    /// Nothing was merged; the caller must reject the ticket.
    pub(crate) async fn commit<A, F>(
        &self,
        key: RequestKey<'_>,
        ticket: Ticket,
        batch: &mut Batch,
        again: A,
    ) -> Result<CommittedRequest, (Ticket, Refusal)>
    where
        A: Fn(Batch) -> F + Send,
        F: Future<Output = Result<Batch, Refusal>> + Send,
    {
        let intake = &self.intake;
        if let Err(refusal) = self.is_on_time(&batch.delta) {
            return Err((ticket, refusal));
        }
        let waiter = ticket.waiter();
        let reservation = match intake.reserve_events(batch, again).await {
            Ok(reservation) => reservation,
            Err(refusal) => return Err((ticket, refusal)),
        };
        let outgoing = match intake.forward_before(batch).await {
            Ok(outgoing) => outgoing,
            Err(refusal) => return Err((ticket, refusal)),
        };
        let (mut ticket, mut forwarding) = (Some(ticket), None);
        let ack = || {
            let acks = ticket.take()?.merged(outgoing.is_some());
            forwarding = acks.forwarding;
            // Other requests that name the same object may wait although this one does not.
            acks.counts.map(|ack| if self.until_settled { ack } else { ack.answered() })
        };
        let merging = intake.merge(key.ids, self.id_life, batch, reservation, ack).await;
        match (merging, ticket) {
            (Ok(reservation), _) => {
                end_reservation(reservation, waiter.clone(), self.until_settled);
            }
            (Err(refusal), Some(ticket)) => {
                // In case the request is merged later.
                batch.forwards = outgoing.map(|(.., events)| events);
                return Err((ticket, refusal));
            }
            // The guard is created only when the merge can no longer fail.
            (Err(refusal), None) => {
                tracing::error!(why = %refusal.message, "request rejected after its merge");
            }
        }
        if let Some(((forwarder, room, events), ack)) = outgoing.zip(forwarding) {
            forwarder.send(room, events, ack);
        }
        let letters = intake.keep_letters(key, batch);
        intake.note_malformed(key, batch);
        Ok(CommittedRequest { waiter, letters })
    }

    /// As [`SourceIntake::commit`], but waits for room.
    ///
    /// # Errors
    /// As for [`SourceIntake::commit`], when waiting cannot help or the patience has ended. A request
    /// of an overdue namespace does not wait, because it would take the place of others.
    pub(crate) async fn commit_patiently<A, F>(
        &self,
        key: RequestKey<'_>,
        mut ticket: Ticket,
        batch: &mut Batch,
        again: A,
        patience: &mut Patience,
    ) -> Result<CommittedRequest, (Ticket, Refusal)>
    where
        A: Fn(Batch) -> F + Send + Sync,
        F: Future<Output = Result<Batch, Refusal>> + Send,
    {
        loop {
            let refused = match self.commit(key, ticket, batch, &again).await {
                Ok(committed) => return Ok(committed),
                Err((back, refusal)) => {
                    ticket = back;
                    refusal
                }
            };
            if refused.reason == RefusalReason::Behind {
                return Err((ticket, refused));
            }
            if let Err(refusal) = patience.wait(refused).await {
                return Err((ticket, refusal));
            }
        }
    }

    /// Rejects a request. A permanent rejection is counted, logged and remembered by the request's
    /// ID. It becomes a dead letter if `letter` asks for one and dead letters are kept.
    pub(crate) fn refuse(
        &self,
        key: RequestKey<'_>,
        ticket: Ticket,
        refusal: Refusal,
        letter: LetterContent<'_>,
    ) -> Refusal {
        if refusal.reason.is_final() {
            self.intake.note_final(key, &refusal, letter);
        }
        ticket.refuse(refusal)
    }
}

// === impl Intake ===

impl Intake {
    /// Whether a commit may wait for other requests or for the disk.
    #[must_use]
    pub(crate) fn commit_may_wait(&self) -> bool {
        self.journal.is_some() || self.filter.is_some()
    }

    /// Reserves the events of a batch. Rereads the request without events that were counted
    /// elsewhere in the meantime.
    async fn reserve_events<A, F>(
        &self,
        batch: &mut Batch,
        again: A,
    ) -> Result<Reservation, Refusal>
    where
        A: Fn(Batch) -> F + Send,
        F: Future<Output = Result<Batch, Refusal>> + Send,
    {
        loop {
            let duplicates = match self.reserve(batch).await {
                Ok(reservation) => return Ok(reservation),
                Err(duplicates) => duplicates,
            };
            batch.leave_out(duplicates);
            *batch = again(batch.blank(None)).await?;
        }
    }

    /// Reserves the events of a batch, if duplicates are removed. Waits for requests with the same
    /// events to be merged or rejected.
    ///
    /// # Errors
    /// Other requests have counted some of the events: the request must be read again without them.
    async fn reserve(&self, batch: &Batch) -> Result<Reservation, Duplicates> {
        match &self.filter {
            Some(filter) => filter.reserve(batch.fingerprints()).await,
            None => Ok(Reservation::default()),
        }
    }

    /// Reserves room for the batch's events to forward, and takes them out of the batch. With a
    /// journal they are forwarded before the merge: after a crash a retry is known and not read, so
    /// its events would never be forwarded.
    async fn forward_before(&self, batch: &mut Batch) -> Result<ReservedForwards<'_>, Refusal> {
        let forwards = batch.forwards.as_ref().filter(|forwards| !forwards.is_empty());
        let Some((forwarder, forwards)) = self.forwarder.as_ref().zip(forwards) else {
            return Ok(None);
        };
        let room = forwarder.reserve(&batch.rules(), forwards)?;
        let Some(events) = batch.forwards.take() else { return Ok(None) };
        if self.journal.is_none() {
            return Ok(Some((forwarder, room, events)));
        }
        let (ack, told) = AckGuard::told();
        forwarder.send(room, events, ack);
        if told.await.unwrap_or(false) {
            return Ok(None);
        }
        Err(Refusal::new(RefusalReason::GivenUp, "forwarding its events failed; retry"))
    }

    /// Merges the batch of a request in one step, after writing it to the journal if there is one.
    /// Returns the reservation, so that the caller can mark its events as counted. `life`: how long
    /// the journal remembers the IDs, if not as long as those of Firehose. `ack` is called when
    /// the merge can no longer fail. This future must not be dropped early: the request would be in
    /// the journal but not counted before the next start.
    ///
    /// # Errors
    /// The pending entries are at their limit, or the journal cannot be written; nothing was
    /// merged.
    pub(super) async fn merge(
        &self,
        ids: &[RequestId],
        life: Option<Duration>,
        batch: &Batch,
        reservation: Reservation,
        ack: impl FnOnce() -> Option<AckGuard>,
    ) -> Result<Reservation, Refusal> {
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
        let merge = self.aggregator.merge_into(room, &batch.delta, ack);
        batch.tally.record(&self.metrics, merge.series_limit());
        self.note_duplicates(batch);
        self.given_up(&merge).await;
        Ok(reservation)
    }

    fn keep_letters(
        &self,
        key: RequestKey<'_>,
        batch: &mut Batch,
    ) -> Option<oneshot::Receiver<()>> {
        let dead_letters: &DeadLetters = self.dead_letters.as_ref()?;
        let letters = batch.letters.take()?;
        dead_letters.keep(letters, key.source, key.request, self.clock.now_ms())
    }

    fn note_final(&self, key: RequestKey<'_>, refusal: &Refusal, letter: LetterContent<'_>) {
        if let Some(reason) = refusal.reason.final_reason() {
            self.metrics.refused.increment(reason);
        }
        if self.refusals.allow() {
            let source = shown(&String::from_utf8_lossy(key.source));
            let (request, reason) = (shown(key.request), refusal.reason.as_str());
            let why = &*refusal.message;
            tracing::warn!(source, request, reason, why, "request rejected permanently");
        }
        let raw = match letter {
            LetterContent::None => return,
            LetterContent::NameOnly => None,
            LetterContent::Whole(raw) => Some(raw),
        };
        if let Some(dead_letters) = &self.dead_letters {
            let RequestKey { source, request, .. } = key;
            dead_letters.keep_refused(source, request, self.clock.now_ms(), &refusal.message, raw);
        }
    }

    fn note_malformed(&self, key: RequestKey<'_>, batch: &Batch) {
        if let Some(at) = batch.first_malformed
            && self.warnings.allow()
        {
            let malformed = batch.tally.malformed;
            let request = shown(key.request);
            tracing::warn!(malformed, request, first_at = at, "unreadable values skipped");
        }
    }

    fn note_duplicates(&self, batch: &Batch) {
        if let Some(sample) = batch.duplicate_sample()
            && self.samples.allow()
        {
            let (duplicates, message_id) = (batch.tally.duplicates, shown(&sample.message_id));
            let event_type = sample.event_type.metric_name();
            tracing::info!(duplicates, event_type, message_id, "duplicate events skipped");
        }
    }
}

/// Ends the reservation of a merged request. If responses wait for settled counts, the reservation
/// does too, because a request with duplicates of these events is acknowledged on the strength of
/// them.
fn end_reservation(reservation: Reservation, mut waiter: Waiter, until_settled: bool) {
    if !until_settled || reservation.is_empty() {
        return reservation.counted();
    }
    tokio::spawn(async move {
        waiter.acknowledged(true).await;
        reservation.counted();
    });
}
