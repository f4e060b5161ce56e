//! What the API accepts without signatures: requests of local programs, never those that a web
//! page makes a browser send.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};

use super::error::{ApiError, ErrorKind};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Accepts a request that names a loopback host and that no page of another site sends.
///
/// A name that an attacker points at 127.0.0.1 (DNS rebinding) fails by `Host`. Pages fail by
/// `Origin`, which browsers send with every change, or by `Sec-Fetch-Site` or `Referer`, which they
/// send with the rest. Clients of AWS send none of the three.
///
/// # Errors
/// The request is for another host or from a page.
pub fn check(head: &Parts) -> Result<(), ApiError> {
    let refuse = |why: &str| {
        let message = format!("ses_api.auth is \"none\": {why}.");
        Err(ApiError::new(ErrorKind::CrossSite, message))
    };
    let host = text(&head.headers, &header::HOST).unwrap_or_default();
    let target = head.uri.authority().map_or(host, axum::http::uri::Authority::as_str);
    if !is_loopback(host) || !is_loopback(target) {
        return refuse("the Host header must be localhost or a loopback address");
    }
    if head.headers.contains_key(header::ORIGIN) {
        return refuse("requests of web pages (header Origin) are rejected");
    }
    let mut sites = head.headers.get_all(SEC_FETCH_SITE).iter();
    if !sites.all(|site| matches!(site.as_bytes(), b"none" | b"same-origin")) {
        return refuse("requests of other sites (header Sec-Fetch-Site) are rejected");
    }
    if head.headers.contains_key(header::REFERER) {
        let referer = text(&head.headers, &header::REFERER).unwrap_or_default();
        let rest = referer.strip_prefix("http://").and_then(|rest| rest.strip_prefix(host));
        if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            return refuse("requests of other sites (header Referer) are rejected");
        }
    }
    Ok(())
}

/// Whether this is `localhost`, an address in 127.0.0.0/8 or `[::1]`, with or without a port.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return false };
            if address.parse::<Ipv6Addr>() != Ok(Ipv6Addr::LOCALHOST) {
                return false;
            }
            ("localhost", port)
        }
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let has_port = port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let is_local = name.eq_ignore_ascii_case("localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    is_local && (port.is_empty() || has_port)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn accepts(uri: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).expect("a request").into_parts().0).is_ok()
    }

    #[test]
    fn loopback_hosts_are_accepted_and_all_others_rejected() {
        for host in [
            "localhost",
            "LocalHost:8128",
            "127.0.0.1",
            "127.0.0.1:8128",
            "127.255.1.2:1",
            "[::1]",
            "[::1]:8128",
        ] {
            assert!(accepts("/", &[("host", host)]), "{host}");
        }
        for host in [
            "",
            ":8128",
            "example.com",
            "example.com:8128",
            "localhost.example.com",
            "localhost@example.com",
            "127.0.0.1.example.com",
            "127.0.0.1@example.com:8128",
            "127.1",
            "0.0.0.0",
            "10.0.0.1",
            "[::]",
            "[::1",
            "[::1]x",
            "[::1]:x",
            "::1",
            "localhost:",
            "localhost:x",
            "localhost:99999",
            "localhost:1:2",
            "localhost,example.com",
        ] {
            assert!(!accepts("/", &[("host", host)]), "{host}");
        }
        assert!(!accepts("/", &[]), "no host");
        assert!(!accepts("http://example.com/", &[("host", "localhost")]));
        assert!(!accepts("http://localhost/", &[("host", "example.com")]));
        assert!(accepts("http://localhost/", &[("host", "localhost")]));
    }

    #[test]
    fn requests_of_pages_are_rejected() {
        let host = ("host", "127.0.0.1:8128");
        for site in ["none", "same-origin"] {
            assert!(accepts("/", &[host, ("sec-fetch-site", site)]), "{site}");
        }
        assert!(accepts("/", &[host, ("referer", "http://127.0.0.1:8128/x")]));
        for (name, value) in [
            ("origin", "https://example.com"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:8128"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", ""),
            ("sec-fetch-site", "None"),
            ("referer", "https://example.com/"),
            ("referer", "http://127.0.0.1:81280/"),
            ("referer", "http://127.0.0.1:8128.example.com/"),
            ("referer", ""),
        ] {
            assert!(!accepts("/", &[host, (name, value)]), "{name}: {value}");
        }
        let both = [("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")];
        assert!(!accepts("/", &[host, both[0], both[1]]));
    }
}
