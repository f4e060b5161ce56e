//! One ID on its way through the stages.

use std::sync::Arc;

use tokio::time::Instant;

use super::refusal::Refusal;
use super::request_id::RequestId;
use super::stage::{DoneWhen, RequestEnd, Stage};
use super::table::{IdState, IdTable};

/// An ID in progress: the only way to move it from stage to stage.
#[derive(Debug)]
pub(super) struct PendingId {
    table: Arc<IdTable>,
    id: RequestId,
}

// === impl PendingId ===

impl PendingId {
    pub(super) fn new(table: Arc<IdTable>, id: RequestId) -> Self {
        Self { table, id }
    }

    pub(super) fn done_when(&self) -> DoneWhen {
        self.table.done_when
    }

    /// The request is counted.
    pub(super) fn merged(&self, stage: Stage) {
        if let Some(IdState::Pending(pending)) = self.table.ids().states.get(&self.id) {
            pending.send_replace(stage);
        }
    }

    /// Its events were forwarded or given up.
    pub(super) fn forwarded(&self) {
        self.merged(Stage::Merged);
    }

    /// Rejects the request. The ID is forgotten unless the rejection is permanent.
    pub(super) fn refuse(&self, refusal: Refusal) {
        let mut ids = self.table.ids();
        let Some(IdState::Pending(stage)) = ids.states.remove(&self.id) else { return };
        if refusal.reason.is_final() {
            ids.refused(self.id, refusal.clone());
        }
        drop(ids);
        // Waiters hold the other end of the channel and get the same response.
        stage.send_replace(Stage::Refused(refusal));
    }

    /// Starts the ID's lifetime, unless the ID is held.
    pub(super) fn finish(&self, outcome: RequestEnd) {
        let IdTable { done_when, holds, life, done_max, .. } = &*self.table;
        let done = IdState::Done(*done_when, outcome);
        let stage = done.waiter().stage();
        let mut ids = self.table.ids();
        if *holds {
            if let Some(IdState::Pending(pending)) = ids.states.get(&self.id) {
                pending.send_replace(stage);
            }
            return;
        }
        if let Some(IdState::Pending(pending)) = ids.states.insert(self.id, done) {
            pending.send_replace(stage);
        }
        ids.done(self.id, Instant::now() + *life, *done_max);
    }
}
