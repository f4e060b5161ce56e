//! Fetches certificates from SNS and verifies them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::certificate::{CertificateFile, IssuerUrl, SigningKey};
use super::certificate_error::CertificateError;
use super::no_key::NoKey;
use super::topic::{CertificateUrl, Topic};
use super::web::{Web, WebError};
use crate::clock::Clock;
use crate::http::ClientResponse;
use crate::telemetry::{CertificateOutcome, Metrics};

/// Timeout for a certificate and its issuer together.
pub(super) const FETCH_PATIENCE: Duration = Duration::from_secs(8);
/// A certificate has 2 kB.
const FILE_BYTES_MAX: usize = 64 << 10;

/// Fetches certificates. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct CertificateFetcher {
    pub web: Web,
    /// Whether chains are verified.
    pub chain: bool,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
}

/// A verified certificate.
#[derive(Debug)]
pub(super) struct FetchedCertificate {
    pub key: SigningKey,
    /// With its issuers.
    pub pem: Vec<u8>,
}

// === impl CertificateFetcher ===

impl CertificateFetcher {
    /// Fetches the certificate at a URL of the topic's region.
    ///
    /// # Errors
    /// There is no valid certificate.
    pub(super) async fn fetch(
        &self,
        url: &CertificateUrl,
        topic: &Arc<Topic>,
    ) -> Result<FetchedCertificate, NoKey> {
        let away = |why: &str| Err(NoKey::Away(why.to_owned()));
        let (fetcher, url, topic) = (self.clone(), url.clone(), Arc::clone(topic));
        // A separate task, so that a panic in the certificate parser does not stop later fetches.
        let fetching = tokio::spawn(async move {
            timeout(FETCH_PATIENCE, fetcher.fetch_and_verify(&url, &topic)).await
        });
        let result = match fetching.await {
            Ok(result) => result.unwrap_or_else(|_| away("fetching it took too long")),
            Err(_) => away("reading it panicked"),
        };
        let outcome = match &result {
            Ok(_) => CertificateOutcome::Fetched,
            Err(NoKey::Away(_) | NoKey::Missing(_)) => CertificateOutcome::Failed,
            Err(NoKey::Wrong(_)) => CertificateOutcome::Wrong,
        };
        self.metrics.sns_certificates.increment(outcome);
        result
    }

    async fn fetch_and_verify(
        &self,
        url: &CertificateUrl,
        topic: &Topic,
    ) -> Result<FetchedCertificate, NoKey> {
        let response = self.web.get_https(url.host(), url.path(), FILE_BYTES_MAX).await;
        let pem = body_of(response, url.host(), url.path())?;
        let mut file = CertificateFile::read(&pem)?;
        if self.chain
            && !file.has_issuers()
            && let Some(IssuerUrl { host, path }) = file.issuer_url()
        {
            let response = self.web.get_http(&host, &path, FILE_BYTES_MAX).await;
            file.add_issuer(body_of(response, &host, &path)?);
        }
        let key = self.verify(&file, topic)?;
        Ok(FetchedCertificate { key, pem: file.to_pem() })
    }

    /// Verifies that a certificate belongs to SNS in the topic's region, now.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub(super) fn verify(
        &self,
        file: &CertificateFile,
        topic: &Topic,
    ) -> Result<SigningKey, CertificateError> {
        // Without a chain, the connection to SNS is the proof of whose certificate it is.
        let roots = self.chain.then(|| self.web.roots());
        file.verify(topic, roots, self.clock.now_ms())
    }
}

/// The body of a successful response.
fn body_of(
    response: Result<ClientResponse, WebError>,
    host: &str,
    path: &str,
) -> Result<Vec<u8>, NoKey> {
    let response = response.map_err(|error| NoKey::Away(error.to_string()))?;
    let status = response.status.as_u16();
    if status == 200 {
        return Ok(response.body.into());
    }
    let why = format!("{host}{path} responded with status {status}");
    Err(if status < 500 { NoKey::Missing(why) } else { NoKey::Away(why) })
}
