//! What is a fault, what is none, and where reading starts again.

use super::super::json::{DEPTH_MAX, VALUE_BYTES_MAX};
use super::*;

/// A fault on a line of its own between two events is one `malformed` and takes no event with it.
#[track_caller]
fn assert_fault(fault: impl AsRef<[u8]>) {
    let (send, open) = (event("Send"), event("Open"));
    let text = [send.as_bytes(), b"\n", fault.as_ref(), b"\n", open.as_bytes()].concat();
    assert_eq!(kinds(&text), "Send malformed Open", "{:?}", text.escape_ascii().to_string());
}

/// A value is foreign, alone and between events, before and after a fault.
#[track_caller]
fn assert_foreign(value: &str) {
    let send = event("Send");
    assert_eq!(kinds(value), "foreign", "{value:?}");
    let text = format!("{send}{value}\n{send}\n?\n{send}{value}\n{send}");
    assert_eq!(kinds(text), "Send foreign Send malformed Send foreign Send", "{value:?}");
}

/// The event with one more member in its `mail`, raw.
fn with_mail_member(member: &[u8]) -> Vec<u8> {
    let start = br#"{"eventType":"Send","mail":{"timestamp":"2026-11-20T12:00:00Z","#;
    [start, member, b"}}"].concat()
}

#[test]
fn a_string_is_not_judged_by_what_follows_it() {
    let deep = nested(129);
    for string in [r#""x""#, r#""\ud800""#, r#""\"[""#] {
        assert_eq!(kinds(format!("{string}{deep}")), "foreign malformed", "{string}");
        assert_eq!(kinds(format!("?\n{string}{deep}")), "malformed foreign malformed", "{string}");
    }
}

#[test]
fn a_value_may_have_16_mib_and_no_more() {
    assert_eq!(VALUE_BYTES_MAX, 16 << 20);
    let string = |len: usize| format!("\"{}\"", "x".repeat(len - 2));
    let list = |len: usize| format!("[{}]", " ".repeat(len - 2));
    let number = |len: usize| "1".repeat(len);
    let makers: [&dyn Fn(usize) -> String; 3] = [&string, &list, &number];
    for make in makers {
        let text = format!("{}\n{}", make(VALUE_BYTES_MAX), event("Send"));
        assert_eq!(kinds(&text), "foreign Send");
        assert_eq!(names(&read_in_chunks(&text)), "foreign Send");
        let text = format!("{}\n{}", make(VALUE_BYTES_MAX + 1), event("Send"));
        assert_eq!(kinds(&text), "malformed Send");
        assert_eq!(names(&read_in_chunks(&text)), "malformed Send");
    }
}

/// Reads with a chunk that ends one byte after the longest value.
fn read_in_chunks(text: &str) -> Vec<Seen> {
    visits(|interest, log| {
        let mut reader = Reader::with_chunk(text.as_bytes(), VALUE_BYTES_MAX + 1);
        reader.read(false, interest, log).unwrap();
    })
}

#[test]
fn a_firehose_request_as_a_body_may_be_longer_than_a_value_in_a_stream() {
    let record = format!("\"{}\"", "x".repeat(1 << 20));
    let mut data = vec![record; 16];
    data.push(event("Send"));
    let body = firehose(&data);
    assert!(body.len() > VALUE_BYTES_MAX);
    let seen = visits(|interest, log| {
        read_request(body.as_bytes(), interest).expect("a request").read(interest, log);
    });
    assert_eq!(seen.len(), 17);
    assert_eq!(seen[16].name(), "Send");
}
