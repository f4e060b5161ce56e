//! A verified message: looked up, counted, and waited for.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::topic::Topic;
use crate::ack::{Admission, Refusal, RequestId, SourceKind, Ticket, Waiter};
use crate::intake::{Charge, LetterContent, RequestKey, SourceIntake};
use crate::pipeline::Batch;
use crate::telemetry::RequestOutcome;

/// A verified message.
#[derive(Debug)]
pub(super) struct VerifiedMessage {
    pub topic: Arc<Topic>,
    pub id: String,
    /// The published text.
    pub text: Bytes,
}

/// A message that is merged or known.
#[derive(Debug)]
pub(super) struct AdmittedMessage {
    pub waiter: Waiter,
    /// The message's charge among those in flight; absent for a known message.
    pub charge: Option<Charge>,
    pub outcome: RequestOutcome,
}

// === impl VerifiedMessage ===

impl VerifiedMessage {
    /// Looks up the ID, and merges a new message before the deadline.
    ///
    /// # Errors
    /// It is rejected.
    pub(super) async fn admit(
        &self,
        source: &SourceIntake,
        deadline: Instant,
    ) -> Result<AdmittedMessage, Refusal> {
        let (topic, id) = (self.topic.arn().as_bytes(), self.id.as_bytes());
        let id = RequestId::new(SourceKind::Sns, topic, id);
        match source.ledger.admit(id) {
            Admission::Known(waiter) => {
                Ok(AdmittedMessage { waiter, charge: None, outcome: RequestOutcome::Repeated })
            }
            Admission::New(ticket) => {
                let key = RequestKey { source: topic, request: &self.id, ids: &[id] };
                let committed = self.commit(source, key, ticket, deadline).await;
                committed.map_err(|(ticket, refusal)| {
                    // SNS does not retry a permanent rejection, so it becomes a dead letter.
                    source.refuse(key, ticket, refusal, LetterContent::Whole(&self.text))
                })
            }
        }
    }

    async fn commit(
        &self,
        source: &SourceIntake,
        key: RequestKey<'_>,
        ticket: Ticket,
        deadline: Instant,
    ) -> Result<AdmittedMessage, (Ticket, Refusal)> {
        let charge = match source.enter(self.text.len()) {
            Ok(charge) => charge,
            Err(refusal) => return Err((ticket, refusal)),
        };
        let budget = source.intake.budget(charge);
        let read = source.read(self.text.clone(), source.intake.batch(), &budget).await;
        let mut batch = match read {
            Ok(batch) => batch,
            Err(refusal) => return Err((ticket, refusal)),
        };
        let again = |blank: Batch| source.read_again(self.text.clone(), blank);
        let committed = source.commit(key, ticket, &mut batch, again, Some(deadline)).await?;
        let charge = budget.committed();
        let outcome = RequestOutcome::Acknowledged;
        Ok(AdmittedMessage { waiter: committed.waiter, charge, outcome })
    }
}
