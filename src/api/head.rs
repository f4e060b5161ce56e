//! Limits of a request's head. They are checked before the head is processed, so that a request
//! with an unverified signature costs no more than its head.

use axum::http::HeaderMap;
use axum::http::request::Parts;

use super::error::{ApiError, ErrorKind};

/// Headers of a request. AWS clients send about ten; a load balancer adds five.
const HEADERS_MAX: usize = 100;
/// Headers of the same name; proxies may repeat `X-Forwarded-For`.
const SAME_NAME_MAX: usize = 10;
/// Pairs in a query. `UntagResource` has the most: a key for each of a resource's 50 tags
/// (<https://docs.aws.amazon.com/general/latest/gr/aws_tagging.html>, 2026-11-29).
const QUERY_PAIRS_MAX: usize = 100;
/// Pairs in a form. The largest operation, an event destination with ten dimensions, has 42.
const FORM_PAIRS_MAX: usize = 500;
/// Segments of a path. The longest of an operation has six.
const PATH_SEGMENTS_MAX: usize = 16;

/// Headers that identify the sender. They must be unique, because different parties could read
/// different values.
const ONCE: [&str; 5] = ["host", "authorization", "x-amz-date", "origin", "sec-fetch-site"];

/// Checks the number of headers, query pairs and path segments.
///
/// # Errors
/// There are too many of them, or a unique header is repeated.
pub(super) fn check(head: &Parts) -> Result<(), ApiError> {
    at_most(HEADERS_MAX, head.headers.len(), "headers")?;
    for name in head.headers.keys() {
        let values = head.headers.get_all(name).iter().count();
        at_most(SAME_NAME_MAX, values, "headers of the same name")?;
        if values > 1 && ONCE.contains(&name.as_str()) {
            return Err(too_many(format!("The header {name} must be sent once.")));
        }
    }
    at_most(QUERY_PAIRS_MAX, pairs(head.uri.query().unwrap_or_default()), "query parameters")?;
    at_most(PATH_SEGMENTS_MAX, head.uri.path().matches('/').count(), "path segments")
}

/// Checks the number of pairs in a form.
///
/// # Errors
/// There are too many.
pub(super) fn check_form(form: &str) -> Result<(), ApiError> {
    at_most(FORM_PAIRS_MAX, pairs(form), "form parameters")
}

/// A header as text; `None` when it is missing or not text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn pairs(text: &str) -> usize {
    text.matches('&').count() + 1
}

fn at_most(max: usize, found: usize, what: &str) -> Result<(), ApiError> {
    if found > max {
        return Err(too_many(format!("The request has more than {max} {what}.")));
    }
    Ok(())
}

fn too_many(message: String) -> ApiError {
    ApiError::new(ErrorKind::TooMany, message)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn checked(path: &str, headers: &[(&str, usize)]) -> Result<(), ErrorKind> {
        let mut request = Request::builder().uri(path);
        for (name, times) in headers {
            for _ in 0..*times {
                request = request.header(*name, "x");
            }
        }
        let head = request.body(()).expect("a request").into_parts().0;
        check(&head).map_err(|error| error.kind)
    }

    #[test]
    fn head_is_accepted_up_to_each_limit_and_rejected_beyond_it() {
        let path = |segments: usize| "/x".repeat(segments);
        let query = |pairs: usize| format!("/?{}", vec!["a=b"; pairs].join("&"));
        let too_many = Err(ErrorKind::TooMany);
        assert_eq!(checked(&path(PATH_SEGMENTS_MAX), &[]), Ok(()));
        assert_eq!(checked(&path(PATH_SEGMENTS_MAX + 1), &[]), too_many);
        assert_eq!(checked(&query(QUERY_PAIRS_MAX), &[]), Ok(()));
        assert_eq!(checked(&query(QUERY_PAIRS_MAX + 1), &[]), too_many);
        assert_eq!(checked("/", &[("x-forwarded-for", SAME_NAME_MAX)]), Ok(()));
        assert_eq!(checked("/", &[("x-forwarded-for", SAME_NAME_MAX + 1)]), too_many);
        for name in ONCE {
            assert_eq!(checked("/", &[(name, 1)]), Ok(()), "{name}");
            assert_eq!(checked("/", &[(name, 2)]), too_many, "{name}");
        }
        let names: Vec<String> = (0..=HEADERS_MAX).map(|at| format!("x-{at}")).collect();
        let headers: Vec<(&str, usize)> = names.iter().map(|name| (&**name, 1)).collect();
        assert_eq!(checked("/", &headers[1..]), Ok(()));
        assert_eq!(checked("/", &headers), too_many);
    }

    #[test]
    fn form_has_at_most_500_pairs() {
        let form = |pairs: usize| vec!["a=b"; pairs].join("&");
        assert!(check_form(&form(FORM_PAIRS_MAX)).is_ok());
        assert!(check_form(&form(FORM_PAIRS_MAX + 1)).is_err());
    }
}
