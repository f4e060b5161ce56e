//! Requests that an earlier process counted, which the ledgers of all sources share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::done::DoneIds;
use super::request_id::RequestId;
use super::stage::RequestEnd;

/// The IDs of requests that an earlier process counted, of all sources. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct RestoredIds(Arc<Mutex<DoneIds>>);

// === impl RestoredIds ===

impl RestoredIds {
    /// IDs with their remaining lifetimes, the shortest first.
    #[must_use]
    pub(crate) fn new(known: impl IntoIterator<Item = (RequestId, Duration)>) -> Self {
        // They are as many as the journal keeps. Their lifetimes differ; a run spans a minute.
        let mut ids = DoneIds::new(Duration::from_mins(16), usize::MAX);
        let now = Instant::now();
        for (id, left) in known {
            ids.insert(id, now + left, RequestEnd::Settled);
        }
        Self(Arc::new(Mutex::new(ids)))
    }

    /// The number of IDs.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        let mut ids = self.ids();
        ids.expire(Instant::now());
        ids.len()
    }

    pub(super) fn contains(&self, id: RequestId) -> bool {
        let mut ids = self.ids();
        ids.expire(Instant::now());
        ids.get(id).is_some()
    }

    fn ids(&self) -> MutexGuard<'_, DoneIds> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
