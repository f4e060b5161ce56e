//! The fast way to read an object: `sonic-rs`, which skips what no rule reads with SIMD.
//!
//! It answers only where it surely gives what [`super::json`] would: whatever `sonic-rs` does not
//! judge as RFC 8259 does is checked here, and everything it refuses is read again by the
//! reference, which alone calls faults.

use memchr::{memchr_iter, memmem};
use serde::de::DeserializeSeed;

use super::interest::Interest;
use super::json::DEPTH_MAX;
use super::plain::EventSeed;
use super::value::Value;

/// Reads the object at the start of `input` into an empty value, and gives its length; `None` when
/// the reference must look.
pub fn read_object<'a>(
    input: &'a [u8],
    interest: &Interest,
    bytes_max: usize,
    value: &mut Value<'a>,
) -> Option<usize> {
    // What opens so little cannot be too deep, neither for us nor for the stack.
    let window = &input[..len_of_opens(input, DEPTH_MAX)];
    let window = simdutf8::basic::from_utf8(window).ok()?;
    let mut json = sonic_rs::Deserializer::from_str(window);
    EventSeed { value, interest }.deserialize(&mut json).ok()?;
    let end = match json.end() {
        Ok(()) => window.len(),
        Err(trailing) => trailing.offset(),
    };
    let text = window.as_bytes()[..end].trim_ascii_end();
    (text.len() <= bytes_max && sound_escapes(text)).then_some(text.len())
}

/// The length of the longest prefix that holds at most `opens` times `{` or `[`.
fn len_of_opens(input: &[u8], opens: usize) -> usize {
    // The two differ in one bit.
    let is_open = |byte: &u8| byte | 0x20 == b'{';
    let mut left = opens;
    let (chunks, rest) = input.as_chunks::<128>();
    for (at, chunk) in chunks.iter().enumerate() {
        // At most 128, which fits; and a sum of bytes is many times as fast as a larger one.
        let opened: u8 = chunk.iter().map(|byte| u8::from(is_open(byte))).sum();
        match left.checked_sub(usize::from(opened)) {
            Some(fewer) => left = fewer,
            None => return at * 128 + place_of(left, chunk, is_open),
        }
    }
    input.len() - rest.len() + place_of(left, rest, is_open)
}

/// Where the byte stands that has so many of its kind before it; the length if there is none.
fn place_of(nth: usize, bytes: &[u8], is_kind: impl Fn(&u8) -> bool) -> usize {
    let mut places = bytes.iter().enumerate().filter(|(_, byte)| is_kind(byte));
    places.nth(nth).map_or(bytes.len(), |(at, _)| at)
}

/// Whether each `\u` has its four digits, which `sonic-rs` does not look at in what it skips. The
/// text is an object that is well-formed but for that.
fn sound_escapes(text: &[u8]) -> bool {
    if memmem::find(text, b"\\u").is_none() {
        return true;
    }
    let mut next = 0;
    memchr_iter(b'\\', text).all(|at| {
        if at < next {
            return true;
        }
        // An escaped backslash is none that escapes.
        next = at + 2;
        let digits = text.get(at + 2..at + 6);
        text.get(at + 1) != Some(&b'u')
            || digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}
