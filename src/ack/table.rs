//! The table of known IDs, which the ledger, its tickets and its guards share.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::watch;
use tokio::time::Instant;

use super::refusal::Refusal;
use super::request_id::RequestId;
use super::stage::{DoneWhen, RequestEnd, Stage};
use super::waiter::Waiter;

/// How long a permanently rejected request is remembered: one day. By then queues and streams have
/// given it up; a later retry is just rejected again.
const REFUSED_LIFE: Duration = Duration::from_hours(24);
/// Maximum number of rejected requests remembered, about 3 MB; beyond it the oldest are evicted.
const REFUSED_MAX: usize = 10_000;

/// The IDs, and the rules of their lifetime.
#[derive(Debug)]
pub(super) struct IdTable {
    ids: Mutex<Ids>,
    pub done_when: DoneWhen,
    /// A done ID is held until it is released.
    pub holds: bool,
    pub life: Duration,
    pub done_max: usize,
}

#[derive(Debug, Default)]
pub(super) struct Ids {
    pub states: HashMap<RequestId, IdState, RandomState>,
    /// Done IDs, oldest first, with the end of their lifetime.
    done: VecDeque<(Instant, RequestId)>,
    /// Permanently rejected IDs, oldest first, with the end of their lifetime.
    refused: VecDeque<(Instant, RequestId)>,
    pub evicted: u64,
}

/// The state of an ID. Done IDs are kept small because there may be many.
#[derive(Debug)]
pub(super) enum IdState {
    Pending(PendingRequest),
    Done(DoneWhen, RequestEnd),
    /// Permanently rejected: retries get the same response without being read.
    Refused(Box<Refusal>),
}

/// A request in progress, which each of its IDs leads to.
#[derive(Clone, Debug)]
pub(super) struct PendingRequest {
    pub ids: Arc<[RequestId]>,
    pub stage: watch::Sender<Stage>,
}

// === impl IdTable ===

impl IdTable {
    pub(super) fn new(done_when: DoneWhen, holds: bool, life: Duration, done_max: usize) -> Self {
        Self { ids: Mutex::default(), done_when, holds, life, done_max }
    }

    pub(super) fn ids(&self) -> MutexGuard<'_, Ids> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Ids ===

impl Ids {
    /// Removes the IDs whose lifetime is over.
    pub(super) fn expire(&mut self, now: Instant) {
        let Self { states, done, refused, .. } = self;
        for queue in [done, refused] {
            while queue.front().is_some_and(|(end, _)| *end <= now) {
                if let Some((_, id)) = queue.pop_front() {
                    states.remove(&id);
                }
            }
        }
    }

    /// Remembers a permanent rejection.
    pub(super) fn refused(&mut self, id: RequestId, refusal: Refusal) {
        self.states.insert(id, IdState::Refused(Box::new(refusal)));
        self.refused.push_back((Instant::now() + REFUSED_LIFE, id));
        if self.refused.len() > REFUSED_MAX
            && let Some((_, id)) = self.refused.pop_front()
        {
            self.states.remove(&id);
            self.evicted += 1;
        }
    }

    /// Starts the lifetime of a done ID.
    pub(super) fn done(&mut self, id: RequestId, end: Instant, done_max: usize) {
        self.done.push_back((end, id));
        while self.done.len() > done_max {
            if let Some((_, id)) = self.done.pop_front() {
                self.states.remove(&id);
                self.evicted += 1;
            }
        }
    }
}

// === impl IdState ===

impl IdState {
    pub(super) fn waiter(&self) -> Waiter {
        match self {
            Self::Pending(request) => Waiter::pending(request.stage.subscribe()),
            Self::Refused(refusal) => Waiter::done(Stage::Refused((**refusal).clone())),
            Self::Done(_, RequestEnd::Lost) => Waiter::done(Stage::Lost),
            Self::Done(DoneWhen::Merged, RequestEnd::Settled) => Waiter::done(Stage::Merged),
            Self::Done(DoneWhen::Settled, RequestEnd::Settled) => Waiter::done(Stage::Settled),
        }
    }
}
