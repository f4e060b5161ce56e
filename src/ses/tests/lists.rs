//! Lists, texts and separators where a value may begin.

use super::*;

#[test]
fn list_is_a_part_of_the_stream() {
    let (send, open) = (event("Send"), event("Open"));
    assert_eq!(kinds(format!("[{send},{open}]{send}")), "Send Open Send");
    assert_eq!(kinds(format!("[\n  {send},\n  {open}\n]\n[{send}]")), "Send Open Send");
    assert_eq!(kinds(format!("[[{send}],[],[[{open}]]]")), "Send Open");
    assert_eq!(
        kinds(format!("[7,\"x\",null,{{}},{send}]")),
        "foreign foreign foreign foreign Send"
    );
    // As in a stream, commas are not needed, and may be repeated.
    assert_eq!(kinds(format!("[,{send}{open},,]")), "Send Open");
    assert_eq!(kinds("[]"), "");
    assert_eq!(kinds("[ [\n] , []]"), "");
    let path = |text: &str| seen(text)[0].path().to_vec();
    assert_eq!(
        path(&format!("[[{}]]", sns(&send))),
        [Wrapping::List, Wrapping::List, Wrapping::Sns]
    );
}

#[test]
fn list_may_be_longer_than_a_value() {
    let send = event("Send");
    let many = VALUE_BYTES_MAX / send.len() + 1000;
    let list = format!("[{}]", vec![send; many].join(","));
    assert_eq!(seen(&list).len(), many);
    let mut held = Held::default();
    Reader::new(list.as_bytes()).read(0, &interest(), &mut held).unwrap();
    assert_eq!(held.events, many);
    assert!(held.bytes < 1 << 20, "{}", held.bytes);
}

/// Counts events and the memory of unfinished values.
#[derive(Default)]
struct Held {
    events: usize,
    bytes: usize,
}

impl Visitor for Held {
    fn event(&mut self, _: &Event<'_>, _: &Path, _: u64, _: &[u8]) {
        self.events += 1;
    }

    fn non_event(&mut self, why: NonEventReason<'_>, _: &Path, at: u64, _: &[u8]) {
        panic!("{why:?} at {at}");
    }

    fn hold(&mut self, bytes: usize) {
        self.bytes += bytes;
    }
}

#[test]
fn list_that_is_open_at_the_end_is_one_fault() {
    let send = event("Send");
    for open in ["[", "[[", "[[[[[[[["] {
        assert_eq!(kinds(open), "malformed");
        assert_eq!(kinds(format!("{open}{send},")), "Send malformed");
        // The value that is cut is a fault of its own.
        assert_eq!(kinds(format!("{open}{send},{{")), "Send malformed malformed");
    }
    for open in ["[", "[[[[[[["] {
        let text = format!("{open}{send}");
        assert_eq!(kinds(sns(&text) + &send), "Send malformed Send");
        assert_eq!(kinds(firehose(&[&text, &send])), "Send malformed Send");
    }
    let end = seen(format!("{send}[ "));
    assert!(matches!(end[1], Seen::Other { at, .. } if at == send.len() as u64 + 2), "{end:?}");
}

#[test]
fn bracket_that_closes_nothing_is_a_fault() {
    let send = event("Send");
    assert_eq!(kinds(format!("]{send}\n{send}")), "malformed Send");
    assert_eq!(kinds(format!("[{send}]]{send}\n{send}")), "Send malformed Send");
    assert_eq!(kinds(format!("[{send}}}\n{send}]")), "Send malformed Send");
}

#[test]
fn fault_in_a_list_leaves_it_open() {
    let send = event("Send");
    assert_eq!(kinds(format!("[{send},?,{send}\n,{send}]{send}")), "Send malformed Send Send");
    assert_eq!(kinds(format!("[{send},\n{{\"a\":\n{send}]")), "Send malformed Send");
    // Without a newline the rest is lost, and with it the end of the list.
    assert_eq!(kinds(format!("[{send},?,{send}]")), "Send malformed malformed");
}

#[test]
fn lists_are_levels_as_wrappings_are() {
    let send = event("Send");
    let in_lists =
        |count: usize, text: &str| format!("{}{text}{}", "[".repeat(count), "]".repeat(count));
    for count in 0..=8 {
        assert_eq!(kinds(in_lists(count, &send)), "Send", "{count}");
        let expected = if count < 8 { "Send" } else { "foreign" };
        assert_eq!(kinds(in_lists(count, &sns(&send))), expected, "{count}");
        assert_eq!(kinds(in_lists(count, &json!(send).to_string())), expected, "{count}");
        assert_eq!(kinds(sns(&in_lists(count, &send))), expected, "{count}");
    }
    // A ninth list is one value, whatever it holds.
    assert_eq!(kinds(in_lists(9, &format!("{send},{send}"))), "foreign");
    assert_eq!(kinds(in_lists(8, &format!("{send},[],{send}"))), "Send foreign Send");
    // Levels of JSON are counted from the value on, and a value may have 128 of them.
    assert_eq!(kinds(in_lists(8, &nested(128))), "foreign");
    assert_eq!(kinds(in_lists(8, &format!("{}\n", nested(129)))), "malformed");
    assert_eq!(kinds(in_lists(8 + 128, "0")), "foreign");
    assert_eq!(kinds(format!("{}\n{}", in_lists(8 + 129, "0"), "]".repeat(8))), "malformed");
}

#[test]
fn values_may_be_separated_by_commas_record_separators_and_escapes() {
    let send = event("Send");
    for separator in
        [",", ",,", " , ", "\u{1e}", "\u{1e}\n", "\\n", "\\r\\n", "\\t", "\\n,\n", "\n\\n"]
    {
        let text = format!("{separator}{send}{separator}{send}{separator}");
        assert_eq!(kinds(&text), "Send Send", "{separator:?}");
        assert_eq!(kinds(sns(&text)), "Send Send", "{separator:?}");
        assert_eq!(kinds(firehose(&[&text])), "Send Send", "{separator:?}");
        assert_eq!(kinds(separator), "", "{separator:?}");
        let list = format!("{separator}[{separator}{send}{separator}]{separator}{send}");
        assert_eq!(kinds(list), "Send Send", "{separator:?}");
        assert_eq!(kinds(format!("1{separator}2")), "foreign foreign", "{separator:?}");
    }
    for other in ["\\", "\\x", "\\N", "\\\\n", ";", ":", "\u{1f}", "\u{1d}"] {
        let text = format!("{send}{other}{send}\n{send}");
        assert_eq!(kinds(text), "Send malformed Send", "{other:?}");
    }
    // Inside of a value they are what the grammar says.
    assert_eq!(kinds("{\"a\":1,,\"b\":2}"), "malformed");
    assert_eq!(kinds("{\"a\":\u{1e}1}"), "malformed");
}

#[test]
fn text_that_holds_json_is_read_on() {
    let send = event("Send");
    let text = |text: &str| json!(text).to_string();
    assert_eq!(kinds(text(&send)), "Send");
    assert_eq!(kinds(text(&format!(" \r\n{send}\n{send}"))), "Send Send");
    assert_eq!(kinds(text(&format!("\u{feff}{send}"))), "Send");
    assert_eq!(kinds(text(&format!("[{send},{}]", text(&send)))), "Send Send");
    assert_eq!(kinds(format!("[{},{}]", text(&send), text("x"))), "Send foreign");
    assert_eq!(kinds(text("{")), "malformed");
    assert_eq!(kinds(text("[]")), "");
    for other in ["", " ", "x", "7", "null", "\"{}\"", VALIDATION_NOTICE, ",{}"] {
        assert_eq!(kinds(text(other)), "foreign", "{other}");
    }
    assert_eq!(seen(text(&sns(&send)))[0].path(), [Wrapping::Text, Wrapping::Sns]);
    let mut deep = send.clone();
    for level in 1..10 {
        deep = if level % 2 == 0 { text(&deep) } else { json!([deep]).to_string() };
        let expected = if level <= 4 { "Send" } else { "foreign" };
        // A list around a text is two levels, and the text that it becomes is a third.
        let levels = seen(&deep)[0].path().len();
        assert!(names(&seen(&deep)) == expected || levels <= 8, "{level} {levels}");
    }
}

/// What a fault in a text that is read on is, and what it is in a value that is used.
#[test]
fn lone_surrogate_is_a_replacement_character_in_texts_that_are_read_on() {
    let with_tag = |tag: &str| {
        format!(r#"{{\"eventType\":\"Send\",\"mail\":{{\"tags\":{{\"campaign\":[\"{tag}\"]}}}}}}"#)
    };
    for lone in [r"\ud800", r"\uDFFF", r"\ud83dx", r"\ud800\ud800"] {
        for text in [
            format!(r#"{{"TopicArn":"a","Message":"{}"}}"#, with_tag(lone)),
            format!(r#"{{"Records":[{{"body":"{}"}}]}}"#, with_tag(lone)),
            format!(r#"{{"Messages":[{{"Body":"{}"}}]}}"#, with_tag(lone)),
            format!(r#"{{"logEvents":[{{"message":"{}"}}]}}"#, with_tag(lone)),
            format!(r#"{{"detail-type":"x","source":"aws.ses","detail":"{}"}}"#, with_tag(lone)),
            format!("\"{}\"", with_tag(lone)),
        ] {
            let value = value(&text, ValueKind::MessageTag, "campaign").expect("a tag");
            assert!(value.starts_with('\u{fffd}'), "{text}: {value}");
            let seen = seen(&text);
            let Seen::Event { values, .. } = &seen[0] else { panic!("{seen:?}") };
            let raw = values[1].as_ref().expect("a tag");
            assert!(std::str::from_utf8(raw).is_ok(), "{text}");
        }
        // In a used string it is kept, so that the value is invalid.
        let direct = with_tag(lone).replace("\\\"", "\"");
        let seen = seen(&direct);
        let Seen::Event { values, .. } = &seen[0] else { panic!("{seen:?}") };
        assert!(std::str::from_utf8(values[1].as_ref().expect("a tag")).is_err(), "{direct}");
    }
}

#[test]
fn notice_of_a_new_topic_is_no_event() {
    let notice =
        json!({"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "You have"});
    let text = notice.to_string();
    assert_eq!(kinds(&text), "notice");
    assert_eq!(kinds(sns(&text)), "notice");
    assert_eq!(kinds(sqs(&sns(&text))), "notice");
    for (name, expected) in [
        ("amazon_sns-subscription SUCCEEDED", "notice"),
        ("AmazonSnsSubscriptionSucceeded2", "unknown_type"),
        ("AmazonSnsSubscription", "unknown_type"),
    ] {
        let text = json!({"notificationType": name, "mail": {}}).to_string();
        assert_eq!(kinds(text), expected, "{name}");
    }
    let both = json!({"eventType": "AmazonSnsSubscriptionSucceeded", "mail": {}}).to_string();
    assert_eq!(kinds(both), "unknown_type");
    let send = json!({"eventType": "Send", "mail": {}, "notificationType": "AmazonSnsSubscriptionSucceeded"});
    assert_eq!(kinds(send.to_string()), "Send");
}
