//! The JSON grammar: whether an object or list is well-formed, and where it ends.
//!
//! No byte is checked twice, however often reading restarts after a fault. Between the start of an
//! unreadable value and the place of its fault, a newline is always between tokens, never in a
//! string, where it would be a fault itself. So a value that starts on one of these lines is
//! already known: it was still open at the fault and shares its result, or it ended before.

use std::collections::VecDeque;

use super::raw::ByteSpan;
use super::scalar::inner_scalar;
use super::step::{DEPTH_MAX, Step, at_end};
use super::strings::{Token, string};
use crate::ses::work;

/// The state of the grammar at one position of a text.
#[derive(Debug)]
pub(crate) struct Frames {
    /// The positions of the open brackets, outermost first.
    opens: VecDeque<usize>,
    /// The first byte that is not checked; outside of strings.
    at: usize,
    next: NextFrame,
    stop: Stop,
    /// Values of at least [`LONG`] bytes inside the outermost value, in order.
    long: Vec<ByteSpan>,
}

/// Shorter values are cheaper to search again than to remember.
const LONG: usize = 256;

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextFrame {
    Value,
    /// A value, or the end of an empty list.
    FirstElement,
    Key,
    /// A key, or the end of an empty object.
    FirstKey,
    Colon,
    /// A comma, or the end of a list or an object.
    Comma,
}

/// Why checking stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The outermost value ended.
    Value,
    /// A syntax error, which affects every open value.
    Fault,
    /// The outermost value is too deep or too long; the inner ones may be valid.
    TooLarge,
    /// The end of the text.
    End,
}

/// What is known about a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KnownShape {
    /// A value starts here that was open when checking stopped.
    Open,
    /// A value started here and ended before that position.
    Closed,
    /// Not checked.
    Unknown,
}

// === impl Frames ===

impl Default for Frames {
    fn default() -> Self {
        Self {
            opens: VecDeque::new(),
            at: 0,
            next: NextFrame::Value,
            stop: Stop::Value,
            long: Vec::new(),
        }
    }
}

impl Frames {
    /// Resets the state for another text.
    pub(crate) fn clear(&mut self) {
        self.opens.clear();
        self.at = 0;
    }

    /// For tests: whether nothing was checked since the state was reset.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn is_clear(&self) -> bool {
        self.at == 0
    }

    /// What is known about a position. Positions must be ascending.
    #[inline]
    pub(crate) fn known(&mut self, place: usize) -> KnownShape {
        if place >= self.at {
            return KnownShape::Unknown;
        }
        while self.opens.front().is_some_and(|open| *open < place) {
            self.opens.pop_front();
        }
        if self.opens.front() == Some(&place) { KnownShape::Open } else { KnownShape::Closed }
    }

    /// Checks an unknown object or list that starts at `start`.
    pub(crate) fn read(&mut self, text: &[u8], start: usize, bytes_max: usize) -> Step {
        self.opens.clear();
        self.long.clear();
        self.at = start;
        self.next = NextFrame::Value;
        self.run(text, start, bytes_max)
    }

    /// Continues with the value at `start`, which was open when checking stopped.
    pub(crate) fn resume(&mut self, text: &[u8], start: usize, bytes_max: usize) -> Step {
        match self.stop {
            Stop::Value | Stop::Fault => Step::Fault,
            Stop::End => at_end(text, start, bytes_max),
            Stop::TooLarge => self.run(text, start, bytes_max),
        }
    }

    /// The positions of some known values.
    pub(crate) fn long(&self) -> &[ByteSpan] {
        &self.long
    }

    fn run(&mut self, text: &[u8], start: usize, bytes_max: usize) -> Step {
        let from = self.at;
        self.stop = self.judge(text, start.saturating_add(bytes_max));
        work::scanned(self.at - from);
        match self.stop {
            Stop::Value => Step::Value { len: self.at - start },
            Stop::Fault | Stop::TooLarge => Step::Fault,
            Stop::End => at_end(text, start, bytes_max),
        }
    }

    /// Continues until the outermost value ends, which must be before `end_max`.
    fn judge(&mut self, text: &[u8], end_max: usize) -> Stop {
        let Self { opens, long, .. } = self;
        // Local variables, because access through `self` is twice as slow.
        let (mut at, mut next) = (self.at, self.next);
        let mut in_object = is_in_object(text, opens);
        let stop = loop {
            at = after_white_space(text, at);
            let Some(byte) = text.get(at) else { break Stop::End };
            if at >= end_max {
                break Stop::TooLarge;
            }
            let token = match (byte, next) {
                (b'"', NextFrame::Colon | NextFrame::Comma) => break Stop::Fault,
                (b'"', _) => string(text, at + 1),
                (b'{' | b'[', NextFrame::Value | NextFrame::FirstElement) => {
                    if opens.len() == DEPTH_MAX {
                        break Stop::TooLarge;
                    }
                    opens.push_back(at);
                    in_object = *byte == b'{';
                    next = if in_object { NextFrame::FirstKey } else { NextFrame::FirstElement };
                    at += 1;
                    continue;
                }
                (b'}', NextFrame::FirstKey)
                | (b']', NextFrame::FirstElement)
                | (b'}' | b']', NextFrame::Comma) => {
                    if in_object != (*byte == b'}') {
                        break Stop::Fault;
                    }
                    let open = opens.pop_back().unwrap_or(at);
                    at += 1;
                    if opens.len() == 1 && at - open >= LONG {
                        long.push((open, at));
                    }
                    if opens.is_empty() {
                        break Stop::Value;
                    }
                    in_object = is_in_object(text, opens);
                    next = NextFrame::Comma;
                    continue;
                }
                (b',', NextFrame::Comma) => {
                    next = if in_object { NextFrame::Key } else { NextFrame::Value };
                    at += 1;
                    continue;
                }
                (b':', NextFrame::Colon) => {
                    next = NextFrame::Value;
                    at += 1;
                    continue;
                }
                (_, NextFrame::Value | NextFrame::FirstElement) => inner_scalar(text, at),
                _ => break Stop::Fault,
            };
            match token {
                Token::End(end) => {
                    if end - at >= LONG && opens.len() == 1 {
                        long.push((at, end));
                    }
                    at = end;
                }
                Token::Fault => break Stop::Fault,
                Token::Incomplete => break Stop::End,
            }
            next = next.after_token();
        };
        (self.at, self.next) = (at, next);
        stop
    }
}

#[inline]
fn after_white_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

/// Whether the innermost open bracket is that of an object.
#[inline]
fn is_in_object(text: &[u8], opens: &VecDeque<usize>) -> bool {
    opens.back().is_some_and(|open| text[*open] == b'{')
}

// === impl NextFrame ===

impl NextFrame {
    /// What may come after a string or scalar.
    #[inline]
    fn after_token(self) -> Self {
        match self {
            Self::Key | Self::FirstKey => Self::Colon,
            _ => Self::Comma,
        }
    }
}
