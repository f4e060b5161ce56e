//! The Firehose endpoint in the daemon.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::post;

use super::intakes::SourceIntakes;
use crate::config::{Acknowledge, Config};
use crate::fault;
use crate::http::SameSiteOnly;
use crate::intake::AccessKeys;
use crate::source::firehose::{FirehoseEndpoint, FirehoseSettings};
use crate::telemetry::Metrics;

pub(in crate::app) fn firehose_endpoint(
    config: &Config,
    sources: &SourceIntakes,
    metrics: &Arc<Metrics>,
) -> FirehoseEndpoint {
    let until_settled = config.firehose.acknowledge == Acknowledge::Published;
    let settings = FirehoseSettings {
        access_keys: AccessKeys::new(&config.firehose.access_keys),
        body_bytes: config.limits.body_bytes,
        patience: config.firehose.patience,
        settle_deadline: if until_settled {
            config.cloudwatch.settle_deadline
        } else {
            config.firehose.patience
        },
    };
    FirehoseEndpoint::new(settings, sources.firehose.clone(), Arc::clone(metrics))
}

/// The route of the endpoint. Rejects requests from web pages when it requires no key.
pub(super) fn router(
    config: &Config,
    endpoint: FirehoseEndpoint,
    metrics: &Arc<Metrics>,
) -> Router {
    let deliver = move |request: Request| async move {
        fault::hit("delivery");
        endpoint.deliver(request).await
    };
    let router = Router::new().route(&config.firehose.path, post(deliver));
    if !config.firehose.access_keys.is_empty() {
        return router;
    }
    let only = SameSiteOnly::new(Arc::clone(metrics));
    router.route_layer(from_fn_with_state(only, SameSiteOnly::check))
}
