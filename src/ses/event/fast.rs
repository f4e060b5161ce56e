//! The fast reader for objects: a search for the ends of strings, then a walk over what is between
//! them.
//!
//! It returns a result only where [`super::value_reader::read_by_reference`] certainly returns the
//! same. Everything else is read again by the reference, which alone reports faults.

use super::field::reader::FieldMembers;
use super::interest::Interest;
use super::plain::PlainEvent;
use super::value::Value;
use crate::ses::json::string_ends::StringEnds;
use crate::ses::json::walk::{Cursor, WalkStop};

/// Reads the objects of a text, one after another. Each byte is searched once, as long as there is no
/// fault.
#[derive(Debug)]
pub(crate) struct FastReader {
    ends: StringEnds,
    /// Where in the text the search began, outside of strings; `None`: it must begin anew.
    searched_from: Option<usize>,
    /// Behind the last value that was read.
    cursor: Cursor,
    /// The length of the last value, which the next one is likely to have too.
    last_len: usize,
}

/// How far the search goes beyond the first byte of a value, in bytes. It need not end with the
/// value, but what is found takes two bytes of memory for each byte.
pub(super) const WINDOW_MIN: usize = 64;
const WINDOW_MAX: usize = 256 << 10;

/// A search that began further back is not continued, so that what it found stays in the cache.
const CONTINUED_MAX: usize = 32 << 10;

// === impl FastReader ===

impl Default for FastReader {
    fn default() -> Self {
        Self {
            ends: StringEnds::default(),
            searched_from: None,
            cursor: Cursor::START,
            last_len: 2 << 10,
        }
    }
}

impl FastReader {
    /// Begins another text, or another part of the same one: what comes next may be inside of what
    /// the search took for a string.
    pub(crate) fn restart(&mut self) {
        self.searched_from = None;
    }

    /// Sets the length that the next value is expected to have.
    pub(crate) fn expect(&mut self, len: usize) {
        self.last_len = len;
    }

    /// Reads the object at a position of the text into an empty value and returns its length; `None`
    /// when the reference must read it. Since the last restart, only valid values and separators were
    /// passed.
    pub(crate) fn read<'a>(
        &mut self,
        text: &'a [u8],
        at: usize,
        interest: &Interest,
        bytes_max: usize,
        value: &mut Value<'a>,
    ) -> Option<usize> {
        if text.get(at) != Some(&b'{') {
            return None;
        }
        let mut window = (self.last_len + self.last_len / 4).clamp(WINDOW_MIN, WINDOW_MAX);
        while window <= WINDOW_MAX {
            let from = self.search_to(text, at, window, interest);
            let (text, start) = (&text[from..], at - from);
            let walk = self.ends.walk(text);
            self.cursor = walk.move_to(self.cursor, start)?;
            let mut fields = interest.has_fields().then(FieldMembers::default);
            let event = PlainEvent { walk, interest, value, fields: fields.as_mut() };
            match event.read(self.cursor) {
                Ok(cursor) => {
                    let len = cursor.at() - start;
                    let is_valid =
                        len <= bytes_max && self.ends.are_valid(text, start..cursor.at());
                    (self.cursor, self.last_len) = (cursor, len);
                    if is_valid
                        && let Some(fields) = fields
                        && let Some(event_type) = value.event_type()
                    {
                        fields.put_fields(event_type, interest, value);
                    }
                    return is_valid.then_some(len);
                }
                Err(WalkStop::Unsearched) if self.ends.searched() < text.len() => {
                    // Rare, and a call of `clear` here slows down the walk.
                    *value = Value::default();
                    window *= 2;
                }
                Err(_) => return None,
            }
        }
        None
    }

    /// Searches the text to at least `window` bytes behind `at`; returns where the search began.
    fn search_to(&mut self, text: &[u8], at: usize, window: usize, interest: &Interest) -> usize {
        let continued_max = self.ends.searched().min(CONTINUED_MAX);
        let goes_on = |from: &usize| (*from..=from + continued_max).contains(&at);
        let from = self.searched_from.filter(goes_on).unwrap_or_else(|| {
            self.ends.clear();
            self.cursor = Cursor::START;
            at
        });
        self.searched_from = Some(from);
        if from + self.ends.searched() < at + window {
            self.ends.search(interest.level(), &text[from..], at + window - from);
        }
        from
    }
}
