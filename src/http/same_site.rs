//! Rejects requests that a web page sent through a local browser, where no key is required.
//!
//! Every page that is open in a browser on the same machine can reach a listener on loopback.
//! Requests of a page to another site carry `Origin` or `Sec-Fetch-Site`. With DNS rebinding, a
//! page's own name resolves to 127.0.0.1: such requests are same-site, but `Host` is the page's
//! name. <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site>,
//! 2026-11-29.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN, REFERER};
use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::telemetry::{LogLimiter, Metrics, RejectReason};

/// Interval of log lines about rejected requests: at most one.
const LOG_INTERVAL: Duration = Duration::from_secs(10);
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Why a request is not accepted as local and same-site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSameSite {
    #[error(
        "Host must be localhost or a loopback address, because no key or token is configured here"
    )]
    Host,
    #[error("requests of other sites are rejected, because no key or token is configured here")]
    CrossSite,
}

/// Rejects requests that are not same-site, with a counter and a log line.
#[derive(Clone, Debug)]
pub(crate) struct SameSiteOnly(Arc<SameSiteShared>);

#[derive(Debug)]
struct SameSiteShared {
    metrics: Arc<Metrics>,
    log: LogLimiter,
}

/// Checks that a request names a loopback host, and that no page of another site sent it.
///
/// # Errors
/// [`NotSameSite`]: the reason.
pub(crate) fn same_site(uri: &Uri, headers: &HeaderMap) -> Result<(), NotSameSite> {
    let host = host_of(uri, headers).ok_or(NotSameSite::Host)?;
    let own_origin = |origin: &str| is_origin_of(origin, &host);
    let sites_are_own = headers
        .get_all(SEC_FETCH_SITE)
        .iter()
        .all(|site| matches!(site.as_bytes(), b"none" | b"same-origin"));
    // For images, old browsers send only the `Referer`.
    let origins_are_own = [ORIGIN, REFERER].iter().all(|name| {
        headers.get_all(name).iter().all(|origin| origin.to_str().is_ok_and(own_origin))
    });
    if sites_are_own && origins_are_own { Ok(()) } else { Err(NotSameSite::CrossSite) }
}

/// The host of a request, if it is unique and a loopback address.
fn host_of(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    let host = Authority::try_from(host.as_bytes()).ok()?;
    let is_loopback =
        |host: &Authority| is_loopback_host(host.host()) && !host.as_str().contains('@');
    // A proxy request also has its target in the request line.
    (is_loopback(&host) && uri.authority().is_none_or(is_loopback)).then_some(host)
}

/// Whether a host is localhost or a loopback address.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let address = address.parse::<Ipv6Addr>();
        return address.is_ok_and(|address| address.to_canonical().is_loopback());
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    name.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Whether an origin or URL belongs to a page served by this host.
pub(crate) fn is_origin_of(origin: &str, host: &Authority) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else { return false };
    let default_port = match origin.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP => 80,
        Some(scheme) if *scheme == Scheme::HTTPS => 443,
        _ => return false,
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    origin.authority().is_some_and(|authority| {
        authority.host().eq_ignore_ascii_case(host.host()) && port(authority) == port(host)
    })
}

// === impl NotSameSite ===

impl NotSameSite {
    /// The status of the response.
    #[must_use]
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::CrossSite => StatusCode::FORBIDDEN,
        }
    }

    /// The label of the metric.
    #[must_use]
    pub(crate) const fn reason(self) -> RejectReason {
        match self {
            Self::Host => RejectReason::Host,
            Self::CrossSite => RejectReason::CrossSite,
        }
    }
}

// === impl SameSiteOnly ===

impl SameSiteOnly {
    #[must_use]
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        let log = LogLimiter::new(LOG_INTERVAL, Arc::clone(&metrics));
        Self(Arc::new(SameSiteShared { metrics, log }))
    }

    /// For [`axum::middleware::from_fn_with_state`].
    pub(crate) async fn check(State(only): State<Self>, request: Request, next: Next) -> Response {
        match same_site(request.uri(), request.headers()) {
            Ok(()) => next.run(request).await,
            Err(why) => only.reject(why),
        }
    }

    fn reject(&self, why: NotSameSite) -> Response {
        self.0.metrics.http_rejected.increment(why.reason());
        if self.0.log.allow() {
            tracing::warn!(reason = why.reason().as_str(), "request rejected");
        }
        (why.status(), format!("{why}\n")).into_response()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn checked(uri: &str, headers: &[(&'static str, &str)]) -> Result<(), NotSameSite> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).expect("a header's value"));
        }
        same_site(&uri.parse().expect("a URI"), &map)
    }

    #[test]
    fn loopback_hosts_are_accepted_at_any_port() {
        for host in [
            "localhost",
            "LOCALHOST:8127",
            "localhost.:8127",
            "127.0.0.1",
            "127.9.8.7:1",
            "[::1]",
            "[::1]:8127",
            "[::ffff:127.0.0.1]:8127",
        ] {
            assert_eq!(checked("/", &[("host", host)]), Ok(()), "{host}");
        }
    }

    #[test]
    fn other_hosts_are_rejected() {
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.localhost",
            "localhost@evil.example",
            "evil@localhost",
            "10.0.0.1:8127",
            "0.0.0.0:8127",
            "[::]:8127",
            "[::ffff:10.0.0.1]",
            "2130706433",
            "0x7f.1",
            "::1",
        ] {
            assert_eq!(checked("/", &[("host", host)]), Err(NotSameSite::Host), "{host}");
        }
        let two = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(checked("/", &two), Err(NotSameSite::Host));
        assert_eq!(checked("/", &[]), Err(NotSameSite::Host));
        let absolute = checked("http://evil.example/", &[("host", "localhost")]);
        assert_eq!(absolute, Err(NotSameSite::Host));
        assert_eq!(checked("http://localhost/", &[("host", "localhost")]), Ok(()));
    }

    #[test]
    fn requests_of_other_sites_are_rejected() {
        let host = ("host", "127.0.0.1:8127");
        for site in ["cross-site", "same-site", "", "None"] {
            let sent = checked("/", &[host, (SEC_FETCH_SITE, site)]);
            assert_eq!(sent, Err(NotSameSite::CrossSite), "{site}");
        }
        for referer in ["https://evil.example/", "http://127.0.0.1:81270/", ""] {
            let sent = checked("/", &[host, ("referer", referer)]);
            assert_eq!(sent, Err(NotSameSite::CrossSite), "{referer}");
        }
        assert_eq!(checked("/", &[host, ("referer", "http://127.0.0.1:8127/a?b")]), Ok(()));
        for origin in [
            "null",
            "",
            "http://evil.example",
            "http://localhost:8127",
            "http://127.0.0.1:8128",
            "http://127.0.0.1",
            "file://127.0.0.1:8127",
            "127.0.0.1:8127",
        ] {
            let sent = checked("/", &[host, ("origin", origin)]);
            assert_eq!(sent, Err(NotSameSite::CrossSite), "{origin}");
        }
        let both = [host, ("origin", "http://127.0.0.1:8127"), ("origin", "http://evil.example")];
        assert_eq!(checked("/", &both), Err(NotSameSite::CrossSite));
    }

    #[test]
    fn requests_of_the_same_origin_and_of_no_page_are_accepted() {
        let host = ("host", "127.0.0.1:8127");
        let own = [host, ("origin", "http://127.0.0.1:8127"), (SEC_FETCH_SITE, "same-origin")];
        assert_eq!(checked("/", &own), Ok(()));
        assert_eq!(checked("/", &[host, (SEC_FETCH_SITE, "none")]), Ok(()));
        let default_port = [("host", "localhost"), ("origin", "https://LOCALHOST:443")];
        assert_eq!(checked("/", &default_port), Ok(()));
    }
}
