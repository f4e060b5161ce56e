//! The SNS endpoint in the daemon: set up at the start if topics are configured.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::post;

use crate::app::engine::Engine;
use crate::app::error::StartError;
use crate::config::Config;
use crate::sink::MetricSink;
use crate::source::sns::{
    CertificateStore, SnsDeps, SnsEndpoint, SnsSettings, Web, WebEnvironment,
};

/// The client that fetches certificates, and where they are stored.
#[derive(Debug)]
pub(super) struct CertificateSource {
    web: Web,
    store: Option<CertificateStore>,
}

/// Prepares what certificates need, if there is an endpoint.
///
/// # Errors
/// The system has no root certificates, or the certificate directory cannot be used.
pub(super) fn certificates(
    config: &Config,
    environment: WebEnvironment,
) -> Result<Option<CertificateSource>, StartError> {
    let sns = &config.sns;
    if sns.topics.is_empty() {
        return Ok(None);
    }
    let web =
        Web::new(environment).map_err(|error| StartError::Configuration(error.to_string()))?;
    let of_journal = || Some(config.journal.directory.as_ref()?.join("certificates"));
    let directory = sns.certificate_directory.clone().or_else(of_journal);
    let store = directory.map(|directory| {
        CertificateStore::open(&directory).map_err(|error| {
            let place = directory.display();
            let what = format!("cannot keep SNS certificates in {place}: {error}");
            let fix = "set sns.certificate_directory to a directory that this process can write to";
            StartError::Configuration(format!("{what}; {fix}"))
        })
    });
    Ok(Some(CertificateSource { web, store: store.transpose()? }))
}

/// The route of the endpoint; no route without topics.
pub(super) fn router<S: MetricSink>(
    config: &Config,
    certificates: Option<CertificateSource>,
    engine: &Engine<S>,
) -> Router {
    let Some((CertificateSource { web, store }, source)) =
        certificates.zip(engine.sources.sns.clone())
    else {
        return Router::new();
    };
    let sns = &config.sns;
    let settings = SnsSettings {
        topics: sns.topics.clone(),
        credentials: sns.credentials.clone(),
        max_age: sns.max_age,
        confirm: sns.confirm,
        chain: sns.chain,
        signature_versions: sns.signature_versions.clone(),
        patience: sns.patience,
    };
    let deps = SnsDeps { source, metrics: Arc::clone(&engine.metrics), web, store };
    let endpoint = SnsEndpoint::new(settings, deps);
    let deliver = move |request: Request| async move { endpoint.deliver(request).await };
    Router::new().route(&sns.path, post(deliver))
}
