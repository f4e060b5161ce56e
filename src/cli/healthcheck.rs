//! `postmeter healthcheck`: checks the local daemon, for containers without a shell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::runtime::Builder;

use super::args::HealthcheckArgs;
use super::output::warn_user;
use super::{Exit, settings};
use crate::http::{HttpClient, HttpClientSettings, ResponseLimits};

/// Only the status of the response matters.
const LIMITS: ResponseLimits = ResponseLimits { bytes: 4096, patience: Duration::from_secs(2) };

/// Runs the command.
pub(super) fn run(args: &HealthcheckArgs) -> Exit {
    let Some(config) = settings::load(args.config.as_deref()).and_then(|loaded| loaded.config)
    else {
        return Exit::Failed;
    };
    let path = if args.ready { "/readyz" } else { "/livez" };
    let is_tls = config.listen.tls_certificate.is_some();
    match ask(reachable(config.listen.admin), is_tls, path) {
        Ok(true) => Exit::Done,
        Ok(false) => Exit::Failed,
        Err(error) => {
            warn_user(&format!("{error:#}"));
            Exit::Failed
        }
    }
}

/// Connects to loopback if the daemon listens on all addresses.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, address.port())
}

/// Whether the response is 200.
fn ask(address: SocketAddr, is_tls: bool, path: &str) -> anyhow::Result<bool> {
    let scheme = if is_tls { "https" } else { "http" };
    let uri = format!("{scheme}://{address}{path}").parse()?;
    let tls = if is_tls { Some(any_certificate()?) } else { None };
    let settings = HttpClientSettings { tls, ..HttpClientSettings::default() };
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start a runtime")?;
    let response =
        runtime.block_on(async { HttpClient::<Bytes>::new(settings).get(&uri, LIMITS).await })?;
    Ok(response.status == 200)
}

fn any_certificate() -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(AnyCertificate(Arc::clone(&provider)));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Accepts every certificate: the daemon's certificate names its public host, not loopback, and its
/// files may be newer than the served certificate. Nothing secret is sent, and only a status is
/// returned. A program that can take the daemon's port on this machine could do so without TLS as
/// well.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

// === impl AnyCertificate ===

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
