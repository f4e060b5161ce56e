//! The HTTP side: limits of the head, signature, rates, operation, audit, and the response in the format
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
use super::keys::ApiKeys;
use super::operation::Operation;
use super::output::OperationOutput;
use super::rate::{Access, CallerLimits};
use super::request::ApiRequest;
use super::signature::{Caller, SignatureClaim};
use super::unverified::UnverifiedBodies;
use super::{extensions, head, origin, v1, v2};
use crate::catalog::Catalog;
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
    pub keys: Option<ApiKeys>,
    /// For each key, separately for reads and changes.
    pub requests_per_second: u32,
}

/// The state of the API.
#[derive(Clone, Debug)]
pub(crate) struct ApiDeps {
    pub catalog: Catalog,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
}

#[derive(Debug)]
struct Api {
    settings: ApiSettings,
    deps: ApiDeps,
    unverified: Arc<UnverifiedBodies>,
    limits: CallerLimits,
    long_bodies: Semaphore,
    audit: Arc<Audit>,
}

/// The format of a request, and so of its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ApiFormat {
    V1,
    V2,
    Extensions,
}

/// A parsed request.
#[derive(Debug)]
enum ParsedRequest {
    V1(v1::V1Request),
    V2(Operation),
    Extensions(Operation),
}

/// Handles every path and method.
pub(crate) fn api_router(settings: ApiSettings, deps: ApiDeps) -> Router {
    let ids = settings.keys.iter().flat_map(ApiKeys::ids);
    let api = Arc::new(Api {
        limits: CallerLimits::new(ids, settings.requests_per_second),
        unverified: Arc::default(),
        long_bodies: Semaphore::new(LONG_BODIES),
        audit: Arc::new(Audit::new(&deps.metrics)),
        settings,
        deps,
    });
    Router::new().fallback(move |request: axum::extract::Request| async move {
        let (head, body) = request.into_parts();
        let (format, rest) = ApiFormat::of(head.uri.path());
        let request_id = request_id();
        let result = api.handle(format, &rest, &head, body).await;
        api.deps.metrics.ses_api_requests.increment(outcome(&result));
        match result {
            Ok((request, output)) => response(&request, &output, &request_id),
            Err(error) => {
                api.deps.metrics.ses_api_rejected.increment(error.kind.reason());
                refusal(format, &error, &request_id)
            }
        }
    })
}

// === impl Api ===

impl Api {
    async fn handle(
        &self,
        format: ApiFormat,
        rest: &str,
        head: &Parts,
        body: Body,
    ) -> Result<(ParsedRequest, OperationOutput), ApiError> {
        let mut entry = AuditEntry::new(head);
        let admitted = async {
            let (caller, body) = self.verify(head, body, &mut entry).await?;
            self.admit(format, rest, head, body, caller, &mut entry).await
        };
        let (request, place) =
            admitted.await.inspect_err(|error| self.audit.log(&entry, Some(error)))?;
        // In a task of its own, so that a change completes and is logged even if the client
        // disconnects.
        let (catalog, audit) = (self.deps.catalog.clone(), Arc::clone(&self.audit));
        let (operation, of_task) = (request.operation().clone(), entry.clone());
        let running = tokio::spawn(async move {
            let output = operation.run(&catalog).await;
            audit.log(&of_task, output.as_ref().err());
            drop(place);
            output
        });
        let Ok(output) = running.await else {
            let error =
                ApiError::new(ErrorKind::Internal, "Internal error while processing the request.");
            self.audit.log(&entry, Some(&error));
            return Err(error);
        };
        Ok((request, output?))
    }

    /// Authenticates a request and reads its body.
    async fn verify(
        &self,
        head: &Parts,
        body: Body,
        entry: &mut AuditEntry,
    ) -> Result<(Caller, Vec<u8>), ApiError> {
        head::check(head)?;
        let now_ms = self.deps.clock.now_ms();
        let keys = self.settings.keys.as_ref();
        let claim = keys.map(|keys| {
            entry.key = ApiKeys::claimed_id(head).map(str::to_owned);
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
        format: ApiFormat,
        rest: &str,
        head: &Parts,
        body: Vec<u8>,
        caller: Caller,
        entry: &mut AuditEntry,
    ) -> Result<(ParsedRequest, impl Send + use<>), ApiError> {
        let too_many = || ApiError::new(ErrorKind::TooManyRequests, "Rate exceeded");
        let id = caller.id.as_deref();
        let bytes = body.len();
        let own_place = self.limits.enter(id, bytes).ok_or_else(too_many)?;
        let request = match ApiRequest::new(head, rest, body) {
            Ok(request) => self.parse(format, request).await,
            Err(error) => Err(error),
        };
        let is_change = request.as_ref().is_ok_and(|request| !request.operation().only_reads());
        // What is rejected anyway counts as a read, because it changes nothing.
        let access = if is_change && caller.may_change { Access::Change } else { Access::Read };
        if let Ok(request) = &request {
            entry.set_operation(request.operation());
        }
        let place = self.limits.admit(id, access, bytes).await.ok_or_else(too_many)?;
        let request = request?;
        if is_change && !caller.may_change {
            let message = format!(
                "User: {} is not authorized to perform: ses:{}",
                caller.id.unwrap_or_default(),
                request.operation().name()
            );
            return Err(ApiError::new(ErrorKind::AccessDenied, message));
        }
        Ok((request, (own_place, place)))
    }

    /// Parses a request; a long one on a thread where it blocks no connection.
    async fn parse(
        &self,
        format: ApiFormat,
        request: ApiRequest,
    ) -> Result<ParsedRequest, ApiError> {
        if request.body_len() <= SHORT_BODY_BYTES {
            return ParsedRequest::parse(format, &request);
        }
        // Never closed.
        let _turn = self.long_bodies.acquire().await;
        let parsed = offload(move || ParsedRequest::parse(format, &request)).await;
        parsed
            .map_err(|_| ApiError::new(ErrorKind::Internal, "The request could not be parsed."))?
    }
}

fn request_id() -> String {
    let id = format!("{:032x}", fastrand::u128(..));
    format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..])
}

// === impl ApiFormat ===

impl ApiFormat {
    /// The format of requests to a path, and the path without the prefix of the format.
    fn of(path: &str) -> (Self, String) {
        let prefixes = [(v2::PREFIX, Self::V2), (extensions::PREFIX, Self::Extensions)];
        let found = prefixes
            .into_iter()
            .find_map(|(prefix, format)| Some((format, path.strip_prefix(prefix)?.to_owned())));
        // Version 1 has one path.
        found.unwrap_or_else(|| match path {
            "/" | "" => (Self::V1, String::new()),
            other => (Self::V2, other.to_owned()),
        })
    }
}

// === impl ParsedRequest ===

impl ParsedRequest {
    fn parse(format: ApiFormat, request: &ApiRequest) -> Result<Self, ApiError> {
        Ok(match format {
            ApiFormat::V1 => Self::V1(v1::parse(request)?),
            ApiFormat::V2 => Self::V2(v2::parse(request)?),
            ApiFormat::Extensions => Self::Extensions(extensions::parse(request)?),
        })
    }

    fn operation(&self) -> &Operation {
        match self {
            Self::V1(request) => &request.operation,
            Self::V2(operation) | Self::Extensions(operation) => operation,
        }
    }
}

fn response(request: &ParsedRequest, output: &OperationOutput, request_id: &str) -> Response<Body> {
    let (kind, body) = match request {
        ParsedRequest::V1(request) => (XML, v1::response(request, output, request_id)),
        ParsedRequest::V2(operation) => (JSON, v2::response(operation, output).to_string()),
        ParsedRequest::Extensions(_) => (JSON, extensions::response(output).to_string()),
    };
    with(StatusCode::OK, kind, body, request_id)
}

fn refusal(format: ApiFormat, error: &ApiError, request_id: &str) -> Response<Body> {
    let mut response = match format {
        ApiFormat::V1 => {
            let (status, body) = v1::error(error, request_id);
            with(status, XML, body, request_id)
        }
        ApiFormat::V2 | ApiFormat::Extensions => {
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

fn outcome(result: &Result<(ParsedRequest, OperationOutput), ApiError>) -> ApiOutcome {
    let Err(error) = result else { return ApiOutcome::Answered };
    match error.kind {
        ErrorKind::TooManyRequests | ErrorKind::Displaced => ApiOutcome::Throttled,
        kind if kind.is_denial() => ApiOutcome::Denied,
        ErrorKind::Internal | ErrorKind::ConcurrentModification => ApiOutcome::Failed,
        _ => ApiOutcome::Refused,
    }
}
