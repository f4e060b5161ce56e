//! Texts without addresses.

use std::hash::{BuildHasher, RandomState};

use serde_json::{Map, Value as Json, json};

use crate::ses::json::raw::Raw;

/// The longest text of a member, in bytes: no shorter than 255 characters, of which the rules read
/// no more.
const TEXT_BYTES_MAX: usize = 4 * 255 + 4;

/// The longest value of a dimension, in bytes.
const DIMENSION_BYTES_MAX: usize = 255;

/// Replaces what precedes an `@` by a code, under a key that no other process knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressCodes(RandomState);

// === impl AddressCodes ===

impl AddressCodes {
    /// Adds a member, if it is a string.
    pub(super) fn put(&self, kept: &mut Map<String, Json>, name: &str, raw: Raw<'_>) {
        if let Some(text) = self.text(raw) {
            kept.insert(name.to_owned(), json!(text));
        }
    }

    /// The text of a string as it is kept; `None` if it is not a string.
    pub(super) fn text(&self, raw: Raw<'_>) -> Option<String> {
        let mut buffer = Vec::new();
        let text = String::from_utf8_lossy(raw.text_in(&mut buffer)?);
        let mut end = text.len().min(TEXT_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Some(self.encode(&text[..end]))
    }

    /// A text in which each `@` has only a domain around it.
    fn encode(&self, text: &str) -> String {
        let mut parts = text.split('@');
        let first = parts.next().unwrap_or_default();
        let Some(second) = parts.next() else { return first.to_owned() };
        let mut encoded = self.code(first);
        for part in std::iter::once(second).chain(parts) {
            let is_domain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
            let len = part.bytes().position(|byte| !is_domain(byte)).unwrap_or(part.len());
            let (domain, rest) = part.split_at(len);
            encoded.push('@');
            encoded.push_str(domain);
            encoded.push_str(&self.code(rest));
        }
        if text.len() > DIMENSION_BYTES_MAX {
            // Too long for a dimension's value, and it must stay invalid.
            encoded.push('+');
        }
        encoded
    }

    /// The code of a text: nothing for nothing, and not valid as a dimension's value if the text is
    /// not.
    fn code(&self, text: &str) -> String {
        let is_valid =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        let mark = if text.bytes().all(is_valid) { "" } else { "+" };
        if text.is_empty() {
            return String::new();
        }
        format!("{:016x}{mark}", self.0.hash_one(text))
    }
}
