//! The few requests that the endpoint sends: for certificates, their issuers, and confirmations.
//!
//! Each uses a new connection, with no proxy, no cookies and no redirects.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, rt};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How hosts are resolved.
#[derive(Clone, Debug, Default)]
pub enum WebEnvironment {
    /// By DNS, with the system's root certificates.
    #[default]
    World,
    /// All hosts at two addresses, for HTTPS and plain HTTP, with only these root certificates.
    StandIn { https: SocketAddr, http: SocketAddr, roots: Vec<CertificateDer<'static>> },
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct WebResponse {
    pub status: u16,
    pub body: Bytes,
}

/// A client. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    environment: WebEnvironment,
    tls: Arc<ClientConfig>,
    roots: Arc<RootCertStore>,
}

// === impl Web ===

impl Web {
    /// Loads the root certificates.
    ///
    /// # Errors
    /// There are none; explains how to fix that.
    pub(crate) fn new(environment: WebEnvironment) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        match &environment {
            WebEnvironment::World => {
                // Some of them may be unreadable, which does not matter.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            WebEnvironment::StandIn { roots: own, .. } => {
                roots.add_parsable_certificates(own.iter().cloned());
            }
        }
        if roots.is_empty() {
            let fix =
                "install the system's root certificates, or set SSL_CERT_FILE to a file of them";
            return Err(format!("no root certificates found, but HTTPS to SNS needs them: {fix}"));
        }
        let roots = Arc::new(roots);
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("cannot set up TLS: {error}"))?
            .with_root_certificates(Arc::clone(&roots))
            .with_no_client_auth();
        Ok(Self { environment, tls: Arc::new(tls), roots })
    }

    #[must_use]
    pub(crate) fn roots(&self) -> &RootCertStore {
        &self.roots
    }

    /// Sends a request over HTTPS. The caller bounds the time.
    ///
    /// # Errors
    /// There was no response within the size limit; explains why.
    pub(crate) async fn get_https(
        &self,
        host: &str,
        path: &str,
        most: usize,
    ) -> Result<WebResponse, String> {
        let place = match &self.environment {
            WebEnvironment::World => TcpStream::connect((host, 443)).await,
            WebEnvironment::StandIn { https, .. } => TcpStream::connect(https).await,
        };
        let stream = place.map_err(|error| format!("cannot connect to {host}: {error}"))?;
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await;
        let stream =
            stream.map_err(|error| format!("TLS handshake with {host} failed: {error}"))?;
        send(TokioIo::new(stream), host, path, most).await
    }

    /// Sends a request over plain HTTP. The caller bounds the time, and must not trust the
    /// response.
    ///
    /// # Errors
    /// There was no response within the size limit; explains why.
    pub(crate) async fn get_http(
        &self,
        host: &str,
        path: &str,
        most: usize,
    ) -> Result<WebResponse, String> {
        let place = match &self.environment {
            WebEnvironment::World => TcpStream::connect((host, 80)).await,
            WebEnvironment::StandIn { http, .. } => TcpStream::connect(http).await,
        };
        let stream = place.map_err(|error| format!("cannot connect to {host}: {error}"))?;
        send(TokioIo::new(stream), host, path, most).await
    }
}

async fn send(
    stream: impl rt::Read + rt::Write + Unpin + Send + 'static,
    host: &str,
    path: &str,
    most: usize,
) -> Result<WebResponse, String> {
    let failed = |error: hyper::Error| format!("no response from {host}: {error}");
    let (mut sender, connection) = http1::handshake(stream).await.map_err(failed)?;
    let request = Request::get(path)
        .header(HOST, host)
        .header(USER_AGENT, concat!("postmeter/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let response = async {
        let (head, body) = sender.send_request(request).await.map_err(failed)?.into_parts();
        let body = Limited::new(body, most).collect().await;
        let body = body.map_err(|error| format!("incomplete response from {host}: {error}"))?;
        Ok(WebResponse { status: head.status.as_u16(), body: body.to_bytes() })
    };
    tokio::pin!(response);
    // The connection is driven here, so that it ends with the caller.
    tokio::select! {
        response = &mut response => response,
        ended = connection => {
            ended.map_err(failed)?;
            response.await
        }
    }
}
