//! Checks requests without signatures: local programs are accepted, web pages in a browser are not.

use axum::http::header;
use axum::http::request::Parts;

use super::error::{ApiError, ErrorKind};
use crate::http::same_site;

/// Accepts a request to a loopback host that was not sent by a web page. The API serves no pages,
/// so no page is of its own site, and AWS clients do not send the headers of browsers.
///
/// # Errors
/// The request is for another host or from a web page.
pub(super) fn check(head: &Parts) -> Result<(), ApiError> {
    let refuse = |why: &str| {
        let message = format!("ses_api.auth is \"none\": {why}.");
        Err(ApiError::new(ErrorKind::CrossSite, message))
    };
    if head.headers.contains_key(header::ORIGIN) {
        return refuse("requests from web pages (header Origin) are rejected");
    }
    same_site(&head.uri, &head.headers).or_else(|not| refuse(&not.to_string()))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn accepts(headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).expect("a request").into_parts().0).is_ok()
    }

    #[test]
    fn requests_of_programs_are_accepted_and_those_of_pages_rejected() {
        let host = ("host", "127.0.0.1:8128");
        assert!(accepts(&[host]));
        assert!(accepts(&[host, ("sec-fetch-site", "none")]));
        for (name, value) in [
            ("origin", "https://example.com"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:8128"),
            ("sec-fetch-site", "cross-site"),
            ("referer", "https://example.com/"),
        ] {
            assert!(!accepts(&[host, (name, value)]), "{name}: {value}");
        }
        assert!(!accepts(&[("host", "example.com")]));
        assert!(!accepts(&[]));
    }
}
