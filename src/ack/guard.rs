//! Guards that stay with a request's counts, and with its forwarded events, until all of them are
//! settled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;

use super::pending::PendingId;
use super::stage::RequestEnd;

/// Carries the duty to report the outcome of a merged request. If it is dropped without [`AckGuard::split`],
/// the request fails.
#[derive(Debug)]
pub struct AckGuard {
    state: Arc<GuardState>,
    is_answered: bool,
}

/// A part of a guard. The request, or its forwarding, is settled when every share is settled.
#[derive(Debug)]
pub struct AckShare {
    state: Arc<GuardState>,
    settled: bool,
}

#[derive(Debug)]
struct GuardState {
    end: GuardEnd,
    /// The guard or a share was dropped without being settled.
    failed: AtomicBool,
}

/// What happens at the end of a guard.
#[derive(Debug)]
enum GuardEnd {
    Request(PendingId),
    /// Forwarding the request's events, which the guard of its counts waits for.
    Forwarding(Arc<GuardState>),
    /// Tells the waiting task whether everything was settled.
    Told(Option<oneshot::Sender<bool>>),
}

// === impl AckGuard ===

impl AckGuard {
    pub(super) fn new(pending: PendingId) -> Self {
        Self::ending(GuardEnd::Request(pending))
    }

    /// A guard for the request's forwarded events; the request is not settled before them.
    #[must_use]
    pub(super) fn forwarding(&self) -> Self {
        Self::ending(GuardEnd::Forwarding(Arc::clone(&self.state)))
    }

    /// A standalone guard, and a channel that tells whether it was settled.
    #[must_use]
    pub fn told() -> (Self, oneshot::Receiver<bool>) {
        let (tell, told) = oneshot::channel();
        (Self::ending(GuardEnd::Told(Some(tell))), told)
    }

    fn ending(end: GuardEnd) -> Self {
        Self { state: GuardState::new(end), is_answered: false }
    }

    /// Notes that the sender of the request is answered at the merge, although others may wait
    /// until it is settled. So the request will not be sent again.
    #[must_use]
    pub(crate) fn answered(self) -> Self {
        Self { is_answered: true, ..self }
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Splits the guard into `shares`. With none, nothing is left to wait for and the request is
    /// settled.
    #[must_use]
    pub fn split(self, shares: usize) -> Vec<AckShare> {
        self.state.failed.store(false, Ordering::Relaxed);
        (0..shares).map(|_| AckShare { state: Arc::clone(&self.state), settled: false }).collect()
    }
}

// === impl AckShare ===

impl AckShare {
    /// Every count or event of this share was accepted, or dropped for a counted reason.
    pub fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for AckShare {
    fn drop(&mut self) {
        if !self.settled {
            self.state.failed.store(true, Ordering::Relaxed);
        }
    }
}

// === impl GuardState ===

impl GuardState {
    fn new(end: GuardEnd) -> Arc<Self> {
        Arc::new(Self { end, failed: AtomicBool::new(true) })
    }

    fn forwarded(&self) {
        match &self.end {
            GuardEnd::Request(pending) => pending.forwarded(),
            GuardEnd::Forwarding(of) => of.forwarded(),
            GuardEnd::Told(_) => {}
        }
    }
}

impl Drop for GuardState {
    fn drop(&mut self) {
        let failed = *self.failed.get_mut();
        match &mut self.end {
            GuardEnd::Told(tell) => {
                // An error means that the waiting task is gone.
                let _ = tell.take().map(|tell| tell.send(!failed));
            }
            GuardEnd::Request(pending) if failed => pending.finish(RequestEnd::Lost),
            GuardEnd::Request(pending) => pending.finish(RequestEnd::Settled),
            GuardEnd::Forwarding(of) if failed => of.failed.store(true, Ordering::Relaxed),
            GuardEnd::Forwarding(of) => of.forwarded(),
        }
    }
}
