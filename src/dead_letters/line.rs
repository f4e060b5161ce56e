//! A dead letter as a line of JSON, in the format that Firehose uses for failed deliveries:
//! `rawData` in Base64 and an `errorCode`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::batch::DeadLetter;
use crate::config::Unread;

/// Maximum size of a line without its `rawData`.
pub(super) const LINE_BYTES_BESIDE: usize = 16 << 10;

/// Maximum number of characters of a source. ARNs are shorter.
const SOURCE_CHARS_MAX: usize = 512;
/// Maximum number of characters that explain a rejection.
const WHY_CHARS_MAX: usize = 1000;

/// The request that letters come from.
#[derive(Clone, Debug)]
pub(super) struct LetterOrigin {
    source: String,
    request_id: String,
    arrival_ms: i64,
}

/// A whole request that was rejected permanently.
#[derive(Debug)]
pub(super) struct RefusedRequest {
    pub origin: LetterOrigin,
    pub why: String,
    /// Its content, if that may be stored.
    pub raw: Option<Box<[u8]>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LetterLine<'a> {
    version: u8,
    attempts_made: u8,
    arrival_timestamp: i64,
    error_code: &'static str,
    error_message: &'a str,
    source: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
    /// Set for a letter without content.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_data: Option<String>,
}

// === impl LetterOrigin ===

impl LetterOrigin {
    pub(super) fn new(source: &[u8], request_id: &str, arrival_ms: i64) -> Self {
        let source = String::from_utf8_lossy(source).chars().take(SOURCE_CHARS_MAX).collect();
        Self { source, request_id: request_id.to_owned(), arrival_ms }
    }
}

impl DeadLetter {
    /// The letter as a line, with the newline.
    pub(super) fn line(&self, origin: &LetterOrigin) -> Vec<u8> {
        let error_message = match self.kind {
            Unread::Malformed => "cannot be parsed: invalid JSON, Base64 or gzip, or truncated",
            Unread::UnknownType => "unknown event type, or an event without `mail`",
            Unread::Foreign => "JSON, but not an Amazon SES event",
        };
        let line = LetterLine {
            version: 1,
            attempts_made: 0,
            arrival_timestamp: origin.arrival_ms,
            error_code: self.kind.word(),
            error_message,
            source: &origin.source,
            request_id: &origin.request_id,
            record: self.raw.as_ref().map(|_| self.record),
            offset: self.raw.is_none().then_some(self.record),
            raw_data: self.raw.as_ref().map(|raw| STANDARD.encode(raw)),
        };
        let mut line = serde_json::to_vec(&line).expect("strings and numbers always serialize");
        line.push(b'\n');
        line
    }
}

impl RefusedRequest {
    /// The letter as a line, with the newline.
    pub(super) fn line(&self) -> Vec<u8> {
        let why: String = self.why.chars().take(WHY_CHARS_MAX).collect();
        let line = LetterLine {
            version: 1,
            attempts_made: 0,
            arrival_timestamp: self.origin.arrival_ms,
            error_code: "refused",
            error_message: &why,
            source: &self.origin.source,
            request_id: &self.origin.request_id,
            record: None,
            offset: None,
            raw_data: self.raw.as_ref().map(|raw| STANDARD.encode(raw)),
        };
        let mut line = serde_json::to_vec(&line).expect("strings and numbers always serialize");
        line.push(b'\n');
        line
    }
}

/// The largest value whose letter fits into a line of this many bytes.
pub(super) const fn raw_bytes_max(line_bytes_max: usize) -> usize {
    (line_bytes_max - LINE_BYTES_BESIDE) / 4 * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_says_what_it_holds_where_it_came_from_and_why() {
        let origin = LetterOrigin::new(b"arn:\xff\"", "7", 1_795_176_000_123);
        let letter =
            DeadLetter { kind: Unread::Malformed, record: 2, raw: Some((*b"{\"a").into()) };
        let line = String::from_utf8(letter.line(&origin)).expect("text");
        let expected = concat!(
            r#"{"version":1,"attemptsMade":0,"arrivalTimestamp":1795176000123,"#,
            r#""errorCode":"malformed","errorMessage":"cannot be parsed: invalid JSON, "#,
            r#"Base64 or gzip, or truncated","source":"arn:�\"","requestId":"7","record":2,"#,
            r#""rawData":"eyJh"}"#,
            "\n"
        );
        assert_eq!(line, expected);
        let place = DeadLetter { kind: Unread::Foreign, record: 99, raw: None };
        let line = String::from_utf8(place.line(&origin)).expect("text");
        assert!(line.ends_with("\"requestId\":\"7\",\"offset\":99}\n"), "{line}");
    }

    #[test]
    fn largest_letter_of_the_longest_origin_is_within_its_limit() {
        let line_bytes_max = 40_000;
        let raw = Some(vec![0; raw_bytes_max(line_bytes_max)].into());
        let origin = LetterOrigin::new(&[1; 10_000], &"\u{1}".repeat(1024), i64::MIN);
        let line = DeadLetter { kind: Unread::Malformed, record: u64::MAX, raw }.line(&origin);
        assert!(line.len() <= line_bytes_max, "{}", line.len());
    }
}
