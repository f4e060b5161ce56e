//! The admin listener: metrics and recent series. Asks for no key; keep it inside.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::aggregate::Aggregator;
use crate::telemetry::{Gauges, Metrics};

/// What the admin listener shows.
#[derive(Clone)]
pub struct Admin {
    pub metrics: Arc<Metrics>,
    pub aggregator: Arc<Aggregator>,
    /// Reads the gauges that are state.
    pub gauges: Arc<dyn Fn() -> Gauges + Send + Sync>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

/// `/metrics` and `/series`.
pub fn admin_router(admin: Admin) -> Router {
    Router::new().route("/metrics", get(metrics)).route("/series", get(series)).with_state(admin)
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    let text = admin.metrics.render(&(admin.gauges)());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

async fn series(State(admin): State<Admin>) -> impl IntoResponse {
    // Up to a million entries are copied and sorted: not on a thread that serves connections.
    let lines = tokio::task::spawn_blocking(move || {
        let lines = admin.aggregator.recent_lines();
        lines.iter().fold(String::new(), |text, line| text + &line.to_json() + "\n")
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], lines.await.unwrap_or_default())
}
