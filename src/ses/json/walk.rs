//! Stage 2 of the fast reader: a walk over the bytes between strings. Strings are stepped over, by
//! the ends that stage 1 found.
//!
//! The walk never says that a text is at fault. Where it stops, [`WalkStop`] says what to do.
//!
//! A cursor is passed and returned by value, in registers. Behind a reference, the same walk takes
//! half as long again.

use super::raw::{Raw, Text};
use super::scalar::inner_scalar;
use super::step::DEPTH_MAX;
use super::strings::{LoneSurrogate, Token, decode};

/// The searched bytes of a text, and what stage 1 found in them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueWalk<'a, 'e> {
    text: &'a [u8],
    ends: &'e [u32],
    escaped: &'e [u64],
}

/// A position of a text, outside of strings.
///
/// Invariant: `next` strings end before `at`. It holds because a cursor moves over a string as a
/// whole, and over other bytes only after looking at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    at: u32,
    /// The number of the next string, from 0.
    next: u32,
}

/// Why a walk stopped before the end of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WalkStop {
    /// The searched bytes end here.
    Unsearched,
    /// What comes next is a fault, or a form that only the reference reads.
    Unusual,
}

/// The cursor after a step, or why there is none.
pub(crate) type Stepped = Result<Cursor, WalkStop>;

/// The name and the value of a header in its usual form.
pub(crate) struct UsualHeader<'a> {
    pub name: &'a [u8],
    value: &'a [u8],
    /// The number of the value's string.
    number: u32,
}

// === impl Cursor ===

impl Cursor {
    /// The start of a text.
    pub(crate) const START: Self = Self { at: 0, next: 0 };

    /// The position in the text.
    pub(crate) fn at(self) -> usize {
        self.at as usize
    }

    /// The cursor after the byte here, which is not a quote.
    #[inline]
    fn after_byte(self) -> Self {
        Self { at: self.at + 1, ..self }
    }
}

// === impl ValueWalk ===

impl<'a, 'e> ValueWalk<'a, 'e> {
    pub(super) fn new(text: &'a [u8], ends: &'e [u32], escaped: &'e [u64]) -> Self {
        Self { text, ends, escaped }
    }

    /// The cursor at a later position, which is outside of strings too.
    pub(crate) fn move_to(self, cursor: Cursor, at: usize) -> Option<Cursor> {
        let at = u32::try_from(at).ok()?;
        let ended = self.ends.get(cursor.next as usize..)?.iter().take_while(|end| **end < at);
        Some(Cursor { at, next: cursor.next + u32::try_from(ended.count()).ok()? })
    }

    /// The next byte that is not white space, and its cursor.
    #[inline]
    pub(crate) fn peek(self, cursor: Cursor) -> Result<(u8, Cursor), WalkStop> {
        match self.text.get(cursor.at()) {
            Some(byte) if *byte > b' ' => Ok((*byte, cursor)),
            Some(_) => self.peek_after_space(cursor),
            None => Err(WalkStop::Unsearched),
        }
    }

    /// As [`Self::peek`], out of the way: SES writes no white space.
    #[cold]
    fn peek_after_space(self, mut cursor: Cursor) -> Result<(u8, Cursor), WalkStop> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.get(cursor.at()) {
            cursor = cursor.after_byte();
        }
        let byte = self.text.get(cursor.at()).ok_or(WalkStop::Unsearched)?;
        Ok((*byte, cursor))
    }

    /// Steps over a byte, after white space.
    #[inline]
    fn step_over(self, cursor: Cursor, expected: u8) -> Stepped {
        match self.peek(cursor)? {
            (byte, cursor) if byte == expected => Ok(cursor.after_byte()),
            _ => Err(WalkStop::Unusual),
        }
    }

    /// The position of the closing quote of a string, by its number.
    #[inline]
    fn end_of(self, string: u32) -> Result<u32, WalkStop> {
        self.ends.get(string as usize).copied().ok_or(WalkStop::Unsearched)
    }

    /// Steps over the string whose opening quote is here.
    #[inline]
    fn skip_string(self, cursor: Cursor) -> Stepped {
        Ok(Cursor { at: self.end_of(cursor.next)? + 1, next: cursor.next + 1 })
    }

    /// The bytes between the quotes of the string whose opening quote is at `open`.
    #[inline]
    fn content(self, open: u32, end: u32) -> Result<&'a [u8], WalkStop> {
        self.text.get(open as usize + 1..end as usize).ok_or(WalkStop::Unusual)
    }

    #[inline]
    fn is_escaped(self, string: u32) -> bool {
        let bits = self.escaped.get(string as usize / 64).copied().unwrap_or(u64::MAX);
        bits >> (string % 64) & 1 == 1
    }

    /// The value between two cursors, of which the first may stand before white space.
    pub(crate) fn raw(self, start: Cursor, end: Cursor) -> Result<Raw<'a>, WalkStop> {
        let (_, start) = self.peek(start)?;
        self.text.get(start.at()..end.at()).map(Raw::new).ok_or(WalkStop::Unusual)
    }

    /// A string, decoded.
    #[inline]
    pub(crate) fn text(self, cursor: Cursor) -> Result<(Text<'a>, Cursor), WalkStop> {
        let (byte, cursor) = self.peek(cursor)?;
        if byte != b'"' {
            return Err(WalkStop::Unusual);
        }
        let after = self.skip_string(cursor)?;
        let content = self.content(cursor.at, after.at - 1)?;
        Ok((self.decoded(content, cursor.next), after))
    }

    #[inline]
    fn decoded(self, content: &'a [u8], string: u32) -> Text<'a> {
        if !self.is_escaped(string) {
            return Text::Borrowed(content);
        }
        let mut out = Vec::new();
        decode(content, LoneSurrogate::Kept, &mut out);
        Text::Owned(out)
    }

    /// A key, and the cursor after its colon. A key with escapes is unusual.
    #[inline]
    fn key(self, cursor: Cursor) -> Result<(&'a [u8], Cursor), WalkStop> {
        let (byte, cursor) = self.peek(cursor)?;
        if byte != b'"' || self.is_escaped(cursor.next) {
            return Err(WalkStop::Unusual);
        }
        let after = self.skip_string(cursor)?;
        let key = self.content(cursor.at, after.at - 1)?;
        Ok((key, self.step_over(after, b':')?))
    }

    #[inline]
    fn skip_key(self, cursor: Cursor) -> Stepped {
        let (byte, cursor) = self.peek(cursor)?;
        if byte != b'"' {
            return Err(WalkStop::Unusual);
        }
        self.step_over(self.skip_string(cursor)?, b':')
    }

    /// Walks over an object. `value` gets each key with the cursor of its value, and steps over it.
    #[inline]
    pub(crate) fn members(
        self,
        cursor: Cursor,
        mut value: impl FnMut(&'a [u8], Cursor) -> Stepped,
    ) -> Stepped {
        let mut cursor = self.step_over(cursor, b'{')?;
        if let (b'}', end) = self.peek(cursor)? {
            return Ok(end.after_byte());
        }
        loop {
            let (key, after) = self.key(cursor)?;
            match self.peek(value(key, after)?)? {
                (b',', comma) => cursor = comma.after_byte(),
                (b'}', end) => return Ok(end.after_byte()),
                _ => return Err(WalkStop::Unusual),
            }
        }
    }

    /// Walks over a list. `element` steps over the element at a cursor.
    #[inline]
    pub(crate) fn elements(
        self,
        cursor: Cursor,
        mut element: impl FnMut(Cursor) -> Stepped,
    ) -> Stepped {
        let mut cursor = self.step_over(cursor, b'[')?;
        if let (b']', end) = self.peek(cursor)? {
            return Ok(end.after_byte());
        }
        loop {
            match self.peek(element(cursor)?)? {
                (b',', comma) => cursor = comma.after_byte(),
                (b']', end) => return Ok(end.after_byte()),
                _ => return Err(WalkStop::Unusual),
            }
        }
    }

    /// The header here, if it is as SES writes it: `{"name":"…","value":"…"}` without white space.
    /// That is two comparisons instead of a step for each token, and half of an event is headers.
    #[inline]
    pub(crate) fn usual_header(self, cursor: Cursor) -> Option<(UsualHeader<'a>, Cursor)> {
        const BEFORE_NAME: &[u8] = b"{\"name\":\"";
        const BEFORE_VALUE: &[u8] = b"\",\"value\":\"";
        const AFTER_VALUE: &[u8] = b"\"}";
        // Its strings are, by number: `name`, the name, `value`, the value.
        let (name, number) = (cursor.next + 1, cursor.next + 3);
        let rest = self.text.get(cursor.at()..)?.strip_prefix(BEFORE_NAME)?;
        let start = self.text.len() - rest.len();
        let end = self.end_of(name).ok()? as usize;
        let value_end = self.end_of(number).ok()?;
        let rest = self.text.get(end..)?.strip_prefix(BEFORE_VALUE)?;
        let value_start = self.text.len() - rest.len();
        if self.is_escaped(name) || !self.text.get(value_end as usize..)?.starts_with(AFTER_VALUE) {
            return None;
        }
        let value = self.text.get(value_start..value_end as usize)?;
        let header = UsualHeader { name: self.text.get(start..end)?, value, number };
        Some((header, Cursor { at: value_end + 2, next: cursor.next + 4 }))
    }

    /// The value of a header, decoded.
    #[inline]
    pub(crate) fn header_value(self, header: &UsualHeader<'a>) -> Text<'a> {
        self.decoded(header.value, header.number)
    }

    /// Steps over a value inside of `depth` lists and objects.
    #[inline]
    pub(crate) fn skip(self, cursor: Cursor, depth: usize) -> Stepped {
        match self.peek(cursor)? {
            (b'"', cursor) => self.skip_string(cursor),
            (b'{' | b'[', cursor) => self.skip_nested(cursor, depth),
            (_, cursor) => self.skip_scalar(cursor),
        }
    }

    /// Steps over a list or object.
    fn skip_nested(self, mut cursor: Cursor, depth: usize) -> Stepped {
        // A bit for each open bracket, the innermost lowest: it opens an object.
        let mut objects: u128 = 0;
        let mut open = 0;
        loop {
            // Here begins a value.
            let (byte, start) = self.peek(cursor)?;
            cursor = match byte {
                b'"' => self.skip_string(start)?,
                b'{' | b'[' => {
                    if depth + open == DEPTH_MAX {
                        return Err(WalkStop::Unusual);
                    }
                    let is_object = byte == b'{';
                    let (byte, inside) = self.peek(start.after_byte())?;
                    if byte != if is_object { b'}' } else { b']' } {
                        open += 1;
                        objects = objects << 1 | u128::from(is_object);
                        cursor = if is_object { self.skip_key(inside)? } else { inside };
                        continue;
                    }
                    inside.after_byte()
                }
                _ => self.skip_scalar(start)?,
            };
            // Here it ended.
            while open > 0 {
                let is_object = objects & 1 == 1;
                let (byte, end) = self.peek(cursor)?;
                cursor = end.after_byte();
                match byte {
                    b',' if is_object => cursor = self.skip_key(cursor)?,
                    b',' => {}
                    b'}' if is_object => {
                        objects >>= 1;
                        open -= 1;
                        continue;
                    }
                    b']' if !is_object => {
                        objects >>= 1;
                        open -= 1;
                        continue;
                    }
                    _ => return Err(WalkStop::Unusual),
                }
                break;
            }
            if open == 0 {
                return Ok(cursor);
            }
        }
    }

    /// Steps over a number or literal.
    fn skip_scalar(self, cursor: Cursor) -> Stepped {
        match inner_scalar(self.text, cursor.at()) {
            #[expect(clippy::cast_possible_truncation, reason = "a text has less than 4 GiB")]
            Token::End(end) => Ok(Cursor { at: end as u32, ..cursor }),
            Token::Incomplete => Err(WalkStop::Unsearched),
            Token::Fault => Err(WalkStop::Unusual),
        }
    }
}
