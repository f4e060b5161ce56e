//! The readers of values: from the first byte of a JSON value to the fields that the rules can
//! read.
//!
//! [`read_by_reference`] is authoritative: the grammar of `json`, then the fields of
//! [`super::members`]. [`ValueReader`] first tries a faster reader, which must return the same step
//! and value for every input.

use super::fast::{FastReader, WINDOW_MIN};
use super::interest::Interest;
use super::members;
use super::value::Value;
use crate::ses::json::frames::{Frames, KnownShape};
use crate::ses::json::raw::Raw;
use crate::ses::json::scalar::scalar;
use crate::ses::json::step::Step;

/// Reads the values of one text in sequence. Takes time proportional to the text.
#[derive(Debug, Default)]
pub(crate) struct ValueReader {
    frames: Frames,
    /// For a value inside one that `frames` knows.
    inner: Frames,
    /// The last value was a fault, so the grammar is checked first and a faulty value is not parsed
    /// in vain. This changes only the cost of reading.
    cautious: bool,
    fast: FastReader,
    /// For tests: reads everything again, with the reference only.
    #[cfg(any(test, fuzzing))]
    pub forgetful: bool,
}

// === impl ValueReader ===

impl ValueReader {
    /// Resets the positions, because the next text may be another.
    pub(crate) fn restart(&mut self) {
        self.frames.clear();
        self.fast.restart();
    }

    /// For tests: as [`Self::restart`] after a value of this length.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn begin(&mut self, last_len: usize) {
        self.restart();
        self.cautious = false;
        self.fast.expect(last_len);
    }

    /// For tests: whether the fast reader read the last object alone.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn read_fast(&self) -> bool {
        self.frames.is_clear()
    }

    /// Reads a value that is known to be valid, and is all of a text.
    pub(crate) fn read_valid<'a>(
        &mut self,
        raw: Raw<'a>,
        interest: &Interest,
        value: &mut Value<'a>,
    ) {
        self.restart();
        let text = raw.bytes();
        self.fast.expect(text.len());
        if self.fast.read(text, 0, interest, text.len(), value).is_none() {
            value.clear();
            members::read(raw, (0, &[]), interest, value);
        }
    }

    /// Reads the value at `at`, of at most `bytes_max` bytes, into the empty `value`. `value` is
    /// meaningful only after a step that is a value.
    #[inline]
    pub(crate) fn read<'a>(
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
        let Some(b'{' | b'[') = text.get(at) else {
            let step = scalar(&text[at..], bytes_max);
            if !matches!(step, Step::Value { .. }) {
                self.fast.restart();
            }
            return step;
        };
        let known = self.frames.known(at);
        if known == KnownShape::Closed || (known == KnownShape::Unknown && !self.cautious) {
            if let Some(len) = self.fast.read(text, at, interest, bytes_max, value) {
                return Step::Value { len };
            }
            value.clear();
        }
        let step = match known {
            KnownShape::Open => self.frames.resume(text, at, bytes_max),
            KnownShape::Closed => self.inner.read(text, at, bytes_max),
            KnownShape::Unknown => self.frames.read(text, at, bytes_max),
        };
        let was_cautious = self.cautious;
        let Step::Value { len } = step else {
            self.cautious = true;
            self.fast.restart();
            self.fast.expect(0);
            return step;
        };
        self.fast.expect(len);
        self.cautious &= known == KnownShape::Closed;
        // In the other cases that was already tried. Behind a fault, short values are not worth a new
        // search.
        let is_untried =
            known == KnownShape::Open || (known == KnownShape::Unknown && was_cautious);
        let is_worth_it = is_untried && len > WINDOW_MIN;
        if is_worth_it && self.fast.read(text, at, interest, len, value).is_some() {
            return step;
        }
        value.clear();
        let raw = Raw::new(&text[at..at + len]);
        let long = match known {
            KnownShape::Closed => self.inner.long(),
            KnownShape::Unknown => self.frames.long(),
            KnownShape::Open => &[],
        };
        members::read(raw, (at, long), interest, value);
        step
    }
}

/// Reads the value at the first byte with the grammar and the fields only: slower, and the standard
/// for every other reader.
pub(crate) fn read_by_reference<'a>(
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
