//! The HTTP side: limits of the head, signature, rates, operation, audit, and the response in the form
//! of the request.
//!
//! The checks, in this order: limits of the head ([`head`]); signature or origin, from the head
//! alone; the body, in a place for unverified callers ([`unverified`](super::unverified)); the
//! whole signature; and only then the rate and place of the caller ([`rate`](super::rate)).

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use tokio::sync::Semaphore;

use super::audit::{Audit, AuditEntry};
use super::error::{ApiError, ErrorKind};
use super::operation::{Answer, Operation};
use super::rate::{Access, CallerLimits};
use super::request::Request;
use super::signature::{Caller, Keys, SignatureClaim};
use super::unverified::Unverified;
use super::{extensions, head, origin, v1, v2};
use crate::catalog::Book;
use crate::clock::Clock;
use crate::offload::offload;
use crate::telemetry::{ApiOutcome, Metrics};

/// A longer body is parsed on a separate thread, which serves no connections.
const SHORT_BODY_BYTES: usize = 16 << 10;
/// Long bodies parsed at once: parsed JSON of 1 MiB can take 30 MiB of memory.
const LONG_BODIES: usize = 2;

const REQUEST_ID: &str = "x-amzn-requestid";
const ERROR_TYPE: &str = "x-amzn-errortype";
const XML: &str = "text/xml";
const JSON: &str = "application/json";

/// The settings of the API.
#[derive(Clone, Debug)]
pub(crate) struct ApiSettings {
    /// None: every local program may read and change definitions.
    pub keys: Option<Keys>,
    /// For each key, separately for reads and changes.
    pub requests_per_second: u32,
}

/// The state of the API.
#[derive(Clone, Debug)]
pub(crate) struct ApiDeps {
    pub book: Book,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
}

#[derive(Debug)]
struct Api {
    settings: ApiSettings,
    parts: ApiDeps,
    unverified: Arc<Unverified>,
    limits: CallerLimits,
    long_bodies: Semaphore,
    audit: Arc<Audit>,
}

/// The format of a request, and so of its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    V1,
    V2,
    Extensions,
}

/// A parsed request.
#[derive(Debug)]
enum Asked {
    V1(v1::Asked),
    V2(Operation),
    Extensions(Operation),
}

/// Handles every path and method.
pub(crate) fn api_router(settings: ApiSettings, parts: ApiDeps) -> Router {
    let ids = settings.keys.iter().flat_map(Keys::ids);
    let api = Arc::new(Api {
        limits: CallerLimits::new(ids, settings.requests_per_second),
        unverified: Arc::default(),
        long_bodies: Semaphore::new(LONG_BODIES),
        audit: Arc::new(Audit::new(&parts.metrics)),
        settings,
        parts,
    });
    Router::new().fallback(move |request: axum::extract::Request| async move {
        let (head, body) = request.into_parts();
        let (form, rest) = Form::of(head.uri.path());
        let request_id = request_id();
        let answered = api.answer(form, &rest, &head, body).await;
        api.parts.metrics.ses_api_requests.increment(outcome(&answered));
        match answered {
            Ok((asked, answer)) => response(&asked, &answer, &request_id),
            Err(error) => {
                api.parts.metrics.ses_api_rejected.increment(error.kind.reason());
                refusal(form, &error, &request_id)
            }
        }
    })
}

// === impl Api ===

impl Api {
    async fn answer(
        &self,
        form: Form,
        rest: &str,
        head: &Parts,
        body: Body,
    ) -> Result<(Asked, Answer), ApiError> {
        let mut entry = AuditEntry::new(head);
        let admitted = async {
            let (caller, body) = self.verify(head, body, &mut entry).await?;
            self.admit(form, rest, head, body, caller, &mut entry).await
        };
        let (asked, place) =
            admitted.await.inspect_err(|error| self.audit.log(&entry, Some(error)))?;
        // In a task of its own, so that a change completes and is logged even if the client
        // disconnects.
        let (book, audit) = (self.parts.book.clone(), Arc::clone(&self.audit));
        let (operation, of_task) = (asked.operation().clone(), entry.clone());
        let running = tokio::spawn(async move {
            let answer = operation.run(&book).await;
            audit.log(&of_task, answer.as_ref().err());
            drop(place);
            answer
        });
        let Ok(answer) = running.await else {
            let error =
                ApiError::new(ErrorKind::Internal, "Internal error while processing the request.");
            self.audit.log(&entry, Some(&error));
            return Err(error);
        };
        Ok((asked, answer?))
    }

    /// Authenticates a request and reads its body.
    async fn verify(
        &self,
        head: &Parts,
        body: Body,
        entry: &mut AuditEntry,
    ) -> Result<(Caller, Vec<u8>), ApiError> {
        head::check(head)?;
        let now_ms = self.parts.clock.now_ms();
        let keys = self.settings.keys.as_ref();
        let claim = keys.map(|keys| {
            entry.key = Keys::claimed_id(head).map(str::to_owned);
            keys.claim(head, now_ms)
        });
        let claim = claim.transpose()?;
        if claim.is_none() {
            origin::check(head)?;
        }
        let id = claim.as_ref().map_or("", SignatureClaim::id);
        let peer = entry.peer().map(|peer| peer.ip());
        let body = self.unverified.read(body, peer, id).await?;
        let caller = match claim {
            None => Caller { id: None, may_change: true },
            Some(claim) => claim.prove(&body.sha256)?,
        };
        entry.is_verified = true;
        Ok((caller, body.bytes))
    }

    /// Parses the request of a verified caller, and checks rate and permission.
    async fn admit(
        &self,
        form: Form,
        rest: &str,
        head: &Parts,
        body: Vec<u8>,
        caller: Caller,
        entry: &mut AuditEntry,
    ) -> Result<(Asked, impl Send + use<>), ApiError> {
        let too_many = || ApiError::new(ErrorKind::TooManyRequests, "Rate exceeded");
        let id = caller.id.as_deref();
        let own_place = self.limits.enter(id).ok_or_else(too_many)?;
        let asked = match Request::new(head, rest, body) {
            Ok(request) => self.parse(form, request).await,
            Err(error) => Err(error),
        };
        let access = match &asked {
            Ok(asked) if !asked.operation().only_reads() => Access::Change,
            // Invalid requests count as reads, because they change nothing.
            _ => Access::Read,
        };
        if let Ok(asked) = &asked {
            entry.set_operation(asked.operation());
        }
        let place = self.limits.admit(id, access).ok_or_else(too_many)?;
        let asked = asked?;
        if !caller.may_change && access == Access::Change {
            let message = format!(
                "User: {} is not authorized to perform: ses:{}",
                caller.id.unwrap_or_default(),
                asked.operation().name()
            );
            return Err(ApiError::new(ErrorKind::AccessDenied, message));
        }
        Ok((asked, (own_place, place)))
    }

    /// Parses a request; a long one on a thread where it blocks no connection.
    async fn parse(&self, form: Form, request: Request) -> Result<Asked, ApiError> {
        if request.body_len() <= SHORT_BODY_BYTES {
            return Asked::parse(form, &request);
        }
        // Never closed.
        let _turn = self.long_bodies.acquire().await;
        let parsed = offload(move || Asked::parse(form, &request)).await;
        parsed
            .map_err(|_| ApiError::new(ErrorKind::Internal, "The request could not be parsed."))?
    }
}

fn request_id() -> String {
    let id = format!("{:032x}", fastrand::u128(..));
    format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..])
}

// === impl Form ===

impl Form {
    /// The format of requests to a path, and the path without the prefix of the format.
    fn of(path: &str) -> (Self, String) {
        let prefixes = [(v2::PREFIX, Self::V2), (extensions::PREFIX, Self::Extensions)];
        let found = prefixes
            .into_iter()
            .find_map(|(prefix, form)| Some((form, path.strip_prefix(prefix)?.to_owned())));
        // Version 1 has one path.
        found.unwrap_or_else(|| match path {
            "/" | "" => (Self::V1, String::new()),
            other => (Self::V2, other.to_owned()),
        })
    }
}

// === impl Asked ===

impl Asked {
    fn parse(form: Form, request: &Request) -> Result<Self, ApiError> {
        Ok(match form {
            Form::V1 => Self::V1(v1::operation(request)?),
            Form::V2 => Self::V2(v2::operation(request)?),
            Form::Extensions => Self::Extensions(extensions::operation(request)?),
        })
    }

    fn operation(&self) -> &Operation {
        match self {
            Self::V1(asked) => &asked.operation,
            Self::V2(operation) | Self::Extensions(operation) => operation,
        }
    }
}

fn response(asked: &Asked, answer: &Answer, request_id: &str) -> Response<Body> {
    let (kind, body) = match asked {
        Asked::V1(asked) => (XML, v1::answer(asked, answer, request_id)),
        Asked::V2(operation) => (JSON, v2::answer(operation, answer).to_string()),
        Asked::Extensions(_) => (JSON, extensions::answer(answer).to_string()),
    };
    with(StatusCode::OK, kind, body, request_id)
}

fn refusal(form: Form, error: &ApiError, request_id: &str) -> Response<Body> {
    let mut response = match form {
        Form::V1 => {
            let (status, body) = v1::error(error, request_id);
            with(status, XML, body, request_id)
        }
        Form::V2 | Form::Extensions => {
            let (status, code, body) = v2::error(error);
            let mut response = with(status, JSON, body.to_string(), request_id);
            response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(code));
            response
        }
    };
    let headers = response.headers_mut();
    match error.kind {
        ErrorKind::Method => {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        // The rest of the body is not read.
        ErrorKind::SlowBody | ErrorKind::Displaced => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}

fn with(status: StatusCode, kind: &'static str, body: String, request_id: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

fn outcome(answered: &Result<(Asked, Answer), ApiError>) -> ApiOutcome {
    let Err(error) = answered else { return ApiOutcome::Answered };
    match error.kind {
        ErrorKind::TooManyRequests | ErrorKind::Displaced => ApiOutcome::Throttled,
        kind if kind.is_denial() => ApiOutcome::Denied,
        ErrorKind::Internal | ErrorKind::ConcurrentModification => ApiOutcome::Failed,
        _ => ApiOutcome::Refused,
    }
}
