//! JSON strings: where one ends, whether it is valid, and its bytes.

use crate::ses::work;

/// A token at a position of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A valid token; the position after it.
    End(usize),
    Fault,
    /// The text ends inside a token that is valid so far.
    Incomplete,
}

/// Checks the string whose opening quote is before `start`.
pub(crate) fn string(text: &[u8], start: usize) -> Token {
    let mut at = start;
    let mut wide = 0;
    let end = loop {
        at = plain_run(text, at, &mut wide);
        match text.get(at) {
            Some(b'"') => break Token::End(at + 1),
            Some(b'\\') => match escapes(text, at) {
                Token::End(end) => at = end,
                other => break other,
            },
            Some(_) => break Token::Fault,
            None => break Token::Incomplete,
        }
    };
    work::scanned(at - start);
    let is_utf8 = || simdutf8::basic::from_utf8(&text[start..at]).is_ok();
    match end {
        Token::End(_) if wide & HIGH != 0 && !is_utf8() => Token::Fault,
        end => end,
    }
}

/// Checks consecutive escapes, starting at a backslash.
#[inline]
fn escapes(text: &[u8], mut at: usize) -> Token {
    while text.get(at) == Some(&b'\\') {
        match escape(text, at + 1) {
            Token::End(end) => at = end,
            other => return other,
        }
    }
    Token::End(at)
}

/// Checks the bytes after a backslash.
#[inline]
fn escape(text: &[u8], at: usize) -> Token {
    match text.get(at) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Token::End(at + 1),
        Some(b'u') => {
            let digits = &text[at + 1..text.len().min(at + 5)];
            if digits.len() < 4 {
                return Token::Incomplete;
            }
            if digits.iter().all(u8::is_ascii_hexdigit) { Token::End(at + 5) } else { Token::Fault }
        }
        Some(_) => Token::Fault,
        None => Token::Incomplete,
    }
}

/// The position after the closing quote of a valid string whose opening quote is before `at`.
pub(crate) fn end_of_valid(text: &[u8], mut at: usize) -> usize {
    loop {
        at = plain_run(text, at, &mut 0);
        match text.get(at) {
            // Nested texts have several escapes in a row.
            Some(b'\\') => {
                while text.get(at) == Some(&b'\\') {
                    at += 2;
                }
            }
            Some(_) => return at + 1,
            None => return text.len(),
        }
    }
}

/// What a lone surrogate is decoded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoneSurrogate {
    /// Three bytes that are not UTF-8, so that a value with one is invalid.
    Kept,
    /// U+FFFD, so that a text can be read on as JSON.
    Replaced,
}

/// Appends the decoded bytes of a valid string; `text` is between its quotes.
pub(crate) fn decode(text: &[u8], lone: LoneSurrogate, out: &mut Vec<u8>) {
    work::scanned(text.len());
    // A step may write beyond what it keeps.
    out.reserve(text.len() + size_of::<u64>());
    let mut rest = text;
    loop {
        let escaped = copy_plain_run(rest, out);
        let Some(escape) = escaped.get(1) else { return };
        rest = &escaped[2..];
        match escape {
            b'u' => rest = decode_unicode(rest, lone, out),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            other => out.push(*other),
        }
    }
}

/// Appends the bytes before the first backslash of valid text; returns the rest. Eight bytes at a
/// time, of which those behind the backslash are taken back: a text in a text has short runs, for
/// which a search and a copy of their length cost more.
#[inline]
fn copy_plain_run<'t>(mut text: &'t [u8], out: &mut Vec<u8>) -> &'t [u8] {
    while let Some((chunk, rest)) = text.split_first_chunk() {
        out.extend_from_slice(chunk);
        let found = equal(u64::from_le_bytes(*chunk), b'\\') & HIGH;
        if found != 0 {
            let len = found.trailing_zeros() as usize / 8;
            out.truncate(out.len() - (chunk.len() - len));
            return &text[len..];
        }
        text = rest;
    }
    let len = text.iter().position(|byte| *byte == b'\\').unwrap_or(text.len());
    let (plain, escaped) = text.split_at(len);
    out.extend_from_slice(plain);
    escaped
}

/// Appends the character of a `\u`, or of a surrogate pair; returns the rest.
fn decode_unicode<'t>(text: &'t [u8], lone: LoneSurrogate, out: &mut Vec<u8>) -> &'t [u8] {
    let (first, rest) = four_digits(text);
    if (0xd800..0xdc00).contains(&first)
        && let Some(second) = rest.strip_prefix(b"\\u")
        && let (second @ 0xdc00..0xe000, rest) = four_digits(second)
    {
        push(0x1_0000 + ((first - 0xd800) << 10 | (second - 0xdc00)), lone, out);
        return rest;
    }
    push(first, lone, out);
    rest
}

fn four_digits(text: &[u8]) -> (u32, &[u8]) {
    let (digits, rest) = text.split_at(text.len().min(4));
    let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or(0);
    (digits.iter().fold(0, |number, byte| number << 4 | digit(byte)), rest)
}

/// Appends a code point in the encoding of UTF-8, including surrogates if they are kept.
fn push(code: u32, lone: LoneSurrogate, out: &mut Vec<u8>) {
    let replaced = (lone == LoneSurrogate::Replaced).then_some(char::REPLACEMENT_CHARACTER);
    if let Some(char) = char::from_u32(code).or(replaced) {
        return out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    }
    let bytes = [code >> 12 | 0xe0, code >> 6 & 0x3f | 0x80, code & 0x3f | 0x80];
    out.extend(bytes.map(|byte| byte.to_le_bytes()[0]));
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte of a word tells whether it is this one; the other bits have no meaning. A
/// false positive occurs only behind a true one.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    let differs = word ^ (ONES * u64::from(byte));
    differs.wrapping_sub(ONES) & !differs
}

/// The position of the first quote, backslash or control character from `at` on, or the end. Sets a
/// bit of [`HIGH`] in `wide` when a byte up to there, or shortly after, is not ASCII.
#[inline]
fn plain_run(text: &[u8], mut at: usize, wide: &mut u64) -> usize {
    // Eight bytes at a time.
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk()) {
        let word = u64::from_le_bytes(*chunk);
        *wide |= word;
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let special = (equal(word, b'"') | equal(word, b'\\') | control) & HIGH;
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(byte) = text.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..0x20) {
            break;
        }
        *wide |= u64::from(*byte);
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserializer;
    use serde::de::Visitor;

    use super::*;

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a string")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }

    /// Whether these bytes may occur in a text.
    fn is_plain(bytes: &[u8]) -> bool {
        std::str::from_utf8(bytes).is_ok() && !bytes.iter().any(u8::is_ascii_control)
    }

    /// The same with U+FFFD for each surrogate: `ED A0` to `ED BF` begin nothing else.
    fn without_surrogates(bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for at in 1..out.len() {
            if out[at - 1] == 0xed && out[at] >= 0xa0 {
                out[at - 1..at + 2].copy_from_slice("\u{fffd}".as_bytes());
            }
        }
        out
    }

    fn part() -> impl Strategy<Value = Vec<u8>> {
        const PARTS: &[&[u8]] = &[
            b"\\ud83d",
            b"\\ude00",
            b"\\uD800",
            b"\\udfff",
            b"\\u0041",
            b"\\u00e9",
            b"\\u20ac",
            b"\\n",
            b"\\\\",
            b"\\\"",
            b"\\/",
            b"\\b\\f\\r\\t",
            b"\\u12",
            b"\\x",
            b"\\u",
            b"\\",
            b"\"",
            b"\n",
            b"\0",
            b"\x1f",
            b"a",
            b"plain text",
            "\u{e9}\u{20ac}".as_bytes(),
            b"\xff",
            b"\xe2\x82",
            b"\xed\xa0\x80",
            b"u",
            b"d800",
            "\u{1f600}".as_bytes(),
        ];
        prop::sample::select(PARTS).prop_map(<[u8]>::to_vec)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        /// A string is checked, ended and decoded as by `serde_json`.
        #[test]
        fn string_reads_as_by_serde_json(parts in prop::collection::vec(part(), 0..12)) {
            let text = [b"\"", &parts.concat()[..]].concat();
            let mut json = serde_json::Deserializer::from_slice(&text);
            let expected = json.deserialize_bytes(Bytes);
            let end = json.into_iter::<serde::de::IgnoredAny>().byte_offset();
            match (string(&text, 1), expected) {
                (Token::End(at), Ok(bytes)) => {
                    prop_assert_eq!(at, end);
                    prop_assert_eq!(end_of_valid(&text, 1), end);
                    let mut out = Vec::new();
                    decode(&text[1..at - 1], LoneSurrogate::Kept, &mut out);
                    // `serde_json` keeps lone surrogates as the same three bytes.
                    prop_assert_eq!(&out, &bytes);
                    let mut replaced = Vec::new();
                    decode(&text[1..at - 1], LoneSurrogate::Replaced, &mut replaced);
                    prop_assert_eq!(replaced, without_surrogates(&bytes));
                }
                // When decoding to bytes, `serde_json` accepts any bytes.
                (Token::Fault, Ok(_)) => prop_assert!(!is_plain(&text[..end])),
                (Token::Incomplete, Err(error)) => prop_assert!(error.is_eof()),
                (Token::Fault, Err(error)) => prop_assert!(!error.is_eof() || !is_plain(&text)),
                (token, expected) => prop_assert!(false, "{:?} {:?}", token, expected),
            }
        }
    }
}
