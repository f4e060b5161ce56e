//! Waiting for a request, as its sender and every retry of it do.

use tokio::sync::watch;

use super::stage::Stage;

/// Waits for a request that is in progress or done.
#[derive(Clone, Debug)]
pub(crate) struct Waiter(WaiterState);

#[derive(Clone, Debug)]
enum WaiterState {
    Pending(watch::Receiver<Stage>),
    Done(Stage),
}

// === impl Waiter ===

impl Waiter {
    pub(super) fn pending(stage: watch::Receiver<Stage>) -> Self {
        Self(WaiterState::Pending(stage))
    }

    pub(super) fn done(stage: Stage) -> Self {
        Self(WaiterState::Done(stage))
    }

    /// The current stage of the request.
    #[must_use]
    pub(crate) fn stage(&self) -> Stage {
        match &self.0 {
            WaiterState::Pending(stage) => stage.borrow().clone(),
            WaiterState::Done(stage) => stage.clone(),
        }
    }

    /// Waits until the request can be acknowledged: it is merged and forwarded and, with
    /// `until_settled`, its counts are settled. Also returns when that can no longer happen.
    pub(crate) async fn acknowledged(&mut self, until_settled: bool) -> Stage {
        self.wait(|stage| match stage {
            Stage::Reading | Stage::Forwarding => false,
            Stage::Merged => !until_settled,
            Stage::Settled | Stage::Lost | Stage::Refused(_) => true,
        })
        .await
    }

    /// Waits until the request is at a stage that satisfies `enough`.
    pub(crate) async fn wait(&mut self, enough: impl FnMut(&Stage) -> bool) -> Stage {
        if let WaiterState::Pending(stage) = &mut self.0 {
            // An error means that the ID has left the ledger; its last stage is still valid.
            let _ = stage.wait_for(enough).await;
        }
        self.stage()
    }
}
