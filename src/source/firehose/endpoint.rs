//! Processes one delivery, from its headers to its response.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderMap, HeaderValue, Request};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;

use super::head::{ACCESS_KEY, DeliveryHead, REQUEST_ID, header_text};
use super::received::{AdmittedRequest, ReceivedDelivery, RefusedDelivery};
use super::response::http_response;
use crate::ack::{Admission, Refusal, RefusalReason, RequestId, SourceKind, Ticket, Waiter};
use crate::intake::body::{discard, read};
use crate::intake::{
    AccessKeys, Charge, Intake, LetterContent, RequestKey, Response, SourceIntake, StopReason,
    catch_panic, is_quick,
};
use crate::pipeline::BatchRoom;
use crate::printable::shown;
use crate::telemetry::{LogLimiter, Metrics, RequestOutcome};

/// Without a valid key only this much of a body is read, and discarded.
const UNAUTHORIZED_DISCARD_MAX: usize = 1 << 20;
/// Maximum number of unauthorized bodies read at once; above it nothing is read.
const UNAUTHORIZED_AT_ONCE: usize = 64;

/// How much longer than its patience a request waits for the reason why it is rejected.
const REFUSAL_MARGIN: Duration = Duration::from_millis(100);

/// How long a response waits for the request's dead letters to be written.
const LETTERS_PATIENCE: Duration = Duration::from_secs(1);

/// Settings of the endpoint.
#[derive(Clone, Debug)]
pub(crate) struct FirehoseSettings {
    pub access_keys: AccessKeys,
    pub body_bytes: usize,
    /// Maximum time from the arrival of a body until the response.
    pub patience: Duration,
    /// Maximum time from the merge until the response.
    pub settle_deadline: Duration,
}

/// The endpoint. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct FirehoseEndpoint(pub(super) Arc<FirehoseShared>);

#[derive(Debug)]
pub(super) struct FirehoseShared {
    settings: FirehoseSettings,
    pub source: SourceIntake,
    pub room: BatchRoom,
    metrics: Arc<Metrics>,
    unauthorized: Semaphore,
    warnings: LogLimiter,
}

/// The response to a delivery, before it is formatted.
struct DeliveryResponse {
    request_id: String,
    response: Response,
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
        let room = BatchRoom::default();
        Self(Arc::new(FirehoseShared { settings, source, room, metrics, unauthorized, warnings }))
    }

    /// Rejects a delivery. No dead letter is needed: Firehose writes permanently rejected batches
    /// to its backup.
    pub(super) fn refuse(
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

    /// A known request, which holds nothing.
    pub(super) fn known(&self, request_id: String, waiter: Waiter) -> AdmittedRequest {
        let deadline = self.deadline();
        AdmittedRequest { request_id, waiter, charge: None, letters: None, deadline }
    }

    /// When the sender of a request that has arrived now must have a response.
    fn deadline(&self) -> Instant {
        Instant::now() + self.0.settings.patience
    }

    pub(super) fn intake(&self) -> &Intake {
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
                    return Ok(self.known(request_id.clone(), waiter));
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
        let request_id = echo.clone();
        let deadline = self.deadline();
        let mut work = ReceivedDelivery { head, body, budget, request_id, ticket, deadline };
        if is_quick(&work.body) && !self.0.source.commit_may_wait() {
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
        let waiter = work.ticket.as_ref().map(|(_, ticket)| ticket.waiter());
        let working = tokio::spawn(self.clone().work(work).in_current_span());
        // Processing continues if the connection closes or the patience ends.
        let Ok(worked) = timeout_at(deadline + REFUSAL_MARGIN, working).await else {
            let Some(waiter) = waiter else {
                let why = "still being processed; retry";
                return Err((echo, Refusal::new(RefusalReason::GivenUp, why)));
            };
            let known = self.known(echo, waiter);
            return Ok(AdmittedRequest { deadline, ..known });
        };
        worked.unwrap_or_else(|_| {
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

    async fn wait(&self, admitted: AdmittedRequest) -> DeliveryResponse {
        let AdmittedRequest { request_id, waiter, charge, letters, deadline } = admitted;
        let deadline = deadline.min(Instant::now() + self.0.settings.settle_deadline);
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
