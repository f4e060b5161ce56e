//! The configuration sets, and creating one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use maud::{Markup, html};
use serde_json::json;

use super::paths::{SETS, set_path};
use crate::api::changes;
use crate::console::Console;
use crate::console::change::{ChangeSubject, change};
use crate::console::fields::{FormErrors, TextField};
use crate::console::html::see_other;
use crate::console::layout::{Frame, Place, token};
use crate::console::notice;
use crate::console::visit::Visit;
use crate::definitions::{ConfigurationSet, read};

const CREATE: &str = "/create-configuration-set";
const TITLE: &str = "Configuration sets";

pub(super) fn routes() -> Router<Console> {
    Router::new().route(SETS, get(list)).route(CREATE, get(create_page).post(create))
}

async fn list(State(console): State<Console>, Extension(visit): Extension<Visit>) -> Response {
    let definitions = console.deps().catalog.in_force();
    let sets = &definitions.configuration_sets;
    let content = html! {
        (notice::done(&console, &visit))
        (notice::read_only(&console, &visit))
        @if visit.may_write(&console).is_ok() {
            p { a.button.primary href=(CREATE) { "Create set" } }
        }
        @if sets.is_empty() {
            p { "There is no configuration set yet." }
        } @else {
            div.scroll tabindex="0" role="region" aria-label=(TITLE) {
                table {
                    caption { (sets.len()) " in the definitions" }
                    thead { tr {
                        th scope="col" { "Name" }
                        th.number scope="col" { "Event destinations" }
                        th.number scope="col" { "Enabled" }
                        th scope="col" { "Namespace" }
                    } }
                    tbody { @for set in sets { (row(&console, set)) } }
                }
            }
        }
    };
    Frame::new(Place::Sets, TITLE).respond(StatusCode::OK, &visit, content)
}

fn row(console: &Console, set: &ConfigurationSet) -> Markup {
    let destinations = &set.event_destinations;
    let enabled = destinations.iter().filter(|destination| destination.enabled).count();
    html! {
        tr {
            th scope="row" { a href=(set_path(&set.name)) { bdi { (set.name) } } }
            td.number { (destinations.len()) }
            td.number { (enabled) }
            td { bdi { (set.namespace.as_deref().unwrap_or(&console.deps().namespace)) } }
        }
    }
}

async fn create_page(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
) -> Response {
    match visit.may_write(&console) {
        Ok(()) => create_form(&visit, StatusCode::OK, &FormErrors::default()),
        Err(why) => notice::refused(&visit, &why),
    }
}

fn create_form(visit: &Visit, status: StatusCode, errors: &FormErrors) -> Response {
    let content = html! {
        (errors.summary())
        form method="post" action=(CREATE) {
            (token(visit))
            (TextField::new("name", "Name", visit.form.text("name"))
                .hint("1 to 64 letters (A-Z, a-z), digits, underscores and hyphens; or * for the \
                       events of every set that is not listed.")
                .required()
                .render(errors))
            (TextField::new("namespace", "Namespace", visit.form.text("namespace"))
                .hint("CloudWatch namespace of its metrics. Empty: that of the configuration.")
                .render(errors))
            div.actions {
                button.primary type="submit" { "Create set" }
                a.button href=(SETS) { "Cancel" }
            }
        }
    };
    let crumbs = vec![(TITLE.to_owned(), SETS.to_owned())];
    Frame::new(Place::Sets, "Create configuration set")
        .under(crumbs)
        .respond(status, visit, content)
}

async fn create(State(console): State<Console>, Extension(visit): Extension<Visit>) -> Response {
    let set = match checked(&visit) {
        Ok(set) => set,
        Err(errors) => return create_form(&visit, StatusCode::BAD_REQUEST, &errors),
    };
    let name = set.name.clone();
    let subject =
        ChangeSubject { operation: "CreateConfigurationSet", set: name.clone(), destination: None };
    let created =
        change(&console, &visit, subject, |definitions| changes::create_set(definitions, set));
    match created.await {
        Ok(()) => see_other(&notice::after(&set_path(&name), "set-created")),
        Err(error) => {
            let errors = FormErrors::of("name", error.message.clone());
            create_form(&visit, notice::status_of(&error), &errors)
        }
    }
}

/// The new set, by the rules of the document.
fn checked(visit: &Visit) -> Result<ConfigurationSet, FormErrors> {
    let (name, namespace) = (visit.form.text("name").trim(), visit.form.text("namespace").trim());
    let mut set = json!({ "ConfigurationSetName": name });
    if !namespace.is_empty() {
        set["Namespace"] = json!(namespace);
    }
    let reading = read("form", &json!({ "ConfigurationSets": [set] }).to_string());
    let sets = reading.definitions.map(|definitions| definitions.configuration_sets);
    sets.into_iter().flatten().next().ok_or_else(|| {
        let mut errors = FormErrors::default();
        for finding in reading.findings.iter().filter(|finding| finding.is_error()) {
            let field = if finding.path.ends_with("Namespace") { "namespace" } else { "name" };
            errors.add(field, format!("{}; {}", finding.what, finding.fix));
        }
        errors
    })
}
