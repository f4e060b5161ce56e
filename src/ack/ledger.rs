//! Requests that the daemon knows, by source and ID, so that a retry is never counted again.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;

use super::receipt::Receipt;
use super::{Refusal, RefusalReason};

/// The kind of source that a request came from. It is part of the request's identity, so no sender
/// can name a request of another kind. The numbers are part of the journal's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SourceKind {
    Firehose = 1,
    /// A message posted by SNS.
    Sns = 2,
    /// A message from a queue.
    Sqs = 3,
    /// An object in S3.
    S3 = 4,
    /// A file in an archive.
    File = 5,
}

/// The identity of a request: 128 bits of a SHA-256 over the kind of source, the source and the ID.
/// An ID of any length takes the same memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u128);

/// When an ID is done. From then on its lifetime runs, and it may be evicted if there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoneWhen {
    Merged,
    Settled,
}

/// The stage that a request has reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    Reading,
    /// Counted, and the ID is kept. Its events are still being forwarded, and the response waits
    /// for them.
    Forwarding,
    /// Counted, and either nothing is forwarded or forwarding has finished.
    Merged,
    Settled,
    /// Merged, but the outcome of its counts was never reported.
    Lost,
    Refused(Refusal),
}

/// How long a permanently rejected request is remembered: one day. By then queues and streams have
/// given it up; a later retry is just rejected again.
const REFUSED_LIFE: Duration = Duration::from_hours(24);
/// Maximum number of rejected requests remembered, about 3 MB; beyond it the oldest are evicted.
const REFUSED_MAX: usize = 10_000;

/// The requests that the daemon knows.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<LedgerShared>);

#[derive(Debug)]
struct LedgerShared {
    ids: Mutex<Ids>,
    done_when: DoneWhen,
    /// A done ID is held until it is released.
    holds: bool,
    life: Duration,
    done_max: usize,
}

#[derive(Debug, Default)]
struct Ids {
    held: HashMap<RequestId, Held, RandomState>,
    /// Done IDs, oldest first, with the end of their lifetime.
    done: VecDeque<(Instant, RequestId)>,
    /// Permanently rejected IDs, oldest first, with the end of their lifetime.
    refused: VecDeque<(Instant, RequestId)>,
    evicted: u64,
}

/// An ID in the ledger. Done IDs are kept small because there may be many.
#[derive(Debug)]
enum Held {
    Pending(watch::Sender<Stage>),
    Done(DoneWhen, Outcome),
    /// Permanently rejected: retries get the same response without being read.
    Refused(Box<Refusal>),
}

/// The ledger's verdict on an ID.
#[derive(Debug)]
pub enum Admission {
    /// Unknown or already forgotten: the caller must process it.
    New(Ticket),
    /// In progress or done: the caller waits for the result.
    Known(Waiter),
}

/// The right and the duty to process a request. Dropping it rejects the request.
#[derive(Debug)]
pub struct Ticket {
    settler: Option<Settler>,
    stage: watch::Receiver<Stage>,
}

/// What the caller must keep while it processes a merged request.
#[derive(Debug, Default)]
pub struct Receipts {
    /// Travels with the counts; `None` when no caller waits for them.
    pub counts: Option<Receipt>,
    /// Travels with the forwarded events; `None` when there are none.
    pub forwarding: Option<Receipt>,
}

/// Waits for a request that is in progress or done.
#[derive(Clone, Debug)]
pub struct Waiter(WaitingTicket);

#[derive(Clone, Debug)]
enum WaitingTicket {
    Pending(watch::Receiver<Stage>),
    Done(Stage),
}

/// How a merged request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Settled,
    Lost,
}

/// Moves one ID from stage to stage.
#[derive(Debug)]
pub(super) struct Settler {
    ledger: Ledger,
    id: RequestId,
}

// === impl RequestId ===

impl RequestId {
    #[must_use]
    pub fn new(kind: SourceKind, source: &[u8], id: &[u8]) -> Self {
        let mut digest = Sha256::new();
        digest.update([kind as u8]);
        digest.update((source.len() as u64).to_le_bytes());
        digest.update(source);
        digest.update(id);
        let digest = digest.finalize();
        Self(digest.first_chunk::<16>().map_or(0, |bytes| u128::from_le_bytes(*bytes)))
    }

    /// The bytes that [`RequestId::from_bytes`] reads back.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// `None` unless there are exactly 16 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(u128::from_le_bytes(bytes.try_into().ok()?)))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

// === impl Ledger ===

impl Ledger {
    /// Keeps each done ID for `life`, and at most `done_max` of them; beyond that the oldest are
    /// evicted. An ID in progress is never evicted.
    #[must_use]
    pub fn new(done_when: DoneWhen, life: Duration, done_max: usize) -> Self {
        Self::with(done_when, false, life, done_max)
    }

    /// As [`Ledger::new`], but the lifetime of a done ID starts at its release, because its sender
    /// can retry until then.
    #[must_use]
    pub fn holding(done_when: DoneWhen, life: Duration, done_max: usize) -> Self {
        Self::with(done_when, true, life, done_max)
    }

    fn with(done_when: DoneWhen, holds: bool, life: Duration, done_max: usize) -> Self {
        Self(Arc::new(LedgerShared { ids: Mutex::default(), done_when, holds, life, done_max }))
    }

    /// Releases a done ID. Has no effect on an ID that is in progress or unknown.
    pub fn release(&self, id: RequestId) {
        let LedgerShared { done_when, life, done_max, .. } = &*self.0;
        let mut ids = self.ids();
        let Some(Held::Pending(stage)) = ids.held.get(&id) else { return };
        let outcome = match *stage.borrow() {
            Stage::Settled => Outcome::Settled,
            Stage::Merged if *done_when == DoneWhen::Merged => Outcome::Settled,
            Stage::Lost => Outcome::Lost,
            Stage::Reading | Stage::Forwarding | Stage::Merged | Stage::Refused(_) => return,
        };
        ids.held.insert(id, Held::Done(*done_when, outcome));
        ids.done(id, Instant::now() + *life, *done_max);
    }

    /// Looks up an ID, and registers it if it is new.
    #[must_use]
    pub fn admit(&self, id: RequestId) -> Admission {
        let mut ids = self.ids();
        ids.expire(Instant::now());
        if let Some(held) = ids.held.get(&id) {
            return Admission::Known(held.waiter());
        }
        let (sender, stage) = watch::channel(Stage::Reading);
        ids.held.insert(id, Held::Pending(sender));
        Admission::New(Ticket { settler: Some(Settler { ledger: self.clone(), id }), stage })
    }

    /// Restores requests that an earlier process merged, each with its remaining lifetime.
    pub fn restore(&self, mut known: Vec<(RequestId, Duration)>) {
        known.sort_unstable_by_key(|(_, left)| *left);
        let (now, mut ids) = (Instant::now(), self.ids());
        for (id, left) in known {
            ids.held.insert(id, Held::Done(DoneWhen::Merged, Outcome::Settled));
            ids.done(id, now + left, self.0.done_max);
        }
    }

    /// The number of IDs in the ledger.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut ids = self.ids();
        // Otherwise the IDs of a source without traffic would never expire.
        ids.expire(Instant::now());
        ids.held.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of done IDs evicted before the end of their lifetime.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.ids().evicted
    }

    fn ids(&self) -> MutexGuard<'_, Ids> {
        self.0.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Ids ===

impl Ids {
    fn expire(&mut self, now: Instant) {
        let Self { held, done, refused, .. } = self;
        for queue in [done, refused] {
            while queue.front().is_some_and(|(end, _)| *end <= now) {
                if let Some((_, id)) = queue.pop_front() {
                    held.remove(&id);
                }
            }
        }
    }

    fn refused(&mut self, id: RequestId, refusal: Refusal, end: Instant) {
        self.held.insert(id, Held::Refused(Box::new(refusal)));
        self.refused.push_back((end, id));
        if self.refused.len() > REFUSED_MAX
            && let Some((_, id)) = self.refused.pop_front()
        {
            self.held.remove(&id);
            self.evicted += 1;
        }
    }

    fn done(&mut self, id: RequestId, end: Instant, done_max: usize) {
        self.done.push_back((end, id));
        while self.done.len() > done_max {
            if let Some((_, id)) = self.done.pop_front() {
                self.held.remove(&id);
                self.evicted += 1;
            }
        }
    }
}

// === impl Held ===

impl Held {
    fn waiter(&self) -> Waiter {
        Waiter(match self {
            Self::Pending(stage) => WaitingTicket::Pending(stage.subscribe()),
            Self::Refused(refusal) => WaitingTicket::Done(Stage::Refused((**refusal).clone())),
            Self::Done(_, Outcome::Lost) => WaitingTicket::Done(Stage::Lost),
            Self::Done(DoneWhen::Merged, Outcome::Settled) => WaitingTicket::Done(Stage::Merged),
            Self::Done(DoneWhen::Settled, Outcome::Settled) => WaitingTicket::Done(Stage::Settled),
        })
    }
}

// === impl Settler ===

impl Settler {
    fn merged(&self, stage: Stage) {
        if let Some(Held::Pending(pending)) = self.ledger.ids().held.get(&self.id) {
            pending.send_replace(stage);
        }
    }

    /// Its events were forwarded or given up.
    pub(super) fn forwarded(&self) {
        self.merged(Stage::Merged);
    }

    fn refuse(&self, refusal: Refusal) {
        let mut ids = self.ledger.ids();
        let Some(Held::Pending(stage)) = ids.held.remove(&self.id) else { return };
        if refusal.reason.is_final() {
            ids.refused(self.id, refusal.clone(), Instant::now() + REFUSED_LIFE);
        }
        drop(ids);
        // Waiters hold the other end of the channel and get the same response.
        stage.send_replace(Stage::Refused(refusal));
    }

    /// Starts the ID's lifetime, unless the ID is held.
    pub(super) fn finish(&self, outcome: Outcome) {
        let LedgerShared { done_when, holds, life, done_max, .. } = &*self.ledger.0;
        let done = Held::Done(*done_when, outcome);
        let stage = done.waiter().stage();
        let mut ids = self.ledger.ids();
        if *holds {
            if let Some(Held::Pending(pending)) = ids.held.get(&self.id) {
                pending.send_replace(stage);
            }
            return;
        }
        if let Some(Held::Pending(pending)) = ids.held.insert(self.id, done) {
            pending.send_replace(stage);
        }
        ids.done(self.id, Instant::now() + *life, *done_max);
    }
}

// === impl Ticket ===

impl Ticket {
    /// Rejects the request. The ID is forgotten unless the rejection is permanent. Returns the
    /// refusal for the sender.
    pub fn refuse(mut self, refusal: Refusal) -> Refusal {
        if let Some(settler) = self.settler.take() {
            settler.refuse(refusal.clone());
        }
        refusal
    }

    /// Marks the request as being merged, which cannot be undone. `forwards`: some of its events
    /// are forwarded.
    #[must_use]
    pub fn merged(mut self, forwards: bool) -> Receipts {
        let Some(settler) = self.settler.take() else { return Receipts::default() };
        let until_settled = settler.ledger.0.done_when == DoneWhen::Settled;
        if !until_settled && !forwards {
            settler.finish(Outcome::Settled);
            return Receipts::default();
        }
        settler.merged(if forwards { Stage::Forwarding } else { Stage::Merged });
        let counts = Receipt::new(settler);
        let forwarding = forwards.then(|| counts.forwarding());
        if until_settled {
            return Receipts { counts: Some(counts), forwarding };
        }
        // No caller waits for the counts; there may be none.
        drop(counts.split(0));
        Receipts { counts: None, forwarding }
    }

    /// Waits for the request as a retry would.
    #[must_use]
    pub fn waiter(&self) -> Waiter {
        Waiter(WaitingTicket::Pending(self.stage.clone()))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(settler) = self.settler.take() {
            settler
                .refuse(Refusal::new(RefusalReason::GivenUp, "the request was abandoned; retry"));
        }
    }
}

// === impl Waiter ===

impl Waiter {
    /// The current stage of the request.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match &self.0 {
            WaitingTicket::Pending(stage) => stage.borrow().clone(),
            WaitingTicket::Done(stage) => stage.clone(),
        }
    }

    /// Waits until the request can be acknowledged: it is merged and forwarded and, with
    /// `until_settled`, its counts are settled. Also returns when that can no longer happen.
    pub async fn answered(&mut self, until_settled: bool) -> Stage {
        self.wait(|stage| match stage {
            Stage::Reading | Stage::Forwarding => false,
            Stage::Merged => !until_settled,
            Stage::Settled | Stage::Lost | Stage::Refused(_) => true,
        })
        .await
    }

    /// Waits until the request is at a stage that satisfies `enough`.
    pub async fn wait(&mut self, enough: impl FnMut(&Stage) -> bool) -> Stage {
        if let WaitingTicket::Pending(stage) = &mut self.0 {
            // An error means that the ID has left the ledger; its last stage is still valid.
            let _ = stage.wait_for(enough).await;
        }
        self.stage()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
