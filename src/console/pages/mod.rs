//! The pages, one file each, and their addresses.

mod destination;
mod edit;
mod explain;
mod health;
mod overview;
mod paths;
mod rows;
mod series;
mod set;
mod set_settings;
mod sets;
mod wizard;

use axum::Router;

use super::Console;

/// The addresses of all pages.
pub(super) fn routes() -> Router<Console> {
    Router::new()
        .merge(overview::routes())
        .merge(sets::routes())
        .merge(set::routes())
        .merge(set_settings::routes())
        .merge(destination::routes())
        .merge(edit::routes())
        .merge(wizard::routes())
        .merge(series::routes())
        .merge(explain::routes())
        .merge(health::routes())
}
