//! Finds the values of a text, and skips the separators and faults between them.
//!
//! A list where a value may begin is not a value: its elements are, and are passed as they come. Only
//! a list that is nested too deep is read as a value.

use memchr::memchr;

use super::compression::Compression;
use super::path::LEVELS_MAX;
use crate::ses::event::interest::Interest;
use crate::ses::event::value::Value;
use crate::ses::event::value_reader::ValueReader;
use crate::ses::json::step::{Step, VALUE_BYTES_MAX};

/// What SES publishes to an SNS topic when a destination is created: not JSON, but not a fault
/// either.
pub(crate) const VALIDATION_NOTICE: &str =
    "Successfully validated SNS topic for Amazon SES event publishing.";

pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What was found where a value may start.
#[derive(Clone, Copy)]
pub(crate) enum Found<'v, 'a> {
    Value(&'v Value<'a>),
    Notice,
    /// A fault; the text from its first byte on.
    Fault(&'a [u8]),
    /// The whole text is in a compression that is not read.
    Compressed(Compression),
}

/// Where it was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The position of its first byte.
    pub at: usize,
    /// Its bytes.
    pub raw: &'a [u8],
    /// The number of lists that are open around it.
    pub lists: u8,
}

/// How the next bytes of a text are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    BetweenValues,
    /// Searching for the newline after the first byte of a faulty value.
    InFault,
    /// In a compression that is not read: it has no values.
    Compressed(Compression),
}

/// The position in a text. One per text, kept while its bytes arrive in pieces.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: State,
    /// The number of open lists.
    lists: u8,
    /// The text ended inside a value.
    pub ended_inside: bool,
    /// Bytes that were skipped because of the last fault.
    skipped: u64,
}

// === impl Progress ===

impl Progress {
    /// The state at a position where no value is unfinished and this many lists are open.
    pub(crate) fn between_values(lists: u8) -> Self {
        Self { state: State::BetweenValues, lists, ..Self::default() }
    }

    /// Whether the following bytes are read as in [`Progress::between_values`].
    pub(crate) fn is_between_values(&self, lists: u8) -> bool {
        self.state == State::BetweenValues && self.lists == lists
    }

    /// The number of open lists. Any that are open at the end of the text are one fault.
    pub(crate) fn lists(&self) -> u8 {
        self.lists
    }

    /// The bytes of a fault without a newline behind it, at the end of the text: nothing in them was
    /// read.
    pub(crate) fn lost(&self) -> u64 {
        if self.state == State::InFault { self.skipped } else { 0 }
    }

    /// Passes the values at the start of `bytes`, read by `values`, to `found` and returns the number of
    /// consumed bytes. `levels` is the number of wrappings around the text. Unless these are the `last`
    /// bytes, the rest must be passed again with more bytes after it. A fault extends to the end of
    /// its line; if `bytes` end before that and are not the last, only the part in `bytes` is
    /// passed. When `found` returns false, all bytes count as consumed.
    pub(crate) fn read<'a>(
        &mut self,
        values: &mut ValueReader,
        bytes: &'a [u8],
        last: bool,
        interest: &Interest,
        levels: u8,
        mut found: impl FnMut(Found<'_, 'a>, Place<'a>) -> bool,
    ) -> usize {
        if matches!(self.state, State::Compressed(_)) {
            return bytes.len();
        }
        let Some(mut at) = self.start(bytes, last) else { return 0 };
        if let State::Compressed(compression) = self.state {
            found(Found::Compressed(compression), Place { at, raw: bytes, lists: 0 });
            return bytes.len();
        }
        values.restart();
        // Emptied after each object, the only kind of value that fills it.
        let mut value = Value::default();
        loop {
            if self.state == State::InFault {
                let Some(newline) = memchr(b'\n', &bytes[at..]) else {
                    self.skipped += (bytes.len() - at) as u64;
                    return bytes.len();
                };
                at += newline + 1;
                self.state = State::BetweenValues;
            }
            at = after_separators(bytes, at);
            let rest = &bytes[at..];
            match rest {
                [] => return at,
                // The second byte of a separator may follow.
                [b'\\'] if !last => return at,
                [b'[', ..] if levels + self.lists < LEVELS_MAX => {
                    self.lists += 1;
                    at += 1;
                    continue;
                }
                [b']', ..] if self.lists > 0 => {
                    self.lists -= 1;
                    at += 1;
                    continue;
                }
                [b'S', ..] if !last && VALIDATION_NOTICE.as_bytes().starts_with(rest) => return at,
                _ => {}
            }
            let (what, len) = if rest[0] == b'S' && is_notice(rest) {
                (Found::Notice, VALIDATION_NOTICE.len())
            } else {
                let step = values.read(bytes, at, interest, VALUE_BYTES_MAX, &mut value);
                match step {
                    // More digits may follow after the end of the bytes.
                    Step::Value { len } if !last && is_number(rest) && rest.len() < len + 3 => {
                        return at;
                    }
                    Step::Value { len } => (Found::Value(&value), len),
                    Step::Incomplete if !last => return at,
                    Step::Incomplete | Step::Fault => {
                        self.ended_inside |= step == Step::Incomplete;
                        let len = len_of_line(rest);
                        if len == rest.len() {
                            (self.state, self.skipped) = (State::InFault, len as u64);
                        }
                        (Found::Fault(rest), len)
                    }
                }
            };
            let is_filled = rest[0] == b'{' && matches!(what, Found::Value(_));
            if !found(what, Place { at, raw: &rest[..len], lists: self.lists }) {
                return bytes.len();
            }
            if is_filled {
                value.clear();
            }
            at += len;
        }
    }

    /// Skips a byte order mark and recognises a compression; `None` if more bytes are needed.
    fn start(&mut self, bytes: &[u8], last: bool) -> Option<usize> {
        if self.state != State::Start {
            return Some(0);
        }
        let undecided = BYTE_ORDER_MARK.starts_with(bytes) || Compression::may_follow(bytes);
        if undecided && bytes != BYTE_ORDER_MARK && !last {
            return None;
        }
        let compression = Compression::of(bytes);
        self.state = compression.map_or(State::BetweenValues, State::Compressed);
        Some(if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 })
    }
}

/// The position after what may stand between two values: white space, commas, record separators
/// (0x1E, RFC 7464), and the texts `\n`, `\r` and `\t`, which some recipes set as a delimiter.
#[inline]
fn after_separators(bytes: &[u8], mut at: usize) -> usize {
    loop {
        match bytes.get(at) {
            Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | 0x1e) => at += 1,
            Some(b'\\') if matches!(bytes.get(at + 1), Some(b'n' | b'r' | b't')) => at += 2,
            _ => return at,
        }
    }
}

/// The text before separators at its end.
pub(crate) fn before_separators(mut text: &[u8]) -> &[u8] {
    loop {
        text = match text {
            [rest @ .., b' ' | b'\t' | b'\n' | b'\r' | b',' | 0x1e]
            | [rest @ .., b'\\', b'n' | b'r' | b't'] => rest,
            _ => return text,
        }
    }
}

/// Not inlined: the comparison would be made for every value, whatever its first byte.
#[inline(never)]
fn is_notice(text: &[u8]) -> bool {
    text.starts_with(VALIDATION_NOTICE.as_bytes())
}

/// The length of a fault, without the newline behind its first byte.
fn len_of_line(fault: &[u8]) -> usize {
    // Texts with many faults have short lines, for which a call costs more than the search.
    const SHORT: usize = 16;
    let short = &fault[1..fault.len().min(SHORT)];
    let newline = short.iter().position(|byte| *byte == b'\n');
    let newline = newline.or_else(|| memchr(b'\n', &fault[1..]));
    newline.map_or(fault.len(), |newline| newline + 1)
}

fn is_number(value: &[u8]) -> bool {
    matches!(value.first(), Some(b'-' | b'0'..=b'9'))
}
