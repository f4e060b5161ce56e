//! The interface of the parsers: from the first byte of a JSON value to the fields that the rules
//! can read.
//!
//! [`read_by_reference`] is authoritative: the grammar of [`super::frames`], then the fields of
//! [`super::members`]. [`ValueReader`] first tries a faster reader, which must return the same step
//! and value for every input.

use super::fast::{Window, read_object, read_valid_object};
use super::frames::{Frames, KnownShape, at_end, digits, literal};
use super::interest::Interest;
use super::members;
use super::raw::Raw;
use super::strings::{Token, string};
use super::value::Value;
use super::work;

/// A deeper value is a fault.
pub(super) const DEPTH_MAX: usize = 128;
/// A longer value in a stream is a fault: 16 MiB.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

/// What is at a position of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A well-formed value of this length.
    Value { len: usize },
    /// No JSON value starts here, or one that is too deep or too long.
    Fault,
    /// The text ends inside a value that is well-formed so far.
    Incomplete,
}

/// Reads the values of one text in sequence. Takes time proportional to the text.
#[derive(Debug, Default)]
pub(super) struct ValueReader {
    frames: Frames,
    /// For a value inside one that `frames` knows.
    inner: Frames,
    /// The last value was a fault, so the grammar is checked first and a faulty value is not parsed
    /// in vain. This changes only the cost of reading.
    cautious: bool,
    window: Window,
    /// For tests: reads everything again, with the reference only.
    #[cfg(any(test, fuzzing))]
    pub forgetful: bool,
}

// === impl ValueReader ===

impl ValueReader {
    /// Resets the positions, because the next text may be another.
    pub(super) fn restart(&mut self) {
        self.frames.clear();
    }

    /// Reads the value at `at`, of at most `bytes_max` bytes, into the empty `value`. `value` is
    /// meaningful only after a step that is a value.
    #[inline]
    pub(super) fn read<'a>(
        &mut self,
        text: &'a [u8],
        at: usize,
        interest: &Interest,
        bytes_max: usize,
        value: &mut Value<'a>,
    ) -> Step {
        #[cfg(any(test, fuzzing))]
        if self.forgetful {
            return read_by_reference(&text[at..], interest, bytes_max, value);
        }
        let Some(b'{' | b'[') = text.get(at) else { return scalar(&text[at..], bytes_max) };
        let known = self.frames.known(at);
        if known == KnownShape::Closed || (known == KnownShape::Unknown && !self.cautious) {
            let fast = read_object(&text[at..], interest, bytes_max, &mut self.window, value);
            if let Some(len) = fast {
                return Step::Value { len };
            }
            *value = Value::default();
        }
        let step = match known {
            KnownShape::Open => self.frames.resume(text, at, bytes_max),
            KnownShape::Closed => self.inner.read(text, at, bytes_max),
            KnownShape::Unknown => self.frames.read(text, at, bytes_max),
        };
        let was_cautious = self.cautious;
        let Step::Value { len } = step else {
            self.cautious = true;
            return step;
        };
        self.window.follow(len);
        self.cautious &= known == KnownShape::Closed;
        let raw = Raw::new(&text[at..at + len]);
        // In the other cases that was already tried.
        if known == KnownShape::Open || (known == KnownShape::Unknown && was_cautious) {
            read_valid(raw, interest, value);
        } else {
            let frames = if known == KnownShape::Closed { &self.inner } else { &self.frames };
            members::read(raw, (at, frames.long()), interest, value);
        }
        step
    }
}

/// Reads a value that is known to be valid.
pub(super) fn read_valid<'a>(raw: Raw<'a>, interest: &Interest, value: &mut Value<'a>) {
    if raw.is_object() && !read_valid_object(raw.bytes(), interest, value) {
        *value = Value::default();
        members::read(raw, (0, &[]), interest, value);
    }
}

/// Reads the value at the first byte with the grammar and the fields only: slower, and the standard
/// for every other reader.
pub(super) fn read_by_reference<'a>(
    text: &'a [u8],
    interest: &Interest,
    bytes_max: usize,
    value: &mut Value<'a>,
) -> Step {
    let Some(b'{' | b'[') = text.first() else { return scalar(text, bytes_max) };
    let step = Frames::default().read(text, 0, bytes_max);
    if let Step::Value { len } = step {
        members::read(Raw::new(&text[..len]), (0, &[]), interest, value);
    }
    step
}

/// A value at the first byte that is neither an object nor a list.
fn scalar(text: &[u8], bytes_max: usize) -> Step {
    let token = match text.first() {
        Some(b'"') => string(text, 1),
        Some(b't') => literal(text, 0, b"true"),
        Some(b'f') => literal(text, 0, b"false"),
        Some(b'n') => literal(text, 0, b"null"),
        Some(b'-' | b'0'..=b'9') => longest_number(text),
        Some(_) => Token::Fault,
        None => Token::Incomplete,
    };
    match token {
        Token::End(len) if len <= bytes_max => Step::Value { len },
        Token::End(_) | Token::Fault => Step::Fault,
        Token::Incomplete => at_end(text, 0, bytes_max),
    }
}

/// The longest number that starts here, by the grammar of RFC 8259 section 6; anything after it is
/// another value.
fn longest_number(text: &[u8]) -> Token {
    let start = usize::from(text[0] == b'-');
    let mut end = match text.get(start) {
        Some(b'0') => start + 1,
        Some(b'1'..=b'9') => digits(text, start),
        Some(_) => return Token::Fault,
        None => return Token::Incomplete,
    };
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    if text.get(end) == Some(&b'.') && is_digit(end + 1) {
        end = digits(text, end + 1);
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        if is_digit(end + 1 + sign) {
            end = digits(text, end + 1 + sign);
        }
    }
    work::scanned(end);
    Token::End(end)
}
