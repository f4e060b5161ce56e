//! What happens to one delivery, from its headers to its answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderMap, HeaderValue, Request, Response};
use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;

use super::answer::answer;
use super::head::{ACCESS_KEY, Head, REQUEST_ID, REQUEST_ID_BYTES_MAX, header_text};
use crate::ack::{Admission, Ledger, Reason, Refusal, RequestId, Stage, Ticket, Waiter};
use crate::pipeline::{Batch, Intake};
use crate::ses::read_request;
use crate::source::body::{BodyLimits, discard, expand, read};
use crate::source::cores::is_quick;
use crate::source::{AccessKeys, Charge, InFlight, Merged, Merger, Named};
use crate::telemetry::{Metrics, RateLimit, RequestOutcome};

/// Of a body without a valid key no more than this is read, and that is thrown away.
const UNAUTHORIZED_DISCARD_MAX: usize = 1 << 20;
/// Bodies without a valid key that are read at once; of more, nothing is read at all.
const UNAUTHORIZED_AT_ONCE: usize = 64;

/// An answer waits so long at most for the request's dead letters to be written.
const LETTERS_PATIENCE: Duration = Duration::from_secs(1);

/// How the endpoint works.
#[derive(Clone, Debug)]
pub struct FirehoseSettings {
    pub access_keys: AccessKeys,
    pub body_bytes: usize,
    pub expanded_bytes: usize,
    /// Answer when the counts are settled, and not before.
    pub answers_when_settled: bool,
    /// How long an answer may take at most: `settle_deadline` when it waits for counts.
    pub patience: Duration,
}

/// The endpoint. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FirehoseEndpoint(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: FirehoseSettings,
    merger: Arc<Merger>,
    ledger: Ledger,
    in_flight: Arc<InFlight>,
    metrics: Arc<Metrics>,
    unauthorized: Semaphore,
    warnings: RateLimit,
}

/// How a delivery is answered, before it is put into words.
struct Reply {
    request_id: String,
    outcome: RequestOutcome,
    error: Option<std::borrow::Cow<'static, str>>,
}

/// A request that is worked on, or known: whose answer to wait for.
struct Taken {
    request_id: String,
    waiter: Waiter,
    /// The request's place among those in flight; a known one has none.
    charge: Option<Charge>,
    /// Ends when the request's dead letters are written.
    letters: Option<oneshot::Receiver<()>>,
}

/// A delivery whose body has been read.
struct Work {
    head: Head,
    charge: Charge,
    /// As the header has it, and then as the body does.
    request_id: String,
    /// The right to work on it. None before the id is known.
    ticket: Option<(RequestId, Ticket)>,
}

/// What came of reading a body.
enum Counted {
    /// With the body, should it be read again.
    New(Box<Batch>, Bytes),
    /// The body's own id turned out to be known.
    Known(Waiter),
}

/// The id of a delivery that is refused, and why.
type Refused = (String, Refusal);

/// Reads a body into a batch like the blank one.
fn read_again(body: &[u8], blank: &Batch, merger: &Merger) -> Result<Batch, &'static str> {
    let rules = blank.rules();
    let fresh = || blank.blank(merger.letters());
    read_request(body, rules.interest())?.read(rules.interest(), fresh)
}

/// Refuses a delivery; its id is forgotten.
fn refuse(ticket: Option<(RequestId, Ticket)>, request_id: String, refusal: Refusal) -> Refused {
    if let Some((_, ticket)) = ticket {
        ticket.refuse(refusal.clone());
    }
    (request_id, refusal)
}

// === impl FirehoseEndpoint ===

impl FirehoseEndpoint {
    #[must_use]
    pub fn new(
        settings: FirehoseSettings,
        merger: Arc<Merger>,
        ledger: Ledger,
        in_flight: Arc<InFlight>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let warnings = RateLimit::new(Duration::from_secs(10), Arc::clone(&metrics));
        Self(Arc::new(Shared {
            settings,
            merger,
            ledger,
            in_flight,
            metrics,
            unauthorized: Semaphore::new(UNAUTHORIZED_AT_ONCE),
            warnings,
        }))
    }

    fn intake(&self) -> &Intake {
        &self.0.merger.intake
    }

    /// Takes one delivery.
    pub async fn deliver(&self, request: Request<Body>) -> Response<Body> {
        let shared = &self.0;
        let started = Instant::now();
        let (head, mut body) = request.into_parts();
        let head_id = header_text(&head.headers, REQUEST_ID);
        let span = tracing::info_span!("request", source = "firehose", id = head_id);
        let reply = self.take(&head.headers, head.uri.path(), &mut body).instrument(span).await;
        shared.metrics.request(reply.outcome, started.elapsed());
        let status = match reply.outcome {
            RequestOutcome::Acknowledged | RequestOutcome::Repeated => 200,
            RequestOutcome::Overdue | RequestOutcome::Lost => 503,
            RequestOutcome::Refused(reason) => reason.status(),
        };
        let error = reply.error.as_deref();
        let mut answer = answer(status, &reply.request_id, shared.merger.clock.now_ms(), error);
        if status == 401 {
            // Whoever has no key gets no connection to keep.
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    async fn take(&self, headers: &HeaderMap, path: &str, body: &mut Body) -> Reply {
        let shared = &self.0;
        let limits = shared.settings.body_limits();
        let echo = header_text(headers, REQUEST_ID).unwrap_or_default().to_owned();
        if !shared.settings.access_keys.accept(headers.get(ACCESS_KEY).map(AsRef::as_ref)) {
            if shared.warnings.allow() {
                tracing::warn!("delivery without a valid access key");
            }
            // A courtesy, so that the answer is heard; a flood gets none.
            if let Ok(_place) = shared.unauthorized.try_acquire() {
                discard(body, UNAUTHORIZED_DISCARD_MAX).await;
            }
            let refusal = Refusal::new(Reason::Unauthorized, "missing or wrong access key");
            return Reply::refused(echo, refusal);
        }
        let taken = match Head::read(headers, path) {
            Ok(head) => self.admit(head, body).await,
            Err(refusal) => Err((echo.clone(), refusal)),
        };
        match taken {
            Ok(taken) => {
                if taken.charge.is_none() {
                    discard(body, limits.bytes).await;
                }
                self.wait(taken).await
            }
            Err((request_id, refusal)) => {
                if shared.warnings.allow() {
                    let reason = refusal.reason.label();
                    tracing::warn!(reason, why = %refusal.message, "delivery refused");
                }
                discard(body, limits.bytes.saturating_mul(2)).await;
                Reply::refused(request_id, refusal)
            }
        }
    }

    /// Looks the id up, reads the body, and works on it, which does not end with the connection.
    async fn admit(&self, head: Head, body: &mut Body) -> Result<Taken, Refused> {
        let mut ticket = None;
        if let Some(request_id) = &head.request_id {
            let id = RequestId::new(&head.source, request_id.as_bytes());
            match self.0.ledger.admit(id) {
                Admission::Known(waiter) => {
                    let request_id = request_id.clone();
                    return Ok(Taken { request_id, waiter, charge: None, letters: None });
                }
                Admission::New(new) => ticket = Some((id, new)),
            }
        }
        let echo = head.request_id.clone().unwrap_or_default();
        let (body, charge) = match self.read_body(&head, body).await {
            Ok(read) => read,
            Err(refusal) => return Err(refuse(ticket, echo, refusal)),
        };
        let work = Work { request_id: echo.clone(), head, charge, ticket };
        let intake = self.intake();
        let waits = intake.is_journaled() || intake.leaves_out_copies();
        let done = if is_quick(&body) && !waits {
            // No other thread is woken for it, and nothing can end it half-way.
            match catch_unwind(AssertUnwindSafe(|| self.count(work, body))) {
                Ok((work, counted)) => Some(self.merge(work, counted).await),
                Err(_) => None,
            }
        } else {
            let working = self.clone().work(work, body).in_current_span();
            tokio::spawn(working).await.ok().flatten()
        };
        done.unwrap_or_else(|| {
            // The ticket was dropped with the panic, so the id is forgotten unless it was merged.
            tracing::error!("counting a delivery panicked");
            Err((echo, Refusal::new(Reason::GivenUp, "the work on it failed")))
        })
    }

    /// Counts and merges a body; `None` when that panicked.
    async fn work(self, work: Work, body: Bytes) -> Option<Result<Taken, Refused>> {
        let (quick, endpoint) = (is_quick(&body), self.clone());
        let count = move || endpoint.count(work, body);
        let (work, counted) = self.0.merger.cores.run(quick, count).await?;
        Some(self.merge(work, counted).await)
    }

    /// Limits and drain, then the body.
    async fn read_body(&self, head: &Head, body: &mut Body) -> Result<(Bytes, Charge), Refusal> {
        let shared = &self.0;
        // In flight first: a drain that finds nothing in flight is seen by whoever comes after it.
        let Some(mut charge) = shared.in_flight.enter() else {
            let message = "too many requests in flight (limits.in_flight_requests); send it again";
            return Err(Refusal::new(Reason::Busy, message));
        };
        self.intake().admit(shared.settings.answers_when_settled)?;
        let limits = shared.settings.body_limits();
        let body = read(body, head.announced_bytes, limits, &mut charge).await?;
        shared.metrics.request_bytes.add(body.len() as u64);
        Ok((body, charge))
    }

    /// Reads the records of a body into counts.
    fn count(&self, mut work: Work, body: Bytes) -> (Work, Result<Counted, Refusal>) {
        let counted = self.try_count(&mut work, body);
        (work, counted)
    }

    fn try_count(&self, work: &mut Work, body: Bytes) -> Result<Counted, Refusal> {
        let shared = &self.0;
        let bad = |why: &'static str| Refusal::new(Reason::BadRequest, why);
        let Work { head, charge, request_id, ticket } = work;
        let body = expand(body, head.announced_gzip, shared.settings.body_limits(), charge)?;
        let blank = self.intake().batch();
        let rules = blank.rules();
        let request = read_request(&body, rules.interest()).map_err(bad)?;
        let body_id = String::from_utf8_lossy(&request.request_id);
        if body_id.is_empty() || body_id.len() > REQUEST_ID_BYTES_MAX {
            return Err(bad("the body's requestId is no id"));
        }
        if head.request_id.as_ref().is_some_and(|id| *id != body_id) {
            return Err(bad("the request ids of header and body differ"));
        }
        *request_id = body_id.into_owned();
        // Without the header, the id is known only now.
        if ticket.is_none() {
            let id = RequestId::new(&head.source, request_id.as_bytes());
            match shared.ledger.admit(id) {
                Admission::New(new) => *ticket = Some((id, new)),
                Admission::Known(waiter) => return Ok(Counted::Known(waiter)),
            }
        }
        let fresh = || blank.blank(shared.merger.letters());
        let batch = request.read(rules.interest(), fresh).map_err(bad)?;
        Ok(Counted::New(Box::new(batch), body))
    }

    /// Merges what was counted. A refusal is told to whoever joined.
    async fn merge(&self, work: Work, counted: Result<Counted, Refusal>) -> Result<Taken, Refused> {
        let Work { mut charge, request_id, ticket, head } = work;
        let (mut batch, body) = match counted {
            Ok(Counted::New(batch, body)) => (batch, body),
            Ok(Counted::Known(waiter)) => {
                return Ok(Taken { request_id, waiter, charge: None, letters: None });
            }
            Err(refusal) => return Err(refuse(ticket, request_id, refusal)),
        };
        let Some((id, ticket)) = ticket else {
            let refusal = Refusal::new(Reason::GivenUp, "the request has no id");
            return Err((request_id, refusal));
        };
        let shared = &self.0;
        let again = |blank: Batch| {
            let (quick, body, merger) = (is_quick(&body), body.clone(), Arc::clone(&shared.merger));
            async move {
                let reader = Arc::clone(&merger);
                let read = move || read_again(&body, &blank, &reader);
                // It was read before, so it is a delivery.
                merger.cores.run(quick, read).await?.ok()
            }
        };
        let named = Named { source: &head.source, request: &request_id, ids: &[id], life: None };
        let until_settled = shared.settings.answers_when_settled;
        let merged = shared.merger.merge(named, ticket, &mut batch, again, until_settled).await;
        match merged {
            Ok(Merged { waiter, letters }) => {
                charge.merged();
                Ok(Taken { request_id, waiter, charge: Some(charge), letters })
            }
            Err((ticket, refusal)) => Err(refuse(Some((id, ticket)), request_id, refusal)),
        }
    }

    async fn wait(&self, taken: Taken) -> Reply {
        let shared = &self.0;
        let Taken { request_id, mut waiter, charge, letters } = taken;
        let when_settled = shared.settings.answers_when_settled;
        let deadline = Instant::now() + shared.settings.patience;
        if let Some(written) = letters {
            // Nothing is said: it ends, or there is no patience left.
            let _ = timeout(LETTERS_PATIENCE, written).await;
        }
        let stage = timeout_at(deadline, waiter.answered(when_settled)).await;
        let known = charge.is_none();
        let done = if known { RequestOutcome::Repeated } else { RequestOutcome::Acknowledged };
        match stage.unwrap_or_else(|_| waiter.stage()) {
            Stage::Settled => Reply { request_id, outcome: done, error: None },
            Stage::Merged if !when_settled => Reply { request_id, outcome: done, error: None },
            Stage::Merged | Stage::Forwarding => {
                shared.metrics.overdue_requests.add(1);
                let error = Some("still publishing; counted, and not to be counted again".into());
                Reply { request_id, outcome: RequestOutcome::Overdue, error }
            }
            Stage::Reading => {
                let refusal = Refusal::new(Reason::GivenUp, "still being read; send it again");
                Reply::refused(request_id, refusal)
            }
            Stage::Lost => {
                let error = Some("counted, but what became of its counts is not known".into());
                Reply { request_id, outcome: RequestOutcome::Lost, error }
            }
            Stage::Refused(refusal) => Reply::refused(request_id, refusal),
        }
    }
}

// === impl FirehoseSettings ===

impl FirehoseSettings {
    fn body_limits(&self) -> BodyLimits {
        BodyLimits { bytes: self.body_bytes, expanded_bytes: self.expanded_bytes }
    }
}

// === impl Reply ===

impl Reply {
    fn refused(request_id: String, refusal: Refusal) -> Self {
        let outcome = RequestOutcome::Refused(refusal.reason);
        Self { request_id, outcome, error: Some(refusal.message) }
    }
}
