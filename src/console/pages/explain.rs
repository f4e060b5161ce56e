//! What is counted for a pasted event, and why. The text stays in memory.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use maud::{Markup, html};

use crate::console::Console;
use crate::console::layout::{Frame, Place, token};
use crate::console::shown;
use crate::console::visit::Visit;
use crate::explain::{ExplainedDestination, ExplainedEvent, Explainer, Explanation};
use crate::offload::offload;
use crate::ses::read_all;

/// The most values of a text that are explained.
const VALUES_MAX: usize = 50;
/// The most bytes that a text may expand to: texts of requests hold gzip in Base64.
const EXPANDED_BYTES_MAX: usize = 8 << 20;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/explain", get(page).post(explain))
}

/// What was found in a text.
#[derive(Debug, Default)]
struct ExplainedText {
    explanations: Vec<Explanation>,
    /// There was more than is explained.
    is_cut: bool,
}

async fn page(Extension(visit): Extension<Visit>) -> Response {
    Frame::new(Place::Explain, "Explain").respond(StatusCode::OK, &visit, form(&visit, "", None))
}

async fn explain(State(console): State<Console>, Extension(visit): Extension<Visit>) -> Response {
    let text = visit.form.text("event").to_owned();
    let frame = Frame::new(Place::Explain, "Explain");
    if text.trim().is_empty() {
        let content = form(&visit, "", Some("Paste an event first."));
        return frame.respond(StatusCode::UNPROCESSABLE_ENTITY, &visit, content);
    }
    let (rules, now_ms, bytes) = ((console.deps().rules)(), visit.now_ms, text.clone());
    let work = move || {
        let mut found = ExplainedText::default();
        let take = |explanation| {
            found.is_cut = found.explanations.len() == VALUES_MAX;
            if !found.is_cut {
                found.explanations.push(explanation);
            }
            !found.is_cut
        };
        let interest = rules.interest().clone();
        let mut explainer = Explainer::new(rules, now_ms, take).within(EXPANDED_BYTES_MAX);
        read_all(bytes.as_bytes(), &interest, &mut explainer);
        let is_over = explainer.is_beyond();
        found.is_cut |= is_over;
        found
    };
    let content = match offload(work).await {
        Ok(found) => html! {
            (form(&visit, &text, None))
            (result(&found))
        },
        Err(_) => form(&visit, &text, Some("Reading this text failed; the log says why.")),
    };
    frame.respond(StatusCode::OK, &visit, content)
}

fn form(visit: &Visit, text: &str, error: Option<&str>) -> Markup {
    html! {
        p.hint {
            "Paste an event, in any wrapping: bare, from SNS, SQS, EventBridge or Firehose. It stays in the "
            "memory of this task and is neither counted nor stored."
        }
        form method="post" action="/explain" {
            (token(visit))
            div.field {
                label for="event" { "Event" }
                @if let Some(error) = error {
                    p.error #event-error data-focus tabindex="-1" { (error) }
                }
                textarea.code #event name="event" rows="10" spellcheck="false" autocapitalize="off"
                    aria-invalid=[error.map(|_| "true")] aria-describedby=[error.map(|_| "event-error")] {
                    // A parser drops the first newline.
                    "\n" (text)
                }
            }
            p.actions { button.primary type="submit" { "Explain" } }
        }
    }
}

fn result(found: &ExplainedText) -> Markup {
    html! {
        section #result tabindex="-1" data-focus aria-label="Result" {
            @if found.explanations.is_empty() { p { "This text has no values." } }
            @for explanation in &found.explanations { (value(explanation)) }
            @if found.is_cut {
                p.note.warn { "The text has more than this page explains. " code { "postmeter explain" } " explains all of it." }
            }
        }
    }
}

fn value(explanation: &Explanation) -> Markup {
    let wrappings = if explanation.wrappings.is_empty() {
        "bare".to_owned()
    } else {
        explanation.wrappings.join(" > ")
    };
    html! {
        section.panel {
            @match &explanation.event {
                Some(found) => {
                    h2 { (found.event_type) " event" }
                    (event(found, &wrappings))
                }
                None => {
                    h2 { "Not counted" }
                    dl {
                        dt { "Kind" } dd { code { (explanation.kind) } " (" (wrappings) ")" }
                        dt { "Reason" } dd { (shown::value(explanation.reason.as_deref().unwrap_or_default())) }
                        dt { "Place" } dd { "byte " (explanation.at.unwrap_or(0)) " of the text" }
                    }
                }
            }
        }
    }
}

fn event(event: &ExplainedEvent, wrappings: &str) -> Markup {
    html! {
        dl {
            dt { "Wrapping" } dd { (wrappings) }
            dt { "Configuration set" }
            dd {
                @match &event.configuration_set {
                    None => "named by no tag: the event is unrouted",
                    Some(set) => {
                        (shown::value(set))
                        @if !event.routed { ", which is unknown: the event is unrouted" }
                    }
                }
            }
            dt { "Minute" } dd { (event.minute) " (" (event.minute_from) ")" }
        }
        @for found in &event.destinations { (destination(found)) }
    }
}

fn destination(destination: &ExplainedDestination) -> Markup {
    html! {
        h3 { "Event destination " (shown::value(&destination.name)) ": " (destination.verdict) }
        @if !destination.dimensions.is_empty() {
            div.scroll tabindex="0" role="region" aria-label={ "Dimensions of " (destination.name) } {
                table {
                    thead {
                        tr {
                            @for name in ["Dimension", "Value", "Source", "Origin"] { th scope="col" { (name) } }
                        }
                    }
                    tbody {
                        @for dimension in &destination.dimensions {
                            tr {
                                th scope="row" { (shown::value(&dimension.name)) }
                                td { (shown::value(&dimension.value)) }
                                td { (dimension.source) }
                                td { (dimension.origin) }
                            }
                        }
                    }
                }
            }
        }
        @for series in &destination.series {
            p {
                "Series of " (shown::value(&series.dimensions.join(", "))) ": " (shown::value(&series.verdict))
            }
        }
        @if let Some(datum) = &destination.datum {
            p { "Datum: " (shown::value(&datum.namespace)) " " (datum.metric) " " (datum.timestamp) ", count 1" }
        }
    }
}
