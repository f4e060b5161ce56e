//! Commits a request that was read, in one step or not at all.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::admission::draining;
use super::entry::{Intake, SourceIntake};
use super::patience::Patience;
use super::request_key::RequestKey;
use crate::ack::{AckGuard, Refusal, RefusalReason, RequestId, Ticket, Waiter};
use crate::aggregate::{CountKeeper, Full};
use crate::dead_letters::DeadLetters;
use crate::forward::{Forwarder, Forwards, Room};
use crate::pipeline::{Batch, Duplicates, Reservation};
use crate::printable::shown;

/// What the journal remembers of a request besides its counts and events.
#[derive(Clone, Copy, Debug)]
pub(super) struct JournaledIds<'r> {
    pub ids: &'r [RequestId],
    /// How long, if not as long as those of Firehose.
    pub life: Option<Duration>,
    /// The latest moment at which writing may begin.
    pub deadline: Option<Instant>,
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
    /// requests have counted some of its events in the meantime. A wait for other requests ends at
    /// the deadline, and so does one for the disk unless it is being written to.
    ///
    /// # Errors
    /// Nothing was merged; the caller must reject the ticket.
    pub(crate) async fn commit<A, F>(
        &self,
        key: RequestKey<'_>,
        ticket: Ticket,
        batch: &mut Batch,
        again: A,
        deadline: Option<Instant>,
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
        let reserving = intake.reserve_events(batch, again);
        let reservation = match within(deadline, reserving).await {
            Ok(reservation) => reservation,
            Err(refusal) => return Err((ticket, refusal)),
        };
        let outgoing = match intake.forward_before(batch, self.is_journaled).await {
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
        let ids = JournaledIds { ids: key.ids, life: self.id_life, deadline };
        let journaled = self.is_journaled.then_some(ids);
        let merging = intake.merge(journaled, batch, reservation, ack).await;
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
        if let Some((sample, draw)) = intake.sample.as_ref().zip(batch.take_draw()) {
            sample.add(draw, intake.clock.now_ms());
        }
        self.activity.note(&batch.tally, intake.clock.now_ms());
        let letters = intake.keep_letters(key, batch);
        intake.not_counted_log.note(key, batch);
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
            let deadline = patience.deadline();
            // Boxed, because a task for each message or object holds this future.
            let committing = Box::pin(self.commit(key, ticket, batch, &again, deadline));
            let refused = match committing.await {
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

    /// Whether a commit may wait for other requests or for the disk.
    #[must_use]
    pub(crate) fn commit_may_wait(&self) -> bool {
        self.is_journaled || self.intake.filter.is_some()
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

    /// Reserves room for the batch's events to forward, and takes them out of the batch. Those of
    /// journaled requests are forwarded before the merge: after a crash a retry is known and not
    /// read, so its events would never be forwarded.
    async fn forward_before(
        &self,
        batch: &mut Batch,
        is_journaled: bool,
    ) -> Result<ReservedForwards<'_>, Refusal> {
        let forwards = batch.forwards.as_ref().filter(|forwards| !forwards.is_empty());
        let Some((forwarder, forwards)) = self.forwarder.as_ref().zip(forwards) else {
            return Ok(None);
        };
        let room = forwarder.reserve(&batch.rules(), forwards)?;
        let Some(events) = batch.forwards.take() else { return Ok(None) };
        if !is_journaled {
            return Ok(Some((forwarder, room, events)));
        }
        let (ack, told) = AckGuard::told();
        forwarder.send(room, events, ack);
        if told.await.unwrap_or(false) {
            return Ok(None);
        }
        Err(Refusal::new(RefusalReason::GivenUp, "forwarding its events failed; retry"))
    }

    /// Merges the batch of a request in one step, after writing it to the journal if it is
    /// `journaled`. Returns the reservation, so that the caller can mark its events as counted.
    /// `ack` is called when the merge can no longer fail. This future must not be dropped early: the
    /// request would be in the journal but not counted before the next start.
    ///
    /// # Errors
    /// The pending entries are at their limit, the journal cannot be written, or the shutdown has
    /// added up what is left; nothing was merged.
    pub(super) async fn merge(
        &self,
        journaled: Option<JournaledIds<'_>>,
        batch: &Batch,
        reservation: Reservation,
        ack: impl FnOnce() -> Option<AckGuard>,
    ) -> Result<Reservation, Refusal> {
        let journaled = self.journal.as_ref().zip(journaled);
        let keeper = if journaled.is_some() { CountKeeper::Journal } else { CountKeeper::Sender };
        let room = self.aggregator.reserve(&batch.delta, keeper).map_err(|Full| {
            let message = "too many counts are waiting to be published (limits.entries); retry";
            Refusal::new(RefusalReason::Entries, message)
        })?;
        if let Some((journal, JournaledIds { ids, life, deadline })) = journaled {
            let (now_ms, fingerprints) = (self.steady.now_ms(), batch.fingerprints());
            let written =
                journal.delta(ids, now_ms, life, &batch.delta, fingerprints, deadline).await;
            written.map_err(|_| {
                let message = "the journal cannot be written; retry";
                Refusal::new(RefusalReason::Journal, message)
            })?;
        }
        let merge = self.aggregator.merge_into(room, &batch.delta, keeper, ack);
        let merge = merge.ok_or_else(draining)?;
        batch.counted();
        batch.tally.record(&self.metrics, merge.series_limit());
        self.note_duplicates(batch);
        if journaled.is_some() {
            self.given_up(&merge).await;
        }
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

/// The result of work that can be given up without a trace, if there is one before the deadline.
async fn within<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    let Some(deadline) = deadline else { return work.await };
    timeout_at(deadline, work).await.unwrap_or_else(|_| {
        let message = "its turn did not come in time; retry";
        Err(Refusal::new(RefusalReason::TimedOut, message))
    })
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
