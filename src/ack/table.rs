//! The table of known IDs, which the ledger, its tickets and its guards share.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::watch;
use tokio::time::Instant;

use super::done::DoneIds;
use super::eviction::EvictionReason;
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::restored::RestoredIds;
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
    /// Known from an earlier process.
    pub restored: OnceLock<RestoredIds>,
    pub done_when: DoneWhen,
    /// A done ID is held until it is released.
    pub holds: bool,
    life: Duration,
}

#[derive(Debug)]
pub(super) struct Ids {
    pub pending: HashMap<RequestId, PendingRequest, RandomState>,
    pub done: DoneIds,
    /// Permanently rejected: retries get the same response without being read.
    refused: HashMap<RequestId, Refusal, RandomState>,
    /// Permanently rejected IDs, oldest first, with the end of their lifetime.
    refused_ends: VecDeque<(Instant, RequestId)>,
    refused_evicted: u64,
    /// Copies of requests arrive until then, so lifetimes that start now end no earlier.
    kept_until: Option<Instant>,
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
        let ids = Ids {
            pending: HashMap::default(),
            done: DoneIds::new(life, done_max),
            refused: HashMap::default(),
            refused_ends: VecDeque::new(),
            refused_evicted: 0,
            kept_until: None,
        };
        Self { ids: Mutex::new(ids), restored: OnceLock::new(), done_when, holds, life }
    }

    pub(super) fn ids(&self) -> MutexGuard<'_, Ids> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of a lifetime that starts now.
    pub(super) fn end_of_life(&self, ids: &Ids) -> Instant {
        let end = Instant::now() + self.life;
        ids.kept_until.map_or(end, |kept_until| end.max(kept_until))
    }

    /// Lifetimes that start from now on end no earlier than those that will start after this time.
    pub(super) fn keep_for(&self, time: Duration) {
        let until = Instant::now() + time + self.life;
        let mut ids = self.ids();
        ids.kept_until = ids.kept_until.max(Some(until));
    }

    /// What a retry of a request waits for; `None` if the ID is unknown.
    pub(super) fn waiter(&self, ids: &Ids, id: RequestId) -> Option<Waiter> {
        if let Some(request) = ids.pending.get(&id) {
            return Some(Waiter::pending(request.stage.subscribe()));
        }
        if let Some(refusal) = ids.refused.get(&id) {
            return Some(Waiter::done(Stage::Refused(refusal.clone())));
        }
        let is_restored = || self.restored.get().is_some_and(|restored| restored.contains(id));
        // The journal has the counts of a restored request, so it can be acknowledged in any mode.
        let end = ids.done.get(id).or_else(|| is_restored().then_some(RequestEnd::Settled));
        end.map(|end| Waiter::done(end.stage(self.done_when)))
    }
}

// === impl Ids ===

impl Ids {
    /// Removes the IDs whose lifetime is over.
    pub(super) fn expire(&mut self, now: Instant) {
        self.done.expire(now);
        while self.refused_ends.front().is_some_and(|(end, _)| *end <= now) {
            if let Some((_, id)) = self.refused_ends.pop_front() {
                self.refused.remove(&id);
            }
        }
    }

    /// Remembers a permanent rejection.
    pub(super) fn refused(&mut self, id: RequestId, refusal: Refusal) {
        self.refused.insert(id, refusal);
        self.refused_ends.push_back((Instant::now() + REFUSED_LIFE, id));
        if self.refused_ends.len() > REFUSED_MAX
            && let Some((_, id)) = self.refused_ends.pop_front()
        {
            self.refused.remove(&id);
            self.refused_evicted += 1;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len() + self.done.len() + self.refused.len()
    }

    /// The number of IDs evicted before the end of their lifetime.
    pub(super) fn evicted(&self, reason: EvictionReason) -> u64 {
        match reason {
            EvictionReason::Source => self.done.evicted,
            EvictionReason::Rejected => self.refused_evicted,
            EvictionReason::Journal => 0,
        }
    }
}
