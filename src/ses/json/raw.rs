//! Valid JSON as received: a value stays bytes until it is accessed.

use std::borrow::Cow;

use memchr::memchr;

use super::strings::{LoneSurrogate, decode, end_of_valid};
use crate::ses::work;

/// A JSON string as bytes. UTF-8 except for lone surrogates, which take three bytes each.
pub type Text<'a> = Cow<'a, [u8]>;

/// One valid JSON value without white space around it, or nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Raw<'a>(&'a [u8]);

/// The elements of a list.
#[derive(Clone, Debug)]
pub(crate) struct Elements<'a, 'k> {
    rest: &'a [u8],
    /// The end of `rest`, as a position in the text that `long` refers to.
    end: usize,
    /// The sorted positions of long values, which need not be searched again.
    long: &'k [ByteSpan],
}

/// The first byte of a value, and the position after its last one.
pub(crate) type ByteSpan = (usize, usize);

/// The members of an object, with their names.
#[derive(Clone, Debug)]
pub(crate) struct Members<'a, 'k>(Elements<'a, 'k>);

// === impl Raw ===

impl<'a> Raw<'a> {
    /// Wraps bytes that are known to be one valid JSON value.
    pub(crate) fn new(json: &'a [u8]) -> Self {
        Self(json)
    }

    pub(crate) fn bytes(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn is_text(self) -> bool {
        self.0.first() == Some(&b'"')
    }

    pub(crate) fn is_object(self) -> bool {
        self.0.first() == Some(&b'{')
    }

    pub(crate) fn is_list(self) -> bool {
        self.0.first() == Some(&b'[')
    }

    /// The digits of a number, as written.
    pub(crate) fn number(self) -> Option<&'a [u8]> {
        let is_number = matches!(self.0.first(), Some(b'-' | b'0'..=b'9'));
        is_number.then_some(self.0)
    }

    /// The bytes between a string's quotes, and whether they contain no escapes.
    fn content(self) -> Option<(&'a [u8], bool)> {
        let content = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        work::scanned(content.len());
        Some((content, memchr(b'\\', content).is_none()))
    }

    /// The decoded bytes of a string.
    pub(crate) fn text(self) -> Option<Text<'a>> {
        let (content, is_plain) = self.content()?;
        if is_plain {
            return Some(Cow::Borrowed(content));
        }
        let mut out = Vec::new();
        decode(content, LoneSurrogate::Kept, &mut out);
        Some(Cow::Owned(out))
    }

    /// The text of a string that is read on: lone surrogates are U+FFFD. With a reusable buffer for
    /// strings that must be decoded.
    pub(crate) fn text_in<'b>(self, buffer: &'b mut Vec<u8>) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        let (content, is_plain) = self.content()?;
        if is_plain {
            return Some(content);
        }
        buffer.clear();
        decode(content, LoneSurrogate::Replaced, buffer);
        Some(buffer)
    }

    /// The elements, if it is a list.
    pub(crate) fn elements(self) -> Elements<'a, 'static> {
        Elements { rest: if self.is_list() { &self.0[1..] } else { &[] }, end: 0, long: &[] }
    }

    /// The members, if it is an object.
    pub(crate) fn members(self) -> Members<'a, 'static> {
        self.members_beside(0, &[])
    }

    /// The same, with the known long values of the text, in which this value starts at `start`.
    pub(crate) fn members_beside(self, start: usize, long: &[ByteSpan]) -> Members<'a, '_> {
        let rest = if self.is_object() { &self.0[1..] } else { &[] };
        Members(Elements { rest, end: start + self.0.len(), long })
    }

    /// The last member with a name; nothing if this is not an object.
    pub(crate) fn member(self, name: &str) -> Self {
        let named = self.members().filter(|(key, _)| **key == *name.as_bytes());
        named.last().map(|(_, member)| member).unwrap_or_default()
    }
}

impl std::fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

// === impl Elements ===

impl<'a> Elements<'a, '_> {
    /// The bytes from the next element on, or from the closing bracket.
    #[inline]
    fn skip_between(&mut self) -> Option<&'a [u8]> {
        let between = |byte: &u8| matches!(byte, b',' | b':' | b' ' | b'\t' | b'\n' | b'\r');
        let start = self.rest.iter().position(|byte| !between(byte))?;
        work::scanned(start);
        self.rest = &self.rest[start..];
        Some(self.rest)
    }

    /// If the next element is an object, passes its members and returns it, in one pass.
    pub(crate) fn next_object(&mut self, mut found: impl FnMut(&[u8], Raw<'a>)) -> Option<Raw<'a>> {
        let rest = self.skip_between()?;
        if rest[0] != b'{' {
            return self.next();
        }
        let mut members = Members(Elements { rest: &rest[1..], end: 0, long: &[] });
        for (key, member) in &mut members {
            found(&key, member);
        }
        let (item, rest) = rest.split_at(rest.len() - members.0.rest.len());
        self.rest = rest;
        Some(Raw(item))
    }

    /// The length of the value at the start of `rest`, if its end is known.
    #[inline]
    fn known_len(&mut self) -> Option<usize> {
        let start = self.end.checked_sub(self.rest.len())?;
        while let Some(((from, to), others)) = self.long.split_first() {
            if *from > start {
                break;
            }
            self.long = others;
            if *from == start {
                return Some(to - from);
            }
        }
        None
    }
}

impl<'a> Iterator for Elements<'a, '_> {
    type Item = Raw<'a>;

    #[inline]
    fn next(&mut self) -> Option<Raw<'a>> {
        let rest = self.skip_between()?;
        if matches!(rest[0], b'}' | b']') {
            return None;
        }
        let len = self.known_len().unwrap_or_else(|| {
            let len = len_of_value(rest);
            work::scanned(len);
            len
        });
        let (item, rest) = rest.split_at(len);
        self.rest = rest;
        Some(Raw(item))
    }
}

// === impl Members ===

impl<'a> Iterator for Members<'a, '_> {
    type Item = (Text<'a>, Raw<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Some(key) = self.0.next() else {
            // Moves past the closing bracket, for the caller that continues there.
            self.0.rest = self.0.rest.get(1..).unwrap_or_default();
            return None;
        };
        Some((key.text().unwrap_or_default(), self.0.next()?))
    }
}

/// The length of the value at the start of valid JSON.
fn len_of_value(json: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                at = end_of_valid(json, at + 1);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 1 => depth -= 1,
            b'}' | b']' => return at + depth,
            b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: Raw<'_>) -> &str {
        std::str::from_utf8(raw.bytes()).expect("text")
    }

    #[test]
    fn member_is_the_last_of_its_name_in_any_surroundings() {
        let object = br#"{ "a" : 1 , "b":"}\"," ,"a":[{"a":2},"]"]
            ,"\u0063" :null, "\ud800":0,"d":{ "e" : -1.5e3 } }"#;
        let object = Raw::new(object);
        assert_eq!(text(object.member("a")), r#"[{"a":2},"]"]"#);
        assert_eq!(text(object.member("b")), r#""}\",""#);
        assert_eq!(text(object.member("c")), "null");
        assert_eq!(text(object.member("d").member("e")), "-1.5e3");
        assert_eq!(text(object.member("e")), "");
        for nothing in ["{}", "[]", "7", "\"\"", ""] {
            assert_eq!(text(Raw::new(nothing.as_bytes()).member("a")), "", "{nothing}");
        }
    }

    #[test]
    fn elements_are_returned_without_separators() {
        let list = Raw::new(br#"[0,"1",{"2":[2]}, [ ] ,4]"#);
        let elements: Vec<_> = list.elements().map(text).collect();
        assert_eq!(elements, ["0", "\"1\"", "{\"2\":[2]}", "[ ]", "4"]);
        for nothing in ["[]", "[ ]", "{\"a\":1}", "7", "\"\"", ""] {
            assert_eq!(Raw::new(nothing.as_bytes()).elements().count(), 0, "{nothing}");
        }
    }

    #[test]
    fn text_is_decoded_only_if_needed_and_into_the_given_buffer() {
        let mut buffer = Vec::new();
        assert_eq!(Raw::new(b"\"a\"").text_in(&mut buffer), Some(&b"a"[..]));
        assert_eq!(buffer.capacity(), 0);
        assert_eq!(Raw::new(b"\"a\\n\"").text_in(&mut buffer), Some(&b"a\n"[..]));
        assert_eq!(Raw::new(b"\"\\u0061\"").text().as_deref(), Some(&b"a"[..]));
        assert_eq!(Raw::new(b"7").text(), None);
        assert_eq!(Raw::new(b"-7.5e3").number(), Some(&b"-7.5e3"[..]));
        assert_eq!(Raw::new(b"\"7\"").number(), None);
    }
}
