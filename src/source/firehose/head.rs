//! The headers of a delivery.

use axum::http::{HeaderMap, header};

use crate::ack::{Refusal, RefusalReason};

pub(super) const REQUEST_ID: &str = "x-amz-firehose-request-id";
pub(super) const ACCESS_KEY: &str = "x-amz-firehose-access-key";
const SOURCE_ARN: &str = "x-amz-firehose-source-arn";
const PROTOCOL_VERSION: &str = "x-amz-firehose-protocol-version";

/// Request IDs are GUIDs; a longer ID is invalid.
pub(super) const REQUEST_ID_BYTES_MAX: usize = 1024;

/// A delivery's headers.
pub(super) struct DeliveryHead {
    /// The stream's ARN, or the path of the endpoint.
    pub source: Vec<u8>,
    pub request_id: Option<String>,
    pub announced_bytes: Option<u64>,
    pub announced_gzip: bool,
}

// === impl DeliveryHead ===

impl DeliveryHead {
    /// Reads the headers of an authorized delivery.
    ///
    /// # Errors
    /// They are not the headers of a Firehose delivery.
    pub(super) fn read(headers: &HeaderMap, path: &str) -> Result<Self, Refusal> {
        let bad = |message: &'static str| Err(Refusal::new(RefusalReason::BadRequest, message));
        let version = headers.get(PROTOCOL_VERSION);
        if version.is_some_and(|version| version != "1.0") {
            return bad("the Firehose protocol version must be 1.0");
        }
        let request_id = match headers.get(REQUEST_ID).map(|id| id.to_str()) {
            None | Some(Ok("")) => None,
            Some(Ok(id)) if id.len() <= REQUEST_ID_BYTES_MAX => Some(id.to_owned()),
            Some(_) => return bad("invalid X-Amz-Firehose-Request-Id"),
        };
        let source = headers.get(SOURCE_ARN).map_or(path.as_bytes(), AsRef::as_ref);
        let encoding = headers.get(header::CONTENT_ENCODING);
        Ok(Self {
            source: source.to_vec(),
            request_id,
            announced_bytes: header_text(headers, header::CONTENT_LENGTH.as_str())
                .and_then(|length| length.parse().ok()),
            announced_gzip: encoding.is_some_and(|encoding| encoding == "gzip"),
        })
    }
}

/// A header as text; `None` when it is missing or not text.
pub(super) fn header_text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
