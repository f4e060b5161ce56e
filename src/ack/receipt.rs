//! What stays with a request's counts until every one of them is settled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ledger::{Outcome, Settler};

/// The duty to say what became of a merged request. Dropped without [`Receipt::split`], the
/// request counts as failed.
#[derive(Debug)]
pub struct Receipt(Arc<Duty>);

/// A part of a receipt. The request is settled when every share is.
#[derive(Debug)]
pub struct Share {
    duty: Arc<Duty>,
    settled: bool,
}

#[derive(Debug)]
struct Duty {
    settler: Settler,
    /// Something was dropped without a word.
    failed: AtomicBool,
}

// === impl Receipt ===

impl Receipt {
    pub(super) fn new(settler: Settler) -> Self {
        Self(Arc::new(Duty { settler, failed: AtomicBool::new(true) }))
    }

    /// Gives `shares` shares. With none there is nothing to wait for, and the request is settled.
    #[must_use]
    pub fn split(self, shares: usize) -> Vec<Share> {
        self.0.failed.store(false, Ordering::Relaxed);
        (0..shares).map(|_| Share { duty: Arc::clone(&self.0), settled: false }).collect()
    }
}

// === impl Share ===

impl Share {
    /// Every count that this share stands for was accepted, or given up with a counted reason.
    pub fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if !self.settled {
            self.duty.failed.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        let failed = *self.failed.get_mut();
        self.settler.finish(if failed { Outcome::Lost } else { Outcome::Settled });
    }
}
