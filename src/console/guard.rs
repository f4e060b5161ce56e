//! What every request passes before a page sees it: host, origin, session, form token.
//!
//! A page of another site can make a browser send requests here. It cannot read the responses, and
//! its forms have no token; the browser also says where a request comes from.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};

use super::Console;
use super::access::Admitted;
use super::form::{FORM_BYTES_MAX, Form, TOKEN_FIELD};
use super::html::see_other;
use super::layout;
use super::visit::Visit;
use crate::config::ConsoleRole;
use crate::http::{Peer, is_loopback_host, is_origin_of};
use crate::telemetry::RejectReason;

/// The page to sign in.
pub(super) const SIGN_IN: &str = "/sign-in";
/// Most bytes of the form to sign in, which strangers may send.
const SIGN_IN_BYTES_MAX: usize = 8 << 10;

/// Passes a request on with its [`Visit`], or rejects it.
pub(super) async fn check(
    State(console): State<Console>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    match admit(&console, head, body).await {
        Ok(request) => next.run(request).await,
        Err(response) => response,
    }
}

async fn admit(console: &Console, mut head: Parts, body: Body) -> Result<Request, Response> {
    let access = console.access();
    let host = host_of(&head.uri, &head.headers, access.has_users())
        .ok_or_else(|| reject(console, StatusCode::MISDIRECTED_REQUEST, RejectReason::Host))?;
    if !is_own_request(&head.method, &head.headers, &host) {
        return Err(reject(console, StatusCode::FORBIDDEN, RejectReason::CrossSite));
    }
    let path = head.uri.path();
    if path.starts_with("/assets/") || path == "/livez" || path == "/readyz" {
        return Ok(Request::from_parts(head, body));
    }
    let is_sign_in = path == SIGN_IN;
    let query = Form::parse(head.uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let visitor = access.admit(&head.headers);
    if visitor.is_none() && !is_sign_in {
        return Err(turn_away(console, &head, &query));
    }
    let of_form = if is_sign_in { None } else { visitor.as_ref() };
    let form = match head.method {
        Method::GET | Method::HEAD => Form::default(),
        Method::POST => {
            let bytes_max = if is_sign_in { SIGN_IN_BYTES_MAX } else { FORM_BYTES_MAX };
            let form = read_form(body, bytes_max).await?;
            if !access.accepts_form(form.text(TOKEN_FIELD), of_form) {
                console.deps().metrics.http_rejected.increment(RejectReason::FormToken);
                return Err(layout::expired_form(console));
            }
            form
        }
        _ => return Err(StatusCode::METHOD_NOT_ALLOWED.into_response()),
    };
    let visit = visit(console, &head, of_form, query, form);
    head.extensions.insert(visit);
    Ok(Request::from_parts(head, Body::empty()))
}

fn visit(
    console: &Console,
    head: &Parts,
    visitor: Option<&Admitted>,
    query: Form,
    form: Form,
) -> Visit {
    Visit {
        user: visitor.and_then(|visitor| visitor.user.clone()),
        role: visitor.map_or(ConsoleRole::Reader, |visitor| visitor.role),
        peer: head.extensions.get::<Peer>().map(|peer| peer.0),
        form_token: console.access().form_token(visitor),
        assets: console.assets().directory(),
        query,
        form,
        now_ms: console.deps().clock.now_ms(),
    }
}

/// Sends a stranger to sign in, or lets the holder of the one-time token in.
fn turn_away(console: &Console, head: &Parts, query: &Form) -> Response {
    let access = console.access();
    let is_get = head.method == Method::GET;
    if is_get && query.has("token") && !access.has_users() {
        let is_secure = access.is_secure(&head.headers);
        if let Some(cookie) = access.spend(query.text("token"), is_secure) {
            let mut response = see_other(head.uri.path());
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            return response;
        }
    }
    console.deps().metrics.http_rejected.increment(RejectReason::Session);
    if !access.has_users() {
        return layout::no_token(console);
    }
    // Scripts get a status that they understand, and people a page.
    if is_get && accepts_html(&head.headers) {
        let next: String = form_urlencoded::byte_serialize(head.uri.path().as_bytes()).collect();
        return see_other(&format!("{SIGN_IN}?next={next}"));
    }
    layout::signed_out(console)
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_none_or(|accept| accept.contains("text/html") || accept.contains("*/*"))
}

async fn read_form(body: Body, bytes_max: usize) -> Result<Form, Response> {
    let body = Limited::new(body, bytes_max).collect().await.map_err(|_| {
        let text = format!("the form is larger than {bytes_max} bytes, or did not arrive\n");
        (StatusCode::PAYLOAD_TOO_LARGE, text).into_response()
    })?;
    let form = Form::parse(&body.to_bytes());
    form.ok_or_else(|| (StatusCode::BAD_REQUEST, "the form has too many fields\n").into_response())
}

fn reject(console: &Console, status: StatusCode, reason: RejectReason) -> Response {
    console.deps().metrics.http_rejected.increment(reason);
    let text = match reason {
        RejectReason::Host => {
            "Host must be localhost or a loopback address, because the console has no users\n"
        }
        _ => "requests of other sites are rejected\n",
    };
    (status, text).into_response()
}

/// The host of a request. Without users it must be a loopback address: with DNS rebinding, the name of
/// another site leads here. With users a foreign name is harmless, because its cookies are others.
fn host_of(uri: &Uri, headers: &HeaderMap, has_users: bool) -> Option<Authority> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    let host = Authority::try_from(host.as_bytes()).ok()?;
    let is_own = !host.as_str().contains('@') && (has_users || is_loopback_host(host.host()));
    (is_own && uri.authority().is_none_or(|named| *named == host)).then_some(host)
}

/// Whether no page of another site sent a request. A link on one may lead to a page here.
fn is_own_request(method: &Method, headers: &HeaderMap, host: &Authority) -> bool {
    let all = |name: &str, is_own: &dyn Fn(&str) -> bool| {
        headers.get_all(name).iter().all(|value| value.to_str().is_ok_and(is_own))
    };
    let is_link = *method == Method::GET
        && headers.get("sec-fetch-mode").is_some_and(|mode| mode.as_bytes() == b"navigate")
        && !headers.contains_key(header::ORIGIN);
    let site_is_own = all("sec-fetch-site", &|site| matches!(site, "none" | "same-origin"));
    // Because of `no-referrer`, browsers send `null` with the forms of our own pages.
    let origin_is_own = all("origin", &|origin| origin == "null" || is_origin_of(origin, host));
    is_link || (site_is_own && origin_is_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), value.parse().expect("a value"))
        });
        pairs.collect()
    }

    #[test]
    fn host_is_loopback_unless_there_are_users() {
        let is_host = |host: &str, has_users| {
            host_of(&Uri::from_static("/"), &headers(&[("host", host)]), has_users).is_some()
        };
        for host in ["127.0.0.1:8129", "localhost", "[::1]:8129", "LOCALHOST:1"] {
            assert!(is_host(host, false) && is_host(host, true), "{host}");
        }
        for host in ["example.com", "127.0.0.1.example.com", "10.0.0.1:8129"] {
            assert!(!is_host(host, false) && is_host(host, true), "{host}");
        }
        assert!(!is_host("a@127.0.0.1", false) && !is_host("a@example.com", true));
        assert!(host_of(&Uri::from_static("/"), &HeaderMap::new(), true).is_none());
        let proxied = Uri::from_static("http://example.com/");
        assert!(host_of(&proxied, &headers(&[("host", "localhost")]), true).is_none());
    }

    #[test]
    fn form_of_another_site_is_rejected_and_its_link_is_not() {
        let host = Authority::from_static("localhost:8129");
        let is_own = |method: Method, pairs: &[(&'static str, &str)]| {
            is_own_request(&method, &headers(pairs), &host)
        };
        let own = [
            &[][..],
            &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8129")],
        ];
        let foreign = [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "navigate"), ("origin", "null")],
            &[("origin", "http://example.com")],
            &[("origin", "http://localhost:8127")],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://example.com")],
        ];
        for pairs in own {
            assert!(is_own(Method::GET, pairs) && is_own(Method::POST, pairs), "{pairs:?}");
        }
        for pairs in foreign {
            assert!(!is_own(Method::GET, pairs) && !is_own(Method::POST, pairs), "{pairs:?}");
        }
        let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert!(is_own(Method::GET, &link) && !is_own(Method::POST, &link));
    }
}
