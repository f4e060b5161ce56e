//! The SES API in the daemon.

use std::sync::Arc;

use axum::Router;

use crate::api::{ApiDeps, ApiKeys, ApiSettings, api_router};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::{ApiAuth, Config};
use crate::telemetry::Metrics;

pub(super) fn router(
    config: &Config,
    catalog: &Catalog,
    metrics: &Arc<Metrics>,
    clock: Clock,
) -> Router {
    let api = &config.ses_api;
    let keys = (api.auth == ApiAuth::SigV4).then(|| ApiKeys {
        read_and_change: api.access_keys.clone(),
        read_only: api.read_only_access_keys.clone(),
    });
    let settings = ApiSettings { keys, requests_per_second: api.requests_per_second };
    let deps = ApiDeps { catalog: catalog.clone(), metrics: Arc::clone(metrics), clock };
    api_router(settings, deps)
}
