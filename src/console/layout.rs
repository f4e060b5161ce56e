//! What all pages share: head, navigation, and the pages that only say something.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{DOCTYPE, Markup, html};

use super::Console;
use super::form::TOKEN_FIELD;
use super::html::html as respond;
use super::visit::Visit;

/// A place in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Sets,
    Series,
    Explain,
    Health,
}

/// A link in the path above the heading: its text and address.
pub(super) type Crumb = (String, String);

/// What is around the content of a page.
pub(super) struct Frame<'f> {
    pub place: Place,
    pub title: &'f str,
    pub crumbs: Vec<Crumb>,
}

const PLACES: [(Place, &str, &str); 5] = [
    (Place::Overview, "/", "Overview"),
    (Place::Sets, "/configuration-sets", "Configuration sets"),
    (Place::Series, "/series", "Series"),
    (Place::Explain, "/explain", "Explain"),
    (Place::Health, "/health", "Health"),
];

// === impl Frame ===

impl<'f> Frame<'f> {
    pub(super) fn new(place: Place, title: &'f str) -> Self {
        Self { place, title, crumbs: Vec::new() }
    }

    pub(super) fn under(self, crumbs: Vec<Crumb>) -> Self {
        Self { crumbs, ..self }
    }

    /// The whole page. The content has no heading of the first level.
    pub(super) fn page(self, visit: &Visit, content: &Markup) -> Markup {
        document(
            &visit.assets,
            self.title,
            &html! {
                header.top {
                    a.brand href="/" { "postmeter" }
                    nav aria-label="Main" {
                        ul {
                            @for (place, path, name) in PLACES {
                                li {
                                    @let current = (place == self.place).then_some(
                                        if self.crumbs.is_empty() { "page" } else { "true" }
                                    );
                                    a href=(path) aria-current=[current] { (name) }
                                }
                            }
                        }
                    }
                    (account(visit))
                }
                main #main tabindex="-1" {
                    @if !self.crumbs.is_empty() {
                        nav.crumbs aria-label="Breadcrumbs" {
                            ol {
                                @for (text, path) in &self.crumbs {
                                    li { a href=(path) { bdi { (text) } } }
                                }
                            }
                        }
                    }
                    h1 { bdi { (self.title) } }
                    (content)
                }
            },
        )
    }

    /// The page as a response.
    #[expect(clippy::needless_pass_by_value, reason = "it is made for this call")]
    pub(super) fn respond(self, status: StatusCode, visit: &Visit, content: Markup) -> Response {
        respond(status, self.page(visit, &content))
    }
}

fn account(visit: &Visit) -> Markup {
    html! {
        @if let Some(user) = &visit.user {
            form.account method="post" action="/sign-out" {
                (token(visit))
                span { (user) " (" (visit.role.as_str()) ")" }
                button.quiet type="submit" { "Sign out" }
            }
        }
    }
}

/// The hidden field that every form carries.
pub(super) fn token(visit: &Visit) -> Markup {
    html! { input type="hidden" name=(TOKEN_FIELD) value=(visit.form_token); }
}

/// A document without navigation.
pub(super) fn document(assets: &str, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – postmeter" }
                link rel="stylesheet" href={ (assets) "/console.css" };
                link rel="icon" href={ (assets) "/icon.svg" } type="image/svg+xml";
                script type="module" src={ (assets) "/console.js" } {}
            }
            body {
                a.skip href="#main" { "Skip to content" }
                (body)
            }
        }
    }
}

/// A page with one sentence for a visitor who has not signed in.
fn notice(console: &Console, status: StatusCode, title: &str, text: &Markup) -> Response {
    let body = html! {
        main.narrow #main tabindex="-1" { h1 { (title) } (text) }
    };
    respond(status, document(&console.assets().directory(), title, &body))
}

pub(super) fn expired_form(console: &Console) -> Response {
    let text = html! {
        p { "This form was made for another session, or it is too old. Nothing was changed." }
        p { "Go back, reload the page, and send it again." }
        p { a href="/" { "Overview" } }
    };
    notice(console, StatusCode::FORBIDDEN, "This form has expired", &text)
}

pub(super) fn no_token(console: &Console) -> Response {
    let text = html! {
        p {
            "Open the link that postmeter printed at its start. It works once; SIGHUP prints a new "
            "one. To sign in with a name and password, set " code { "console.users" } "."
        }
    };
    notice(console, StatusCode::UNAUTHORIZED, "A link is needed", &text)
}

pub(super) fn signed_out(console: &Console) -> Response {
    let text = html! {
        p { "Your session has ended. Nothing was changed." }
        p { a href="/sign-in" { "Sign in" } }
    };
    notice(console, StatusCode::UNAUTHORIZED, "Signed out", &text)
}

/// A page of the console that does not exist.
pub(super) fn not_found(visit: &Visit, what: &str) -> Response {
    let content = html! {
        p { bdi { (what) } }
        p { a href="/configuration-sets" { "Configuration sets" } }
    };
    Frame::new(Place::Sets, "Not found").respond(StatusCode::NOT_FOUND, visit, content)
}
