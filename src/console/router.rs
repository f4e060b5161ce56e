//! Addresses and pages.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, http::HeaderValue};

use super::headers::KEPT_FOR_GOOD;
use super::visit::Visit;
use super::{Console, guard, headers, layout, pages, sign_in};

/// Handles every path and method; `health` has `/livez` and `/readyz`.
pub(crate) fn console_router(console: &Console, health: Router) -> Router {
    let routes = Router::new()
        .route("/sign-in", get(sign_in::page).post(sign_in::submit))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/assets/{version}/{name}", get(asset))
        .merge(pages::routes())
        .fallback(not_found)
        .with_state(console.clone());
    routes
        .layer(from_fn_with_state(console.clone(), guard::check))
        .merge(health)
        .layer(from_fn(headers::add))
}

async fn asset(
    State(console): State<Console>,
    Path((version, name)): Path<(String, String)>,
) -> Response {
    let Some(asset) = console.assets().find(&version, &name) else {
        return (StatusCode::NOT_FOUND, "this file is not part of this version\n").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type)),
        (header::CACHE_CONTROL, KEPT_FOR_GOOD),
    ];
    (headers, asset.text).into_response()
}

async fn not_found(Extension(visit): Extension<Visit>) -> Response {
    layout::not_found(&visit, "The console has no such page.")
}
