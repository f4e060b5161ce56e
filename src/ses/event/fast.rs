//! The fast reader for objects: `sonic-rs`, which uses SIMD to skip what no rule reads.
//!
//! It returns a result only where [`super::value_reader::read_by_reference`] certainly returns the same. What `sonic-rs`
//! judges differently from RFC 8259 is checked here, and everything it rejects is read again by the
//! reference, which alone reports faults.

use std::sync::LazyLock;

use memchr::memchr_iter;
use memchr::memmem::Finder;
use serde::de::DeserializeSeed;

use super::interest::Interest;
use super::plain::EventSeed;
use super::value::Value;
use crate::ses::json::step::DEPTH_MAX;
use crate::ses::work;

/// How far to look for the end of an object. Bytes beyond the end are checked in vain, so the
/// window must stay a small multiple of an object. It follows the length of recent objects.
#[derive(Debug)]
pub(crate) struct Window {
    /// Approximately the longest recent object.
    len: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { len: 2 << 10 }
    }
}

impl Window {
    /// SES writes no shorter events, and the reference is faster for shorter objects.
    const LEN_MIN: usize = 128;

    /// Records the length of an object.
    pub(crate) fn follow(&mut self, len: usize) {
        self.len = len.max(self.len - self.len / 4);
    }
}

/// Reads the object at the start of `input` into an empty value and returns its length; `None` when
/// the reference must read it.
pub(crate) fn read_object<'a>(
    input: &'a [u8],
    interest: &Interest,
    bytes_max: usize,
    window: &mut Window,
    value: &mut Value<'a>,
) -> Option<usize> {
    if input.first() != Some(&b'{') || window.len < Window::LEN_MIN {
        return None;
    }
    let mut len = 2 * window.len;
    loop {
        let ahead = char_boundary(input, len);
        // With so few opening brackets it cannot be too deep, for the limit or for the stack.
        let opens = len_of_opens(ahead, DEPTH_MAX);
        let shallow = simdutf8::basic::from_utf8(&ahead[..opens]).ok()?;
        work::scanned(opens);
        match read_start(shallow, interest, value) {
            Ok(text) => {
                window.follow(text.len());
                let text = text.as_bytes();
                return (text.len() <= bytes_max && sound_escapes(text)).then_some(text.len());
            }
            // The end may be beyond the window.
            Err(error) if error.is_eof() && opens == ahead.len() && len < input.len() => {
                *value = Value::default();
                len *= 2;
            }
            Err(_) => return None,
        }
    }
}

/// Reads a valid object into an empty value; returns whether that was possible.
pub(crate) fn read_valid_object<'a>(
    object: &'a [u8],
    interest: &Interest,
    value: &mut Value<'a>,
) -> bool {
    work::scanned(object.len());
    let Ok(text) = simdutf8::basic::from_utf8(object) else { return false };
    read_start(text, interest, value).is_ok()
}

/// Reads the object at the start of a text and returns its text.
fn read_start<'a>(
    text: &'a str,
    interest: &Interest,
    value: &mut Value<'a>,
) -> sonic_rs::Result<&'a str> {
    let mut json = sonic_rs::Deserializer::from_str(text);
    EventSeed { value, interest }.deserialize(&mut json)?;
    let end = match json.end() {
        Ok(()) => text.len(),
        Err(trailing) => trailing.offset(),
    };
    Ok(text[..end].trim_ascii_end())
}

/// The first `len` bytes, plus a few so that no character of `input` is split.
fn char_boundary(input: &[u8], len: usize) -> &[u8] {
    let is_inside = |byte: &u8| *byte & 0xc0 == 0x80;
    let rest = input.get(len..).unwrap_or_default();
    let more = rest.iter().take(3).take_while(|byte| is_inside(byte)).count();
    &input[..(len + more).min(input.len())]
}

/// The length of the longest prefix with at most `opens` opening brackets.
fn len_of_opens(input: &[u8], opens: usize) -> usize {
    // `{` and `[` differ in one bit.
    let is_open = |byte: &u8| byte | 0x20 == b'{';
    let mut left = opens;
    for (at, chunk) in input.chunks(CHUNK).enumerate() {
        // A fixed length makes this many times faster; the padding contains no brackets.
        let mut filled = [0; CHUNK];
        let whole = chunk.first_chunk().unwrap_or_else(|| {
            filled[..chunk.len()].copy_from_slice(chunk);
            &filled
        });
        // At most 128, which fits into a byte; summing bytes is many times faster than summing
        // larger numbers.
        let opened: u8 = whole.iter().map(|byte| u8::from(is_open(byte))).sum();
        let Some(fewer) = left.checked_sub(usize::from(opened)) else {
            let mut opens = chunk.iter().enumerate().filter(|(_, byte)| is_open(byte));
            return at * CHUNK + opens.nth(left).map_or(chunk.len(), |(place, _)| place);
        };
        left = fewer;
    }
    input.len()
}

const CHUNK: usize = 128;

/// Whether each `\u` has its four digits, which `sonic-rs` does not check in skipped parts.
/// Otherwise the text is a well-formed object.
fn sound_escapes(text: &[u8]) -> bool {
    // Created once, because that takes as long as a short search.
    static UNICODE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\\u"));
    if UNICODE.find(text).is_none() {
        return true;
    }
    let mut next = 0;
    memchr_iter(b'\\', text).all(|at| {
        if at < next {
            return true;
        }
        // An escaped backslash does not start an escape.
        next = at + 2;
        let digits = text.get(at + 2..at + 6);
        text.get(at + 1) != Some(&b'u')
            || digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}
