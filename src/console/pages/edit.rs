//! Editing one panel of an event destination.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use maud::{Markup, html};

use super::destination::{Names, edit_path, find, subject};
use super::paths::destination_path;
use super::rows::apply_row_action;
use super::set::crumbs;
use crate::api::{ApiError, ErrorKind, changes};
use crate::console::Console;
use crate::console::change::{change, stale};
use crate::console::destination_draft::DestinationDraft;
use crate::console::destination_fields::{event_types, kind_fields};
use crate::console::destination_json::check;
use crate::console::fields::FormErrors;
use crate::console::html::see_other;
use crate::console::layout::{self, Frame, Place, token};
use crate::console::notice;
use crate::console::version;
use crate::console::visit::Visit;
use crate::definitions::{EventDestination, EventDestinationJson, Extensions};

/// A part of a destination that has a form of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Panel {
    EventTypes,
    Destination,
}

/// What a form says again after an error.
struct EditForm<'f> {
    names: &'f Names,
    panel: Panel,
    draft: &'f DestinationDraft,
    stored: &'f EventDestination,
    errors: &'f FormErrors,
    /// Whether the stored destination was changed since the form was made.
    is_stale: bool,
}

pub(super) fn routes() -> Router<Console> {
    Router::new().route(
        "/configuration-sets/{set}/event-destinations/{name}/edit/{panel}",
        get(page).post(save),
    )
}

// === impl Panel ===

impl Panel {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "event-types" => Some(Self::EventTypes),
            "destination" => Some(Self::Destination),
            _ => None,
        }
    }

    const fn segment(self) -> &'static str {
        match self {
            Self::EventTypes => "event-types",
            Self::Destination => "destination",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::EventTypes => "Edit event types",
            Self::Destination => "Edit destination",
        }
    }

    /// The stored destination with the fields of this panel as they were entered.
    fn entered(self, stored: &EventDestination, visit: &Visit) -> DestinationDraft {
        let entered = DestinationDraft::of_form(&visit.form);
        let before = DestinationDraft::of_stored(stored);
        match self {
            Self::EventTypes => DestinationDraft { types: entered.types, ..before },
            Self::Destination => DestinationDraft {
                types: before.types,
                kind: before.kind,
                name: before.name,
                enabled: before.enabled,
                ..entered
            },
        }
    }
}

async fn page(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path((set, name, panel)): Path<(String, String, String)>,
) -> Response {
    if let Err(why) = visit.may_write(&console) {
        return notice::refused(&visit, &why);
    }
    let Some(panel) = Panel::parse(&panel) else {
        return layout::not_found(&visit, "The console has no such page.");
    };
    let names = (set, name);
    let stored = match find(&console, &visit, &names) {
        Ok(stored) => stored,
        Err(response) => return *response,
    };
    let (draft, errors) = (DestinationDraft::of_stored(&stored), FormErrors::default());
    let (names, draft, stored) = (&names, &draft, &*stored);
    let form = EditForm { names, panel, draft, stored, errors: &errors, is_stale: false };
    form.respond(&visit, StatusCode::OK)
}

async fn save(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path((set, name, panel)): Path<(String, String, String)>,
) -> Response {
    let Some(panel) = Panel::parse(&panel) else {
        return layout::not_found(&visit, "The console has no such page.");
    };
    let names = (set, name);
    let stored = match find(&console, &visit, &names) {
        Ok(stored) => stored,
        Err(response) => return *response,
    };
    let mut draft = panel.entered(&stored, &visit);
    let again =
        |draft: &DestinationDraft, stored: &EventDestination, status, errors: &FormErrors| {
            let is_stale = status == StatusCode::CONFLICT;
            EditForm { names: &names, panel, draft, stored, errors, is_stale }
                .respond(&visit, status)
        };
    if apply_row_action(&mut draft, visit.form.text("action")) {
        return again(&draft, &stored, StatusCode::OK, &FormErrors::default());
    }
    let new = match check(&names.0, &draft, Some(&stored)) {
        Ok(checked) => checked.destination,
        Err(errors) => return again(&draft, &stored, StatusCode::BAD_REQUEST, &errors),
    };
    match store(&console, &visit, &names, new).await {
        Ok(()) => see_other(&notice::after(&destination_path(&names.0, &names.1), "saved")),
        Err(error) if error.kind == ErrorKind::ConcurrentModification => {
            match find(&console, &visit, &names) {
                Ok(now) => again(&draft, &now, StatusCode::CONFLICT, &notice::errors_of(&error)),
                Err(response) => *response,
            }
        }
        Err(error) => again(&draft, &stored, notice::status_of(&error), &notice::errors_of(&error)),
    }
}

/// Replaces the destination, unless another editor has changed it since the form was made.
async fn store(
    console: &Console,
    visit: &Visit,
    names: &Names,
    new: EventDestination,
) -> Result<(), ApiError> {
    let (set, seen) = (names.0.clone(), visit.form.text("version").to_owned());
    let subject = subject("UpdateConfigurationSetEventDestination", names);
    change(console, visit, subject, move |definitions| {
        if version::of_destination(changes::destination(definitions, &set, &new.name)?) != seen {
            return Err(stale());
        }
        changes::replace_destination(definitions, &set, new)
    })
    .await
}

// === impl EditForm ===

impl EditForm<'_> {
    fn respond(&self, visit: &Visit, status: StatusCode) -> Response {
        let (set, name) = self.names;
        let path = destination_path(set, name);
        let content = html! {
            (self.errors.summary())
            @if self.is_stale { (self.stored_now()) }
            form method="post" action=(edit_path(set, name, self.panel.segment())) {
                (token(visit))
                input type="hidden" name="version" value=(version::of_destination(self.stored));
                button.quietly type="submit" name="action" value="save" tabindex="-1"
                    aria-hidden="true" { "Save changes" }
                (self.fields())
                div.actions {
                    button.primary type="submit" name="action" value="save" { "Save changes" }
                    a.button href=(path) { "Cancel" }
                }
            }
        };
        let mut crumbs = crumbs(set);
        crumbs.push((name.clone(), path.clone()));
        Frame::new(Place::Sets, self.panel.title()).under(crumbs).respond(status, visit, content)
    }

    fn fields(&self) -> Markup {
        match self.panel {
            Panel::EventTypes => event_types(self.draft, self.errors),
            Panel::Destination => kind_fields(self.draft.kind, self.draft, &[], self.errors),
        }
    }

    fn stored_now(&self) -> Markup {
        let shown = EventDestinationJson::new(self.stored, Extensions::Shown);
        let text = serde_json::to_string_pretty(&shown).unwrap_or_default();
        html! {
            h2 { "Stored now" }
            pre tabindex="0" { (text) }
            h2 { "Your entries" }
        }
    }
}
