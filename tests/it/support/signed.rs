//! Requests to the SES API, signed like those of AWS clients.

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use postmeter::clock::Clock;

use super::firehose::{Reply, try_send};

/// An access key of the SES API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signer {
    pub id: &'static str,
    pub secret: &'static str,
}

impl Signer {
    /// The headers of a signed request.
    pub(crate) fn headers(
        self,
        address: SocketAddr,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Vec<(String, String)> {
        let now_ms = u64::try_from(Clock::System.now_ms()).expect("after 1970");
        let identity = Credentials::new(self.id, self.secret, None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-west-1")
            .name("ses")
            .time(UNIX_EPOCH + Duration::from_millis(now_ms))
            .settings(SigningSettings::default())
            .build()
            .expect("parameters")
            .into();
        let uri = format!("http://{address}{path}");
        let headers = std::iter::empty();
        let request = SignableRequest::new(method, uri, headers, SignableBody::Bytes(body));
        let (instructions, _) =
            sign(request.expect("a request"), &params).expect("it is signed").into_parts();
        let headers = instructions.headers();
        headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Sends a signed request; `None` when the connection breaks.
    pub(crate) async fn send(
        self,
        address: SocketAddr,
        method: &str,
        path: &str,
        body: &str,
    ) -> Option<Reply> {
        let headers = self.headers(address, method, path, body.as_bytes());
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        try_send(address, method, path, &headers, body.to_owned()).await.ok()
    }
}
