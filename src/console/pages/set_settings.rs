//! The general settings of a configuration set: its namespace and its tags.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::paths::set_path;
use super::set::{Tab, find, frame, no_set, tabs};
use crate::api::changes::{self, TAGS};
use crate::console::Console;
use crate::console::change::{ChangeSubject, change, stale};
use crate::console::fields::{FormErrors, TextField};
use crate::console::html::see_other;
use crate::console::layout::token;
use crate::console::notice;
use crate::console::version;
use crate::console::visit::Visit;
use crate::definitions::{ConfigurationSet, read};

/// Tags that can be entered at once beyond those that are there.
const FREE_TAG_ROWS: usize = 2;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/configuration-sets/{set}/general", get(general).post(save_general))
}

async fn general(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
) -> Response {
    let Some((definitions, at)) = find(&console, &name) else { return no_set(&visit, &name) };
    let set = &definitions.configuration_sets[at];
    let tags = tags(set);
    let content = html! {
        (tabs(&name, Tab::General))
        (notice::done(&console, &visit))
        (notice::read_only(&console, &visit))
        @if visit.may_write(&console).is_ok() {
            (general_form(&visit, set, set.namespace.as_deref().unwrap_or_default(), &tags, &FormErrors::default()))
            h2 { "Delete this configuration set" }
            p { a.button.danger href={ (set_path(&name)) "/delete" } { "Delete set" } }
        } @else {
            dl {
                dt { "Namespace" }
                dd { bdi { (set.namespace.as_deref().unwrap_or(&console.deps().namespace)) } }
                dt { "Tags" }
                dd {
                    @if tags.is_empty() { "none" }
                    @for (key, value) in &tags { span.tag { bdi { (key) " = " (value) } } }
                }
            }
        }
    };
    frame(&name).respond(StatusCode::OK, &visit, content)
}

fn general_form(
    visit: &Visit,
    set: &ConfigurationSet,
    namespace: &str,
    tags: &[(String, String)],
    errors: &FormErrors,
) -> Markup {
    let rows = tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let rows = rows.chain(std::iter::repeat_n(("", ""), FREE_TAG_ROWS));
    html! {
        (errors.summary())
        form method="post" action={ (set_path(&set.name)) "/general" } {
            (token(visit))
            input type="hidden" name="version" value=(version::of_settings(set));
            (TextField::new("namespace", "Namespace", namespace)
                .hint("CloudWatch namespace of its metrics. Empty: that of the configuration.")
                .render(errors))
            fieldset #tags tabindex="-1" aria-describedby=[errors.described("tags", true)] {
                legend { "Tags" }
                p.hint #tags-hint { "Stored and returned, as SES does. Empty rows are removed." }
                (errors.beside("tags"))
                div.rows {
                    @for (at, (key, value)) in rows.enumerate() {
                        div.row role="group" aria-label={ "Tag " (at + 1) } {
                            (tag_field(at, "key", "Key", key))
                            (tag_field(at, "value", "Value", value))
                        }
                    }
                }
            }
            button.primary type="submit" { "Save changes" }
        }
    }
}

fn tag_field(at: usize, name: &str, label: &str, value: &str) -> Markup {
    let (id, name) = (format!("tag-{at}-{name}"), format!("tag.{name}"));
    TextField { name: &name, ..TextField::new(&id, label, value) }.render(&FormErrors::default())
}

fn tags(set: &ConfigurationSet) -> Vec<(String, String)> {
    let tags = set.options.0.get(TAGS).and_then(Value::as_array);
    let text = |tag: &Value, member: &str| tag[member].as_str().unwrap_or_default().to_owned();
    let pairs = tags.into_iter().flatten().map(|tag| (text(tag, "Key"), text(tag, "Value")));
    pairs.collect()
}

/// The settings of a form: namespace and tags.
fn entered(visit: &Visit) -> (String, Vec<(String, String)>) {
    let form = &visit.form;
    let pairs = form.all("tag.key").zip(form.all("tag.value"));
    let pairs = pairs.filter(|(key, value)| !key.is_empty() || !value.is_empty());
    let tags = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    (form.text("namespace").trim().to_owned(), tags)
}

/// A set with new settings, by the rules of the document.
fn checked(
    set: &ConfigurationSet,
    namespace: &str,
    tags: &[(String, String)],
) -> Result<ConfigurationSet, FormErrors> {
    let mut document = json!({ "ConfigurationSetName": set.name });
    for (member, value) in set.options.0.iter().filter(|(member, _)| **member != TAGS) {
        document[*member] = value.clone();
    }
    let list: Vec<_> =
        tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    document[TAGS] = json!(list);
    if !namespace.is_empty() {
        document["Namespace"] = json!(namespace);
    }
    if let Some((key, _)) = tags
        .iter()
        .enumerate()
        .find_map(|(at, tag)| tags[..at].iter().any(|other| other.0 == tag.0).then_some(tag))
    {
        return Err(FormErrors::of("tags", format!("Tag key {key} is used twice; keep one.")));
    }
    let reading = read("form", &json!({ "ConfigurationSets": [document] }).to_string());
    let sets = reading.definitions.map(|definitions| definitions.configuration_sets);
    sets.into_iter().flatten().next().ok_or_else(|| {
        let mut errors = FormErrors::default();
        for finding in reading.findings.iter().filter(|finding| finding.is_error()) {
            let field = if finding.path.ends_with("Namespace") { "namespace" } else { "tags" };
            errors.add(field, format!("{}; {}", finding.what, finding.fix));
        }
        errors
    })
}

async fn save_general(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
) -> Response {
    let Some((definitions, at)) = find(&console, &name) else { return no_set(&visit, &name) };
    let (namespace, tags) = entered(&visit);
    let again = |status, errors: FormErrors| {
        // The version of now, so that the next attempt knows what it replaces.
        let now = find(&console, &name);
        let Some((now, at)) = now else { return no_set(&visit, &name) };
        let set = &now.configuration_sets[at];
        let content = html! {
            (tabs(&name, Tab::General))
            (general_form(&visit, set, &namespace, &tags, &errors))
        };
        frame(&name).respond(status, &visit, content)
    };
    let set = &definitions.configuration_sets[at];
    let new = match checked(set, &namespace, &tags) {
        Ok(new) => new,
        Err(errors) => return again(StatusCode::BAD_REQUEST, errors),
    };
    let subject = ChangeSubject {
        operation: "PutConfigurationSetOptions",
        set: name.clone(),
        destination: None,
    };
    let seen = visit.form.text("version").to_owned();
    let of = name.clone();
    let saved = change(&console, &visit, subject, move |definitions| {
        if version::of_settings(changes::set(definitions, &of)?) != seen {
            return Err(stale());
        }
        changes::replace_settings(definitions, &of, new.namespace, new.options)
    });
    match saved.await {
        Ok(()) => see_other(&notice::after(&format!("{}/general", set_path(&name)), "saved")),
        Err(error) => again(notice::status_of(&error), notice::errors_of(&error)),
    }
}
