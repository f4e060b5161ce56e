//! From a text to the values that stand in it, back to back, and over the faults between them.

use memchr::memchr;

use super::interest::Interest;
use super::json::{Step, VALUE_BYTES_MAX, ValueReader};
use super::value::Value;

/// What SES publishes to an SNS topic when a destination is created: no JSON, and no fault.
pub const VALIDATION_NOTICE: &str =
    "Successfully validated SNS topic for Amazon SES event publishing.";

pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What was found where a value may begin.
#[derive(Clone, Copy)]
pub enum Found<'v, 'a> {
    Value(&'v Value<'a>),
    Notice,
    Fault,
}

/// How far a text has been read. One per text, kept while its bytes come in pieces.
#[derive(Debug, Default)]
pub struct Progress {
    begun: bool,
    /// Looking for the newline after the first byte of a faulty value.
    skipping: bool,
    pub(super) values: ValueReader,
    /// The text ended inside a value.
    pub ended_inside: bool,
}

// === impl Progress ===

impl Progress {
    /// As if a text were read to a place where no value is unfinished.
    pub fn between_values() -> Self {
        Self { begun: true, ..Self::default() }
    }

    /// Whether what follows is read as [`Progress::between_values`] reads it.
    pub fn is_between_values(&self) -> bool {
        self.begun && !self.skipping
    }

    /// Hands the values at the start of `bytes` to `found`, each with its place and its bytes, and
    /// returns the number of bytes that are done with. Unless these are the `last` bytes, what
    /// remains must come again with more behind it. A fault goes to the end of its line; where
    /// `bytes` end before that and are not the last, so does what is handed out of it. When `found`
    /// returns false, all bytes are done with.
    pub fn read<'a>(
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
                // More digits may follow where the bytes end.
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
