//! Values that are neither objects nor lists: numbers and literals, and strings at the top of a text.

use super::step::{Step, at_end};
use super::strings::{Token, string};
use crate::ses::work;

/// A value at the first byte that is neither an object nor a list.
#[inline]
pub(crate) fn scalar(text: &[u8], bytes_max: usize) -> Step {
    if is_digit_alone(text) && bytes_max > 0 {
        return Step::Value { len: 1 };
    }
    any_scalar(text, bytes_max)
}

/// Whether a number of one digit begins here: a text may have millions, and a call for each takes
/// longer than the look.
#[inline]
fn is_digit_alone(text: &[u8]) -> bool {
    matches!(text, [b'0'..=b'9', b',' | b']' | b'}' | b'\n', ..])
}

fn any_scalar(text: &[u8], bytes_max: usize) -> Step {
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

/// Checks a number or literal inside a list or object.
#[inline]
pub(crate) fn inner_scalar(text: &[u8], at: usize) -> Token {
    if is_digit_alone(&text[at..]) { Token::End(at + 1) } else { any_inner_scalar(text, at) }
}

fn any_inner_scalar(text: &[u8], at: usize) -> Token {
    match text[at] {
        b't' => literal(text, at, b"true"),
        b'f' => literal(text, at, b"false"),
        b'n' => literal(text, at, b"null"),
        b'-' | b'0'..=b'9' => number(text, at),
        _ => Token::Fault,
    }
}

fn literal(text: &[u8], at: usize, literal: &[u8]) -> Token {
    let found = &text[at..];
    if found.starts_with(literal) {
        Token::End(at + literal.len())
    } else if literal.starts_with(found) {
        Token::Incomplete
    } else {
        Token::Fault
    }
}

/// The grammar of RFC 8259 section 6. At the end of the text, more digits may follow.
fn number(text: &[u8], at: usize) -> Token {
    let mut end = at + usize::from(text[at] == b'-');
    match text.get(end) {
        Some(b'0') => end += 1,
        Some(b'1'..=b'9') => end = digits(text, end),
        Some(_) => return Token::Fault,
        None => return Token::Incomplete,
    }
    if text.get(end) == Some(&b'.') {
        match text.get(end + 1) {
            Some(b'0'..=b'9') => end = digits(text, end + 1),
            Some(_) => return Token::Fault,
            None => return Token::Incomplete,
        }
    }
    if let Some(b'e' | b'E') = text.get(end) {
        end += 1 + usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        match text.get(end) {
            Some(b'0'..=b'9') => end = digits(text, end),
            Some(_) => return Token::Fault,
            None => return Token::Incomplete,
        }
    }
    Token::End(end)
}

/// The position after the digits at `at`.
fn digits(text: &[u8], at: usize) -> usize {
    let rest = &text[at..];
    at + rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len())
}
