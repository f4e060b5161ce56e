//! Guards that stay with a request's counts, and with its forwarded events, until all of them are
//! settled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;

use super::ledger::{Outcome, Settler};

/// The duty to report the outcome of a merged request. If it is dropped without [`Receipt::split`],
/// the request fails.
#[derive(Debug)]
pub struct Receipt(Arc<Duty>);

/// A part of a receipt. The request, or its forwarding, is settled when every share is settled.
#[derive(Debug)]
pub struct Share {
    duty: Arc<Duty>,
    settled: bool,
}

#[derive(Debug)]
struct Duty {
    end: ReceiptEnd,
    /// A receipt or share was dropped without being settled.
    failed: AtomicBool,
}

/// What happens at the end of a duty.
#[derive(Debug)]
enum ReceiptEnd {
    Request(Settler),
    /// Forwarding the request's events, which the duty for its counts waits for.
    Forwarding(Arc<Duty>),
    /// Tells the waiting task whether everything was settled.
    Told(Option<oneshot::Sender<bool>>),
}

// === impl Receipt ===

impl Receipt {
    pub(super) fn new(settler: Settler) -> Self {
        Self(Duty::new(ReceiptEnd::Request(settler)))
    }

    /// A receipt for the request's forwarded events; the request is not settled before them.
    #[must_use]
    pub(super) fn forwarding(&self) -> Self {
        Self(Duty::new(ReceiptEnd::Forwarding(Arc::clone(&self.0))))
    }

    /// A standalone receipt, and a channel that tells whether it was settled.
    #[must_use]
    pub fn told() -> (Self, oneshot::Receiver<bool>) {
        let (tell, told) = oneshot::channel();
        (Self(Duty::new(ReceiptEnd::Told(Some(tell)))), told)
    }

    /// Splits the receipt into `shares`. With none, nothing is left to wait for and the request is
    /// settled.
    #[must_use]
    pub fn split(self, shares: usize) -> Vec<Share> {
        self.0.failed.store(false, Ordering::Relaxed);
        (0..shares).map(|_| Share { duty: Arc::clone(&self.0), settled: false }).collect()
    }
}

// === impl Share ===

impl Share {
    /// Every count or event of this share was accepted, or dropped for a counted reason.
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
    fn new(end: ReceiptEnd) -> Arc<Self> {
        Arc::new(Self { end, failed: AtomicBool::new(true) })
    }

    fn forwarded(&self) {
        match &self.end {
            ReceiptEnd::Request(settler) => settler.forwarded(),
            ReceiptEnd::Forwarding(of) => of.forwarded(),
            ReceiptEnd::Told(_) => {}
        }
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        let failed = *self.failed.get_mut();
        match &mut self.end {
            ReceiptEnd::Told(tell) => {
                // An error means that the waiting task is gone.
                let _ = tell.take().map(|tell| tell.send(!failed));
            }
            ReceiptEnd::Request(settler) if failed => settler.finish(Outcome::Lost),
            ReceiptEnd::Request(settler) => settler.finish(Outcome::Settled),
            ReceiptEnd::Forwarding(of) if failed => of.failed.store(true, Ordering::Relaxed),
            ReceiptEnd::Forwarding(of) => of.forwarded(),
        }
    }
}
