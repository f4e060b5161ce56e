//! One event destination: its panels, enabling and disabling it, deleting it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::{Markup, html};

use super::paths::{destination_path, set_path};
use super::set::{crumbs, find as find_set};
use crate::api::changes;
use crate::console::Console;
use crate::console::change::{ChangeSubject, change, stale};
use crate::console::chart::sparkline;
use crate::console::destination_view::{copies, settings, state, types};
use crate::console::fields::{FormErrors, TextField};
use crate::console::html::see_other;
use crate::console::layout::{self, Frame, Place, token};
use crate::console::notice;
use crate::console::recent_series::{RecentCounts, RecentMetric};
use crate::console::series_row::SeriesRow;
use crate::console::shown;
use crate::console::version;
use crate::console::visit::Visit;
use crate::definitions::{DestinationMetrics, EventDestination};

/// Series that the page shows.
const SERIES_MAX: usize = 10;

/// The set and the destination of an address.
pub(super) type Names = (String, String);

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/configuration-sets/{set}/event-destinations/{name}", get(page))
        .route("/configuration-sets/{set}/event-destinations/{name}/enable", post(enable))
        .route("/configuration-sets/{set}/event-destinations/{name}/disable", post(disable))
        .route(
            "/configuration-sets/{set}/event-destinations/{name}/delete",
            get(delete_page).post(delete),
        )
}

/// The destination of an address, or the page that says that there is none.
pub(super) fn find(
    console: &Console,
    visit: &Visit,
    (set, name): &Names,
) -> Result<Arc<EventDestination>, Box<Response>> {
    let found = find_set(console, set).and_then(|(definitions, at)| {
        let all = &definitions.configuration_sets[at].event_destinations;
        all.iter().find(|destination| destination.name == *name).cloned()
    });
    found.map(Arc::new).ok_or_else(|| {
        let text = format!("Event destination {name} does not exist in configuration set {set}.");
        Box::new(layout::not_found(visit, &text))
    })
}

async fn page(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path(names): Path<Names>,
) -> Response {
    let destination = match find(&console, &visit, &names) {
        Ok(destination) => destination,
        Err(response) => return *response,
    };
    let (set, name) = &names;
    let counts = console.recent().get(&console.deps().aggregator).await;
    let of_set = find_set(&console, set);
    let recent = of_set.as_ref().and_then(|(definitions, at)| {
        counts.of(&definitions.configuration_sets[*at], &destination, &console.deps().namespace)
    });
    let metrics = of_set.and_then(|(definitions, at)| {
        let set = &definitions.configuration_sets[at];
        DestinationMetrics::new(set, &destination, &console.deps().namespace)
    });
    let series = match metrics {
        None => None,
        Some(metrics) => console.series().of_destination(metrics, SERIES_MAX).await,
    };
    let may_write = visit.may_write(&console).is_ok();
    let content = html! {
        (notice::done(&console, &visit))
        (notice::read_only(&console, &visit))
        @if may_write { (buttons(&visit, set, &destination)) }
        dl {
            dt { "Event publishing" }
            dd { (state(destination.enabled)) }
            @if let Some(recent) = recent { (figures(&counts, recent)) }
        }
        (panel("Event types", &edit_path(set, name, "event-types"), may_write, &html! {
            p { (types(&destination)) }
        }))
        (panel("Destination", &edit_path(set, name, "destination"), may_write,
            &settings(&destination)))
        @if let Some(series) = &series { (series_table(series, visit.now_ms)) }
        section.panel aria-labelledby="copies" {
            h2 #copies { "The same elsewhere" }
            (copies(set, &destination))
        }
    };
    Frame::new(Place::Sets, name).under(crumbs(set)).respond(StatusCode::OK, &visit, content)
}

/// The series with the highest counts.
fn series_table(series: &[SeriesRow], now_ms: i64) -> Markup {
    html! {
        section.panel aria-labelledby="series" {
            h2 #series { "Series" }
            @if series.is_empty() {
                p { "None in the last three hours, of this task." }
            } @else {
                p.hint {
                    "Those with the highest counts of this task in the last three hours; other "
                    "destinations with the same names share them."
                }
                div.scroll tabindex="0" role="region" aria-label="Table of series" {
                    table {
                        thead { tr {
                            th scope="col" { "Metric" }
                            th scope="col" { "Dimensions" }
                            th.number scope="col" { "Count" }
                            th scope="col" { "Three hours" }
                        } }
                        tbody {
                            @for row in series {
                                tr {
                                    th scope="row" { (row.name.metric) }
                                    td { (dimensions(row)) }
                                    td.number { (shown::number(row.count)) }
                                    td { (sparkline(now_ms, &row.points)) }
                                }
                            }
                        }
                    }
                }
            }
            p { a href="/series" { "Search all series" } }
        }
    }
}

fn dimensions(row: &SeriesRow) -> Markup {
    html! {
        @for (name, value) in &row.name.dimensions {
            span.tag { bdi { (name) } " = " (shown::value(value)) }
        }
        @if row.name.dimensions.is_empty() { "none: the total" }
    }
}

/// Where a panel is edited.
pub(super) fn edit_path(set: &str, name: &str, panel: &str) -> String {
    format!("{}/edit/{panel}", destination_path(set, name))
}

fn figures(counts: &RecentCounts, recent: RecentMetric) -> Markup {
    html! {
        dt { "Series, this task, last three hours" }
        dd { (shown::number(recent.series as u64)) }
        dt { "Dollars a month like these hours" }
        dd { (shown::dollars(counts.dollars_a_month(recent))) }
        dt { "Last event, this task" }
        dd { @match recent.last { Some(last) => (shown::time(last.start_seconds() * 1000)), None => "none" } }
    }
}

fn panel(title: &str, edit: &str, may_write: bool, content: &Markup) -> Markup {
    let id: String = title.to_lowercase().replace(' ', "-");
    html! {
        section.panel aria-labelledby=(id) {
            div.head {
                h2 id=(id) { (title) }
                @if may_write {
                    a.button href=(edit) aria-label={ "Edit " (title) } { "Edit" }
                }
            }
            (content)
        }
    }
}

fn buttons(visit: &Visit, set: &str, destination: &EventDestination) -> Markup {
    let path = destination_path(set, &destination.name);
    let (action, text) =
        if destination.enabled { ("disable", "Disable") } else { ("enable", "Enable") };
    html! {
        div.actions {
            form method="post" action={ (path) "/" (action) } {
                (token(visit))
                input type="hidden" name="version" value=(version::of_destination(destination));
                button type="submit" { (text) }
            }
            a.button.danger href={ (path) "/delete" } { "Delete" }
        }
    }
}

async fn enable(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path(names): Path<Names>,
) -> Response {
    switch(&console, &visit, names, true).await
}

async fn disable(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path(names): Path<Names>,
) -> Response {
    switch(&console, &visit, names, false).await
}

async fn switch(console: &Console, visit: &Visit, names: Names, enabled: bool) -> Response {
    let (set, name) = names.clone();
    let seen = visit.form.text("version").to_owned();
    let subject = subject("UpdateConfigurationSetEventDestination", &names);
    let switched = change(console, visit, subject, move |definitions| {
        if version::of_destination(changes::destination(definitions, &set, &name)?) != seen {
            return Err(stale());
        }
        changes::switch_destination(definitions, &set, &name, enabled)
    });
    let path = destination_path(&names.0, &names.1);
    match switched.await {
        Ok(()) => see_other(&notice::after(&path, if enabled { "enabled" } else { "disabled" })),
        Err(error) => {
            let content = html! {
                (notice::errors_of(&error).summary())
                p { a.button href=(path) { "Show what is stored now" } }
            };
            let title = if enabled { "Not enabled" } else { "Not disabled" };
            Frame::new(Place::Sets, title).under(crumbs(&names.0)).respond(
                notice::status_of(&error),
                visit,
                content,
            )
        }
    }
}

/// What the audit log says about a change.
pub(super) fn subject(operation: &'static str, (set, name): &Names) -> ChangeSubject {
    ChangeSubject { operation, set: set.clone(), destination: Some(name.clone()) }
}

async fn delete_page(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path(names): Path<Names>,
) -> Response {
    if let Err(why) = visit.may_write(&console) {
        return notice::refused(&visit, &why);
    }
    delete_form(&console, &visit, &names, StatusCode::OK, &FormErrors::default())
}

fn delete_form(
    console: &Console,
    visit: &Visit,
    names: &Names,
    status: StatusCode,
    errors: &FormErrors,
) -> Response {
    let destination = match find(console, visit, names) {
        Ok(destination) => destination,
        Err(response) => return *response,
    };
    let (set, name) = names;
    let path = destination_path(set, name);
    let content = html! {
        (errors.summary())
        p { "Its events are no longer counted or forwarded. Counts that are already made are published." }
        form method="post" action={ (path) "/delete" } {
            (token(visit))
            input type="hidden" name="version" value=(version::of_destination(&destination));
            (TextField::new("confirm", "Name of the event destination", "")
                .hint("Type the name to confirm.")
                .required()
                .render(errors))
            div.actions {
                button.danger type="submit" { "Delete" }
                a.button href=(path) { "Cancel" }
            }
        }
    };
    let title = format!("Delete {name}");
    let mut crumbs = crumbs(set);
    crumbs.push((name.clone(), path.clone()));
    Frame::new(Place::Sets, &title).under(crumbs).respond(status, visit, content)
}

async fn delete(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path(names): Path<Names>,
) -> Response {
    if visit.form.text("confirm").trim() != names.1 {
        let errors = FormErrors::of("confirm", format!("This is not the name, {}.", names.1));
        return delete_form(&console, &visit, &names, StatusCode::BAD_REQUEST, &errors);
    }
    let (set, name) = names.clone();
    let seen = visit.form.text("version").to_owned();
    let subject = subject("DeleteConfigurationSetEventDestination", &names);
    let deleted = change(&console, &visit, subject, move |definitions| {
        if version::of_destination(changes::destination(definitions, &set, &name)?) != seen {
            return Err(stale());
        }
        changes::delete_destination(definitions, &set, &name)
    });
    match deleted.await {
        Ok(()) => see_other(&notice::after(&set_path(&names.0), "deleted")),
        Err(error) => {
            let errors = notice::errors_of(&error);
            delete_form(&console, &visit, &names, notice::status_of(&error), &errors)
        }
    }
}
