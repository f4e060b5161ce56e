//! The SNS endpoint in the daemon: set up at the start, if topics are named.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::post;

use super::{Engine, StartError};
use crate::config::Config;
use crate::sink::MetricSink;
use crate::source::sns::{SnsEndpoint, SnsParts, SnsSettings, Web, WebEnvironment};

/// Finds what HTTPS needs, if there is to be an endpoint.
///
/// # Errors
/// The system has no root certificates.
pub fn web(config: &Config, environment: WebEnvironment) -> Result<Option<Web>, StartError> {
    if config.sns.topics.is_empty() {
        return Ok(None);
    }
    Web::new(environment).map(Some).map_err(StartError::Configuration)
}

/// The route of the endpoint; none without topics.
pub fn router<S: MetricSink>(config: &Config, web: Option<Web>, engine: &Engine<S>) -> Router {
    let Some(web) = web else { return Router::new() };
    let sns = &config.sns;
    let settings = SnsSettings {
        topics: sns.topics.clone(),
        credentials: sns.credentials.clone(),
        max_age: sns.max_age,
        confirm: sns.confirm,
        chain: sns.chain,
        body_bytes: config.limits.body_bytes,
        patience: sns.patience,
    };
    let parts = SnsParts { source: engine.sns.clone(), metrics: Arc::clone(&engine.metrics), web };
    let endpoint = SnsEndpoint::new(settings, parts);
    let deliver = move |request: Request| async move { endpoint.deliver(request).await };
    Router::new().route(&sns.path, post(deliver))
}
