//! Text for people: untrusted text made safe for a log line or a message, and numbers of things.

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

/// A number of things: `1 value`, `2 values`, `2 matches`.
#[must_use]
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let ending = match noun {
        _ if count == 1 || noun == "series" => "",
        _ if noun.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{count} {noun}{ending}")
}

/// A number with a comma before each three digits.
#[must_use]
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_singular() {
        assert_eq!(counted(0, "value"), "0 values");
        assert_eq!(counted(1, "value"), "1 value");
        assert_eq!(counted(2, "value"), "2 values");
        assert_eq!([counted(1, "match"), counted(21, "match")], ["1 match", "21 matches"]);
        assert_eq!([counted(1, "series"), counted(7, "series")], ["1 series", "7 series"]);
    }

    #[test]
    fn text_is_escaped_and_cut() {
        assert_eq!(printable("plain \u{e9}", 7), "plain \u{e9}");
        assert_eq!(printable("a\nb\u{1b}[2J\u{202e}", 99), "a\\nb\\u{1b}[2J\\u{202e}");
        assert_eq!(printable("abc", 2), "ab\u{2026}");
        assert!(shown(&"\0".repeat(1 << 20)).len() < 4 * SHOWN_CHARS_MAX);
    }
}
