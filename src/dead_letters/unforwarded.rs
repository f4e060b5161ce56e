//! A dead letter of an event that was counted but could not be forwarded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;

/// The event as received, and why it was not accepted.
#[derive(Clone, Debug)]
pub(crate) struct Unforwarded {
    /// The ARN of its destination.
    pub destination: String,
    /// A fixed text, or an error code from AWS.
    pub why: String,
    /// When forwarding was given up, in Unix milliseconds.
    pub at_ms: i64,
    pub event: Bytes,
}

/// Deliberately not in Firehose's format: a reader of that format would count the event a second
/// time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnforwardedLine<'a> {
    version: u8,
    given_up_timestamp: i64,
    error_code: &'static str,
    error_message: &'a str,
    destination: &'a str,
    event_data: String,
}

/// Maximum size of a line without its event.
const LINE_BYTES_BESIDE: usize = 1 << 10;

// === impl Unforwarded ===

impl Unforwarded {
    /// Approximate memory of the letter.
    pub(super) fn bytes(&self) -> usize {
        self.event.len() + LINE_BYTES_BESIDE
    }

    /// The letter as a line, with the newline.
    pub(super) fn line(&self) -> Vec<u8> {
        let line = UnforwardedLine {
            version: 1,
            given_up_timestamp: self.at_ms,
            error_code: "unforwarded",
            error_message: &self.why,
            destination: &self.destination,
            event_data: STANDARD.encode(&self.event),
        };
        let mut line = serde_json::to_vec(&line).expect("strings and numbers always serialize");
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_says_where_the_event_was_to_go_and_why_it_did_not() {
        let letter = Unforwarded {
            destination: "arn:aws:sns:eu-west-1:111122223333:mail".to_owned(),
            why: "not taken in time".to_owned(),
            at_ms: 1_795_176_000_123,
            event: Bytes::from_static(b"{\"a"),
        };
        let expected = concat!(
            r#"{"version":1,"givenUpTimestamp":1795176000123,"errorCode":"unforwarded","#,
            r#""errorMessage":"not taken in time","#,
            r#""destination":"arn:aws:sns:eu-west-1:111122223333:mail","eventData":"eyJh"}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(letter.line()).expect("text"), expected);
    }
}
