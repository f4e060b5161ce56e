//! Processes one delivery, from its headers to its response.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderMap, HeaderValue, Request};
use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use super::head::{ACCESS_KEY, DeliveryHead, REQUEST_ID, REQUEST_ID_BYTES_MAX, header_text};
use super::response::http_response;
use crate::ack::{Admission, Refusal, RefusalReason, RequestId, SourceKind, Ticket, Waiter};
use crate::intake::body::{ExpandedBody, discard, expand, read};
use crate::intake::{
    AccessKeys, Budget, Charge, CommittedRequest, Intake, LetterContent, MeteredBatch, RequestKey,
    Response, SourceIntake, StopReason, catch_panic, is_quick,
};
use crate::pipeline::Batch;
use crate::printable::shown;
use crate::ses::{FirehoseRequest, Interest, read_request};
use crate::telemetry::{LogLimiter, Metrics, RequestOutcome};

/// Without a valid key only this much of a body is read, and discarded.
const UNAUTHORIZED_DISCARD_MAX: usize = 1 << 20;
/// Maximum number of unauthorized bodies read at once; above it nothing is read.
const UNAUTHORIZED_AT_ONCE: usize = 64;

/// How long a response waits for the request's dead letters to be written.
const LETTERS_PATIENCE: Duration = Duration::from_secs(1);

/// Settings of the endpoint.
#[derive(Clone, Debug)]
pub(crate) struct FirehoseSettings {
    pub access_keys: AccessKeys,
    pub body_bytes: usize,
    /// Maximum time until the response: `settle_deadline` when it waits for counts.
    pub patience: Duration,
}

/// The endpoint. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct FirehoseEndpoint(Arc<FirehoseShared>);

#[derive(Debug)]
struct FirehoseShared {
    settings: FirehoseSettings,
    source: SourceIntake,
    metrics: Arc<Metrics>,
    unauthorized: Semaphore,
    warnings: LogLimiter,
}

/// The response to a delivery, before it is formatted.
struct DeliveryResponse {
    request_id: String,
    response: Response,
}

/// A request that is in progress or known, and for whose result to wait.
struct AdmittedRequest {
    request_id: String,
    waiter: Waiter,
    /// The request's charge among those in flight; absent for a known request.
    charge: Option<Charge>,
    /// Closes when the request's dead letters are written.
    letters: Option<oneshot::Receiver<()>>,
}

/// A delivery whose body has arrived.
struct ReceivedDelivery {
    head: DeliveryHead,
    body: Bytes,
    budget: Budget,
    /// The ID from the header, or else from the body.
    request_id: String,
    /// The ticket for the request; `None` until the ID is known.
    ticket: Option<(RequestId, Ticket)>,
}

/// The result of reading a body.
enum BodyReading {
    /// The counts, and the decompressed body in case it must be read again.
    New(Box<Batch>, ExpandedBody),
    /// The ID in the body is already known.
    Known(Waiter),
}

/// The ID of a rejected delivery, and the reason.
type RefusedDelivery = (String, Refusal);

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
    #[must_use]
    pub(crate) fn new(
        settings: FirehoseSettings,
        source: SourceIntake,
        metrics: Arc<Metrics>,
    ) -> Self {
        let warnings = LogLimiter::new(Duration::from_secs(10), Arc::clone(&metrics));
        let unauthorized = Semaphore::new(UNAUTHORIZED_AT_ONCE);
        Self(Arc::new(FirehoseShared { settings, source, metrics, unauthorized, warnings }))
    }

    /// Rejects a delivery. No dead letter is needed: Firehose writes permanently rejected batches
    /// to its backup.
    fn refuse(
        &self,
        source: &[u8],
        ticket: Option<(RequestId, Ticket)>,
        request_id: String,
        refusal: Refusal,
    ) -> RefusedDelivery {
        let Some((id, ticket)) = ticket else { return (request_id, refusal) };
        let key = RequestKey { source, request: &request_id, ids: &[id] };
        let refusal = self.0.source.refuse(key, ticket, refusal, LetterContent::None);
        (request_id, refusal)
    }

    fn intake(&self) -> &Intake {
        &self.0.source.intake
    }

    /// Processes one delivery.
    pub(crate) async fn deliver(&self, request: Request<Body>) -> axum::http::Response<Body> {
        let shared = &self.0;
        let started = Instant::now();
        let (head, mut body) = request.into_parts();
        let head_id = header_text(&head.headers, REQUEST_ID);
        let span = tracing::info_span!("request", source = "firehose", id = head_id.map(shown));
        let responding =
            self.process(&head.headers, head.uri.path(), &mut body).instrument(span).await;
        let DeliveryResponse { request_id, response } = responding;
        shared.metrics.request(response.outcome, started.elapsed());
        let (status, error) = (response.status(), response.error.as_deref());
        let mut http = http_response(status, &request_id, self.intake().clock.now_ms(), error);
        if status == 401 {
            // A sender without a valid key must reconnect.
            http.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        http
    }

    async fn process(&self, headers: &HeaderMap, path: &str, body: &mut Body) -> DeliveryResponse {
        let shared = &self.0;
        let body_bytes = shared.settings.body_bytes;
        let echo = header_text(headers, REQUEST_ID).unwrap_or_default().to_owned();
        if !shared.settings.access_keys.accept(headers.get(ACCESS_KEY).map(AsRef::as_ref)) {
            if shared.warnings.allow() {
                tracing::warn!("delivery rejected: missing or wrong access key");
            }
            // Drain a little so the client sees the 401 instead of a reset; skipped under load.
            if let Ok(_place) = shared.unauthorized.try_acquire() {
                discard(body, UNAUTHORIZED_DISCARD_MAX).await;
            }
            let refusal = Refusal::new(RefusalReason::Unauthorized, "missing or wrong access key");
            return DeliveryResponse::refused(echo, refusal);
        }
        let admitted = match DeliveryHead::read(headers, path) {
            Ok(head) => self.admit(head, body).await,
            Err(refusal) => Err((echo, refusal)),
        };
        match admitted {
            Ok(admitted) => {
                if admitted.charge.is_none() {
                    discard(body, body_bytes).await;
                }
                self.wait(admitted).await
            }
            Err((request_id, refusal)) => {
                if shared.warnings.allow() {
                    let reason = refusal.reason.as_str();
                    tracing::warn!(reason, why = %refusal.message, "delivery rejected");
                }
                discard(body, body_bytes.saturating_mul(2)).await;
                DeliveryResponse::refused(request_id, refusal)
            }
        }
    }

    /// Looks up the ID, reads the body, and processes it even if the connection closes.
    async fn admit(
        &self,
        head: DeliveryHead,
        body: &mut Body,
    ) -> Result<AdmittedRequest, RefusedDelivery> {
        let mut ticket = None;
        if let Some(request_id) = &head.request_id {
            let id = RequestId::new(SourceKind::Firehose, &head.source, request_id.as_bytes());
            match self.0.source.ledger.admit(id) {
                Admission::Known(waiter) => {
                    let request_id = request_id.clone();
                    return Ok(AdmittedRequest { request_id, waiter, charge: None, letters: None });
                }
                Admission::New(new) => ticket = Some((id, new)),
            }
        }
        let echo = head.request_id.clone().unwrap_or_default();
        let (body, charge) = match self.read_body(&head, body).await {
            Ok(read) => read,
            Err(refusal) => return Err(self.refuse(&head.source, ticket, echo, refusal)),
        };
        let budget = self.intake().budget(charge);
        let mut work = ReceivedDelivery { request_id: echo.clone(), head, body, budget, ticket };
        if is_quick(&work.body) && !self.intake().commit_may_wait() {
            // No other thread is woken, and nothing can interrupt this.
            work.budget.set_quick(true);
            match catch_panic(|| self.count(&mut work)) {
                Ok(Err(StopReason::NotQuick)) => work.budget.set_quick(false),
                Ok(counted) => return self.commit(work, counted).await,
                Err(refusal) => {
                    return Err(self.refuse(&work.head.source, work.ticket, echo, refusal));
                }
            }
        }
        let working = self.clone().work(work).in_current_span();
        tokio::spawn(working).await.unwrap_or_else(|_| {
            // The panic dropped the ticket, so the ID is forgotten unless it was merged.
            tracing::error!("committing a delivery panicked");
            Err((
                echo,
                Refusal::new(
                    RefusalReason::GivenUp,
                    "internal error while processing the request; retry",
                ),
            ))
        })
    }

    /// Counts a body on a thread of its own, and merges it.
    async fn work(self, mut work: ReceivedDelivery) -> Result<AdmittedRequest, RefusedDelivery> {
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

    /// Checks the limits and the drain, then reads the body.
    async fn read_body(
        &self,
        head: &DeliveryHead,
        body: &mut Body,
    ) -> Result<(Bytes, Charge), Refusal> {
        let shared = &self.0;
        let mut charge = shared.source.enter(0)?;
        let bytes_max = shared.settings.body_bytes;
        let body = read(body, head.announced_bytes, bytes_max, &mut charge).await?;
        shared.metrics.request_bytes.add(body.len() as u64);
        Ok((body, charge))
    }

    /// Reads the records of a body into counts.
    fn count(&self, work: &mut ReceivedDelivery) -> Result<BodyReading, StopReason> {
        let shared = &self.0;
        let bad =
            |why: &'static str| StopReason::Refused(Refusal::new(RefusalReason::BadRequest, why));
        let ReceivedDelivery { head, body, budget, request_id, ticket } = work;
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
        let fresh = || MeteredBatch::new(blank.blank(self.intake().dead_letter_batch()), budget);
        let reading = request.read(rules.interest(), fresh);
        // Reading stops beyond the budget, whatever the rest contains.
        budget.check()?;
        let batch = reading.map_err(bad)?.batch;
        Ok(BodyReading::New(Box::new(batch), body))
    }

    /// Merges the counts. A rejection is also sent to every request that joined.
    async fn commit(
        &self,
        work: ReceivedDelivery,
        counted: Result<BodyReading, StopReason>,
    ) -> Result<AdmittedRequest, RefusedDelivery> {
        let ReceivedDelivery { budget, request_id, ticket, head, .. } = work;
        let (mut batch, body) = match counted {
            Ok(BodyReading::New(batch, body)) => (batch, body),
            Ok(BodyReading::Known(waiter)) => {
                return Ok(AdmittedRequest { request_id, waiter, charge: None, letters: None });
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
        match source.commit(key, ticket, &mut batch, again).await {
            Ok(CommittedRequest { waiter, letters }) => {
                Ok(AdmittedRequest { request_id, waiter, charge: budget.committed(), letters })
            }
            Err((ticket, refusal)) => {
                Err(self.refuse(&head.source, Some((id, ticket)), request_id, refusal))
            }
        }
    }

    async fn wait(&self, admitted: AdmittedRequest) -> DeliveryResponse {
        let AdmittedRequest { request_id, waiter, charge, letters } = admitted;
        let deadline = Instant::now() + self.0.settings.patience;
        if let Some(written) = letters {
            // The outcome is irrelevant: the letters are written, or waiting for them timed out.
            let _ = timeout(LETTERS_PATIENCE, written).await;
        }
        let known = charge.is_none();
        let done = if known { RequestOutcome::Repeated } else { RequestOutcome::Acknowledged };
        let response = self.0.source.wait(waiter, deadline, done).await;
        DeliveryResponse { request_id, response }
    }
}

// === impl DeliveryResponse ===

impl DeliveryResponse {
    fn refused(request_id: String, refusal: Refusal) -> Self {
        Self { request_id, response: refusal.into() }
    }
}
