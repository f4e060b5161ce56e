//! One configuration set: its event destinations, and deleting it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use maud::{Markup, html};

use super::paths::{SETS, destination_path, set_path, wizard_path};
use crate::api::changes;
use crate::console::Console;
use crate::console::change::{ChangeSubject, change, stale};
use crate::console::destination_draft::DraftKind;
use crate::console::destination_view;
use crate::console::fields::{FormErrors, TextField};
use crate::console::html::see_other;
use crate::console::layout::{self, Crumb, Frame, Place, token};
use crate::console::notice;
use crate::console::recent_series::RecentCounts;
use crate::console::shown;
use crate::console::version;
use crate::console::visit::Visit;
use crate::definitions::{ConfigurationSet, Definitions, EventDestination};
use crate::printable::counted;

/// A tab of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Destinations,
    General,
}

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/configuration-sets/{set}", get(destinations))
        .route("/configuration-sets/{set}/delete", get(delete_page).post(delete))
}

/// The set of an address.
pub(super) fn find(console: &Console, name: &str) -> Option<(Arc<Definitions>, usize)> {
    let definitions = console.deps().catalog.in_force();
    let at = definitions.configuration_sets.iter().position(|set| set.name == name)?;
    Some((definitions, at))
}

/// The path to a set's own pages.
pub(super) fn crumbs(set: &str) -> Vec<Crumb> {
    vec![("Configuration sets".to_owned(), SETS.to_owned()), (set.to_owned(), set_path(set))]
}

/// The page for a set that does not exist.
pub(super) fn no_set(visit: &Visit, name: &str) -> Response {
    layout::not_found(visit, &format!("Configuration set {name} does not exist."))
}

pub(super) fn tabs(set: &str, tab: Tab) -> Markup {
    let path = set_path(set);
    let current = |own| (own == tab).then_some("page");
    html! {
        nav.tabs aria-label="Configuration set" {
            ul {
                li {
                    a href=(path) aria-current=[current(Tab::Destinations)] { "Event destinations" }
                }
                li {
                    a href={ (path) "/general" } aria-current=[current(Tab::General)] {
                        "General settings"
                    }
                }
            }
        }
    }
}

pub(super) fn frame(name: &str) -> Frame<'_> {
    let crumbs = vec![("Configuration sets".to_owned(), SETS.to_owned())];
    Frame::new(Place::Sets, name).under(crumbs)
}

async fn destinations(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
) -> Response {
    let Some((definitions, at)) = find(&console, &name) else { return no_set(&visit, &name) };
    let set = &definitions.configuration_sets[at];
    let recent = console.recent().get(&console.deps().aggregator).await;
    let may_write = visit.may_write(&console).is_ok();
    let content = html! {
        (tabs(&name, Tab::Destinations))
        (notice::done(&console, &visit))
        (notice::read_only(&console, &visit))
        @if may_write {
            p { a.button.primary href=(wizard_path(&name)) { "Add destination" } }
        }
        @if set.event_destinations.is_empty() {
            p { "This set has no event destination, so its events are not counted." }
        } @else {
            (table(&console, set, &recent))
        }
    };
    frame(&name).respond(StatusCode::OK, &visit, content)
}

fn table(console: &Console, set: &ConfigurationSet, recent: &RecentCounts) -> Markup {
    html! {
        p.hint {
            "Series, what a month like this costs, and last event: this task, the last three hours."
        }
        div.scroll tabindex="0" role="region" aria-label="Event destinations" {
            table {
                thead { tr {
                    th scope="col" { "Name" }
                    th scope="col" { "Destination type" }
                    th scope="col" { "Event types" }
                    th scope="col" { "Event publishing" }
                    th.number scope="col" { "Series" }
                    th.number scope="col" { "Dollars a month" }
                    th scope="col" { "Last event" }
                } }
                tbody {
                    @for destination in &set.event_destinations {
                        (row(set, destination, recent, &console.deps().namespace))
                    }
                }
            }
        }
    }
}

fn row(
    set: &ConfigurationSet,
    destination: &EventDestination,
    counts: &RecentCounts,
    namespace: &str,
) -> Markup {
    let recent = counts.of(set, destination, namespace);
    html! {
        tr {
            th scope="row" {
                a href=(destination_path(&set.name, &destination.name)) {
                    bdi { (destination.name) }
                }
            }
            td { (DraftKind::of(&destination.destination).name()) }
            td { (destination_view::types(destination)) }
            td { (destination_view::state(destination.enabled)) }
            @match recent {
                Some(recent) => {
                    td.number { (shown::number(recent.series as u64)) }
                    td.number { (shown::dollars(counts.dollars_a_month(recent))) }
                }
                None => { td.number { "–" } td.number { "–" } }
            }
            td {
                @match recent.and_then(|recent| recent.last) {
                    Some(last) => (shown::time(last.start_seconds() * 1000)),
                    None => "–",
                }
            }
        }
    }
}

async fn delete_page(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
) -> Response {
    if let Err(why) = visit.may_write(&console) {
        return notice::refused(&visit, &why);
    }
    delete_form(&console, &visit, &name, StatusCode::OK, &FormErrors::default())
}

fn delete_form(
    console: &Console,
    visit: &Visit,
    name: &str,
    status: StatusCode,
    errors: &FormErrors,
) -> Response {
    let Some((definitions, at)) = find(console, name) else { return no_set(visit, name) };
    let set = &definitions.configuration_sets[at];
    let content = html! {
        (errors.summary())
        p {
            "This deletes the set with its "
            (counted(set.event_destinations.len() as u64, "event destination"))
            ". Counts that are already made are published."
        }
        form method="post" action={ (set_path(name)) "/delete" } {
            (token(visit))
            input type="hidden" name="version" value=(version::of_set(set));
            (TextField::new("confirm", "Name of the set", "")
                .hint("Type the name to confirm.")
                .required()
                .render(errors))
            div.actions {
                button.danger type="submit" { "Delete set" }
                a.button href={ (set_path(name)) "/general" } { "Cancel" }
            }
        }
    };
    let title = format!("Delete {name}");
    Frame::new(Place::Sets, &title).under(crumbs(name)).respond(status, visit, content)
}

async fn delete(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
) -> Response {
    if visit.form.text("confirm").trim() != name {
        let errors = FormErrors::of("confirm", format!("This is not the name, {name}."));
        return delete_form(&console, &visit, &name, StatusCode::BAD_REQUEST, &errors);
    }
    let subject =
        ChangeSubject { operation: "DeleteConfigurationSet", set: name.clone(), destination: None };
    let seen = visit.form.text("version").to_owned();
    let of = name.clone();
    let deleted = change(&console, &visit, subject, move |definitions| {
        if version::of_set(changes::set(definitions, &of)?) != seen {
            return Err(stale());
        }
        changes::delete_set(definitions, &of)
    });
    match deleted.await {
        Ok(()) => see_other(&notice::after(SETS, "set-deleted")),
        Err(error) => {
            let errors = notice::errors_of(&error);
            delete_form(&console, &visit, &name, notice::status_of(&error), &errors)
        }
    }
}
