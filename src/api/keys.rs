//! The access keys, and the signer that a request claims.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use axum::http::request::Parts;
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::authorization::Authorization;
use super::error::{ApiError, ErrorKind};
use super::head::text;
use super::signature::{SERVICE, SignatureClaim, wrong};
use crate::config::ApiKey;

/// The allowed difference between the clocks of client and server.
const SKEW: Duration = Duration::from_mins(5);

const DATE: &str = "x-amz-date";
const DATE_FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");

/// The known access keys.
#[derive(Clone, Debug)]
pub(crate) struct ApiKeys {
    pub read_and_change: Vec<ApiKey>,
    pub read_only: Vec<ApiKey>,
}

// === impl ApiKeys ===

impl ApiKeys {
    /// The ids of all keys.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.read_and_change.iter().chain(&self.read_only).map(|key| &*key.id)
    }

    /// The key id claimed by a request, for the log.
    pub(super) fn claimed_id(head: &Parts) -> Option<&str> {
        let authorization = text(&head.headers, "authorization")?;
        Authorization::parse(authorization).ok().map(|authorization| authorization.id)
    }

    /// Authenticates the claimed signer from the headers alone, so unknown callers are rejected before
    /// the body is read.
    ///
    /// # Errors
    /// No key or an unknown key is claimed, the signature is expired, or it names headers that the
    /// request does not have.
    pub(super) fn claim<'h>(
        &self,
        head: &'h Parts,
        now_ms: i64,
    ) -> Result<SignatureClaim<'h>, ApiError> {
        let authorization = text(&head.headers, "authorization").filter(|text| !text.is_empty());
        let Some(authorization) = authorization else {
            return Err(ApiError::new(
                ErrorKind::Unsigned,
                "Request is missing Authentication Token",
            ));
        };
        let authorization = Authorization::parse(authorization)?;
        let signed_at = signed_at(&head.headers, &authorization, at(now_ms))?;
        let find = |keys: &'_ [ApiKey]| keys.iter().find(|key| key.id == authorization.id).cloned();
        let (key, may_change) = find(&self.read_and_change)
            .map(|key| (key, true))
            .or_else(|| find(&self.read_only).map(|key| (key, false)))
            .filter(|_| !head.headers.contains_key("x-amz-security-token"))
            .ok_or_else(|| {
                let message = "The security token included in the request is invalid.";
                ApiError::new(ErrorKind::UnknownKey, message)
            })?;
        // Signed values are copied for each name, so the copy is limited to the size of the head.
        for name in &authorization.signed_headers {
            if !head.headers.contains_key(*name) {
                return Err(wrong("SignedHeaders names a header that the request does not have."));
            }
        }
        Ok(SignatureClaim { head, authorization, signed_at, key, may_change })
    }
}

/// A time in milliseconds since 1970.
fn at(ms: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// The claimed time of signing.
fn signed_at(
    headers: &HeaderMap,
    authorization: &Authorization<'_>,
    now: SystemTime,
) -> Result<SystemTime, ApiError> {
    let date = text(headers, DATE).unwrap_or_default();
    let Ok(signed_at) = PrimitiveDateTime::parse(date, DATE_FORMAT) else {
        let message = "Authorization header requires existence of either a 'X-Amz-Date' or a \
                       'Date' header.";
        return Err(ApiError::new(ErrorKind::IncompleteSignature, message));
    };
    let signed_at = SystemTime::from(signed_at.assume_utc());
    for name in ["host", DATE] {
        if !authorization.signed_headers.contains(&name) {
            let message = format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.");
            return Err(wrong(message));
        }
    }
    if authorization.service != SERVICE {
        return Err(wrong(format!(
            "Credential should be scoped to correct service: '{SERVICE}'. "
        )));
    }
    if !date.starts_with(authorization.date) {
        return Err(wrong(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
             HTTP",
        ));
    }
    if signed_at + SKEW < now {
        return Err(wrong(format!("Signature expired: {date} is more than 5 min ago.")));
    }
    if signed_at > now + SKEW {
        return Err(wrong(format!("Signature not yet current: {date} is more than 5 min ahead.")));
    }
    Ok(signed_at)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::super::signature::Caller;
    use super::*;
    use crate::config::AccessKey;

    /// Of 2026-11-22T12:00:00Z.
    const NOW_MS: i64 = 1_795_348_800_000;
    const PATH: &str = "/v2/email/configuration-sets/a%2Ab/event-destinations/d%20e?x=1&a=b%2Fc";
    const BODY: &[u8] = b"{\"EventDestination\":{}}";
    /// Made by botocore 1.43.106.
    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIDFULL/20261122/eu-west-1/ses/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, \
         Signature=5dbc4120d4c7e2395afe14ecf5e161b88d72c7afc8d49fc68c08798759b61746";

    fn keys() -> ApiKeys {
        let key = |id: &str, secret: &str| ApiKey { id: id.into(), secret: AccessKey::new(secret) };
        ApiKeys {
            read_and_change: vec![key("AKIDFULL", "0123456789abcdef0123")],
            read_only: vec![key("AKIDREAD", "fedcba98765432100123")],
        }
    }

    fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    /// The headers that botocore sent, with one replaced.
    fn with(name: &str, value: &str) -> Parts {
        let headers = [
            ("content-type", "application/json"),
            ("host", "127.0.0.1:8128"),
            ("x-amz-date", "20261122T120000Z"),
            ("authorization", SIGNED),
        ];
        let other = |(known, text)| if known == name { (known, value) } else { (known, text) };
        let headers: Vec<_> =
            headers.into_iter().map(other).filter(|(_, text)| !text.is_empty()).collect();
        head("PUT", PATH, &headers)
    }

    fn caller(keys: &ApiKeys, head: &Parts, body: &[u8], now_ms: i64) -> Result<Caller, ApiError> {
        keys.claim(head, now_ms)?.prove(&Sha256::digest(body).into())
    }

    fn refusal(head: &Parts, body: &[u8], now_ms: i64) -> (ErrorKind, String) {
        let error = caller(&keys(), head, body, now_ms).expect_err("it is refused");
        (error.kind, error.message)
    }

    #[test]
    fn botocore_signature_is_accepted() {
        let known = Ok(Caller { id: Some("AKIDFULL".to_owned()), may_change: true });
        let minute = 60_000;
        for skew in [-5 * minute, 0, 5 * minute] {
            assert_eq!(caller(&keys(), &with("", ""), BODY, NOW_MS + skew), known, "{skew}");
        }
        let form = head(
            "POST",
            "/",
            &[
                ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("host", "127.0.0.1:8128"),
                ("x-amz-date", "20261122T120000Z"),
                (
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIDFULL/20261122/eu-west-1/ses/aws4_request, \
                     SignedHeaders=content-type;host;x-amz-date, \
                     Signature=ad5b9bedad616e2936b30082b3fd5ea6bc9b1a2e4ea907d990e76703ed75a82b",
                ),
            ],
        );
        let body = b"Action=ListConfigurationSets&Version=2010-12-01";
        assert_eq!(caller(&keys(), &form, body, NOW_MS), known);
    }

    #[test]
    fn request_that_differs_from_the_signed_one_is_rejected() {
        use ErrorKind::{IncompleteSignature, UnknownKey, Unsigned, WrongSignature};
        let minute = 60_000;
        for (name, value, body, now_ms, kind) in [
            ("authorization", "", BODY, NOW_MS, Unsigned),
            ("authorization", "Bearer x", BODY, NOW_MS, IncompleteSignature),
            ("authorization", &SIGNED[..100], BODY, NOW_MS, IncompleteSignature),
            (
                "authorization",
                &SIGNED.replace("/ses/", "/ses/x/"),
                BODY,
                NOW_MS,
                IncompleteSignature,
            ),
            (
                "authorization",
                &SIGNED.replace("20261122", "2026112"),
                BODY,
                NOW_MS,
                IncompleteSignature,
            ),
            ("authorization", &SIGNED.replace("AKIDFULL", "AKIDNONE"), BODY, NOW_MS, UnknownKey),
            (
                "authorization",
                &SIGNED.replace("AKIDFULL", "AKIDREAD"),
                BODY,
                NOW_MS,
                WrongSignature,
            ),
            (
                "authorization",
                &SIGNED.replace("eu-west-1", "eu-west-2"),
                BODY,
                NOW_MS,
                WrongSignature,
            ),
            ("authorization", &SIGNED.replace("/ses/", "/sqs/"), BODY, NOW_MS, WrongSignature),
            (
                "authorization",
                &SIGNED.replace("20261122", "20261121"),
                BODY,
                NOW_MS,
                WrongSignature,
            ),
            ("authorization", &SIGNED.replace("host;", ""), BODY, NOW_MS, WrongSignature),
            ("authorization", &SIGNED.replace(";x-amz-date", ""), BODY, NOW_MS, WrongSignature),
            ("authorization", &SIGNED.replace("=5dbc", "=5dbd"), BODY, NOW_MS, WrongSignature),
            ("authorization", &SIGNED[..SIGNED.len() - 1], BODY, NOW_MS, WrongSignature),
            ("host", "127.0.0.1:8129", BODY, NOW_MS, WrongSignature),
            ("content-type", "text/plain", BODY, NOW_MS, WrongSignature),
            ("x-amz-date", "20261122T120001Z", BODY, NOW_MS, WrongSignature),
            ("x-amz-date", "2026-11-22", BODY, NOW_MS, IncompleteSignature),
            ("", "", b"{}", NOW_MS, WrongSignature),
            ("", "", BODY, NOW_MS + 5 * minute + 1, WrongSignature),
            ("", "", BODY, NOW_MS - 5 * minute - 1, WrongSignature),
        ] {
            let (found, message) = refusal(&with(name, value), body, now_ms);
            assert_eq!(found, kind, "{name}: {value}: {message}");
            assert!(!message.contains("0123456789abcdef"), "{message}");
        }
        let mut token = with("", "");
        token.headers.insert("x-amz-security-token", "t".parse().expect("a value"));
        assert_eq!(refusal(&token, BODY, NOW_MS).0, UnknownKey);
        let mut get = with("", "");
        get.method = axum::http::Method::GET;
        assert_eq!(refusal(&get, BODY, NOW_MS).0, WrongSignature);
    }

    #[test]
    fn read_only_key_may_not_change() {
        let keys = ApiKeys { read_and_change: Vec::new(), read_only: keys().read_and_change };
        let reader = caller(&keys, &with("", ""), BODY, NOW_MS).expect("it is known");
        assert!(!reader.may_change);
    }

    #[test]
    fn signed_headers_are_at_most_50_sorted_names_that_the_request_has() {
        use ErrorKind::{IncompleteSignature, WrongSignature};
        let signed = |names: &str| SIGNED.replace("content-type;host;x-amz-date", names);
        let names: Vec<String> = (10..60).map(|at| format!("a{at}")).collect();
        let kind = |names: &str| {
            let head = with("authorization", &signed(names));
            let found = keys().claim(&head, NOW_MS);
            found.map(|_| ()).map_err(|error| error.kind)
        };
        assert_eq!(kind("host;x-amz-date"), Ok(()));
        assert_eq!(kind("content-type;host;x-amz-date"), Ok(()));
        for (names, expected) in [
            ("", WrongSignature),
            ("host;host;x-amz-date", IncompleteSignature),
            ("x-amz-date;host", IncompleteSignature),
            ("Host;x-amz-date", IncompleteSignature),
            (";host;x-amz-date", WrongSignature),
            ("absent;host;x-amz-date", WrongSignature),
            (&*format!("{};host;x-amz-date", names[..48].join(";")), WrongSignature),
            (&*format!("{};host;x-amz-date", names[..49].join(";")), IncompleteSignature),
            (&*"a;".repeat(10_000), IncompleteSignature),
        ] {
            assert_eq!(kind(names), Err(expected), "{names:.80}");
        }
    }

    proptest! {
        /// Any invalid head is rejected with an error, without a panic.
        #[test]
        fn any_authorization_is_rejected_without_a_panic(
            authorization in prop_oneof![
                "\\PC{0,200}",
                "AWS4-HMAC-SHA256 Credential=AKIDFULL/20261122/[a-z0-9/-]{0,20}ses/aws4_request, \
                 SignedHeaders=([a-zA-Z;-]{0,40};)?host;x-amz-date, Signature=[0-9a-f]{0,64}",
            ],
            path in "/[ -~]{0,40}",
            value in "[ -~]{0,40}",
        ) {
            let request = Request::builder()
                .method("POST")
                .uri(path.replace(' ', "%20"))
                .header("host", &value)
                .header("x-amz-date", "20261122T120000Z")
                .header("authorization", authorization.as_str());
            if let Ok(request) = request.body(()) {
                let head = request.into_parts().0;
                prop_assert!(caller(&keys(), &head, BODY, NOW_MS).is_err());
            }
        }
    }
}
