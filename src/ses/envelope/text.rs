//! Finds the adjacent values in a text, and skips the faults between them.

use memchr::memchr;

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
    Fault,
}

/// The position in a text. One per text, kept while its bytes arrive in pieces.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    begun: bool,
    /// Searching for the newline after the first byte of a faulty value.
    skipping: bool,
    pub(crate) values: ValueReader,
    /// The text ended inside a value.
    pub ended_inside: bool,
}

// === impl Progress ===

impl Progress {
    /// The state at a position where no value is unfinished.
    pub(crate) fn between_values() -> Self {
        Self { begun: true, ..Self::default() }
    }

    /// Whether the following bytes are read as in [`Progress::between_values`].
    pub(crate) fn is_between_values(&self) -> bool {
        self.begun && !self.skipping
    }

    /// Passes the values at the start of `bytes` to `found`, each with its position and bytes, and
    /// returns the number of consumed bytes. Unless these are the `last` bytes, the rest must be
    /// passed again with more bytes after it. A fault extends to the end of its line; if `bytes`
    /// end before that and are not the last, only the part in `bytes` is passed. When `found`
    /// returns false, all bytes count as consumed.
    pub(crate) fn read<'a>(
        &mut self,
        bytes: &'a [u8],
        last: bool,
        interest: &Interest,
        mut found: impl FnMut(Found<'_, 'a>, usize, &'a [u8]) -> bool,
    ) -> usize {
        let mut at = 0;
        if !self.begun {
            if bytes.starts_with(BYTE_ORDER_MARK) {
                at = BYTE_ORDER_MARK.len();
            } else if BYTE_ORDER_MARK.starts_with(bytes) && !last {
                return 0;
            }
            self.begun = true;
        }
        self.values.restart();
        loop {
            if self.skipping {
                match memchr(b'\n', &bytes[at..]) {
                    Some(newline) => at += newline + 1,
                    None => return bytes.len(),
                }
                self.skipping = false;
            }
            let rest = &bytes[at..];
            at += rest
                .iter()
                .position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
                .unwrap_or(rest.len());
            let rest = &bytes[at..];
            if rest.is_empty() {
                return at;
            }
            if rest[0] == b'S' {
                if rest.starts_with(VALIDATION_NOTICE.as_bytes()) {
                    let notice = &rest[..VALIDATION_NOTICE.len()];
                    if !found(Found::Notice, at, notice) {
                        return bytes.len();
                    }
                    at += notice.len();
                    continue;
                }
                if !last && VALIDATION_NOTICE.as_bytes().starts_with(rest) {
                    return at;
                }
            }
            let mut value = Value::default();
            let step = self.values.read(bytes, at, interest, VALUE_BYTES_MAX, &mut value);
            let (what, len) = match step {
                // More digits may follow after the end of the bytes.
                Step::Value { len } if !last && is_number(rest) && rest.len() < len + 3 => {
                    return at;
                }
                Step::Value { len } => (Found::Value(&value), len),
                Step::Incomplete if !last => return at,
                Step::Incomplete | Step::Fault => {
                    self.skipping = true;
                    self.ended_inside |= step == Step::Incomplete;
                    let line = memchr(b'\n', &rest[1..]).map_or(rest.len(), |newline| newline + 1);
                    (Found::Fault, line)
                }
            };
            if !found(what, at, &rest[..len]) {
                return bytes.len();
            }
            at += len;
        }
    }
}

fn is_number(value: &[u8]) -> bool {
    matches!(value.first(), Some(b'-' | b'0'..=b'9'))
}
