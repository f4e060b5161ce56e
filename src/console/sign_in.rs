//! Signing in with a name and a password, and signing out.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use maud::html;
use tokio::time::{Instant, timeout};

use super::Console;
use super::guard::SIGN_IN;
use super::html::{html as respond, see_other};
use super::layout::{document, token};
use super::password::{NO_HASH, is_password};
use super::visit::Visit;
use crate::config::ConsoleUser;
use crate::http::PeerGroup;
use crate::offload::offload;
use crate::telemetry::RejectReason;

/// How long a sign-in waits for those before it.
const PATIENCE: Duration = Duration::from_secs(5);
const NO_PEER: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Why a visitor is not in.
enum SignInError {
    Wrong,
    TooMany(Duration),
    Busy,
}

pub(super) async fn page(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
) -> Response {
    if !console.access().has_users() {
        return see_other("/");
    }
    form(&visit, StatusCode::OK, None)
}

pub(super) async fn submit(
    State(console): State<Console>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
) -> Response {
    let name = visit.form.text("name");
    let peer = visit.peer.map(tracing::field::display);
    match verify(&console, &visit).await {
        Ok(user) => {
            tracing::info!(user = user.name, peer, "signed in");
            let is_secure = console.access().is_secure(&headers);
            let mut response = see_other(next(&visit));
            let cookie = console.access().sign_in(user, is_secure);
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            response
        }
        Err(error) => {
            console.deps().metrics.http_rejected.increment(RejectReason::SignIn);
            // The name may be a password in the wrong field.
            let is_known = console.access().user(name).is_some();
            let user = is_known.then_some(name);
            tracing::warn!(user, peer, reason = error.reason(), "sign-in rejected");
            error.respond(&visit)
        }
    }
}

pub(super) async fn sign_out(State(console): State<Console>, headers: HeaderMap) -> Response {
    let mut response = see_other(SIGN_IN);
    let cookie = console.access().sign_out(&headers);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

/// Verifies name and password. An unknown name takes as long as a known one.
async fn verify<'c>(console: &'c Console, visit: &Visit) -> Result<&'c ConsoleUser, SignInError> {
    let access = console.access();
    let user = access.user(visit.form.text("name"));
    let name = user.map_or("", |user| &*user.name);
    let peer = PeerGroup::of(visit.peer.map_or(NO_PEER, |peer| peer.ip()));
    access.throttle.attempt(peer, name, Instant::now()).map_err(SignInError::TooMany)?;
    let place = timeout(PATIENCE, access.verifications.acquire()).await;
    let Ok(Ok(_place)) = place else { return Err(SignInError::Busy) };
    let hash = user.map_or(NO_HASH.as_bytes(), |user| user.hash.as_bytes());
    let hash = String::from_utf8_lossy(hash).into_owned();
    let password = visit.form.text("password").to_owned();
    let verifying = offload(move || is_password(&password, &hash)).await;
    match (verifying, user) {
        (Ok(true), Some(user)) => {
            access.throttle.succeeded(peer, name);
            Ok(user)
        }
        _ => Err(SignInError::Wrong),
    }
}

/// The page to go to, if it is one of ours.
fn next(visit: &Visit) -> &str {
    let path = visit.form.text("next");
    let is_own = path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own { path } else { "/" }
}

fn form(visit: &Visit, status: StatusCode, error: Option<&str>) -> Response {
    let next = if visit.form.has("next") { &visit.form } else { &visit.query }.text("next");
    let describes = error.map(|_| "sign-in-error");
    let body = html! {
        main.narrow #main tabindex="-1" {
            h1 { "Sign in to postmeter" }
            @if let Some(error) = error {
                p.error #sign-in-error role="alert" { (error) }
            }
            form method="post" action=(SIGN_IN) {
                (token(visit))
                input type="hidden" name="next" value=(next);
                div.field {
                    label for="name" { "Name" }
                    input #name name="name" type="text" autocomplete="username" required
                        autocapitalize="none" spellcheck="false" aria-describedby=[describes]
                        value=(visit.form.text("name"));
                }
                div.field {
                    label for="password" { "Password" }
                    input #password name="password" type="password" required
                        autocomplete="current-password" aria-describedby=[describes];
                }
                button.primary type="submit" { "Sign in" }
            }
        }
    };
    respond(status, document(&visit.assets, "Sign in", &body))
}

// === impl SignInError ===

impl SignInError {
    const fn reason(&self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::TooMany(_) => "too_many",
            Self::Busy => "busy",
        }
    }

    fn respond(&self, visit: &Visit) -> Response {
        match self {
            Self::Wrong => {
                form(visit, StatusCode::UNAUTHORIZED, Some("The name or the password is wrong."))
            }
            Self::TooMany(wait) => {
                let seconds = wait.as_secs().max(1);
                let text = format!("Too many attempts. Try again in {seconds} s.");
                let mut response = form(visit, StatusCode::TOO_MANY_REQUESTS, Some(&text));
                let retry = HeaderValue::from(seconds);
                response.headers_mut().insert(header::RETRY_AFTER, retry);
                response
            }
            Self::Busy => {
                let text = "Too many sign-ins at once. Try again.";
                form(visit, StatusCode::SERVICE_UNAVAILABLE, Some(text))
            }
        }
    }
}
