//! HTTP clients for the endpoint, the daemon and the recorder.

use std::time::Duration;

use anyhow::Context;
use hyper::Request;
use hyper::Uri;
use hyper::header::{AUTHORIZATION, HeaderValue};
use postmeter::http::{HttpClient, HttpClientSettings, ResponseLimits, system_roots, trust};

/// The response to `get`: a recorder may have a million lines.
const LIMITS: ResponseLimits = ResponseLimits { bytes: 1 << 30, patience: Duration::from_mins(1) };

/// The settings of a client for the server of a URL, with persistent connections. Plain HTTP does
/// not need the system's certificates.
///
/// # Errors
/// The system's certificates are needed, and there are none.
pub(crate) fn settings(uri: &Uri) -> anyhow::Result<HttpClientSettings> {
    let is_tls = uri.scheme_str() == Some("https");
    let tls = if is_tls { Some(trust(system_roots())?) } else { None };
    Ok(HttpClientSettings { tls, server_name: None, keep_alive: true })
}

/// A client for the server of a URL.
///
/// # Errors
/// As for [`settings`].
pub(crate) fn client(uri: &Uri) -> anyhow::Result<HttpClient> {
    Ok(HttpClient::new(settings(uri)?))
}

/// Sends GET and returns the text.
///
/// # Errors
/// No response, a status other than 200, or a response that is too large; the message names the
/// address.
pub(crate) async fn get(client: &HttpClient, uri: &Uri) -> anyhow::Result<String> {
    get_as(client, uri, None).await
}

/// Like [`get`], with an `Authorization` header if there is one.
pub(crate) async fn get_as(
    client: &HttpClient,
    uri: &Uri,
    authorization: Option<&HeaderValue>,
) -> anyhow::Result<String> {
    let text = async {
        let mut request = Request::get(uri);
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let response = client.send(request.body(http_body_util::Full::default())?, LIMITS).await?;
        anyhow::ensure!(response.status == 200, "the status is {}", response.status);
        Ok(String::from_utf8(response.body.into())?)
    };
    text.await.with_context(|| format!("cannot read {uri}"))
}

/// The same server with another path.
pub(crate) fn at(base: &Uri, path: &str) -> anyhow::Result<Uri> {
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.parse()?);
    Ok(Uri::from_parts(parts)?)
}
