//! Responses as SNS expects them.

use axum::body::Body;
use axum::http::header::{CONNECTION, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};

use crate::ack::RefusalReason;
use crate::intake::Response;
use crate::telemetry::RequestOutcome;

/// The response to a message: SNS retries after a 503, and after no other status.
pub(super) fn http_response(response: &Response) -> axum::http::Response<Body> {
    let status = response.status();
    // The sender learns about the daemon's state, but why its message is invalid is only logged.
    let given_up = matches!(response.outcome, RequestOutcome::Refused(RefusalReason::GivenUp));
    let text = match &response.error {
        Some(error) if status == 503 && !given_up => format!("{error}\n"),
        _ => String::new(),
    };
    let mut http = axum::http::Response::new(Body::from(text));
    *http.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let headers = http.headers_mut();
    match status {
        // SNS sends the user and password of a URL only when it is asked for them.
        401 => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"postmeter\""));
        }
        400 | 403 => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    http
}
