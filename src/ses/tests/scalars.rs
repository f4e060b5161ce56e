//! Adjacent values, and where each ends.

use super::*;

#[test]
fn values_are_separated_by_any_json_white_space_or_none() {
    assert_eq!(
        kinds(r#"12true"x"[]{}null-0.5e+3false"#),
        "foreign foreign foreign foreign foreign foreign foreign"
    );
    let send = event("Send");
    assert_eq!(kinds(format!("{send}{send}\t{send}\r\n\n {send}\n")), "Send Send Send Send");
    assert_eq!(kinds(format!("1{send}\"\"{send}[]{send}")), "foreign Send foreign Send Send");
    assert_eq!(kinds("1 2"), "foreign foreign");
}

#[test]
fn value_may_span_lines_and_a_line_may_hold_many() {
    let pretty = serde_json::from_str::<serde_json::Value>(&event("Open")).unwrap();
    let pretty = serde_json::to_string_pretty(&pretty).unwrap();
    assert!(pretty.lines().count() > 5);
    assert_eq!(kinds(format!("{pretty}{pretty}\n{pretty}")), "Open Open Open");
}

#[test]
fn white_space_other_than_that_of_json_is_a_fault() {
    for space in ["\u{b}", "\u{c}", "\u{a0}", "\u{2028}", "\u{feff}", "\0"] {
        let text = format!("{}{space}{}", event("Send"), event("Send"));
        assert_eq!(kinds(text), "Send malformed", "{space:?}");
    }
}

#[test]
fn blank_text_has_no_values() {
    for text in ["", " ", "\n\n\r\n\t ", "\u{feff}", "\u{feff}\n"] {
        assert_eq!(kinds(text), "", "{text:?}");
    }
}

#[test]
fn byte_order_mark_is_skipped_only_at_the_start() {
    let send = event("Send");
    assert_eq!(kinds(format!("\u{feff}{send}")), "Send");
    assert_eq!(kinds(format!("\u{feff}\u{feff}{send}\n{send}")), "malformed Send");
    assert_eq!(kinds(format!("{send}\n\u{feff}{send}\n{send}")), "Send malformed Send");
    assert_eq!(kinds(format!(" \u{feff}{send}")), "malformed");
    assert_eq!(kinds(b"\xef\xbb"), "malformed");
}

#[test]
fn byte_order_mark_is_skipped_at_the_start_of_every_record_and_text() {
    let marked = format!("\u{feff}{}", event("Send"));
    assert_eq!(kinds(sns(&marked)), "Send");
    assert_eq!(kinds(sqs(&marked)), "Send");
    assert_eq!(kinds(firehose(&[&marked, &marked])), "Send Send");
    assert_eq!(record_kinds(gzipped(&marked)), "Send");
}

#[test]
fn number_ends_where_its_grammar_does() {
    assert_eq!(kinds("01"), "foreign foreign");
    assert_eq!(kinds("1-1"), "foreign foreign");
    assert_eq!(kinds("1.5.5"), "foreign malformed");
    assert_eq!(kinds("1e5e5"), "foreign malformed");
    assert_eq!(kinds("1. "), "foreign malformed");
    assert_eq!(kinds("1e+"), "foreign malformed");
    for fault in ["-", "-x", "+1", ".5", "--1"] {
        assert_eq!(kinds(fault), "malformed", "{fault}");
    }
}

#[test]
fn literal_ends_where_its_spelling_does() {
    assert_eq!(kinds("truefalsenull"), "foreign foreign foreign");
    assert_eq!(kinds("nulll"), "foreign malformed");
    for fault in ["tru", "True", "undefined", "NaN", "Infinity", "-Infinity", "nan", "'x'"] {
        assert_eq!(kinds(fault), "malformed", "{fault}");
    }
}

#[test]
fn validation_notice_is_consumed_where_a_value_may_begin() {
    let send = event("Send");
    let notice = VALIDATION_NOTICE;
    assert_eq!(kinds(notice), "notice");
    assert_eq!(
        kinds(format!("{notice}{notice}\n{send}{notice}{send}")),
        "notice notice Send notice Send"
    );
    assert_eq!(kinds(sns(notice)), "notice");
    assert_eq!(kinds(sqs(&sns(&format!("{notice}\n")))), "notice");
    assert_eq!(kinds(firehose(&[notice])), "notice");
}

#[test]
fn text_like_the_validation_notice_is_a_fault() {
    let torn = &VALIDATION_NOTICE[..VALIDATION_NOTICE.len() - 1];
    assert_eq!(kinds(torn), "malformed");
    assert_eq!(kinds(VALIDATION_NOTICE.to_lowercase()), "malformed");
    assert_eq!(kinds(format!("{{\"a\":{VALIDATION_NOTICE}}}")), "malformed");
    assert_eq!(kinds(format!("\"{VALIDATION_NOTICE}\"")), "foreign");
}
