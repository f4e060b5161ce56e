//! Which input is a fault, and where reading restarts.

use super::*;
use crate::ses::json::step::DEPTH_MAX;

/// A fault on its own line between two events counts as one `malformed`, and both events are read.
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
fn broken_grammar_is_a_fault() {
    for fault in [
        "{",
        "{\"a\":[",
        "}",
        "]",
        ":",
        "\"",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":[1 2]}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{\"a\":[01]}",
        "{\"a\":[1.]}",
        "{\"a\":[.5]}",
        "{\"a\":[+1]}",
        "{\"a\":[1e]}",
        "{\"a\":[tru]}",
        "{\"a\":[TRUE]}",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "{\"a\":[\"\\\"]}",
        "// comment",
        "{\"a\":[1,/**/2]}",
        "{\"a\":1",
        "{\"a\":[1}",
    ] {
        assert_fault(fault);
    }
}

#[test]
fn nan_and_infinity_are_faults_anywhere() {
    for word in ["NaN", "Infinity", "-Infinity", "nan", "inf"] {
        assert_fault(word);
        assert_fault(format!("{{\"a\":[{word}]}}"));
        assert_fault(with_mail_member(format!(r#""x":{word}"#).as_bytes()));
        assert_fault(with_mail_member(format!(r#""tags":{word}"#).as_bytes()));
    }
}

#[test]
fn invalid_utf_8_anywhere_in_a_value_is_a_fault() {
    for bytes in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"] {
        assert_fault([b"\"", bytes, b"\""].concat());
        assert_fault(with_mail_member(&[br#""x":""#, bytes, b"\""].concat()));
        assert_fault(with_mail_member(&[b"\"", bytes, b"\":1"].concat()));
        assert_fault(with_mail_member(&[br#""tags":{"campaign":[""#, bytes, b"\"]}"].concat()));
        assert_fault(with_mail_member(&[br#""x":[{"y":"\ud800"#, bytes, b"\"}]"].concat()));
    }
}

#[test]
fn raw_control_characters_are_faults() {
    for control in [0_u8, 1, 8, b'\t', b'\n', b'\r', 0x1f] {
        let string = [b"\"a", &[control][..], b"b\""].concat();
        let alone = kinds(&string);
        let expected = if control == b'\n' { "malformed malformed" } else { "malformed" };
        assert_eq!(alone, expected, "{control}");
        if control != b'\n' {
            assert_fault(with_mail_member(&[br#""x":"#, &string[..]].concat()));
            assert_fault(with_mail_member(&[&string[..], b":1"].concat()));
            assert_fault(with_mail_member(
                &[&br#""tags":{"campaign":"#[..], &string[..], b"}"].concat(),
            ));
            assert_fault(with_mail_member(&[br#""subject":"\udead","x":"#, &string[..]].concat()));
        }
    }
    assert_eq!(kinds(with_mail_member(b"\"x\":\"\x7f\"")), "Send");
}

#[test]
fn value_may_have_128_levels_and_no_more() {
    assert_eq!(DEPTH_MAX, 128);
    for depth in [1, 126, 127, 128] {
        assert_foreign(&nested(depth));
    }
    for depth in [129, 130, 1000] {
        assert_fault(nested(depth));
    }
    // The event itself has two levels.
    let deep = |depth| with_mail_member(format!(r#""x":{}"#, nested(depth)).as_bytes());
    assert_eq!(kinds(deep(125)), "Send");
    assert_eq!(kinds(deep(126)), "Send");
    assert_fault(deep(127));
}

#[test]
fn brackets_in_strings_are_not_levels() {
    assert_foreign(&format!(r#"{{"a":"{}"}}"#, "[{".repeat(200)));
    assert_foreign(&format!(r#"["\"{}\\"]"#, "[".repeat(200)));
    assert_foreign(&format!(r#"[["\ud800{}"]]"#, "[".repeat(200)));
}

#[test]
fn siblings_do_not_add_to_the_depth() {
    assert_foreign(&format!("{{\"a\":[{}[]]}}", "[[]],[],".repeat(500)));
}

#[test]
fn string_is_valid_whatever_follows_it() {
    let deep = nested(129);
    for string in [r#""x""#, r#""\ud800""#, r#""\"[""#] {
        assert_eq!(kinds(format!("{string}{deep}")), "foreign malformed", "{string}");
        assert_eq!(kinds(format!("?\n{string}{deep}")), "malformed foreign malformed", "{string}");
    }
}

#[test]
fn value_may_have_16_mib_and_no_more() {
    assert_eq!(VALUE_BYTES_MAX, 16 << 20);
    let string = |len: usize| format!("\"{}\"", "x".repeat(len - 2));
    let object = |len: usize| format!("{{{}}}", " ".repeat(len - 2));
    let number = |len: usize| "1".repeat(len);
    let makers: [&dyn Fn(usize) -> String; 3] = [&string, &object, &number];
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
        let reader = Reader::with_block_bytes(text.as_bytes(), VALUE_BYTES_MAX + 1);
        reader.read(0, interest, log).unwrap();
    })
}

#[test]
fn firehose_request_as_a_body_may_be_longer_than_a_value_in_a_stream() {
    let record = format!("\"{}\"", "x".repeat(1 << 20));
    let mut data = vec![record; 16];
    data.push(event("Send"));
    let body = firehose(&data);
    assert!(body.len() > VALUE_BYTES_MAX);
    let interest = interest();
    let request = read_request(body.as_bytes(), &interest).expect("a request");
    let seen = request.read(&interest, || Log { interest: &interest, seen: Vec::new() });
    let seen = seen.expect("a delivery").seen;
    assert_eq!(seen.len(), 17);
    assert_eq!(seen[16].name(), "Send");
}

#[test]
fn numbers_of_any_size_are_valid_where_nothing_reads_them() {
    let digits = "9".repeat(2000);
    for number in ["1e999", "-1e-999", "1E+400000", &digits, &format!("0.{digits}e-{digits}")] {
        assert_foreign(number);
        assert_foreign(&format!("[{number}]"));
        assert_eq!(
            kinds(with_mail_member(format!(r#""x":[{{"y":{number}}}]"#).as_bytes())),
            "Send"
        );
    }
}

#[test]
fn number_in_a_used_field_is_a_field_of_an_unexpected_type() {
    let digits = "9".repeat(2000);
    for number in ["1e999", "-1e-999", &digits] {
        for member in [
            format!(r#""tags":{number}"#),
            format!(r#""tags":{{"campaign":{number}}}"#),
            format!(r#""tags":{{"campaign":[{number},"spring"]}}"#),
            format!(r#""headers":[{number},{{"name":{number}}}]"#),
            format!(r#""timestamp":{number}"#),
        ] {
            let text = with_mail_member(member.as_bytes());
            assert_eq!(value(text, ValueKind::MessageTag, "campaign"), None, "{member}");
        }
        assert_eq!(kinds(format!(r#"{{"eventType":{number},"mail":{{}}}}"#)), "foreign");
        assert_eq!(
            kinds(format!(r#"{{"Records":[{{"body":{number}}},{number}]}}"#)),
            "foreign foreign"
        );
    }
}

#[test]
fn lone_surrogate_is_valid_in_any_string_or_key() {
    for escape in [r"\ud800", r"\udfff", r"a\uDC00\ud800b", r"\ud800\ud800", r"\ud83dx"] {
        assert_foreign(&format!("\"{escape}\""));
        assert_foreign(&format!(r#"{{"{escape}":["{escape}"]}}"#));
        for member in [
            format!(r#""x":"{escape}""#),
            format!(r#""{escape}":1"#),
            format!(r#""x":{{"{escape}":{{"{escape}":"{escape}"}}}}"#),
        ] {
            let text =
                with_mail_member(format!(r#"{member},"tags":{{"genre":["jazz"]}}"#).as_bytes());
            assert_eq!(
                value(&text, ValueKind::MessageTag, "genre").as_deref(),
                Some("jazz"),
                "{member}"
            );
        }
        let text = with_mail_member(format!(r#""tags":{{"campaign":["{escape}"]}}"#).as_bytes());
        let campaign = value(&text, ValueKind::MessageTag, "campaign").expect("a value");
        assert!(campaign.contains('\u{fffd}'), "{escape}: {campaign}");
    }
}

#[test]
fn surrogate_pair_and_other_escapes_are_read() {
    let text = with_mail_member(br#""tags":{"camp\u0061ign":["\ud83d\ude00\u0041\/\n"]}"#);
    assert_eq!(value(text, ValueKind::MessageTag, "campaign").as_deref(), Some("\u{1f600}A/\n"));
    assert_eq!(kinds(r#"{"event\u0054ype":"Send","m\u0061il":{}}"#), "Send");
}

#[test]
fn reading_resumes_after_the_first_newline_of_a_fault() {
    let send = event("Send");
    // The rest of the fault's first line is lost, whatever it contains.
    assert_eq!(kinds(format!("? {send}{send}\n{send}")), "malformed Send");
    // A truncated line does not affect the next one.
    let torn = &send[..send.len() - 9];
    assert_eq!(kinds(format!("{torn}\n{send}\n{send}")), "malformed Send Send");
    // The fault is found on the third line, and the second is read again.
    assert_eq!(kinds(format!("{{\"a\":[\n{send}\n,?\n{send}")), "malformed Send malformed Send");
    // A value before the fault on the same line is kept.
    assert_eq!(kinds(format!("{send}?{send}\n{send}")), "Send malformed Send");
    // A carriage return alone does not end a line.
    assert_eq!(kinds(format!("?\r{send}\r\n{send}")), "malformed Send");
    assert_eq!(kinds("?"), "malformed");
    assert_eq!(kinds("?\n"), "malformed");
    assert_eq!(kinds("?\n?\n?"), "malformed malformed malformed");
}

/// Counts bytes that are lost.
#[derive(Default)]
struct Lost(u64);

impl Visitor for Lost {
    fn event(&mut self, _: &Event<'_>, _: &Path, _: u64, _: &[u8]) {}

    fn non_event(&mut self, _: NonEventReason<'_>, _: &Path, _: u64, _: &[u8]) {}

    fn lost(&mut self, bytes: u64) {
        self.0 += bytes;
    }
}

#[test]
fn bytes_behind_a_fault_without_a_newline_are_reported() {
    let send = event("Send");
    let long = format!("[{send},?{}]", format!(",{send}").repeat(50));
    for (text, lost) in [
        (send.clone(), 0),
        (format!("{send}?{send}\n"), 0),
        (format!("?\n{send}\n?{send}"), 1 + send.len()),
        (send[..20].to_owned(), 20),
        (format!("?\n{}", sns("{} [?}")), 2),
        (firehose(&["?", "?\n", "{"]), 2),
        (long.clone(), long.len() - send.len() - 2),
    ] {
        let (mut whole, mut blocks) = (Lost::default(), Lost::default());
        read_all(text.as_bytes(), &interest(), &mut whole);
        let reader = Reader::with_block_bytes(text.as_bytes(), 100);
        reader.read(0, &interest(), &mut blocks).unwrap();
        assert_eq!((whole.0, blocks.0), (lost as u64, lost as u64), "{text}");
    }
}

#[test]
fn end_inside_a_value_is_one_fault() {
    let send = event("Send");
    for len in 1..send.len() {
        assert_eq!(kinds(&send[..len]), "malformed", "{}", &send[..len]);
        assert_eq!(kinds(sns(&send[..len])), "malformed");
        assert_eq!(kinds(firehose(&[&send[..len], &send])), "malformed Send");
    }
}

#[test]
fn fault_inside_a_wrapped_text_ends_with_that_text() {
    let send = event("Send");
    assert_eq!(kinds(sns(&format!("{send}?{send}")) + &send), "Send malformed Send");
    assert_eq!(kinds(sns(&format!("?\n{send}")) + &send), "malformed Send Send");
    let text = firehose(&["{".to_owned(), send.clone(), "\"".to_owned(), send]);
    assert_eq!(kinds(text), "malformed Send malformed Send");
}

#[test]
fn visitor_gets_the_offset_of_the_outermost_value() {
    let text = format!("{}\n  {{}}\n {}?", event("Send"), sns("{} 1 ?"));
    let offsets: Vec<_> = seen(&text)
        .into_iter()
        .filter_map(|seen| match seen {
            Seen::Other { at, .. } => usize::try_from(at).ok(),
            Seen::Event { .. } => None,
        })
        .collect();
    let object = text.find("  {").unwrap() + 2;
    let envelope = text.find("\n {").unwrap() + 2;
    assert_eq!(offsets, [object, envelope, envelope, envelope, text.len() - 1]);
}
