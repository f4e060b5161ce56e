//! Listeners: plain HTTP/1.1 behind a balancer that speaks TLS.

mod admin;
mod handles;
mod heads;
mod listener;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

pub use admin::{Admin, admin_router};
pub use handles::connections_within;
pub use listener::{Listener, ListenerSettings, Peer};

/// `/livez` and `/readyz`, without a key: the process runs; it may be sent requests.
pub fn health_router(is_ready: impl Fn() -> bool + Clone + Send + Sync + 'static) -> Router {
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
    Router::new().route("/livez", get(async || "alive\n")).route("/readyz", get(ready))
}
