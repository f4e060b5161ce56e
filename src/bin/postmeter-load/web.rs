//! HTTP client for the endpoint, the daemon and the recorder: plain or TLS, with persistent
//! connections.

use std::time::Duration;

use anyhow::Context;
use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

/// Connects to a server. Plain HTTP does not need the system's certificates.
#[derive(Clone, Debug)]
pub(crate) enum Connector {
    Plain(HttpConnector),
    Tls(HttpsConnector<HttpConnector>),
}

/// A client with connections of its own, whose bodies are `B`.
#[derive(Clone, Debug)]
pub(crate) enum Web<B> {
    Plain(Client<HttpConnector, Full<B>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<B>>),
}

/// Maximum size of a response to `get`: a million lines of a recorder.
const ANSWER_BYTES_MAX: usize = 1 << 30;
const ANSWER_PATIENCE: Duration = Duration::from_mins(1);
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

// === impl Connector ===

impl Connector {
    /// A connector for the server of a URL.
    ///
    /// # Errors
    /// The system's certificates are needed and cannot be read.
    pub(crate) fn to(uri: &Uri) -> anyhow::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_PATIENCE));
        if uri.scheme_str() != Some("https") {
            return Ok(Self::Plain(tcp));
        }
        let tls = HttpsConnectorBuilder::new()
            .with_native_roots()
            .context("cannot read the system's certificates (set SSL_CERT_FILE to use others)")?
            .https_only()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self::Tls(tls))
    }

    pub(crate) fn client<B: Buf + Send + 'static>(&self) -> Web<B> {
        let builder = Client::builder(TokioExecutor::new());
        match self.clone() {
            Self::Plain(tcp) => Web::Plain(builder.build(tcp)),
            Self::Tls(tls) => Web::Tls(builder.build(tls)),
        }
    }
}

// === impl Web ===

impl<B: Buf + Send + 'static> Web<B> {
    pub(crate) fn request(&self, request: Request<Full<B>>) -> ResponseFuture {
        match self {
            Self::Plain(client) => client.request(request),
            Self::Tls(client) => client.request(request),
        }
    }
}

/// Sends GET and returns the text.
///
/// # Errors
/// No response, a status other than 200, or a response that is too large; the message names the
/// address.
pub(crate) async fn get(web: &Web<Bytes>, uri: &Uri) -> anyhow::Result<String> {
    get_as(web, uri, None).await
}

/// Like [`get`], with an `Authorization` header if there is one.
pub(crate) async fn get_as(
    web: &Web<Bytes>,
    uri: &Uri,
    authorization: Option<&HeaderValue>,
) -> anyhow::Result<String> {
    let answer = async {
        let mut request = Request::get(uri).body(Full::default())?;
        if let Some(value) = authorization {
            request.headers_mut().insert(AUTHORIZATION, value.clone());
        }
        let response = web.request(request).await?;
        let status = response.status();
        anyhow::ensure!(status == 200, "the status is {status}");
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(anyhow::Error::from_boxed)?.to_bytes();
        Ok(String::from_utf8(body.to_vec())?)
    };
    let answer = timeout(ANSWER_PATIENCE, answer).await.context("response timeout");
    answer.and_then(|answer| answer).with_context(|| format!("cannot read {uri}"))
}

/// The same server with another path.
pub(crate) fn at(base: &Uri, path: &str) -> anyhow::Result<Uri> {
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.parse()?);
    Ok(Uri::from_parts(parts)?)
}
