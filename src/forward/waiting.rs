//! How many events wait, and word when none do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts events that wait.
#[derive(Debug, Default)]
pub struct Waiting {
    events: AtomicU64,
    none: Notify,
}

/// One event that waits, until this is dropped.
#[derive(Debug)]
pub struct Waits(Arc<Waiting>);

// === impl Waiting ===

impl Waiting {
    pub fn enter(self: &Arc<Self>) -> Waits {
        self.events.fetch_add(1, Ordering::AcqRel);
        Waits(Arc::clone(self))
    }

    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Acquire)
    }

    /// Waits until no event waits.
    pub async fn none(&self) {
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
