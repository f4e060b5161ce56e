//! The bytes of single values, cut out of JSON that was read already: for whoever keeps what could
//! not be read. What is cut out reads alone as it did in its place.

use std::borrow::Cow;

use super::gunzip::is_gzip;
use super::json::end_of_string;
use super::text::BYTE_ORDER_MARK;

/// What a torn gzip stream is kept as when something came out of it: gzip that ends at once.
pub const TORN_GZIP: &[u8] = &[0x1f, 0x8b];

/// The entries of a list that is an object's member. The list is looked for when the first entry
/// is asked for.
pub struct Entries<'t> {
    object: &'t [u8],
    name: &'static str,
    items: Option<Items<'t>>,
    /// The entry that `items` gives next.
    next: u64,
}

/// What stands in a list or an object of sound JSON; of an object keys and values by turns.
struct Items<'t>(&'t [u8]);

/// The value of a member of a sound object, the last one of that name; empty when there is none.
pub fn member<'t>(object: &'t [u8], name: &str) -> &'t [u8] {
    let mut items = Items::of(object);
    let mut found: &[u8] = &[];
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        if is_name(key, name) {
            found = value;
        }
    }
    found
}

/// Whether a key, with its quotes, is a name.
fn is_name(key: &[u8], name: &str) -> bool {
    if key.contains(&b'\\') {
        // What is no text is no name of ours.
        return serde_json::from_slice::<String>(key).is_ok_and(|key| key == name);
    }
    key.get(1..key.len() - 1) == Some(name.as_bytes())
}

/// An entry of `Records` in a list of its own, since alone it would be judged as a value.
pub fn in_notifications(entry: &[u8]) -> Vec<u8> {
    [b"{\"Records\":[", entry, b"]}"].concat()
}

/// A record of a Firehose request in a request of its own.
pub fn in_request(record: &[u8]) -> Vec<u8> {
    [b"{\"requestId\":\"\",\"records\":[", record, b"]}"].concat()
}

/// A fault in the midst of a text. At the start of one some bytes mean something else; behind a
/// space they do not.
pub fn in_text(fault: &[u8]) -> Cow<'_, [u8]> {
    if is_gzip(fault) || fault.starts_with(BYTE_ORDER_MARK) {
        [b" ", fault].concat().into()
    } else {
        fault.into()
    }
}

// === impl Entries ===

impl<'t> Entries<'t> {
    pub fn of(object: &'t [u8], name: &'static str) -> Self {
        Self { object, name, items: None, next: 0 }
    }

    /// The entry of a number from 0, which is larger than that of the last time: so all together
    /// cost no more than one walk.
    pub fn get(&mut self, at: u64) -> &'t [u8] {
        let items = self.items.get_or_insert_with(|| Items::of(member(self.object, self.name)));
        let skip = usize::try_from(at - self.next).unwrap_or(usize::MAX);
        self.next = at + 1;
        items.nth(skip).unwrap_or_default()
    }
}

// === impl Items ===

impl<'t> Items<'t> {
    fn of(json: &'t [u8]) -> Self {
        let open = json.iter().position(|byte| matches!(byte, b'{' | b'['));
        Self(open.map_or(&[], |open| &json[open + 1..]))
    }
}

impl<'t> Iterator for Items<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        let between = |byte: &u8| matches!(byte, b',' | b':' | b' ' | b'\t' | b'\n' | b'\r');
        let start = self.0.iter().position(|byte| !between(byte))?;
        let rest = &self.0[start..];
        if matches!(rest[0], b'}' | b']') {
            self.0 = &[];
            return None;
        }
        let (item, rest) = rest.split_at(len_of_value(rest));
        self.0 = rest;
        Some(item)
    }
}

/// The length of the value at the start of sound JSON.
fn len_of_value(json: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                at = end_of_string(json, at + 1).unwrap_or(json.len());
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

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_member_is_the_last_of_its_name_whatever_stands_around_it() {
        let object = br#" { "a" : 1 , "b":"}\"," ,"a":[{"a":2},"]"]
            ,"\u0063" :null, "\ud800":0,"d":{ "e" : -1.5e3 } } "#;
        assert_eq!(text(member(object, "a")), r#"[{"a":2},"]"]"#);
        assert_eq!(text(member(object, "b")), r#""}\",""#);
        assert_eq!(text(member(object, "c")), "null");
        assert_eq!(text(member(member(object, "d"), "e")), "-1.5e3");
        assert_eq!(text(member(object, "e")), "");
        for nothing in ["{}", "[]", "7", "\"\"", ""] {
            assert_eq!(text(member(nothing.as_bytes(), "a")), "", "{nothing}");
        }
    }

    #[test]
    fn entries_are_found_by_their_number() {
        let object = br#"{"a":[0,"1",{"2":[2]}, [ ] ,4]}"#;
        let mut entries = Entries::of(object, "a");
        assert_eq!(text(entries.get(1)), "\"1\"");
        assert_eq!(text(entries.get(2)), "{\"2\":[2]}");
        assert_eq!(text(entries.get(3)), "[ ]");
        assert_eq!(text(entries.get(4)), "4");
        assert_eq!(text(entries.get(5)), "");
        assert_eq!(text(Entries::of(object, "b").get(0)), "");
    }
}
