//! The HTTP side: who asks, how much, how often, in which form; and the answer in that form.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::error::{ApiError, ErrorKind};
use super::operation::{Answer, Operation};
use super::rate::Rate;
use super::request::Request;
use super::signature::{Caller, Keys};
use super::{extensions, v1, v2};
use crate::clock::Clock;
use crate::definitions::Book;
use crate::telemetry::{ApiOutcome, Metrics};

/// The longest body: that of ten dimensions has some three thousand bytes.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Requests at once; each may have a body.
const REQUESTS_MAX: usize = 64;
/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

const REQUEST_ID: &str = "x-amzn-requestid";
const ERROR_TYPE: &str = "x-amzn-errortype";
const XML: &str = "text/xml";
const JSON: &str = "application/json";

/// How the API is answered.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// None: anybody may ask and change.
    pub keys: Option<Keys>,
    pub requests_per_second: u32,
}

/// What it is answered with.
#[derive(Clone, Debug)]
pub struct ApiParts {
    pub book: Book,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
}

#[derive(Debug)]
struct Api {
    settings: ApiSettings,
    parts: ApiParts,
    rate: Rate,
    places: Semaphore,
}

/// The form of a request, and so of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    V1,
    V2,
    Extensions,
}

/// What a request asks for.
#[derive(Debug)]
enum Asked {
    V1(v1::Asked),
    V2(Operation),
    Extensions(Operation),
}

/// Answers every path and method.
pub fn api_router(settings: ApiSettings, parts: ApiParts) -> Router {
    let rate = Rate::new(settings.requests_per_second);
    let places = Semaphore::new(REQUESTS_MAX);
    let api = Arc::new(Api { settings, parts, rate, places });
    Router::new().fallback(move |request: axum::extract::Request| async move {
        let (head, body) = request.into_parts();
        let (form, rest) = Form::of(head.uri.path());
        let request_id = request_id();
        let answered = api.answer(form, &rest, head, body).await;
        api.parts.metrics.api(outcome(&answered));
        match answered {
            Ok((asked, answer)) => response(&asked, &answer, &request_id),
            Err(error) => refusal(form, &error, &request_id),
        }
    })
}

// === impl Api ===

impl Api {
    async fn answer(
        self: &Arc<Self>,
        form: Form,
        rest: &str,
        head: Parts,
        body: Body,
    ) -> Result<(Asked, Answer), ApiError> {
        let too_many = || ApiError::new(ErrorKind::TooManyRequests, "Rate exceeded");
        let keys = self.settings.keys.as_ref();
        let claim = keys.map(|keys| keys.claim(&head, self.parts.clock.now_ms())).transpose()?;
        // A page in the browser of whoever works here is anybody at all.
        if claim.is_none() && head.headers.contains_key(header::ORIGIN) {
            let message = "Without signatures no page of a browser may ask.";
            return Err(ApiError::new(ErrorKind::AccessDenied, message));
        }
        let _place = self.places.try_acquire().map_err(|_| too_many())?;
        let body = read(body).await?;
        let caller = match claim {
            None => Caller { id: None, may_change: true },
            Some(claim) => claim.prove(&body)?,
        };
        // Behind the signature: strangers take nobody's turn.
        if !self.rate.allows() {
            return Err(too_many());
        }
        let request = Request::new(&head, rest, &body)?;
        let asked = match form {
            Form::V1 => Asked::V1(v1::operation(&request)?),
            Form::V2 => Asked::V2(v2::operation(&request)?),
            Form::Extensions => Asked::Extensions(extensions::operation(&request)?),
        };
        let operation = asked.operation().clone();
        if !caller.may_change && !operation.only_reads() {
            let message = format!(
                "User: {} is not authorized to perform: ses:{}",
                caller.id.unwrap_or_default(),
                operation.name()
            );
            return Err(ApiError::new(ErrorKind::AccessDenied, message));
        }
        // In a task of its own: who asks may go away in the midst of a change.
        let name = operation.name();
        let only_reads = operation.only_reads();
        let book = self.parts.book.clone();
        let running = tokio::spawn(async move { operation.run(&book).await });
        let answer = running.await.map_err(|_| {
            ApiError::new(ErrorKind::Internal, "postmeter failed while it did this.")
        })??;
        if !only_reads {
            tracing::info!(operation = name, key = caller.id, "definitions changed");
        }
        Ok((asked, answer))
    }
}

/// Reads a body that is not too long and does not take too long.
async fn read(body: Body) -> Result<Vec<u8>, ApiError> {
    let body = timeout(BODY_PATIENCE, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    match body {
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("The body has more than {BODY_BYTES_MAX} bytes.");
            Err(ApiError::new(ErrorKind::TooLarge, message))
        }
        Ok(Err(_)) => Err(ApiError::bad_request("The body breaks off.")),
        Err(_) => Err(ApiError::bad_request("The body took too long to arrive.")),
    }
}

fn request_id() -> String {
    let id = format!("{:032x}", fastrand::u128(..));
    format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..])
}

// === impl Form ===

impl Form {
    /// The form of requests at a path, and the path behind what says so.
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
    match form {
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
    }
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
        ErrorKind::TooManyRequests => ApiOutcome::Throttled,
        ErrorKind::AccessDenied
        | ErrorKind::Unsigned
        | ErrorKind::IncompleteSignature
        | ErrorKind::UnknownKey
        | ErrorKind::WrongSignature => ApiOutcome::Denied,
        ErrorKind::Internal | ErrorKind::ConcurrentModification => ApiOutcome::Failed,
        ErrorKind::AlreadyExists(_)
        | ErrorKind::NotFound(_)
        | ErrorKind::BadRequest(_)
        | ErrorKind::LimitExceeded
        | ErrorKind::UnknownOperation
        | ErrorKind::TooLarge => ApiOutcome::Refused,
    }
}
