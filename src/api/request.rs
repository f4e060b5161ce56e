//! A request, split into its parts.

use axum::http::Method;
use axum::http::request::Parts;

use super::error::ApiError;
use super::head;

/// A request whose body has arrived.
#[derive(Debug)]
pub(super) struct ApiRequest {
    pub method: Method,
    /// The segments after the prefix, each decoded.
    pub path: Vec<String>,
    query: Vec<(String, String)>,
    body: String,
}

// === impl ApiRequest ===

impl ApiRequest {
    /// Splits a request; `path` is the path after the prefix.
    ///
    /// # Errors
    /// Path or body are not UTF-8.
    pub(super) fn new(head: &Parts, rest: &str, body: Vec<u8>) -> Result<Self, ApiError> {
        let segments = rest.split('/').map(|segment| {
            let text = percent_encoding::percent_decode_str(segment).decode_utf8();
            text.map(std::borrow::Cow::into_owned)
        });
        let path: Result<Vec<String>, _> = segments.collect();
        let path = path.map_err(|_| ApiError::bad_request("The path is not UTF-8."))?;
        let body =
            String::from_utf8(body).map_err(|_| ApiError::ill_typed("The body is not UTF-8."))?;
        Ok(Self {
            method: head.method.clone(),
            path,
            query: pairs(head.uri.query().unwrap_or_default()),
            body,
        })
    }

    /// All values of a query parameter, except empty ones.
    pub(super) fn queries(&self, name: &str) -> impl Iterator<Item = &str> {
        let found = self.query.iter().filter(move |(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The body; an absent body is an empty object.
    pub(super) fn json(&self) -> &str {
        if self.body.trim().is_empty() { "{}" } else { &self.body }
    }

    /// The pairs of the form in the body, and of the query, as in version 1.
    ///
    /// # Errors
    /// There are too many pairs.
    pub(super) fn form(&self) -> Result<Vec<(String, String)>, ApiError> {
        head::check_form(&self.body)?;
        let mut form = pairs(&self.body);
        form.extend(self.query.iter().cloned());
        Ok(form)
    }

    /// The length of the body in bytes.
    pub(super) const fn body_len(&self) -> usize {
        self.body.len()
    }
}

fn pairs(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}
