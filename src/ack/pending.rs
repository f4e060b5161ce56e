//! One request on its way through the stages.

use std::sync::Arc;

use super::refusal::Refusal;
use super::request_id::RequestId;
use super::stage::{DoneWhen, RequestEnd, Stage};
use super::table::IdTable;

/// A request in progress, by all its IDs: the only way to move it from stage to stage.
#[derive(Debug)]
pub(super) struct PendingId {
    table: Arc<IdTable>,
    ids: Arc<[RequestId]>,
}

// === impl PendingId ===

impl PendingId {
    pub(super) fn new(table: Arc<IdTable>, ids: Arc<[RequestId]>) -> Self {
        Self { table, ids }
    }

    pub(super) fn done_when(&self) -> DoneWhen {
        self.table.done_when
    }

    /// The request is counted.
    pub(super) fn merged(&self, stage: Stage) {
        let ids = self.table.ids();
        // Each ID leads to the same request.
        let pending = self.ids.first().and_then(|id| ids.pending.get(id));
        if let Some(pending) = pending {
            pending.stage.send_replace(stage);
        }
    }

    /// Its events were forwarded or given up.
    pub(super) fn forwarded(&self) {
        self.merged(Stage::Merged);
    }

    /// Rejects the request. Its IDs are forgotten unless the rejection is permanent.
    pub(super) fn refuse(&self, refusal: Refusal) {
        let mut ids = self.table.ids();
        let mut rejected = None;
        for id in &*self.ids {
            let Some(pending) = ids.pending.remove(id) else { continue };
            rejected = Some(pending);
            if refusal.reason.is_final() {
                ids.refused(*id, refusal.clone());
            }
        }
        drop(ids);
        // Waiters hold the other end of the channel and get the same response.
        if let Some(pending) = rejected {
            pending.stage.send_replace(Stage::Refused(refusal));
        }
    }

    /// Starts the lifetime of the IDs, unless they are held.
    pub(super) fn finish(&self, outcome: RequestEnd) {
        let IdTable { done_when, holds, .. } = &*self.table;
        let stage = outcome.stage(*done_when);
        if *holds {
            return self.merged(stage);
        }
        let mut ids = self.table.ids();
        let end = self.table.end_of_life(&ids);
        for id in &*self.ids {
            if let Some(pending) = ids.pending.remove(id) {
                pending.stage.send_replace(stage.clone());
            }
            ids.done.insert(*id, end, outcome);
        }
    }
}
