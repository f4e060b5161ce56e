//! What stays with a request's counts until every one of them is settled, and with its events that
//! are forwarded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;

use super::ledger::{Outcome, Settler};

/// The duty to say what became of a merged request. Dropped without [`Receipt::split`], the
/// request counts as failed.
#[derive(Debug)]
pub struct Receipt(Arc<Duty>);

/// A part of a receipt. The request, or its forwarding, is settled when every share is.
#[derive(Debug)]
pub struct Share {
    duty: Arc<Duty>,
    settled: bool,
}

#[derive(Debug)]
struct Duty {
    end: End,
    /// Something was dropped without a word.
    failed: AtomicBool,
}

/// What ends with a duty.
#[derive(Debug)]
enum End {
    Request(Settler),
    /// The forwarding of a request's events, which the duty to its counts waits for.
    Forwarding(Arc<Duty>),
    /// Whoever waits for it hears whether it was settled.
    Told(Option<oneshot::Sender<bool>>),
}

// === impl Receipt ===

impl Receipt {
    pub(super) fn new(settler: Settler) -> Self {
        Self(Duty::new(End::Request(settler)))
    }

    /// A receipt for the request's events that are forwarded: it is not settled before they are.
    #[must_use]
    pub(super) fn forwarding(&self) -> Self {
        Self(Duty::new(End::Forwarding(Arc::clone(&self.0))))
    }

    /// A receipt of nothing but itself, and whether it was settled in the end.
    #[must_use]
    pub fn told() -> (Self, oneshot::Receiver<bool>) {
        let (tell, told) = oneshot::channel();
        (Self(Duty::new(End::Told(Some(tell)))), told)
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
    /// Every count or event that this share stands for was accepted, or given up with a counted
    /// reason.
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

// === impl Duty ===

impl Duty {
    fn new(end: End) -> Arc<Self> {
        Arc::new(Self { end, failed: AtomicBool::new(true) })
    }

    fn forwarded(&self) {
        match &self.end {
            End::Request(settler) => settler.forwarded(),
            End::Forwarding(of) => of.forwarded(),
            End::Told(_) => {}
        }
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        let failed = *self.failed.get_mut();
        match &mut self.end {
            End::Told(tell) => {
                // An error means that nobody waits any more.
                let _ = tell.take().map(|tell| tell.send(!failed));
            }
            End::Request(settler) if failed => settler.finish(Outcome::Lost),
            End::Request(settler) => settler.finish(Outcome::Settled),
            End::Forwarding(of) if failed => of.failed.store(true, Ordering::Relaxed),
            End::Forwarding(of) => of.forwarded(),
        }
    }
}
