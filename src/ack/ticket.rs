//! The right to process a request.

use tokio::sync::watch;

use super::guard::AckGuard;
use super::pending::PendingId;
use super::refusal::{Refusal, RefusalReason};
use super::stage::{DoneWhen, RequestEnd, Stage};
use super::waiter::Waiter;

/// The right and the duty to process a request. Dropping it rejects the request.
#[derive(Debug)]
pub(crate) struct Ticket {
    pending: Option<PendingId>,
    stage: watch::Receiver<Stage>,
}

/// What the caller must keep while it processes a merged request.
#[derive(Debug, Default)]
pub(crate) struct AckGuards {
    /// Travels with the counts; `None` when no caller waits for them.
    pub counts: Option<AckGuard>,
    /// Travels with the forwarded events; `None` when there are none.
    pub forwarding: Option<AckGuard>,
}

// === impl Ticket ===

impl Ticket {
    pub(super) fn new(pending: PendingId, stage: watch::Receiver<Stage>) -> Self {
        Self { pending: Some(pending), stage }
    }

    /// Rejects the request. The ID is forgotten unless the rejection is permanent. Returns the
    /// refusal for the sender.
    pub(crate) fn refuse(mut self, refusal: Refusal) -> Refusal {
        if let Some(pending) = self.pending.take() {
            pending.refuse(refusal.clone());
        }
        refusal
    }

    /// Marks the request as being merged, which cannot be undone. `forwards`: some of its events
    /// are forwarded.
    #[must_use]
    pub(crate) fn merged(mut self, forwards: bool) -> AckGuards {
        let Some(pending) = self.pending.take() else { return AckGuards::default() };
        let until_settled = pending.done_when() == DoneWhen::Settled;
        if !until_settled && !forwards {
            pending.finish(RequestEnd::Settled);
            return AckGuards::default();
        }
        pending.merged(if forwards { Stage::Forwarding } else { Stage::Merged });
        let counts = AckGuard::new(pending);
        let forwarding = forwards.then(|| counts.forwarding());
        if until_settled {
            return AckGuards { counts: Some(counts), forwarding };
        }
        // No caller waits for the counts; there may be none.
        drop(counts.split(0));
        AckGuards { counts: None, forwarding }
    }

    /// Waits for the request as a retry would.
    #[must_use]
    pub(crate) fn waiter(&self) -> Waiter {
        Waiter::pending(self.stage.clone())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            pending
                .refuse(Refusal::new(RefusalReason::GivenUp, "the request was abandoned; retry"));
        }
    }
}
