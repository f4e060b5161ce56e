//! Makes untrusted text safe for a log line or a message: escaped, and cut.

/// The number of characters of a name, an id or a path that are shown.
pub(crate) const SHOWN_CHARS_MAX: usize = 300;

/// Escapes unprintable characters and cuts the text after `chars_max` characters.
#[must_use]
pub(crate) fn printable(text: &str, chars_max: usize) -> String {
    let mut out = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == chars_max {
            out.push('\u{2026}');
            break;
        }
        out.extend(character.escape_debug());
    }
    out
}

/// As [`printable`], for a field of a log line.
#[must_use]
pub(crate) fn shown(text: &str) -> String {
    printable(text, SHOWN_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_cut() {
        assert_eq!(printable("plain \u{e9}", 7), "plain \u{e9}");
        assert_eq!(printable("a\nb\u{1b}[2J\u{202e}", 99), "a\\nb\\u{1b}[2J\\u{202e}");
        assert_eq!(printable("abc", 2), "ab\u{2026}");
        assert!(shown(&"\0".repeat(1 << 20)).len() < 4 * SHOWN_CHARS_MAX);
    }
}
