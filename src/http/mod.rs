//! HTTP/1.1. Listeners, with TLS if a certificate is configured, else behind a load balancer that
//! terminates it; and the client for the few requests that the project makes itself.

mod admin;
mod client;
mod fd_limit;
mod heads;
mod listener;
mod peer_group;
mod places;
mod progress;
mod same_site;
mod tls;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

pub(crate) use admin::{Admin, AdminAccess, admin_router};
pub(crate) use client::{ClientResponse, ClientTlsError};
pub use client::{
    HttpClient, HttpClientError, HttpClientSettings, ResponseLimits, system_roots, trust,
};
pub(crate) use fd_limit::connections_within;
pub(crate) use listener::Peer;
pub use listener::{Listener, ListenerSettings};
pub(crate) use peer_group::PeerGroup;
pub(crate) use same_site::{SameSiteOnly, is_loopback_host, is_origin_of, same_site};
pub(crate) use tls::{Tls, TlsError, TlsFiles};

const LIVEZ: &str = "/livez";
const READYZ: &str = "/readyz";

/// `/livez` and `/readyz`, without authentication: the process runs; it accepts requests.
pub(crate) fn health_router(is_ready: impl Fn() -> bool + Clone + Send + Sync + 'static) -> Router {
    let ready = move || {
        let ready = is_ready();
        async move {
            if ready {
                (StatusCode::OK, "ready\n")
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
            }
        }
    };
    Router::new().route(LIVEZ, get(async || "alive\n")).route(READYZ, get(ready))
}
