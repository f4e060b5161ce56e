//! HTTP to the endpoint, the daemon and the recorder: plain or TLS, connections kept.

use std::time::Duration;

use anyhow::Context;
use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

/// A client whose bodies are `B`.
pub type Web<B> = Client<HttpsConnector<HttpConnector>, Full<B>>;

/// An answer to `get` may be so long: a million lines of a recorder.
const ANSWER_BYTES_MAX: usize = 1 << 30;
const ANSWER_PATIENCE: Duration = Duration::from_mins(1);
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// A client with connections of its own.
///
/// # Errors
/// The system's certificates cannot be read.
pub fn client<B: Buf + Send + 'static>() -> anyhow::Result<Web<B>> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT_PATIENCE));
    let connector = HttpsConnectorBuilder::new()
        .with_native_roots()
        .context("cannot read the system's certificates")?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// Asks with GET, for text.
///
/// # Errors
/// No answer, none with 200, or too long a one; the message names the address.
pub async fn get(web: &Web<Bytes>, uri: &Uri) -> anyhow::Result<String> {
    let answer = async {
        let request = Request::get(uri).body(Full::default())?;
        let response = web.request(request).await?;
        let status = response.status();
        anyhow::ensure!(status == 200, "the answer is {status}");
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(anyhow::Error::from_boxed)?.to_bytes();
        Ok(String::from_utf8(body.to_vec())?)
    };
    let answer = timeout(ANSWER_PATIENCE, answer).await.context("no answer in time");
    answer.and_then(|answer| answer).with_context(|| format!("cannot read {uri}"))
}

/// The same server, another path.
pub fn at(base: &Uri, path: &str) -> anyhow::Result<Uri> {
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.parse()?);
    Ok(Uri::from_parts(parts)?)
}
