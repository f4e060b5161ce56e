//! The fast way to read an object: `sonic-rs`, which skips what no rule reads with SIMD.
//!
//! It answers only where it surely gives what [`super::json`] would: whatever `sonic-rs` does not
//! judge as RFC 8259 does is checked here, and everything it refuses is read again by the
//! reference, which alone calls faults.

use std::sync::LazyLock;

use memchr::memchr_iter;
use memchr::memmem::Finder;
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
    for (at, chunk) in input.chunks(CHUNK).enumerate() {
        // Of the same length always, which is many times as fast; filled up with what opens nothing.
        let mut filled = [0; CHUNK];
        let whole = chunk.first_chunk().unwrap_or_else(|| {
            filled[..chunk.len()].copy_from_slice(chunk);
            &filled
        });
        // At most 128, which fits; and a sum of bytes is many times as fast as a larger one.
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

/// Whether each `\u` has its four digits, which `sonic-rs` does not look at in what it skips. The
/// text is an object that is well-formed but for that.
fn sound_escapes(text: &[u8]) -> bool {
    // Made once: making it takes as long as a short search.
    static UNICODE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\\u"));
    if UNICODE.find(text).is_none() {
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
