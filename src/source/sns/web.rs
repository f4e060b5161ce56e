//! The few requests that the endpoint sends: for certificates, their issuers, and confirmations.
//!
//! Each uses a new connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{HOST, USER_AGENT};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::http::{
    ClientResponse, ClientTlsError, HttpClient, HttpClientError, HttpClientSettings,
    ResponseLimits, system_roots, trust,
};

/// Timeout of a request.
const PATIENCE: Duration = Duration::from_secs(8);

/// How hosts are resolved.
#[derive(Clone, Debug, Default)]
pub enum WebEnvironment {
    /// By DNS, with the system's root certificates.
    #[default]
    World,
    /// All hosts at two addresses, for HTTPS and plain HTTP, with only these root certificates.
    StandIn { https: SocketAddr, http: SocketAddr, roots: Vec<CertificateDer<'static>> },
}

/// A client. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    environment: WebEnvironment,
    tls: Arc<ClientConfig>,
    roots: Arc<RootCertStore>,
}

/// Why a request has no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum WebError {
    #[error(transparent)]
    Client(#[from] HttpClientError),
    #[error(transparent)]
    Host(#[from] InvalidDnsNameError),
}

// === impl Web ===

impl Web {
    /// Loads the root certificates.
    ///
    /// # Errors
    /// There are none.
    pub(crate) fn new(environment: WebEnvironment) -> Result<Self, ClientTlsError> {
        let roots = match &environment {
            WebEnvironment::World => system_roots(),
            WebEnvironment::StandIn { roots: own, .. } => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(own.iter().cloned());
                roots
            }
        };
        let roots = Arc::new(roots);
        Ok(Self { environment, tls: trust(Arc::clone(&roots))?, roots })
    }

    #[must_use]
    pub(crate) fn roots(&self) -> &RootCertStore {
        &self.roots
    }

    /// Sends a request over HTTPS.
    ///
    /// # Errors
    /// There was no response of at most `bytes` in time.
    pub(super) async fn get_https(
        &self,
        host: &str,
        path: &str,
        bytes: usize,
    ) -> Result<ClientResponse, WebError> {
        let address = match &self.environment {
            WebEnvironment::World => host.to_owned(),
            WebEnvironment::StandIn { https, .. } => https.to_string(),
        };
        let name = ServerName::try_from(host.to_owned())?;
        let tls = Some(Arc::clone(&self.tls));
        let settings = HttpClientSettings { tls, server_name: Some(name), keep_alive: false };
        get(settings, &format!("https://{address}{path}"), host, bytes).await
    }

    /// Sends a request over plain HTTP. The caller must not trust the response.
    ///
    /// # Errors
    /// There was no response of at most `bytes` in time.
    pub(super) async fn get_http(
        &self,
        host: &str,
        path: &str,
        bytes: usize,
    ) -> Result<ClientResponse, WebError> {
        let address = match &self.environment {
            WebEnvironment::World => host.to_owned(),
            WebEnvironment::StandIn { http, .. } => http.to_string(),
        };
        let settings = HttpClientSettings::default();
        get(settings, &format!("http://{address}{path}"), host, bytes).await
    }
}

async fn get(
    settings: HttpClientSettings,
    url: &str,
    host: &str,
    bytes: usize,
) -> Result<ClientResponse, WebError> {
    let request = Request::get(url)
        .header(HOST, host)
        .header(USER_AGENT, concat!("postmeter/", env!("CARGO_PKG_VERSION")))
        .body(Full::<Bytes>::default());
    let request = request.map_err(HttpClientError::from)?;
    let limits = ResponseLimits { bytes, patience: PATIENCE };
    Ok(HttpClient::new(settings).send(request, limits).await?)
}
