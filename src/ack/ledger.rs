//! Known requests by (source, id), so that a repeat is never counted again.

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

/// The kind of source that a request came from. A part of its identity: no sender can name the request
/// of another kind. The numbers are a part of the journal's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SourceKind {
    Firehose = 1,
    /// A message that SNS posts.
    Sns = 2,
    /// A message of a queue.
    Sqs = 3,
    /// An object in S3.
    S3 = 4,
    /// A file of an archive.
    File = 5,
}

/// A request's identity: 128 bits of a SHA-256 over the kind of source, the source and the
/// id, so that an id of any length costs the same memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u128);

/// When an id is done: its time in the ledger begins, and it may go early when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoneWhen {
    Merged,
    Settled,
}

/// How far a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    Reading,
    /// Counted; nothing after this forgets the id. Its events are still being forwarded, and no
    /// answer goes before that has ended.
    Forwarding,
    /// Counted, and not to be forwarded or done with that.
    Merged,
    Settled,
    /// Merged, but what became of the counts was never said.
    Lost,
    Refused(Refusal),
}

/// How long a request is known that was refused for good: a day. Queues and streams have given it up
/// by then, or send it once more, to be refused once more.
const REFUSED_LIFE: Duration = Duration::from_hours(24);
/// Refused requests that are known at most, some 3 MB; beyond them the oldest go early.
const REFUSED_MAX: usize = 10_000;

/// The requests that are known.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ids: Mutex<Ids>,
    done_when: DoneWhen,
    /// An id that is done is held until it is released.
    holds: bool,
    life: Duration,
    done_max: usize,
}

#[derive(Debug, Default)]
struct Ids {
    held: HashMap<RequestId, Held, RandomState>,
    /// Ids that are done, the oldest first, with the end of their time.
    done: VecDeque<(Instant, RequestId)>,
    /// Ids that were refused for good, likewise.
    refused: VecDeque<(Instant, RequestId)>,
    evicted: u64,
}

/// An id in the ledger. A done one is small: there may be many.
#[derive(Debug)]
enum Held {
    Pending(watch::Sender<Stage>),
    Done(DoneWhen, Outcome),
    /// It would be refused again: repeats get the same answer, unread.
    Refused(Box<Refusal>),
}

/// What the ledger says of an id.
#[derive(Debug)]
pub enum Admission {
    /// Never seen, or forgotten: work on it.
    New(Ticket),
    /// Being worked on or done: wait for that.
    Known(Waiter),
}

/// The right and the duty to work on a request. Dropped, the request is refused.
#[derive(Debug)]
pub struct Ticket {
    settler: Option<Settler>,
    stage: watch::Receiver<Stage>,
}

/// What is to be kept by whoever works on a merged request.
#[derive(Debug, Default)]
pub struct Receipts {
    /// Goes with the counts; `None` when nobody waits for them.
    pub counts: Option<Receipt>,
    /// Goes with the events that are forwarded; `None` when there are none.
    pub forwarding: Option<Receipt>,
}

/// Waits for a request that somebody works on, or that is done.
#[derive(Clone, Debug)]
pub struct Waiter(Waiting);

#[derive(Clone, Debug)]
enum Waiting {
    Pending(watch::Receiver<Stage>),
    Done(Stage),
}

/// How a merged request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Settled,
    Lost,
}

/// Moves one id from stage to stage.
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

    /// The bytes that [`RequestId::from_bytes`] reads.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// `None` unless there are 16.
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
    /// Keeps an id for `life` after it is done, but at most `done_max` done ones: beyond that the
    /// oldest go early. An id that is worked on is never forgotten.
    #[must_use]
    pub fn new(done_when: DoneWhen, life: Duration, done_max: usize) -> Self {
        Self::with(done_when, false, life, done_max)
    }

    /// As [`Ledger::new`], but the time of an id that is done begins when it is released: its sender
    /// can still repeat it until then.
    #[must_use]
    pub fn holding(done_when: DoneWhen, life: Duration, done_max: usize) -> Self {
        Self::with(done_when, true, life, done_max)
    }

    fn with(done_when: DoneWhen, holds: bool, life: Duration, done_max: usize) -> Self {
        Self(Arc::new(Shared { ids: Mutex::default(), done_when, holds, life, done_max }))
    }

    /// Ends the holding of an id that is done. Nothing happens to one that is worked on, or is not
    /// known.
    pub fn release(&self, id: RequestId) {
        let Shared { done_when, life, done_max, .. } = &*self.0;
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

    /// Looks an id up, and takes it on when it is new.
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

    /// Knows requests that an earlier process has merged, each for what is left of its time.
    pub fn restore(&self, mut known: Vec<(RequestId, Duration)>) {
        known.sort_unstable_by_key(|(_, left)| *left);
        let (now, mut ids) = (Instant::now(), self.ids());
        for (id, left) in known {
            ids.held.insert(id, Held::Done(DoneWhen::Merged, Outcome::Settled));
            ids.done(id, now + left, self.0.done_max);
        }
    }

    /// The number of ids held.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut ids = self.ids();
        // Else those of a source that nothing comes to any more would stay.
        ids.expire(Instant::now());
        ids.held.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of done ids that went before their time.
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
            Self::Pending(stage) => Waiting::Pending(stage.subscribe()),
            Self::Refused(refusal) => Waiting::Done(Stage::Refused((**refusal).clone())),
            Self::Done(_, Outcome::Lost) => Waiting::Done(Stage::Lost),
            Self::Done(DoneWhen::Merged, Outcome::Settled) => Waiting::Done(Stage::Merged),
            Self::Done(DoneWhen::Settled, Outcome::Settled) => Waiting::Done(Stage::Settled),
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

    /// Its events are forwarded, or given up.
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
        // Those who joined hold the other end and get the same answer.
        stage.send_replace(Stage::Refused(refusal));
    }

    /// The id's time in the ledger begins, unless it is held.
    pub(super) fn finish(&self, outcome: Outcome) {
        let Shared { done_when, holds, life, done_max, .. } = &*self.ledger.0;
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
    /// Refuses the request: its id is forgotten, unless the refusal is final. Gives the refusal back,
    /// for the sender.
    pub fn refuse(mut self, refusal: Refusal) -> Refusal {
        if let Some(settler) = self.settler.take() {
            settler.refuse(refusal.clone());
        }
        refusal
    }

    /// Says that the request is being merged, which nothing undoes; `forwards` when events of it
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
        // Nobody waits for the counts, of which there may be none.
        drop(counts.split(0));
        Receipts { counts: None, forwarding }
    }

    /// Waits for the request as a repeat would.
    #[must_use]
    pub fn waiter(&self) -> Waiter {
        Waiter(Waiting::Pending(self.stage.clone()))
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
    /// How far the request is now.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match &self.0 {
            Waiting::Pending(stage) => stage.borrow().clone(),
            Waiting::Done(stage) => stage.clone(),
        }
    }

    /// Waits until the request may be answered: when it is merged and forwarded or, with
    /// `until_settled`, when its counts are settled too; or when that will never be.
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
        if let Waiting::Pending(stage) = &mut self.0 {
            // An error means that the id has left the ledger; its last stage still stands.
            let _ = stage.wait_for(enough).await;
        }
        self.stage()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
