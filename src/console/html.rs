//! Pages as responses.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::Markup;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// A page as a response.
pub(super) fn html(status: StatusCode, page: Markup) -> Response {
    (status, [(header::CONTENT_TYPE, HTML)], page.into_string()).into_response()
}

/// Sends the browser to another page of the console after a form. The path is one of ours.
pub(super) fn see_other(path: &str) -> Response {
    let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// A name as one segment of a path.
pub(super) fn segment(name: &str) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &percent_encoding::AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
    utf8_percent_encode(name, KEPT).to_string()
}
