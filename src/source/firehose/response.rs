//! Responses in the format that Firehose requires: any deviation makes it send the batch again.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::limits::FIREHOSE_ERROR_CHARS_MAX;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseJson<'a> {
    request_id: &'a str,
    timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
}

/// A response with the request's ID and the time in milliseconds, also for errors.
#[must_use]
pub(super) fn http_response(
    status: u16,
    request_id: &str,
    now_ms: i64,
    error: Option<&str>,
) -> Response<Body> {
    let error = error.map(|error| {
        let end = error.char_indices().nth(FIREHOSE_ERROR_CHARS_MAX);
        &error[..end.map_or(error.len(), |(end, _)| end)]
    });
    let body = ResponseJson { request_id, timestamp: now_ms, error_message: error };
    // Serializing strings and numbers into memory cannot fail.
    let json = serde_json::to_vec(&body).unwrap_or_default();
    let mut response = Response::new(Body::from(json));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
