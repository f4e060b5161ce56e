//! The listeners: their addresses, certificates, and what they require of clients.

use std::net::SocketAddr;
use std::sync::Arc;

use super::error::StartError;
use crate::config::{Config, ListenConfig};
use crate::http::{
    AdminAccess, Listener, ListenerSettings, Tls, TlsError, TlsFiles, connections_within,
};
use crate::intake::AccessKeys;
use crate::telemetry::Metrics;

/// Maximum number of connections: senders, admin clients, SES API clients, browsers.
const CONNECTIONS_MAX: [usize; 4] = [10_000, 1000, 500, 200];

/// The bound listeners and the certificate that they share.
#[derive(Debug)]
pub(super) struct Listeners {
    pub http: Listener,
    pub admin: Listener,
    pub ses_api: Option<Listener>,
    pub console: Option<Listener>,
    pub tls: Option<Tls>,
}

/// Reads certificate and key, if they are configured.
///
/// # Errors
/// The file that cannot be used, and why.
pub(super) fn tls(
    listen: &ListenConfig,
    metrics: &Arc<Metrics>,
) -> Result<Option<Tls>, StartError> {
    let tls = tls_files(listen).map(|files| Tls::load(files, Arc::clone(metrics)));
    tls.transpose().map_err(|error| StartError::Configuration(error.to_string()))
}

/// Binds the configured addresses.
///
/// # Errors
/// An address is in use.
pub(super) fn bind(
    config: &Config,
    tls: Option<Tls>,
    metrics: &Arc<Metrics>,
) -> Result<Listeners, StartError> {
    let [senders, admins, clients, browsers] = connections_within(CONNECTIONS_MAX);
    let keep_alive = config.listen.keep_alive;
    let bind = |address: SocketAddr, connections_max, asks_clients| {
        let listener = Listener::bind(address, ListenerSettings { keep_alive, connections_max })
            .map_err(|error| StartError::Listen { address, error })?;
        let tls = tls.as_ref().map(|tls| tls.listener(asks_clients));
        Ok::<_, StartError>(listener.with_metrics(Arc::clone(metrics)).with_tls(tls))
    };
    let http = bind(config.listen.http, senders, true)?;
    // Probes and scrapers have no certificate; scrapers have the token.
    let admin = bind(config.listen.admin, admins, false)?;
    let ses_api = config.ses_api.listen.map(|address| bind(address, clients, true)).transpose()?;
    // Its users have passwords.
    let console =
        config.console.listen.map(|address| bind(address, browsers, false)).transpose()?;
    Ok(Listeners { http, admin, ses_api, console, tls })
}

/// Reads the TLS files of a configuration, if it names any.
///
/// # Errors
/// The file that cannot be used, and why.
pub(crate) fn check_tls(config: &Config) -> Result<(), TlsError> {
    tls_files(&config.listen).map_or(Ok(()), |files| files.check())
}

fn tls_files(listen: &ListenConfig) -> Option<TlsFiles> {
    Some(TlsFiles {
        certificate: listen.tls_certificate.clone()?,
        key: listen.tls_key.clone()?,
        client_ca: listen.tls_client_ca.clone(),
    })
}

/// Who may read metrics and series.
pub(super) fn admin_access(listen: &ListenConfig) -> AdminAccess {
    match &listen.admin_token {
        Some(token) => {
            let tokens = AccessKeys::new(std::slice::from_ref(token));
            AdminAccess::Token(Arc::new(move |sent| tokens.accept(sent)))
        }
        None if listen.admin_is_on_loopback() => AdminAccess::SameSite,
        None => AdminAccess::Anyone,
    }
}
