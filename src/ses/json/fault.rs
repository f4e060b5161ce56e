//! Says for people where a text is not JSON, and why. The readers only need to know that it is not.

use serde::de::IgnoredAny;

use super::step::{DEPTH_MAX, VALUE_BYTES_MAX};

/// The maximum number of bytes in which a fault is looked for: a message is not worth more time.
const SEARCHED_MAX: usize = 1 << 20;

/// Where a faulty value is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The position, from the first byte of the value; `None`: not found.
    pub at: Option<usize>,
    /// What is wrong, without anything of the text.
    pub what: String,
}

// === impl Fault ===

impl Fault {
    /// Looks for the fault of a value. `text` begins with the value and holds the fault.
    #[must_use]
    pub(crate) fn of(text: &[u8]) -> Self {
        let searched = &text[..text.len().min(SEARCHED_MAX)];
        let mut values = serde_json::Deserializer::from_slice(searched).into_iter::<IgnoredAny>();
        let (checked, syntax) = match values.next() {
            Some(Err(error)) if error.is_eof() && searched.len() < text.len() => {
                (searched.len(), None)
            }
            Some(Err(error)) if error.is_eof() => {
                let what = "the text ends inside the value".to_owned();
                (searched.len(), Some(Self { at: Some(searched.len()), what }))
            }
            Some(Err(error)) => {
                let mut at = position(searched, error.line(), error.column());
                let what = without_place(&error.to_string()).to_owned();
                // The parser names the byte before it.
                if what.starts_with("control character") && searched.get(at) >= Some(&b' ') {
                    at += 1;
                }
                (at, Some(Self { at: Some(at), what }))
            }
            Some(Ok(_)) | None => (values.byte_offset(), None),
        };
        let checked = &searched[..checked];
        let depth = too_deep(checked).map(|at| {
            let what = format!("more than {DEPTH_MAX} levels of lists and objects");
            Self { at: Some(at), what }
        });
        let encoding = std::str::from_utf8(checked).err().map(|error| {
            let what = "not valid UTF-8".to_owned();
            Self { at: Some(error.valid_up_to()), what }
        });
        let found = [depth, encoding, syntax].into_iter().flatten().min_by_key(|fault| fault.at);
        found.unwrap_or_else(|| {
            let what = format!(
                "longer than {VALUE_BYTES_MAX} bytes, or a fault behind the first {SEARCHED_MAX}"
            );
            Self { at: None, what }
        })
    }
}

/// The position of a line and column, both from 1, the column in bytes.
fn position(text: &[u8], line: usize, column: usize) -> usize {
    let newlines = memchr::memchr_iter(b'\n', text);
    let start = match line.checked_sub(2) {
        Some(before) => newlines.skip(before).map(|newline| newline + 1).next().unwrap_or(0),
        None => 0,
    };
    (start + column.saturating_sub(1)).min(text.len())
}

/// A message of the parser without the place at its end.
fn without_place(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(what, _)| what)
}

/// The position of the first bracket that is too deep.
fn too_deep(text: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Some(at);
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ses::json::frames::Frames;
    use crate::ses::json::step::Step;

    fn fault(text: impl AsRef<[u8]>) -> (Option<usize>, String) {
        let Fault { at, what } = Fault::of(text.as_ref());
        (at, what)
    }

    #[test]
    fn fault_is_found_at_its_byte() {
        let says = |text: &[u8], at, what: &str| assert_eq!(fault(text), (Some(at), what.into()));
        says(b"?", 0, "expected value");
        says(b"{\"a\" 1}\n{}", 5, "expected `:`");
        says(b"{\"a\":1,\n\"b\":2,\n \"c\":nul}\n", 23, "expected ident");
        says(
            b"{\"a\":\"b\nc\"}",
            7,
            "control character (\\u0000-\\u001F) found while parsing a string",
        );
        says(b"{\"a\":\"\xff\"}", 6, "not valid UTF-8");
        says(b"{\"\xff\":\n?}", 2, "not valid UTF-8");
        says(b"{\"a\":[1,2", 9, "the text ends inside the value");
        says(b"{\"a\":\"\\x\"}", 7, "invalid escape");
    }

    #[test]
    fn depth_is_counted_outside_of_strings() {
        let deep = format!("{}\"[[{{\\\"[\"", "[".repeat(DEPTH_MAX));
        assert_eq!(fault(&deep).1, "the text ends inside the value");
        let (at, what) = fault(format!("{deep},[]"));
        assert_eq!(
            (at, &*what),
            (Some(deep.len() + 1), "more than 128 levels of lists and objects")
        );
    }

    #[test]
    fn search_has_an_end() {
        let long = format!("{{\"a\":\"{}\u{1}\"}}", "b".repeat(SEARCHED_MAX));
        assert_eq!(fault(&long).0, None);
    }

    proptest! {
        /// The fault of every list or object that the readers reject is found inside its text.
        #[test]
        fn fault_of_every_rejected_value_is_found(
            parts in prop::collection::vec(prop::sample::select(vec![
                &b"{"[..], b"}", b"[", b"]", b":", b",", b"\"a\"", b"\"", b"\\", b"\n", b" ", b"1",
                b"-", b"1e", b"nul", b"true", b"\xff", b"\x01", b"\\u12", b"\\ud800", b"\xc3\xa9",
            ]), 0..12),
            open in prop::sample::select(vec![&b"{"[..], b"["]),
        ) {
            let text = [open, &parts.concat()].concat();
            let step = Frames::default().read(&text, 0, VALUE_BYTES_MAX);
            if !matches!(step, Step::Value { .. }) {
                let at = Fault::of(&text).at;
                prop_assert!(at.is_some_and(|at| at <= text.len()), "{at:?}");
            }
        }
    }
}
