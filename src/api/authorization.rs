//! The header `Authorization` of a signed request.

use super::error::{ApiError, ErrorKind};

/// The maximum number of signed headers; clients sign about five.
const SIGNED_HEADERS_MAX: usize = 50;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The parsed header `Authorization`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authorization<'a> {
    pub id: &'a str,
    /// `YYYYMMDD`.
    pub date: &'a str,
    pub region: &'a str,
    pub service: &'a str,
    pub signed_headers: Vec<&'a str>,
    pub signature: &'a str,
}

// === impl Authorization ===

impl<'a> Authorization<'a> {
    /// Reads `AWS4-HMAC-SHA256 Credential=…/…/…/…/aws4_request, SignedHeaders=…, Signature=…`.
    pub(super) fn parse(text: &'a str) -> Result<Self, ApiError> {
        let incomplete = |message: &str| ApiError::new(ErrorKind::IncompleteSignature, message);
        let Some(parameters) = text.strip_prefix(ALGORITHM) else {
            let message = format!("Unsupported AWS 'algorithm'; sign with {ALGORITHM}.");
            return Err(incomplete(&message));
        };
        let find = |name: &str| {
            let mut parts = parameters.split(',').map(str::trim);
            let found = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            found.ok_or_else(|| {
                incomplete(&format!("Authorization header requires '{name}' parameter."))
            })
        };
        let (credential, signed_headers, signature) =
            (find("Credential")?, find("SignedHeaders")?, find("Signature")?);
        let scope: Vec<&str> = credential.split('/').collect();
        let [id, date, region, service, "aws4_request"] = scope[..] else {
            let message = "Credential must have exactly 5 slash-delimited elements, e.g. \
                           keyid/date/region/service/term.";
            return Err(incomplete(message));
        };
        // A shorter date would match every longer one.
        if date.len() != 8 {
            return Err(incomplete("Credential must have a date of the form YYYYMMDD."));
        }
        let signed_headers: Vec<&str> =
            signed_headers.split(';').take(SIGNED_HEADERS_MAX + 1).collect();
        if signed_headers.len() > SIGNED_HEADERS_MAX {
            let message = format!("SignedHeaders has more than {SIGNED_HEADERS_MAX} names.");
            return Err(incomplete(&message));
        }
        let is_lower = |name: &&str| !name.bytes().any(|byte| byte.is_ascii_uppercase());
        if !signed_headers.iter().all(is_lower)
            || !signed_headers.is_sorted_by(|one, next| one < next)
        {
            return Err(incomplete("SignedHeaders must be sorted, unique names in lower case."));
        }
        Ok(Self { id, date, region, service, signed_headers, signature })
    }
}
