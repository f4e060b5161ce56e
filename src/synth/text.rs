//! Writes JSON text: strings, numbers, and valid but unusual escapes.

use fastrand::Rng;

/// Appends `text` as a quoted JSON string with minimal escaping.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    // Counting has no early exit, so the compiler can process sixteen bytes at a time.
    if text.bytes().filter(|byte| needs_escape(*byte)).count() == 0 {
        out.push_str(text);
        out.push('"');
        return;
    }
    let mut clean = 0;
    for (at, byte) in text.bytes().enumerate() {
        if !needs_escape(byte) {
            continue;
        }
        out.push_str(&text[clean..at]);
        clean = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            other => push_unit(out, u16::from(other)),
        }
    }
    out.push_str(&text[clean..]);
    out.push('"');
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// `text` as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 5 / 4);
    push_string(&mut out, text);
    out
}

/// Appends `text` as a JSON string in which about every third character is a `\u` escape.
pub(super) fn push_string_escaped(out: &mut String, text: &str, rng: &mut Rng) {
    out.push('"');
    let mut units = [0_u16; 2];
    for letter in text.chars() {
        match letter {
            '/' if rng.bool() => out.push_str("\\/"),
            '"' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            _ if letter < ' ' || rng.u32(0..3) == 0 => {
                for unit in letter.encode_utf16(&mut units) {
                    push_unit(out, *unit);
                }
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}

/// Appends one `\uXXXX`.
fn push_unit(out: &mut String, unit: u16) {
    out.push_str("\\u");
    push_hex(out, u64::from(unit), 4);
}

/// Appends the lowest `digits` hexadecimal digits of `number`.
pub(super) fn push_hex(out: &mut String, number: u64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = (number >> (4 * place)) & 15;
        out.push(char::from(b"0123456789abcdef"[usize::try_from(digit).unwrap_or(0)]));
    }
}

/// A random UUID.
pub(super) fn uuid(rng: &mut Rng) -> String {
    let mut out = String::with_capacity(36);
    push_hex(&mut out, rng.u64(..), 8);
    for digits in [4, 4, 4, 12] {
        out.push('-');
        push_hex(&mut out, rng.u64(..), digits);
    }
    out
}

/// Appends the lowest `width` decimal digits of `number`, with leading zeros.
pub(super) fn push_digits(out: &mut String, number: i64, width: u32) {
    let mut place = 10_i64.pow(width);
    let mut rest = number.rem_euclid(place);
    while place > 1 {
        place /= 10;
        let digit = u8::try_from(rest / place).unwrap_or(0);
        out.push(char::from(b'0' + digit));
        rest %= place;
    }
}

/// Appends a whole number without leading zeros.
pub(super) fn push_number(out: &mut String, number: u64) {
    let mut digits = 1;
    while digits < 18 && number >= 10_u64.pow(digits) {
        digits += 1;
    }
    push_digits(out, i64::try_from(number).unwrap_or(i64::MAX), digits);
}

/// Breaks one-line JSON into indented lines without interpreting it, so duplicate keys, huge
/// numbers and lone surrogates are preserved.
pub(super) fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut level, mut in_string, mut escaped) = (0_usize, false, false);
    let line = |out: &mut String, level: usize| {
        out.push_str("\r\n");
        out.extend(std::iter::repeat_n("  ", level));
    };
    for letter in json.chars() {
        if in_string {
            out.push(letter);
            in_string = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            '{' | '[' => {
                level += 1;
                out.push(letter);
                line(&mut out, level);
            }
            '}' | ']' => {
                level = level.saturating_sub(1);
                line(&mut out, level);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                line(&mut out, level);
            }
            ':' => out.push_str(" : "),
            '"' => {
                in_string = true;
                out.push(letter);
            }
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 4] =
        ["plain", "a \"quoted\" \\ back\nslash\u{1}", "\u{e9}t\u{e9} \u{1f389}", ""];

    #[test]
    fn strings_read_back_as_they_were() {
        let mut rng = Rng::with_seed(1);
        for text in TEXTS {
            let (mut plain, mut escaped) = (String::new(), String::new());
            push_string(&mut plain, text);
            push_string_escaped(&mut escaped, text, &mut rng);
            assert_eq!(serde_json::from_str::<String>(&plain).unwrap(), text);
            assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }
    }

    #[test]
    fn numbers_are_written_in_full() {
        let mut out = String::new();
        for number in [0, 7, 10, 99, 100, 123_456] {
            push_number(&mut out, number);
            out.push(' ');
        }
        push_digits(&mut out, 42, 4);
        push_hex(&mut out, 0xbeef, 4);
        assert_eq!(out, "0 7 10 99 100 123456 0042beef");
    }

    #[test]
    fn indenting_keeps_the_meaning() {
        let json = r#"{"a":[1,{"b":"x\"{,}"}],"c":{},"d":[]}"#;
        let before: serde_json::Value = serde_json::from_str(json).unwrap();
        let text = indented(json);
        assert!(text.contains('\n'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), before);
    }
}
