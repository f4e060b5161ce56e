//! Counts waiting events, and signals when there are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// The number of waiting events.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    events: AtomicU64,
    none: Notify,
}

/// Counts as one waiting event until it is dropped.
#[derive(Debug)]
pub(super) struct Waits(Arc<Waiting>);

// === impl Waiting ===

impl Waiting {
    pub(super) fn enter(self: &Arc<Self>) -> Waits {
        self.events.fetch_add(1, Ordering::AcqRel);
        Waits(Arc::clone(self))
    }

    pub(super) fn events(&self) -> u64 {
        self.events.load(Ordering::Acquire)
    }

    /// Waits until no event is waiting.
    pub(super) async fn none(&self) {
        loop {
            let told = self.none.notified();
            if self.events() == 0 {
                return;
            }
            told.await;
        }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        if self.0.events.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_waiters();
        }
    }
}
