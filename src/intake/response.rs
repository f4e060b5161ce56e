//! The response to a sender, once the outcome is known or the time is up.

use std::borrow::Cow;

use tokio::time::{Instant, timeout_at};

use super::entry::SourceIntake;
use crate::ack::{Refusal, RefusalReason, Stage, Waiter};
use crate::telemetry::RequestOutcome;

/// The outcome of a request for its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub outcome: RequestOutcome,
    /// The error message for the sender.
    pub error: Option<Cow<'static, str>>,
}

// === impl SourceIntake ===

impl SourceIntake {
    /// Waits until a request may be acknowledged, at most until the deadline. `done` is the outcome
    /// of an acknowledged request.
    pub(crate) async fn wait(
        &self,
        mut waiter: Waiter,
        deadline: Instant,
        done: RequestOutcome,
    ) -> Response {
        let stage = timeout_at(deadline, waiter.acknowledged(self.until_settled)).await;
        let failed = |outcome, error: &'static str| Response { outcome, error: Some(error.into()) };
        match stage.unwrap_or_else(|_| waiter.stage()) {
            Stage::Settled => Response { outcome: done, error: None },
            Stage::Merged if !self.until_settled => Response { outcome: done, error: None },
            Stage::Merged | Stage::Forwarding => {
                self.intake.metrics.overdue_requests.add(1);
                let error = "already counted, still publishing; retry to get the acknowledgement";
                failed(RequestOutcome::Overdue, error)
            }
            Stage::Reading => {
                Refusal::new(RefusalReason::GivenUp, "still being read; retry").into()
            }
            Stage::Lost => {
                let error = "counted, but whether its counts were published is unknown";
                failed(RequestOutcome::Lost, error)
            }
            Stage::Refused(refusal) => refusal.into(),
        }
    }
}

// === impl Response ===

impl Response {
    /// The HTTP status. Never 413: Firehose would drop the batch without a backup.
    #[must_use]
    pub(crate) const fn status(&self) -> u16 {
        match self.outcome {
            RequestOutcome::Acknowledged | RequestOutcome::Repeated => 200,
            RequestOutcome::Overdue | RequestOutcome::Lost => 503,
            RequestOutcome::Refused(reason) => reason.status(),
        }
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        Self { outcome: RequestOutcome::Refused(refusal.reason), error: Some(refusal.message) }
    }
}
