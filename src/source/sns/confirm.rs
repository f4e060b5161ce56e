//! Confirms subscriptions, once each.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::topic::Confirmation;
use super::web::{Web, WebError};
use crate::ack::{Admission, DoneWhen, Ledger, Refusal, RefusalReason, RequestId, Stage};
use crate::telemetry::{Metrics, SubscriptionOutcome};

/// Maximum number of concurrent confirmations.
const AT_ONCE: usize = 4;
/// Maximum number of confirmations remembered.
const DONE_MAX: usize = 1000;
const RESPONSE_BYTES_MAX: usize = 64 << 10;

/// Confirms subscriptions.
#[derive(Debug)]
pub(super) struct Confirmer {
    web: Web,
    done: Ledger,
    at_once: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// Why SNS has not confirmed a subscription.
#[derive(Debug, thiserror::Error)]
enum ConfirmError {
    #[error(transparent)]
    Web(#[from] WebError),
    #[error("it responded with a redirect ({0}), which is not followed")]
    Redirect(u16),
    #[error("it responded with status {0}")]
    Status(u16),
}

// === impl Confirmer ===

impl Confirmer {
    /// Remembers confirmed subscriptions for `life`.
    #[must_use]
    pub(super) fn new(web: Web, life: Duration, metrics: Arc<Metrics>) -> Self {
        let done = Ledger::new(DoneWhen::Merged, life, DONE_MAX);
        Self { web, done, at_once: Arc::new(Semaphore::new(AT_ONCE)), metrics }
    }

    /// Confirms a subscription; a repeated message joins.
    ///
    /// # Errors
    /// SNS has not confirmed it; a retry is possible.
    pub(super) async fn confirm(
        &self,
        id: RequestId,
        topic: &str,
        what: &Confirmation,
    ) -> Result<(), Refusal> {
        let ticket = match self.done.admit(id) {
            Admission::New(ticket) => ticket,
            Admission::Known(mut waiter) => {
                return match waiter.acknowledged(false).await {
                    Stage::Refused(refusal) => Err(refusal),
                    _ => Ok(()),
                };
            }
        };
        let Ok(_place) = self.at_once.try_acquire() else {
            let refusal =
                Refusal::new(RefusalReason::Busy, "too many subscriptions are being confirmed");
            ticket.refuse(refusal.clone());
            return Err(refusal);
        };
        match self.request(what).await {
            Ok(()) => {
                // A confirmation has no counts to wait for.
                drop(ticket.merged(false));
                self.metrics.sns_subscriptions.increment(SubscriptionOutcome::Confirmed);
                tracing::info!(topic, "SNS subscription confirmed");
                Ok(())
            }
            Err(error) => {
                self.metrics.sns_subscriptions.increment(SubscriptionOutcome::Failed);
                tracing::error!(
                    topic,
                    why = %error,
                    "confirming an SNS subscription failed; SNS will resend the request"
                );
                let refusal =
                    Refusal::new(RefusalReason::GivenUp, "the subscription could not be confirmed");
                ticket.refuse(refusal.clone());
                Err(refusal)
            }
        }
    }

    async fn request(&self, what: &Confirmation) -> Result<(), ConfirmError> {
        let response = self.web.get_https(&what.host, &what.path, RESPONSE_BYTES_MAX).await?;
        match response.status.as_u16() {
            200 => Ok(()),
            status @ 300..400 => Err(ConfirmError::Redirect(status)),
            status => Err(ConfirmError::Status(status)),
        }
    }
}
