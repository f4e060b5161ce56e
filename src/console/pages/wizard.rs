//! Adding an event destination, in three steps.
//!
//! Each step is one page of one form. The form carries what was entered in all steps, so nothing is
//! kept here, and it works without scripts.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::{Markup, html};

use super::paths::{destination_path, set_path, wizard_path};
use super::rows::apply_row_action;
use super::set::{crumbs, find, no_set};
use crate::api::{ErrorKind, changes};
use crate::console::Console;
use crate::console::change::{ChangeSubject, change};
use crate::console::destination_draft::{DestinationDraft, DraftKind};
use crate::console::destination_fields::{
    event_types, is_of_types, kind_fields, kinds, name_and_switch,
};
use crate::console::destination_json::{CheckedDraft, check};
use crate::console::destination_view::{copies, settings, state, types};
use crate::console::fields::FormErrors;
use crate::console::html::{html as respond, see_other};
use crate::console::layout::{Frame, Place, token};
use crate::console::notice;
use crate::console::preview::names_seen;
use crate::console::visit::Visit;
use crate::definitions::ConfigurationSet;

/// A page of the wizard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    EventTypes,
    Destination,
    Review,
}

/// What is entered so far, and the page to show.
struct Wizard<'w> {
    console: &'w Console,
    visit: &'w Visit,
    set: &'w ConfigurationSet,
    draft: DestinationDraft,
    step: Step,
    errors: FormErrors,
}

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/configuration-sets/{set}/add-destination", get(begin).post(submit))
        .route("/configuration-sets/{set}/add-destination/preview", post(preview))
}

// === impl Step ===

impl Step {
    const ALL: [Self; 3] = [Self::EventTypes, Self::Destination, Self::Review];

    const fn title(self) -> &'static str {
        match self {
            Self::EventTypes => "Select event types",
            Self::Destination => "Specify destination",
            Self::Review => "Review",
        }
    }

    const fn value(self) -> &'static str {
        match self {
            Self::EventTypes => "1",
            Self::Destination => "2",
            Self::Review => "3",
        }
    }

    fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|step| step.value() == text).unwrap_or(Self::EventTypes)
    }

    const fn back(self) -> Self {
        match self {
            Self::EventTypes | Self::Destination => Self::EventTypes,
            Self::Review => Self::Destination,
        }
    }
}

async fn begin(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
) -> Response {
    if let Err(why) = visit.may_write(&console) {
        return notice::refused(&visit, &why);
    }
    let Some((definitions, at)) = find(&console, &name) else { return no_set(&visit, &name) };
    let set = &definitions.configuration_sets[at];
    let (draft, errors) = (DestinationDraft::new(), FormErrors::default());
    let (console, visit) = (&console, &visit);
    let wizard = Wizard { console, visit, set, draft, step: Step::EventTypes, errors };
    wizard.respond(StatusCode::OK).await
}

async fn submit(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
) -> Response {
    if let Err(why) = visit.may_write(&console) {
        return notice::refused(&visit, &why);
    }
    let Some((definitions, at)) = find(&console, &name) else { return no_set(&visit, &name) };
    let set = &definitions.configuration_sets[at];
    let mut draft = DestinationDraft::of_form(&visit.form);
    let step = Step::parse(visit.form.text("step"));
    let action = visit.form.text("action");
    let changes_the_form = apply_row_action(&mut draft, action);
    let (console, visit) = (&console, &visit);
    let wizard = Wizard { console, visit, set, draft, step, errors: FormErrors::default() };
    match action {
        _ if changes_the_form => wizard.respond(StatusCode::OK).await,
        // Shows the preview of what is entered now.
        "preview" => wizard.respond(StatusCode::OK).await,
        "back" => Wizard { step: step.back(), ..wizard }.respond(StatusCode::OK).await,
        "create" => wizard.create().await,
        _ => wizard.next().await,
    }
}

/// The preview alone, for the script that updates it while something is entered.
async fn preview(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
) -> Response {
    let draft = DestinationDraft::of_form(&visit.form);
    respond(StatusCode::OK, preview_of(&console, &name, &draft).await)
}

async fn preview_of(console: &Console, set: &str, draft: &DestinationDraft) -> Markup {
    if console.deps().sample.is_none() {
        return html! { p { "There is no sample of events: console.sample_bytes is 0." } };
    }
    // The name makes no difference, and it may come last.
    let draft = DestinationDraft { name: "preview".to_owned(), ..draft.clone() };
    let Ok(checked) = check(set, &draft, None) else {
        return html! { p { "Fill in the fields to see what this would make of recent events." } };
    };
    let preview = console.previews().make(console, set, &checked.destination).await;
    preview.map_or_else(|| html! { p { "There is no preview now." } }, |preview| preview.render())
}

// === impl Wizard ===

impl Wizard<'_> {
    /// The faults of the draft, also beside the other destinations of the set.
    fn check(&self) -> Result<CheckedDraft, FormErrors> {
        let checked = check(&self.set.name, &self.draft, None);
        let mut all = self.set.event_destinations.iter();
        if all.any(|destination| destination.name == self.draft.name) {
            let mut errors = checked.err().unwrap_or_default();
            let text = format!("Event destination {} exists already.", self.draft.name);
            errors.add("name", text);
            return Err(errors);
        }
        checked
    }

    async fn next(mut self) -> Response {
        let errors = self.check().err().unwrap_or_default();
        let errors = match self.step {
            Step::EventTypes => errors.only(is_of_types),
            Step::Destination | Step::Review => errors,
        };
        if errors.is_empty() {
            self.step = match self.step {
                Step::EventTypes => Step::Destination,
                Step::Destination | Step::Review => Step::Review,
            };
            return self.respond(StatusCode::OK).await;
        }
        self.with_errors(errors, StatusCode::BAD_REQUEST).await
    }

    /// The step that has the first of the errors.
    async fn with_errors(mut self, errors: FormErrors, status: StatusCode) -> Response {
        let is_of_types = |error: &crate::console::fields::FieldError| {
            error.field.as_deref().is_some_and(is_of_types)
        };
        let only_types = !errors.is_empty() && errors.list().iter().all(is_of_types);
        self.step = if only_types { Step::EventTypes } else { self.step.min(Step::Destination) };
        self.errors = errors;
        self.respond(status).await
    }

    async fn create(mut self) -> Response {
        let new = match self.check() {
            Ok(checked) => checked.destination,
            Err(errors) => return self.with_errors(errors, StatusCode::BAD_REQUEST).await,
        };
        let (set, name) = (self.set.name.clone(), new.name.clone());
        let subject = ChangeSubject {
            operation: "CreateConfigurationSetEventDestination",
            set: set.clone(),
            destination: Some(name.clone()),
        };
        let created = change(self.console, self.visit, subject, move |definitions| {
            changes::create_destination(definitions, &set, new)
        });
        match created.await {
            Ok(()) => {
                let path = destination_path(&self.set.name, &name);
                see_other(&notice::after(&path, "created"))
            }
            Err(error) => {
                let status = notice::status_of(&error);
                if matches!(error.kind, ErrorKind::AlreadyExists(_)) {
                    return self.with_errors(FormErrors::of("name", error.message), status).await;
                }
                self.errors = FormErrors::whole(error.message);
                self.respond(status).await
            }
        }
    }

    async fn respond(&self, status: StatusCode) -> Response {
        let content = self.content().await;
        let content = html! {
            (self.steps())
            (self.errors.summary())
            form method="post" action=(wizard_path(&self.set.name)) data-wizard {
                (token(self.visit))
                input type="hidden" name="step" value=(self.step.value());
                // The button that the enter key presses.
                button.quietly type="submit" name="action" value=(self.main_action()) tabindex="-1"
                    aria-hidden="true" { (self.main_text()) }
                (self.hidden())
                (content)
                div.actions {
                    @if self.step != Step::EventTypes {
                        button type="submit" name="action" value="back" { "Previous" }
                    }
                    button.primary type="submit" name="action" value=(self.main_action()) {
                        (self.main_text())
                    }
                    a.button href=(set_path(&self.set.name)) { "Cancel" }
                }
            }
        };
        Frame::new(Place::Sets, "Add destination")
            .under(crumbs(&self.set.name))
            .respond(status, self.visit, content)
    }

    const fn main_action(&self) -> &'static str {
        match self.step {
            Step::EventTypes | Step::Destination => "next",
            Step::Review => "create",
        }
    }

    const fn main_text(&self) -> &'static str {
        match self.step {
            Step::EventTypes | Step::Destination => "Next",
            Step::Review => "Add destination",
        }
    }

    fn steps(&self) -> Markup {
        html! {
            ol.steps aria-label="Steps" {
                @for (at, step) in Step::ALL.into_iter().enumerate() {
                    li aria-current=[(step == self.step).then_some("step")] {
                        "Step " (at + 1) ": " (step.title())
                    }
                }
            }
            h2 { (self.step.title()) }
        }
    }

    /// What the other steps have.
    fn hidden(&self) -> Markup {
        let is_shown = |name: &str| match self.step {
            Step::EventTypes => name == "type",
            Step::Review => false,
            Step::Destination => name != "type",
        };
        let fields = self.draft.form_fields();
        html! {
            @for (name, value) in fields.into_iter().filter(|(name, _)| !is_shown(name)) {
                input type="hidden" name=(name) value=(value);
            }
        }
    }

    async fn content(&self) -> Markup {
        match self.step {
            Step::EventTypes => event_types(&self.draft, &self.errors),
            Step::Destination => self.destination().await,
            Step::Review => self.review().await,
        }
    }

    async fn destination(&self) -> Markup {
        let draft = &self.draft;
        let seen = names_seen(self.console).await;
        let preview = preview_of(self.console, &self.set.name, draft).await;
        html! {
            (kinds(draft))
            (name_and_switch(draft, &self.errors))
            // The stylesheet shows the section of the chosen kind.
            @for kind in DraftKind::CHOICES {
                section data-kind=(kind.value()) aria-labelledby={ "of-" (kind.value()) } {
                    h3 id={ "of-" (kind.value()) } { (kind.name()) }
                    (kind_fields(kind, draft, &seen, &self.errors))
                }
            }
            section.panel data-kind="cloudwatch" aria-labelledby="preview-title" {
                div.head {
                    h3 #preview-title { "Preview" }
                    button.quiet type="submit" name="action" value="preview" { "Update" }
                }
                div #preview aria-live="polite" data-preview={
                    (wizard_path(&self.set.name)) "/preview"
                } { (preview) }
            }
        }
    }

    async fn review(&self) -> Markup {
        let Ok(CheckedDraft { destination, warnings }) = self.check() else {
            return html! { p { "Go back: something is not valid any more." } };
        };
        let preview = preview_of(self.console, &self.set.name, &self.draft).await;
        html! {
            @if !warnings.is_empty() {
                div.note.warn {
                    p { "This is valid, but perhaps not as intended:" }
                    ul { @for warning in &warnings { li { bdi { (warning) } } } }
                }
            }
            section.panel aria-labelledby="review-types" {
                h3 #review-types { "Event types" }
                p { (types(&destination)) }
            }
            section.panel aria-labelledby="review-destination" {
                h3 #review-destination { "Destination" }
                dl {
                    dt { "Name" }
                    dd { (destination.name) }
                    dt { "Event publishing" }
                    dd { (state(destination.enabled)) }
                }
                (settings(&destination))
            }
            @if self.draft.kind == DraftKind::CloudWatch {
                section.panel aria-labelledby="review-preview" {
                    h3 #review-preview { "Preview" }
                    (preview)
                }
            }
            section.panel aria-labelledby="review-copies" {
                h3 #review-copies { "The same elsewhere" }
                (copies(&self.set.name, &destination))
            }
        }
    }
}
