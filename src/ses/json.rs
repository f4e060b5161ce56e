//! The seam for parsers: from the first byte of a JSON value to what the rules can read of it.
//!
//! [`read_by_reference`] decides, built on `serde_json`. [`read_value`] tries a faster way first,
//! which must give the same step and the same value for every input.

use std::io::Read;

use memchr::{memchr2, memchr2_iter};
use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny};

use super::fast::read_object;
use super::interest::Interest;
use super::lenient::Lenient;
use super::members::ValueSeed;
use super::value::{Levels, Value};

/// A value deeper than this is a fault.
pub const DEPTH_MAX: usize = 128;
/// A value in a stream that is longer than this is a fault: 16 MiB.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

/// What stands at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A well-formed value of this length.
    Value { len: usize },
    /// No JSON value begins here, or one that is refused.
    Fault,
    /// The bytes end inside a value that is well-formed so far.
    Incomplete,
}

/// Reads the value that begins at the first byte, of at most `bytes_max` bytes, into `value`, which
/// is empty. What `value` holds after any other step than a value means nothing.
///
/// `depth_first` asks for the depth to be judged before anything else: the caller sets it once a
/// fault was met, so that hostile input of many deep values costs time in proportion to its length.
#[inline]
pub fn read_value<'a>(
    input: &'a [u8],
    interest: &Interest,
    levels: Levels,
    bytes_max: usize,
    depth_first: bool,
    value: &mut Value<'a>,
) -> Step {
    if input.first() == Some(&b'{') {
        if let Some(len) = read_object(input, interest, bytes_max, value) {
            return Step::Value { len };
        }
        *value = Value::default();
    }
    read_by_reference(input, interest, levels, bytes_max, depth_first, value)
}

/// As [`read_value`], by `serde_json` alone: slower, and what every other way is compared with.
pub fn read_by_reference<'a>(
    input: &'a [u8],
    interest: &Interest,
    levels: Levels,
    bytes_max: usize,
    depth_first: bool,
    value: &mut Value<'a>,
) -> Step {
    match input.first() {
        Some(b'{' | b'[' | b'"') => {}
        Some(b't') => return literal(input, b"true"),
        Some(b'f') => return literal(input, b"false"),
        Some(b'n') => return literal(input, b"null"),
        Some(b'-' | b'0'..=b'9') => return number(input, bytes_max),
        Some(_) => return Step::Fault,
        None => return Step::Incomplete,
    }
    if depth_first && too_deep(input) {
        return Step::Fault;
    }
    let mut json = serde_json::Deserializer::from_slice(input);
    let seed = || ValueSeed { interest, levels };
    if let Ok(read) = seed().deserialize(&mut json) {
        *value = read;
        let len = json.into_iter::<IgnoredAny>().byte_offset();
        return checked(&input[..len], bytes_max);
    }
    if !depth_first && too_deep(input) {
        return Step::Fault;
    }
    // Either no JSON, or JSON with something that `serde_json` does not read into a visitor.
    let mut frame = serde_json::Deserializer::from_slice(input).into_iter::<IgnoredAny>();
    match frame.next() {
        Some(Ok(IgnoredAny)) => {
            let framed = &input[..frame.byte_offset()];
            match Lenient::new(framed).and_then(|json| seed().deserialize(json)) {
                Ok(read) => {
                    *value = read;
                    checked(framed, bytes_max)
                }
                Err(_) => Step::Fault,
            }
        }
        Some(Err(fault)) => {
            let incomplete = fault.is_eof() || ends_inside_number(input);
            if incomplete && input.len() <= bytes_max { Step::Incomplete } else { Step::Fault }
        }
        None => Step::Fault,
    }
}

/// Whether a digit is all that is missing where the input ends: `serde_json` calls that a fault.
fn ends_inside_number(input: &[u8]) -> bool {
    if !matches!(input.last(), Some(b'-' | b'+' | b'.' | b'e' | b'E')) {
        return false;
    }
    let mut longer = serde_json::Deserializer::from_reader(input.chain(&b"0"[..]));
    IgnoredAny::deserialize(&mut longer).is_err_and(|fault| fault.is_eof())
}

/// A value that is well-formed but for what its grammar does not say.
fn checked(text: &[u8], bytes_max: usize) -> Step {
    // Most values cannot be too deep because they open too little.
    let opens_much = memchr2_iter(b'{', b'[', text).nth(DEPTH_MAX).is_some();
    let refused = text.len() > bytes_max
        || std::str::from_utf8(text).is_err()
        || (opens_much && too_deep(text));
    if refused { Step::Fault } else { Step::Value { len: text.len() } }
}

/// Whether the value that begins here opens more levels than allowed before it ends.
fn too_deep(input: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = input.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let Some(end) = end_of_string(input, at) else { return false };
                at = end;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        // The value, a string by itself too, ends here.
        if depth == 0 {
            return false;
        }
    }
    false
}

/// The place behind the quote that ends the string which begins at `at`.
pub(super) fn end_of_string(input: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', input.get(at..)?)?;
        if input[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn literal(input: &[u8], text: &[u8]) -> Step {
    if input.starts_with(text) {
        Step::Value { len: text.len() }
    } else if text.starts_with(input) {
        Step::Incomplete
    } else {
        Step::Fault
    }
}

/// The longest number that stands here, by the grammar of RFC 8259 section 6.
fn number(input: &[u8], bytes_max: usize) -> Step {
    let digits = |from: usize| {
        input[from..]
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .map_or(input.len(), |n| from + n)
    };
    let start = usize::from(input[0] == b'-');
    let mut end = match input.get(start) {
        Some(b'0') => start + 1,
        Some(b'1'..=b'9') => digits(start),
        Some(_) => return Step::Fault,
        None => return Step::Incomplete,
    };
    if input.get(end) == Some(&b'.') && input.get(end + 1).is_some_and(u8::is_ascii_digit) {
        end = digits(end + 1);
    }
    if matches!(input.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(input.get(end + 1), Some(b'+' | b'-')));
        if input.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1 + sign);
        }
    }
    if end > bytes_max {
        return Step::Fault;
    }
    Step::Value { len: end }
}
