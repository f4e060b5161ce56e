//! The HTTP client for requests that this project makes itself: plain or TLS, with a deadline and a
//! bounded body, without proxies, cookies and redirects.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{
    DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector, ResolveServerName,
};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as PoolError};
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

/// Timeout of a TCP connection. The deadline of a request may be earlier.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The settings of a client. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct HttpClientSettings {
    /// How servers are verified; `None`: only plain HTTP is possible.
    pub tls: Option<Arc<ClientConfig>>,
    /// The name that the server's certificate must have, if it is not the host of the address.
    pub server_name: Option<ServerName<'static>>,
    /// Whether connections are used again.
    pub keep_alive: bool,
}

/// A client with its own connections, which sends bodies of `B`. Cheap to clone; clones share the
/// connections.
#[derive(Clone, Debug)]
pub struct HttpClient<B = Bytes> {
    pool: Pool<B>,
    keep_alive: bool,
}

#[derive(Clone, Debug)]
enum Pool<B> {
    Plain(Client<HttpConnector, Full<B>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<B>>),
}

/// What a response may take.
#[derive(Clone, Copy, Debug)]
pub struct ResponseLimits {
    /// Maximum size of the body.
    pub bytes: usize,
    /// From the begin of the request to the end of the response.
    pub patience: Duration,
}

/// A response, read as a whole.
#[derive(Clone, Debug)]
pub struct ClientResponse {
    pub status: StatusCode,
    pub body: Bytes,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    #[error("cannot connect to {server}: {why}")]
    Connect { server: String, why: String },
    #[error("TLS handshake with {server} failed: {why}")]
    Tls { server: String, why: String },
    /// The request may have arrived.
    #[error("no response from {server}: {why}")]
    Exchange { server: String, why: String },
    /// The response broke off, or its body is too large.
    #[error("incomplete response from {server}: {why}")]
    Incomplete { server: String, why: String },
    /// The request may have arrived.
    #[error("no response from {server} within {}", humantime::format_duration(*.patience))]
    Timeout { server: String, patience: Duration },
    #[error(transparent)]
    Request(#[from] hyper::http::Error),
}

/// Why servers cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum ClientTlsError {
    #[error(
        "no root certificates found, but HTTPS needs them: install the system's root certificates, \
         or set SSL_CERT_FILE to a file of them"
    )]
    NoRoots,
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// The system's root certificates, or those of `SSL_CERT_FILE`.
#[must_use]
pub fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // Some of them may be unreadable, which does not matter.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// The TLS configuration that trusts these root certificates.
///
/// # Errors
/// There are none.
pub fn trust(roots: impl Into<Arc<RootCertStore>>) -> Result<Arc<ClientConfig>, ClientTlsError> {
    let roots = roots.into();
    if roots.is_empty() {
        return Err(ClientTlsError::NoRoots);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

// === impl HttpClient ===

impl<B: Buf + Send + 'static> HttpClient<B> {
    #[must_use]
    pub fn new(settings: HttpClientSettings) -> Self {
        let HttpClientSettings { tls, server_name, keep_alive } = settings;
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let mut builder = Client::builder(TokioExecutor::new());
        if !keep_alive {
            builder.pool_max_idle_per_host(0);
        }
        let pool = match tls {
            None => Pool::Plain(builder.build(tcp)),
            Some(config) => {
                tcp.enforce_http(false);
                let names: Arc<dyn ResolveServerName + Send + Sync> = match server_name {
                    None => Arc::new(DefaultServerNameResolver::default()),
                    Some(name) => Arc::new(FixedServerNameResolver::new(name)),
                };
                Pool::Tls(builder.build(HttpsConnector::new(tcp, config, false, names)))
            }
        };
        Self { pool, keep_alive }
    }

    /// Sends a request and reads its response. Redirects are not followed.
    ///
    /// # Errors
    /// There was no response within the limits.
    pub async fn send(
        &self,
        mut request: Request<Full<B>>,
        limits: ResponseLimits,
    ) -> Result<ClientResponse, HttpClientError> {
        let uri = request.uri().clone();
        let server = || uri.authority().map(ToString::to_string).unwrap_or_default();
        if !self.keep_alive {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let exchange = async {
            let response = match &self.pool {
                Pool::Plain(client) => client.request(request),
                Pool::Tls(client) => client.request(request),
            };
            let response = response.await.map_err(|error| failure(server(), &error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), limits.bytes).collect().await;
            let body = body.map_err(|error| HttpClientError::Incomplete {
                server: server(),
                why: innermost(&*error).to_string(),
            })?;
            Ok(ClientResponse { status, body: body.to_bytes() })
        };
        let patience = limits.patience;
        let timed_out = || HttpClientError::Timeout { server: server(), patience };
        timeout(patience, exchange).await.map_err(|_| timed_out())?
    }

    /// Sends a GET request.
    ///
    /// # Errors
    /// As for [`HttpClient::send`].
    pub async fn get(
        &self,
        uri: &Uri,
        limits: ResponseLimits,
    ) -> Result<ClientResponse, HttpClientError>
    where
        B: Default,
    {
        self.send(Request::get(uri).body(Full::default())?, limits).await
    }
}

fn failure(server: String, error: &PoolError) -> HttpClientError {
    if let Some(why) = tls_error(error) {
        return HttpClientError::Tls { server, why };
    }
    let why = innermost(error).to_string();
    if error.is_connect() {
        HttpClientError::Connect { server, why }
    } else {
        HttpClientError::Exchange { server, why }
    }
}

/// The error of TLS, if it is one of the causes.
fn tls_error(error: &(dyn Error + 'static)) -> Option<String> {
    let tls = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>());
    tls.map(ToString::to_string)
}

/// The most specific cause: the outer texts say no more than "client error".
fn innermost<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

/// An error and its causes. An error of the system does not name the error inside it as its source.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'e (dyn Error + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    })
}

// === impl HttpClientError ===

impl HttpClientError {
    /// Whether the server may have got the request.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        !matches!(self, Self::Connect { .. } | Self::Tls { .. } | Self::Request(_))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const LIMITS: ResponseLimits = ResponseLimits { bytes: 8, patience: Duration::from_secs(10) };

    /// Gives each connection one response.
    async fn serve(response: &'static str) -> Uri {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/a?b", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(response.as_bytes()).await;
            }
        });
        uri.parse().unwrap()
    }

    async fn get(uri: &Uri, limits: ResponseLimits) -> Result<ClientResponse, HttpClientError> {
        HttpClient::<Bytes>::new(HttpClientSettings::default()).get(uri, limits).await
    }

    #[tokio::test]
    async fn response_is_read_within_its_limits_and_no_redirect_is_followed() {
        let uri = serve("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n12345678").await;
        let response = get(&uri, LIMITS).await.unwrap();
        assert_eq!((response.status.as_u16(), &response.body[..]), (200, &b"12345678"[..]));
        let uri = serve("HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(get(&uri, LIMITS).await.unwrap().status, 302);
        for response in [
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789",
            "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n123",
        ] {
            let error = get(&serve(response).await, LIMITS).await.unwrap_err();
            assert!(matches!(error, HttpClientError::Incomplete { .. }), "{error:?}");
        }
        let error = get(&serve("SSH-2.0\r\n").await, LIMITS).await.unwrap_err();
        assert!(matches!(error, HttpClientError::Exchange { .. }), "{error:?}");
        assert!(error.may_have_arrived());
    }

    #[tokio::test]
    async fn servers_that_are_away_or_silent_are_named() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = get(&format!("http://{closed}/").parse().unwrap(), LIMITS).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot connect to {closed}: ")), "{text}");
        assert!(text.contains("refused") && !error.may_have_arrived(), "{text}");

        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        let limits = ResponseLimits { patience: Duration::from_millis(20), ..LIMITS };
        let error = get(&format!("http://{address}/").parse().unwrap(), limits).await.unwrap_err();
        assert_eq!(error.to_string(), format!("no response from {address} within 20ms"));
    }

    #[tokio::test]
    async fn https_needs_roots_and_a_valid_handshake() {
        assert!(matches!(trust(RootCertStore::empty()), Err(ClientTlsError::NoRoots)));
        let uri = serve("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let uri: Uri = uri.to_string().replace("http:", "https:").parse().unwrap();
        assert!(!get(&uri, LIMITS).await.unwrap_err().may_have_arrived(), "without TLS");

        let key = rcgen::KeyPair::generate().unwrap();
        let root = rcgen::CertificateParams::new([]).unwrap().self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).unwrap();
        let tls = Some(trust(roots).unwrap());
        let client =
            HttpClient::<Bytes>::new(HttpClientSettings { tls, ..HttpClientSettings::default() });
        let error = client.get(&uri, LIMITS).await.unwrap_err();
        assert!(matches!(error, HttpClientError::Tls { .. }), "{error:?}");
    }
}
