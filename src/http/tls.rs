//! TLS of the listeners: certificate and key from PEM files, reloaded when they change.
//!
//! A connection keeps its certificate; new connections use the current one. If new files are
//! invalid, the current certificate stays in use.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::telemetry::{Metrics, TlsReload};

/// How often the files are reread. They are small.
const RELOAD_INTERVAL: Duration = Duration::from_secs(10);
/// A certificate chain with its key has a few KiB, a bundle of all public roots 250 KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The paths of certificate and key, in PEM format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by the intermediate certificates.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The authorities whose client certificates are accepted.
    pub client_ca: Option<PathBuf>,
}

/// The TLS configuration of the listeners. Cheap to clone.
#[derive(Clone)]
pub struct Tls(Arc<TlsShared>);

struct TlsShared {
    files: TlsFiles,
    in_use: ArcSwap<TlsConfigs>,
    /// The last contents read, or why they could not be read.
    last_read: Mutex<Result<TlsContents, TlsError>>,
    metrics: Arc<Metrics>,
}

/// The TLS configurations with and without client certificates.
struct TlsConfigs {
    open: Arc<ServerConfig>,
    /// Requires client certificates, if an authority is configured.
    with_clients: Arc<ServerConfig>,
}

#[derive(Clone, PartialEq, Eq)]
struct TlsContents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// Why TLS files cannot be used. No text contains bytes of a file.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {path} ({key}): {why}")]
    Unreadable { key: &'static str, path: PathBuf, why: String },
    #[error("{path} ({key}) is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge { key: &'static str, path: PathBuf },
    #[error("{0} does not contain a certificate in PEM format")]
    NoCertificate(PathBuf),
    #[error("{path} is not valid PEM: {why}")]
    NotPem { path: PathBuf, why: &'static str },
    #[error("{path} does not contain a private key in PEM format: {why}")]
    NoKey { path: PathBuf, why: &'static str },
    #[error("{certificate} and {key} cannot be used: {error}")]
    Unfit { certificate: PathBuf, key: PathBuf, error: rustls::Error },
    #[error("{path} cannot be used: {why}")]
    UnfitAuthority { path: PathBuf, why: String },
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// The TLS configuration of one listener. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ListenerTls {
    tls: Tls,
    asks_clients: bool,
}

// === impl TlsFiles ===

impl TlsFiles {
    /// Reads and checks the files.
    ///
    /// # Errors
    /// The file that cannot be used, and why.
    pub fn check(&self) -> Result<(), TlsError> {
        self.configs(&self.read()?).map(|_| ())
    }

    fn read(&self) -> Result<TlsContents, TlsError> {
        Ok(TlsContents {
            certificate: read("listen.tls_certificate", &self.certificate)?,
            key: read("listen.tls_key", &self.key)?,
            client_ca: match &self.client_ca {
                Some(path) => Some(read("listen.tls_client_ca", path)?),
                None => None,
            },
        })
    }

    fn configs(&self, contents: &TlsContents) -> Result<TlsConfigs, TlsError> {
        let chain = certificates(&self.certificate, &contents.certificate)?;
        let private_key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|error| TlsError::NoKey { path: self.key.clone(), why: said(&error) })?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = || {
            ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
        };
        let unfit = |error| TlsError::Unfit {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            error,
        };
        let open = builder()?.with_no_client_auth();
        let open = open.with_single_cert(chain.clone(), private_key.clone_key()).map_err(unfit)?;
        let open = with_http1(open);
        let with_clients = match (&self.client_ca, &contents.client_ca) {
            (Some(path), Some(authorities)) => {
                let verifier = client_verifier(path, authorities, &provider)?;
                let config = builder()?.with_client_cert_verifier(verifier);
                with_http1(config.with_single_cert(chain, private_key).map_err(unfit)?)
            }
            _ => Arc::clone(&open),
        };
        Ok(TlsConfigs { open, with_clients })
    }
}

fn with_http1(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

fn client_verifier(
    path: &Path,
    authorities: &[u8],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let unfit = |error: &dyn fmt::Display| {
        let (path, why) = (path.to_owned(), error.to_string());
        TlsError::UnfitAuthority { path, why }
    };
    let mut roots = RootCertStore::empty();
    for authority in certificates(path, authorities)? {
        roots.add(authority).map_err(|error| unfit(&error))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| unfit(&error))
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |error: io::Error| TlsError::Unreadable {
        key,
        path: path.to_owned(),
        why: error.to_string(),
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(TlsError::TooLarge { key, path: path.to_owned() });
    }
    Ok(bytes)
}

fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(TlsError::NoCertificate(path.to_owned())),
        Err(error) => Err(TlsError::NotPem { path: path.to_owned(), why: said(&error) }),
    }
}

/// Describes a PEM error without bytes of the file: some errors contain them, and they may belong
/// to a key.
fn said(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no end marker",
        pem::Error::IllegalSectionStart { .. } => "a section has an invalid start marker",
        pem::Error::Base64Decode(_) => "a section is not valid Base64",
        pem::Error::NoItemsFound => "none found",
        _ => "it cannot be parsed",
    }
}

// === impl Tls ===

impl Tls {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// The file that cannot be used, and why.
    pub fn load(files: TlsFiles, metrics: Arc<Metrics>) -> Result<Self, TlsError> {
        let contents = files.read()?;
        let in_use = ArcSwap::from_pointee(files.configs(&contents)?);
        let last_read = Mutex::new(Ok(contents));
        Ok(Self(Arc::new(TlsShared { files, in_use, last_read, metrics })))
    }

    /// The configuration for a listener that requires client certificates or does not.
    #[must_use]
    pub fn listener(&self, asks_clients: bool) -> ListenerTls {
        ListenerTls { tls: self.clone(), asks_clients }
    }

    /// Rereads the files periodically until `end`.
    pub async fn watch(self, end: CancellationToken) {
        let mut ticks = interval(RELOAD_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.reload().await,
                () = end.cancelled() => return,
            }
        }
    }

    /// Rereads the files and uses them if they have changed. Invalid files are logged and change
    /// nothing.
    pub async fn reload(&self) {
        let tls = self.clone();
        // Reading may block. Only a panic fails this, and then nothing has changed.
        let _ = tokio::task::spawn_blocking(move || tls.0.reload()).await;
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.0.files).finish()
    }
}

// === impl TlsShared ===

impl TlsShared {
    fn reload(&self) {
        let read = self.files.read();
        let mut last_read = self.last_read.lock().unwrap_or_else(PoisonError::into_inner);
        if *last_read == read {
            return;
        }
        let configs = match &read {
            Ok(contents) => self.files.configs(contents),
            Err(error) => Err(error.clone()),
        };
        *last_read = read;
        let outcome = if configs.is_ok() { TlsReload::Loaded } else { TlsReload::Rejected };
        self.metrics.tls_reloads.increment(outcome);
        let path = self.files.certificate.display();
        match configs {
            Ok(configs) => {
                self.in_use.store(Arc::new(configs));
                tracing::info!(%path, "TLS certificate reloaded");
            }
            Err(error) => {
                tracing::error!(%path, %error, "TLS files rejected; keeping the current certificate");
            }
        }
    }
}

// === impl ListenerTls ===

impl ListenerTls {
    /// An acceptor for one connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let configs = self.tls.0.in_use.load();
        let config = if self.asks_clients { &configs.with_clients } else { &configs.open };
        TlsAcceptor::from(Arc::clone(config))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    /// Writes a certificate and its key to a directory.
    fn write(directory: &Path, name: &str) -> TlsFiles {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let files = TlsFiles {
            certificate: directory.join(format!("{name}.pem")),
            key: directory.join(format!("{name}.key")),
            client_ca: None,
        };
        fs::write(&files.certificate, cert.pem()).expect("it is written");
        fs::write(&files.key, signing_key.serialize_pem()).expect("it is written");
        files
    }

    #[test]
    fn invalid_tls_files_are_named_and_no_byte_of_them_is_shown() {
        let directory = tempfile::tempdir().expect("a directory");
        let good = write(directory.path(), "good");
        let other = write(directory.path(), "other");
        assert_eq!(good.check(), Ok(()));
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).expect("it is written");
            path
        };
        let torn = "-----BEGIN PRIVATE KEY-----\nMIISECRET";
        let cases = [
            (TlsFiles { key: other.key, ..good.clone() }, "cannot be used"),
            (TlsFiles { key: directory.path().join("gone"), ..good.clone() }, "listen.tls_key"),
            (
                TlsFiles { key: file("torn", torn), ..good.clone() },
                "does not contain a private key",
            ),
            (
                TlsFiles { key: good.certificate.clone(), ..good.clone() },
                "does not contain a private key",
            ),
            (
                TlsFiles { certificate: good.key.clone(), ..good.clone() },
                "does not contain a certificate",
            ),
            (
                TlsFiles { certificate: file("empty", ""), ..good.clone() },
                "does not contain a certificate",
            ),
            (
                TlsFiles { client_ca: Some(file("ca", "x")), ..good.clone() },
                "does not contain a certificate",
            ),
            (
                TlsFiles { certificate: file("long", &"x".repeat(2 << 20)), ..good.clone() },
                "larger than 1048576 bytes",
            ),
        ];
        for (files, expected) in cases {
            let said = files.check().expect_err(expected).to_string();
            assert!(said.contains(expected), "{said}");
            assert!(!said.contains("SECRET"), "{said}");
        }
    }

    #[tokio::test]
    async fn changed_files_are_used_and_invalid_ones_change_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = write(directory.path(), "tls");
        let metrics = Metrics::new().expect("metrics");
        let tls = Tls::load(files.clone(), metrics).expect("valid files");
        let in_use = || Arc::clone(&tls.0.in_use.load());
        let first = in_use();
        tls.reload().await;
        assert!(Arc::ptr_eq(&first, &in_use()), "nothing has changed");
        fs::write(&files.key, "no key").expect("it is written");
        tls.reload().await;
        assert!(Arc::ptr_eq(&first, &in_use()), "the new key is not valid");
        write(directory.path(), "tls");
        tls.reload().await;
        assert!(!Arc::ptr_eq(&first, &in_use()));
        fs::remove_file(&files.certificate).expect("it was there");
        tls.reload().await;
        tls.reload().await;
        let rejected = tls.0.metrics.render(&crate::telemetry::Gauges::default());
        assert!(
            rejected.contains("postmeter_tls_reloads_total{outcome=\"rejected\"} 2"),
            "{rejected}"
        );
    }
}
