//! What a page says after a change, and why it offers none.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::Console;
use super::fields::FormErrors;
use super::layout::{Frame, Place};
use super::visit::Visit;
use crate::api::{ApiError, ErrorKind};

const DONE: [(&str, &str); 7] = [
    ("created", "The event destination was added."),
    ("saved", "The changes were saved."),
    ("enabled", "The event destination was enabled."),
    ("disabled", "The event destination was disabled."),
    ("deleted", "The event destination was deleted."),
    ("set-created", "The configuration set was created."),
    ("set-deleted", "The configuration set was deleted."),
];

/// The path of a page that says what was done.
pub(super) fn after(path: &str, done: &str) -> String {
    format!("{path}?done={done}")
}

/// What was done, if the address says so, and when other tasks will know.
pub(super) fn done(console: &Console, visit: &Visit) -> Markup {
    let found = DONE.iter().find(|(code, _)| *code == visit.query.text("done"));
    html! {
        @if let Some((_, text)) = found {
            div.note.done role="status" tabindex="-1" data-focus {
                p {
                    (text) " It applies here to all requests from now on."
                    @if let Some(within) = console.deps().others_read_within {
                        " Other tasks that share the document read it within "
                        (humantime::format_duration(within).to_string()) "."
                    }
                }
            }
        }
    }
}

/// Why this page only shows.
pub(super) fn read_only(console: &Console, visit: &Visit) -> Markup {
    html! {
        @if let Err(why) = visit.may_write(console) {
            p.note { (why) }
        }
    }
}

/// The page of a form whose visitor may not change anything.
pub(super) fn refused(visit: &Visit, why: &str) -> Response {
    let content = html! { p.note { (why) } };
    Frame::new(Place::Sets, "Only shown here").respond(StatusCode::FORBIDDEN, visit, content)
}

/// The status of a page that shows an error of a change.
pub(super) fn status_of(error: &ApiError) -> StatusCode {
    match error.kind {
        ErrorKind::ConcurrentModification => StatusCode::CONFLICT,
        _ => error.v2_code().0,
    }
}

/// An error of a change, for the form. After a conflict the form keeps what was entered.
pub(super) fn errors_of(error: &ApiError) -> FormErrors {
    if error.kind == ErrorKind::ConcurrentModification {
        return FormErrors::whole(format!(
            "{} Nothing was saved, and your entries are still below. Compare them with what is \
             stored now; if you save again, yours replace it.",
            error.message
        ));
    }
    FormErrors::whole(error.message.clone())
}
