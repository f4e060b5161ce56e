//! Requests that the daemon knows, by source and ID, so that a retry is never counted again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::eviction::EvictionReason;
use super::pending::PendingId;
use super::request_id::RequestId;
use super::restored::RestoredIds;
use super::stage::{DoneWhen, RequestEnd, Stage};
use super::table::{IdTable, PendingRequest};
use super::ticket::Ticket;
use super::waiter::Waiter;

/// The requests that the daemon knows. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Ledger(Arc<IdTable>);

/// The ledger's verdict on an ID.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Unknown or already forgotten: the caller must process it.
    New(Ticket),
    /// In progress or done: the caller waits for the result.
    Known(Waiter),
}

// === impl Ledger ===

impl Ledger {
    /// Keeps each done ID for `life`, and at most `done_max` of them; beyond that the oldest are
    /// evicted. An ID in progress is never evicted.
    #[must_use]
    pub(crate) fn new(done_when: DoneWhen, life: Duration, done_max: usize) -> Self {
        Self(Arc::new(IdTable::new(done_when, false, life, done_max)))
    }

    /// As [`Ledger::new`], but the lifetime of a done ID starts at its release, because its sender
    /// can retry until then.
    #[must_use]
    pub(crate) fn holding(done_when: DoneWhen, life: Duration, done_max: usize) -> Self {
        Self(Arc::new(IdTable::new(done_when, true, life, done_max)))
    }

    /// Releases a done request, with all its IDs. Has no effect on an ID that is in progress or
    /// unknown.
    pub(crate) fn release(&self, id: RequestId) {
        let IdTable { done_when, .. } = &*self.0;
        let mut ids = self.0.ids();
        let Some(request) = ids.pending.get(&id) else { return };
        let outcome = match *request.stage.borrow() {
            Stage::Settled => RequestEnd::Settled,
            Stage::Merged if *done_when == DoneWhen::Merged => RequestEnd::Settled,
            Stage::Lost => RequestEnd::Lost,
            Stage::Reading | Stage::Forwarding | Stage::Merged | Stage::Refused(_) => return,
        };
        let (request_ids, end) = (Arc::clone(&request.ids), self.0.end_of_life(&ids));
        for id in &*request_ids {
            ids.pending.remove(id);
            ids.done.insert(*id, end, outcome);
        }
    }

    /// A copy of some request arrives after this time, with an ID of its own beside the shared one.
    /// IDs of requests that are done until then are kept until it does, unless there are too many.
    pub(crate) fn keep_for(&self, time: Duration) {
        self.0.keep_for(time);
    }

    /// Looks up an ID, and registers it if it is new.
    #[must_use]
    pub(crate) fn admit(&self, id: RequestId) -> Admission {
        self.admit_all(&[id])
    }

    /// Looks up a request that has several IDs: it is known if any of them is. Registers all of
    /// them if it is new.
    #[must_use]
    pub(crate) fn admit_all(&self, request_ids: &[RequestId]) -> Admission {
        let mut ids = self.0.ids();
        ids.expire(Instant::now());
        if let Some(waiter) = request_ids.iter().find_map(|id| self.0.waiter(&ids, *id)) {
            return Admission::Known(waiter);
        }
        let (sender, stage) = watch::channel(Stage::Reading);
        let request = PendingRequest { ids: request_ids.into(), stage: sender };
        for id in request_ids {
            ids.pending.insert(*id, request.clone());
        }
        Admission::New(Ticket::new(PendingId::new(Arc::clone(&self.0), request.ids), stage))
    }

    /// Requests that an earlier process counted are known from now on. Called once.
    pub(crate) fn restore(&self, known: &RestoredIds) {
        // A second call changes nothing.
        let _ = self.0.restored.set(known.clone());
    }

    /// The number of IDs in the ledger, without restored ones.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        let mut ids = self.0.ids();
        // Otherwise the IDs of a source without traffic would never expire.
        ids.expire(Instant::now());
        ids.len()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of IDs evicted before the end of their lifetime.
    #[must_use]
    pub(crate) fn evicted(&self, reason: EvictionReason) -> u64 {
        self.0.ids().evicted(reason)
    }
}
