//! Domains of addresses and links, in one spelling: lower case, punycode, no dot at the end.

use std::borrow::Cow;

use crate::ses::json::raw::Text;

/// The longest domain name of the DNS. Longer ones are not encoded, because none exists.
const DOMAIN_CHARS_MAX: usize = 253;

/// The domain of an email address, which may have a display name and angle brackets. `None` without
/// a domain.
pub(super) fn domain_of_address(address: Text<'_>) -> Option<Text<'_>> {
    let (start, end) = {
        let text = address.trim_ascii_end();
        // A display name may contain anything, so the last brackets count.
        let end = text.len() - usize::from(text.ends_with(b">"));
        let at = memchr::memrchr(b'@', &text[..end])?;
        (at + 1, end)
    };
    normal(part(address, start, end))
}

/// The host of a link. `None` without one, as in `mailto:`.
pub(super) fn host_of_link(link: Text<'_>) -> Option<Text<'_>> {
    let (start, end) = {
        let scheme = memchr::memmem::find(&link, b"://")? + 3;
        let is_end = |byte: &u8| matches!(byte, b'/' | b'?' | b'#' | b'\\');
        let len = link[scheme..].iter().position(is_end).unwrap_or(link.len() - scheme);
        let end = scheme + len;
        let start = memchr::memrchr(b'@', &link[scheme..end]).map_or(scheme, |at| scheme + at + 1);
        (start, start + len_without_port(&link[start..end]))
    };
    normal(part(link, start, end))
}

fn len_without_port(host: &[u8]) -> usize {
    let Some(colon) = memchr::memrchr(b':', host) else { return host.len() };
    // An IPv6 address has colons in its brackets.
    let is_port = host[colon + 1..].iter().all(u8::is_ascii_digit);
    if is_port { colon } else { host.len() }
}

fn part(text: Text<'_>, start: usize, end: usize) -> Text<'_> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[start..end]),
        Cow::Owned(text) => Cow::Owned(text[start..end].to_vec()),
    }
}

/// A domain in its one spelling; `None` if it is blank.
pub(super) fn normal(domain: Text<'_>) -> Option<Text<'_>> {
    let trimmed = domain.trim_ascii();
    let trimmed = trimmed.strip_suffix(b".").unwrap_or(trimmed);
    if trimmed.is_empty() {
        return None;
    }
    if trimmed.is_ascii() {
        let is_lower = !trimmed.iter().any(u8::is_ascii_uppercase);
        return Some(match domain {
            Cow::Borrowed(_) if is_lower => {
                let start = domain.len() - domain.trim_ascii_start().len();
                let end = start + trimmed.len();
                part(domain, start, end)
            }
            _ => Cow::Owned(trimmed.to_ascii_lowercase()),
        });
    }
    let lower = String::from_utf8_lossy(trimmed).to_lowercase();
    if lower.chars().count() > DOMAIN_CHARS_MAX {
        return Some(Cow::Owned(lower.into_bytes()));
    }
    // What is no domain name keeps its letters.
    Some(Cow::Owned(idna::domain_to_ascii(&lower).unwrap_or(lower).into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: Option<Text<'_>>) -> String {
        found.map_or("-".to_owned(), |text| String::from_utf8_lossy(&text).into_owned())
    }

    #[test]
    fn domain_of_an_address_is_behind_its_last_at_sign() {
        for (address, domain) in [
            ("ann@example.com", "example.com"),
            ("Ann@EXAMPLE.Com", "example.com"),
            ("Ann <ann@example.com>", "example.com"),
            ("\"a@b.org, <x@y.org>\" <ann@example.com> ", "example.com"),
            ("<ann@example.com>", "example.com"),
            ("\"a@b\"@example.com", "example.com"),
            ("ann@example.com.", "example.com"),
            ("ann@b\u{fc}cher.example", "xn--bcher-kva.example"),
            ("ann@B\u{dc}CHER.Example", "xn--bcher-kva.example"),
            ("ann@\u{4f8b}\u{3048}\u{3002}jp", "xn--r8jz45g.jp"),
            ("ann@xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("ann@[192.0.2.1]", "[192.0.2.1]"),
            ("=?UTF-8?Q?Ann_<x>?= <ann@example.com>", "example.com"),
            ("postmaster", "-"),
            ("ann@", "-"),
            ("ann@ ", "-"),
            ("ann@.", "-"),
            ("<>", "-"),
            ("", "-"),
        ] {
            let text = Cow::Borrowed(address.as_bytes());
            assert_eq!(shown(domain_of_address(text)), domain, "{address}");
            let text = Cow::Owned(address.as_bytes().to_vec());
            assert_eq!(shown(domain_of_address(text)), domain, "{address}");
        }
    }

    #[test]
    fn host_of_a_link_has_no_user_port_or_path() {
        for (link, host) in [
            ("https://example.com", "example.com"),
            ("HTTPS://Shop.EXAMPLE.com:8443/a?b=c@d#e", "shop.example.com"),
            ("https://ann:secret@example.com/", "example.com"),
            ("https://ann@b@example.com:/x", "example.com"),
            ("https://example.com?to=https://other.example", "example.com"),
            ("https://example.com#@other.example", "example.com"),
            ("https://example.com\\@other.example", "example.com"),
            ("https://b\u{fc}cher.example/", "xn--bcher-kva.example"),
            ("https://[2001:db8::1]:443/", "[2001:db8::1]"),
            ("https://[2001:db8::1]/", "[2001:db8::1]"),
            ("https://example.com./", "example.com"),
            ("app://open/page", "open"),
            ("mailto:ann@example.com", "-"),
            ("https:///path", "-"),
            ("https://:80/", "-"),
            ("example.com/a", "-"),
            ("", "-"),
        ] {
            assert_eq!(shown(host_of_link(Cow::Borrowed(link.as_bytes()))), host, "{link}");
        }
    }

    #[test]
    fn domain_that_is_too_long_is_not_encoded() {
        let long = "\u{e9}".repeat(254);
        assert_eq!(shown(normal(Cow::Borrowed(long.as_bytes()))), long);
        let longest = "\u{e9}".repeat(253);
        let encoded = shown(normal(Cow::Borrowed(longest.as_bytes())));
        assert!(encoded.starts_with("xn--") && encoded.is_ascii(), "{encoded}");
    }
}
