//! A delivery whose body has arrived: read, counted and merged.

use std::sync::Arc;

use super::endpoint::FirehoseEndpoint;
use super::head::REQUEST_ID_BYTES_MAX;
use super::received::{AdmittedRequest, ReceivedDelivery, RefusedDelivery};
use crate::ack::{Admission, Refusal, RefusalReason, RequestId, SourceKind, Waiter};
use crate::intake::body::{ExpandedBody, expand};
use crate::intake::{CommittedRequest, Intake, MeteredBatch, RequestKey, StopReason, catch_panic};
use crate::pipeline::Batch;
use crate::ses::{FirehoseRequest, Interest, read_request};

/// The result of reading a body.
pub(super) enum BodyReading {
    /// The counts, and the decompressed body in case it must be read again.
    New(Box<Batch>, ExpandedBody),
    /// The ID in the body is already known.
    Known(Waiter),
}

/// Reads a body up to its records.
fn read_head<'b>(
    body: &'b ExpandedBody,
    interest: &Interest,
) -> Result<FirehoseRequest<'b>, &'static str> {
    let request = read_request(&body.bytes, interest)?;
    Ok(if body.gzip { request.within_gzip() } else { request })
}

/// Reads a body into a batch like `blank`.
fn read_again(body: &ExpandedBody, blank: &Batch, intake: &Intake) -> Result<Batch, Refusal> {
    let rules = blank.rules();
    let fresh = || blank.blank(intake.dead_letter_batch());
    let request = read_head(body, rules.interest());
    let batch = request.and_then(|request| request.read(rules.interest(), fresh));
    batch.map_err(|why| Refusal::new(RefusalReason::BadRequest, why))
}

// === impl FirehoseEndpoint ===

impl FirehoseEndpoint {
    /// Counts a body on a thread of its own, and merges it.
    pub(super) async fn work(
        self,
        mut work: ReceivedDelivery,
    ) -> Result<AdmittedRequest, RefusedDelivery> {
        let (echo, endpoint) = (work.request_id.clone(), self.clone());
        // Caught here, where the ticket is, so that every request waiting for this ID is rejected
        // too.
        let count = move || {
            let counted = catch_panic(|| endpoint.count(&mut work));
            (work, counted)
        };
        match self.intake().run(count).await {
            Ok((work, Ok(counted))) => self.commit(work, counted).await,
            Ok((ReceivedDelivery { head, ticket, request_id, .. }, Err(refusal))) => {
                Err(self.refuse(&head.source, ticket, request_id, refusal))
            }
            Err(refusal) => Err((echo, refusal)),
        }
    }

    /// Reads the records of a body into counts.
    pub(super) fn count(&self, work: &mut ReceivedDelivery) -> Result<BodyReading, StopReason> {
        let shared = &self.0;
        let bad =
            |why: &'static str| StopReason::Refused(Refusal::new(RefusalReason::BadRequest, why));
        let ReceivedDelivery { head, body, budget, request_id, ticket, .. } = work;
        let body = expand(body.clone(), head.announced_gzip, budget)?;
        let blank = self.intake().batch();
        let rules = blank.rules();
        let request = read_head(&body, rules.interest()).map_err(bad)?;
        let body_id = String::from_utf8_lossy(&request.request_id);
        if body_id.is_empty() || body_id.len() > REQUEST_ID_BYTES_MAX {
            return Err(bad("the body's requestId is not a valid request ID"));
        }
        if head.request_id.as_ref().is_some_and(|id| *id != body_id) {
            return Err(bad("the request IDs in the header and the body differ"));
        }
        *request_id = body_id.into_owned();
        // Without the header, the ID becomes known only here.
        if ticket.is_none() {
            let id = RequestId::new(SourceKind::Firehose, &head.source, request_id.as_bytes());
            match shared.source.ledger.admit(id) {
                Admission::New(new) => *ticket = Some((id, new)),
                Admission::Known(waiter) => return Ok(BodyReading::Known(waiter)),
            }
        }
        let fresh = || {
            let mut batch = blank.blank(self.intake().dead_letter_batch());
            shared.room.reserve(&mut batch, body.bytes.len());
            MeteredBatch::new(batch, budget)
        };
        let reading = request.read(rules.interest(), fresh);
        // Reading stops beyond the budget, whatever the rest contains.
        budget.check()?;
        let batch = reading.map_err(bad)?.batch;
        shared.room.follow(&batch);
        Ok(BodyReading::New(Box::new(batch), body))
    }

    /// Merges the counts. A rejection is also sent to every request that joined.
    pub(super) async fn commit(
        &self,
        work: ReceivedDelivery,
        counted: Result<BodyReading, StopReason>,
    ) -> Result<AdmittedRequest, RefusedDelivery> {
        let ReceivedDelivery { budget, request_id, ticket, head, deadline, .. } = work;
        let (mut batch, body) = match counted {
            Ok(BodyReading::New(batch, body)) => (batch, body),
            Ok(BodyReading::Known(waiter)) => {
                let known = self.known(request_id, waiter);
                return Ok(AdmittedRequest { deadline, ..known });
            }
            Err(over) => {
                return Err(self.refuse(&head.source, ticket, request_id, over.into()));
            }
        };
        let Some((id, ticket)) = ticket else {
            let refusal = Refusal::new(RefusalReason::GivenUp, "the request has no ID");
            return Err((request_id, refusal));
        };
        let source = &self.0.source;
        let again = |blank: Batch| {
            let (body, intake) = (body.clone(), Arc::clone(&source.intake));
            async move {
                let reader = Arc::clone(&intake);
                intake.run(move || read_again(&body, &blank, &reader)).await?
            }
        };
        let key = RequestKey { source: &head.source, request: &request_id, ids: &[id] };
        match source.commit(key, ticket, &mut batch, again, Some(deadline)).await {
            Ok(CommittedRequest { waiter, letters }) => {
                let charge = budget.committed();
                Ok(AdmittedRequest { request_id, waiter, charge, letters, deadline })
            }
            Err((ticket, refusal)) => {
                Err(self.refuse(&head.source, Some((id, ticket)), request_id, refusal))
            }
        }
    }
}
