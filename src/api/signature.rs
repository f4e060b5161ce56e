//! AWS Signature Version 4, as SES requires it.
//!
//! The signature is computed again by the signer of the AWS SDK, with the secret of the named key,
//! and compared in constant time.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>,
//! 2026-11-22.

use std::fmt::Write as _;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::http::request::Parts;
use subtle::ConstantTimeEq;

use super::authorization::Authorization;
use super::error::{ApiError, ErrorKind};
use super::head::text;
use crate::config::ApiKey;

pub(super) const SERVICE: &str = "ses";

/// The caller of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The id of the access key; `None` if no signature is required.
    pub id: Option<String>,
    pub may_change: bool,
}

/// A request with a claimed signer; only its body can prove the claim.
#[derive(Debug)]
pub(super) struct SignatureClaim<'h> {
    pub head: &'h Parts,
    pub authorization: Authorization<'h>,
    pub signed_at: SystemTime,
    pub key: ApiKey,
    pub may_change: bool,
}

// === impl SignatureClaim ===

impl SignatureClaim<'_> {
    /// The id of the claimed key.
    pub(super) fn id(&self) -> &str {
        &self.key.id
    }

    /// Verifies the signature of the request with a body of this SHA-256.
    ///
    /// # Errors
    /// The signature belongs to another key or another request.
    pub(super) fn prove(self, body_sha256: &[u8; 32]) -> Result<Caller, ApiError> {
        let Self { head, authorization, signed_at, key, may_change } = self;
        let expected = signature(head, body_sha256, &authorization, signed_at, &key);
        let is_right = expected.is_some_and(|expected| {
            bool::from(expected.as_bytes().ct_eq(authorization.signature.as_bytes()))
        });
        if !is_right {
            return Err(wrong(
                "The request signature we calculated does not match the signature you provided. \
                 Check your AWS Secret Access Key and signing method. Consult the service \
                 documentation for details.",
            ));
        }
        Ok(Caller { id: Some(key.id), may_change })
    }
}

/// The expected signature; `None` for a request that cannot be signed.
fn signature(
    head: &Parts,
    body_sha256: &[u8; 32],
    authorization: &Authorization<'_>,
    signed_at: SystemTime,
    key: &ApiKey,
) -> Option<String> {
    let mut settings = SigningSettings::default();
    // Exactly the headers that were signed.
    settings.excluded_headers = None;
    let secret = std::str::from_utf8(key.secret.as_bytes()).ok()?;
    let identity = Credentials::new(&key.id, secret, None, None, "ses_api").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(authorization.region)
        .name(SERVICE)
        .time(signed_at)
        .settings(settings)
        .build()
        .ok()?
        .into();
    let mut headers = Vec::new();
    for name in &authorization.signed_headers {
        for value in head.headers.get_all(*name) {
            headers.push((*name, value.to_str().ok()?));
        }
    }
    let host = text(&head.headers, "host")?;
    let path = head.uri.path_and_query()?;
    let uri = format!("http://{host}{path}");
    let request = SignableRequest::new(
        head.method.as_str(),
        uri,
        headers.into_iter(),
        SignableBody::Precomputed(hex(body_sha256)),
    );
    Some(sign(request.ok()?, &params).ok()?.signature().to_owned())
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The signature is not that of the request.
pub(super) fn wrong(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::WrongSignature, message)
}
