//! Parses and prints text for values of several sections.
//!
//! A fault says what is wrong and how to fix it; the caller adds the place. User text is quoted,
//! shortened and escaped; an access key is never quoted.

use std::net::SocketAddr;
use std::time::Duration;

use crate::definitions::namespace_fault;
use crate::printable::printable;

/// The fault, and how to fix it.
pub(super) type Fault = (String, String);

pub(super) const ADDRESS_FIX: &str = "write an IP address and a port, such as \"127.0.0.1:8127\"";

/// IAM: 2048 for an ARN.
pub(super) const ARN_BYTES_MAX: usize = 2048;

const URL_PATH_BYTES_MAX: usize = 512;

/// User text for a message: escaped, and cut after 40 characters.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", printable(text, 40))
}

/// A text as a string of TOML. Texts of keys have no control characters.
pub(super) fn toml_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A duration as an operator would write it: one number, in the largest unit that divides it.
pub(super) fn duration(time: Duration) -> String {
    let ms = time.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
    match units.into_iter().find(|(unit_ms, _)| ms.is_multiple_of(*unit_ms)) {
        Some((unit_ms, unit)) if time.subsec_nanos().is_multiple_of(1_000_000) => {
            format!("{}{unit}", ms / unit_ms)
        }
        _ => humantime::format_duration(time).to_string(),
    }
}

pub(super) fn parse_duration(
    text: &str,
    least: Duration,
    most: Duration,
) -> Result<Duration, Fault> {
    let Ok(time) = humantime::parse_duration(text.trim()) else {
        let what = format!("{} is not a duration", quoted(text));
        return Err((
            what,
            "write a number with a unit, such as \"500ms\", \"10s\" or \"2m\"".into(),
        ));
    };
    if time < least || time > most {
        let (least, most) = (duration(least), duration(most));
        let what = format!("{} is outside {least} to {most}", quoted(text));
        return Err((what, "choose a duration between them".into()));
    }
    Ok(time)
}

pub(super) fn address(text: &str) -> Result<SocketAddr, Fault> {
    let fault = |_| (format!("{} is not an address", quoted(text)), ADDRESS_FIX.to_owned());
    text.trim().parse().map_err(fault)
}

/// Whether this is the id of an AWS account.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Allows the characters that the router matches literally.
pub(super) fn url_path(text: &str) -> Result<String, Fault> {
    if !text.starts_with('/') {
        let what = format!("{} does not start with `/`", quoted(text));
        return Err((what, "write a path such as \"/firehose\"".into()));
    }
    if text.len() > URL_PATH_BYTES_MAX {
        let what = format!("the path is longer than {URL_PATH_BYTES_MAX} bytes");
        return Err((what, "write a shorter path".into()));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if !text.bytes().all(allowed) {
        let what = format!("{} is not a valid URL path", quoted(text));
        return Err((what, "use only letters, digits and `/ - . _ ~`".into()));
    }
    if matches!(text, "/livez" | "/readyz") {
        let what = format!("{} is the path of a health check", quoted(text));
        return Err((what, "choose another path, such as \"/firehose\"".into()));
    }
    Ok(text.to_owned())
}

pub(super) fn namespace(text: &str) -> Result<String, Fault> {
    namespace_fault(text).map_or_else(|| Ok(text.to_owned()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_short_and_has_no_control_characters() {
        assert_eq!(quoted("a\nb\u{1b}"), r"`a\nb\u{1b}`");
        assert_eq!(quoted(&"ä".repeat(41)), format!("`{}…`", "ä".repeat(40)));
        assert_eq!(quoted(&"a".repeat(40)), format!("`{}`", "a".repeat(40)));
    }

    #[test]
    fn a_duration_is_printed_as_one_number() {
        for text in ["50ms", "75s", "1m", "90m", "24h", "1500ms"] {
            let time = humantime::parse_duration(text).unwrap();
            assert_eq!(duration(time), text);
        }
        assert_eq!(duration(Duration::from_micros(1500)), "1ms 500us");
    }

    #[test]
    fn a_path_has_no_pattern_and_hides_no_health_check() {
        assert_eq!(url_path("/a/b-c.d"), Ok("/a/b-c.d".into()));
        for wrong in ["", "firehose", "/livez", "/readyz", "/a b", "/{a}", "/a?b", "/:a", "/*a"] {
            assert!(url_path(wrong).is_err(), "{wrong}");
        }
        assert!(url_path(&format!("/{}", "a".repeat(512))).is_err());
    }
}
