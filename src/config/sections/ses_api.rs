//! `[ses_api]`.

use std::net::SocketAddr;

use crate::config::access_key::AccessKey;
use crate::config::kinds::{address, choice, number, optional, text};
use crate::config::list_kind::list;
use crate::config::section::section;
use crate::config::text::Fault;
use crate::config::words::words;

section! {
    /// The SES API, which changes definitions.
    pub struct SesApiConfig as [ses_api] {
        /// Address that serves the SES API, which changes the document at `definitions`. Empty: the
        /// API is off.
        ///
        /// It serves versions 2 and 1, for event destinations and configuration sets: `aws sesv2
        /// … --endpoint-url http://127.0.0.1:8128`. The document is a file or an object in S3, which
        /// need not exist yet.
        listen: Option<SocketAddr> = None, optional(address());

        /// Authentication of clients: `sigv4` with one of the access keys, or `none`, on loopback
        /// only.
        ///
        /// - `sigv4`: clients must sign (AWS Signature Version 4).
        /// - `none`: every local program may read and change definitions; requests from web pages
        ///   are rejected.
        auth: ApiAuth = ApiAuth::SigV4, choice();

        /// Access keys that may read and change definitions.
        ///
        /// Generate them yourself; they are unrelated to keys of an AWS account. Prefer
        /// `POSTMETER__SES_API__ACCESS_KEYS` to this file.
        access_keys: Vec<ApiKey> = Vec::new(),
            list(text("`id:secret`", API_KEY_EXAMPLE, api_key, ApiKey::print).secret());

        /// Access keys that may only read definitions.
        read_only_access_keys: Vec<ApiKey> = Vec::new(),
            list(text("`id:secret`", API_KEY_EXAMPLE, api_key, ApiKey::print).secret());

        /// Reads per second, and separately changes per second, allowed for each access key. Those of
        /// ten seconds may come at once. More changes wait up to 5 s for their turn; what is still too
        /// much is rejected with `TooManyRequestsException` (429), which clients retry.
        ///
        /// SES itself allows one per second.
        requests_per_second: u32 = 20, number(1, 10_000);
    }
}

const API_KEY_EXAMPLE: &str = "MY_ID:a-random-secret-of-16-bytes";

words! {
    /// The authentication of clients of the SES API.
    pub enum ApiAuth {
        /// Clients sign with one of the access keys.
        SigV4 = "sigv4",
        /// No authentication; allowed only on loopback.
        None = "none",
    }
}

/// An access key of the SES API.
#[derive(Clone, Debug)]
pub struct ApiKey {
    pub id: String,
    pub secret: AccessKey,
}

// === impl ApiKey ===

impl ApiKey {
    fn print(&self) -> String {
        format!("{}:{}", self.id, self.secret.print())
    }
}

/// An access key as the AWS CLI uses it. The fault describes only its shape, never its content.
fn api_key(text: &str) -> Result<ApiKey, Fault> {
    let fix = "write `id:secret`, with an id of 4 to 128 characters (A-Z a-z 0-9 _) and a secret \
               of 16 to 256 printable characters without spaces";
    let key = text.split_once(':').filter(|(id, secret)| {
        (4..=128).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && (16..=256).contains(&secret.len())
            && secret.bytes().all(|byte| byte.is_ascii_graphic())
    });
    let (id, secret) = key.ok_or_else(|| ("this is not a valid access key".into(), fix.into()))?;
    Ok(ApiKey { id: id.to_owned(), secret: AccessKey::new(secret) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_key_has_id_and_secret() {
        let key = api_key("AKIA_1:0123456789:/+=ab").expect("a key");
        assert_eq!((key.id.as_str(), key.secret.as_bytes()), ("AKIA_1", &b"0123456789:/+=ab"[..]));
        for wrong in ["", "AKIA1", "AKI:0123456789abcdef", "AK A:0123456789abcdef", "AKIA:short"] {
            let (what, _) = api_key(wrong).expect_err("no key");
            assert_eq!(what, "this is not a valid access key");
        }
    }
}
