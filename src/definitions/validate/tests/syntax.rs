//! RFC 8259 and nothing wider.

use super::findings_of;
use crate::definitions::validate::{DOCUMENT_BYTES_MAX, read};

/// The only finding, which must be an error.
fn only_error(text: &str) -> String {
    let findings = findings_of(text);
    assert_eq!(findings.len(), 1, "{text}: {findings:#?}");
    assert!(!findings[0].contains(" warning: "), "{findings:#?}");
    findings[0].clone()
}

#[test]
fn syntax_of_other_languages_is_rejected() {
    for text in [
        "// c\n{\"ConfigurationSets\":[]}",
        "{\"ConfigurationSets\":[] /* c */}",
        "{\"ConfigurationSets\":[],}",
        "{\"ConfigurationSets\":[1,]}",
        "{'ConfigurationSets':[]}",
        "{ConfigurationSets:[]}",
        "{\"ConfigurationSets\":[] \"a\":1}",
        "{\"ConfigurationSets\":[1 2]}",
        "{\"ConfigurationSets\":[]} {}",
        "{\"ConfigurationSets\":[0x10]}",
        "{\"ConfigurationSets\":[+1]}",
        "{\"ConfigurationSets\":[01]}",
        "{\"ConfigurationSets\":[.5]}",
        "{\"ConfigurationSets\":[5.]}",
        "{\"ConfigurationSets\":[1e]}",
        "{\"ConfigurationSets\":[-]}",
        "{\"ConfigurationSets\":[NaN]}",
        "{\"ConfigurationSets\":[-Infinity]}",
        "{\"ConfigurationSets\":[True]}",
        "{\"ConfigurationSets\":[\"a\tb\"]}",
        "{\"ConfigurationSets\":[\"a\nb\"]}",
        "{\"ConfigurationSets\":[\"\\x41\"]}",
        "{\"ConfigurationSets\":[\"\\\n\"]}",
        "{\"ConfigurationSets\":\u{a0}[]}",
        "\u{feff}\u{feff}{\"ConfigurationSets\":[]}",
        "{\"ConfigurationSets\":[\"\\ud800\"]}",
        "{\"ConfigurationSets\":[\"\\udc00\\ud800\"]}",
        "{\"ConfigurationSets\"",
        "{\"ConfigurationSets\":[\"",
        "]",
    ] {
        let error = only_error(text);
        assert!(error.contains("not JSON"), "{text:?}: {error}");
    }
}

#[test]
fn syntax_faults_have_exact_places() {
    let fix = "fix the syntax here; comments and trailing commas are not allowed";
    assert_eq!(
        only_error("{\n  \"ConfigurationSets\": [],\n}"),
        format!("f:3:1: not JSON: expected a key in double quotes; {fix}")
    );
    assert_eq!(
        only_error("{\"\u{e9}\u{e9}\": tru}"),
        format!("f:1:11: not JSON: expected true, false or null; {fix}")
    );
    assert_eq!(
        only_error("{\n\"a\": \"b\u{1f600}\\ud800c\"}"),
        format!("f:2:9: not JSON text: a \\u escape is half of a surrogate pair; {fix}")
    );
    assert_eq!(
        only_error("{\"ConfigurationSets\": [\n \n"),
        "f:1:24: not JSON: the text ends inside a value; close the open values; the file may be \
         truncated"
    );
    let empty = "document is empty; write at least {\"ConfigurationSets\":[]}";
    for text in ["", " \n", "\u{feff}"] {
        assert_eq!(only_error(text), format!("f:1:1: {empty}"));
    }
}

#[test]
fn byte_order_mark_is_skipped_and_takes_no_column() {
    assert_eq!(findings_of("\u{feff}{\"ConfigurationSets\":[]}"), [""; 0]);
    assert!(only_error("\u{feff}[]").starts_with("f:1:1: document is a list"));
}

#[test]
fn escapes_are_decoded_before_names_are_compared() {
    let text = "{\"Configuration\\u0053ets\":[]}";
    assert_eq!(findings_of(text), [""; 0]);
    let twice = "{\"ConfigurationSets\":[],\"Configuration\\u0053ets\":[]}";
    let error = "f:1:25: ConfigurationSets: key \"ConfigurationSets\" appears twice in the object";
    assert_eq!(only_error(twice), format!("{error}; keep one"));
}

#[test]
fn duplicate_keys_are_rejected_at_any_level() {
    let text = "{\"ConfigurationSets\":[],\n\"x\":[{\"a\":1,\n \"b\":{\"c\":1,\"c\":1},\"a\":2}]}";
    let findings = findings_of(text);
    assert_eq!(findings.len(), 3, "{findings:#?}");
    assert!(findings[0].starts_with("f:2:1: warning: x: unknown key \"x\" is ignored"));
    assert!(findings[1].starts_with("f:3:13: x[0].b.c: key \"c\" appears twice in the object"));
    assert!(findings[2].starts_with("f:3:20: x[0].a: key \"a\" appears twice in the object"));
}

#[test]
fn values_nest_up_to_128_levels() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!("{{\"ConfigurationSets\":[],\"x\":{open}{close}}}")
    };
    let findings = findings_of(&nested(128));
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].contains("warning: x: unknown key"), "{findings:#?}");
    let deep = "f:1:156: document is nested deeper than 128 levels; ";
    assert!(only_error(&nested(129)).starts_with(deep), "{}", only_error(&nested(129)));
    assert!(only_error(&nested(1_000_000)).starts_with(deep));
    assert!(only_error(&"[".repeat(1_000_000)).contains("the text ends inside a value"));
    assert!(only_error(&"{\"a\":".repeat(1_000_000)).contains("the text ends inside a value"));
    let brackets_in_text = format!("{{\"ConfigurationSets\":[],\"{}\\\"\":0}}", "[".repeat(200));
    assert!(findings_of(&brackets_in_text)[0].contains("warning: "));
}

#[test]
fn document_has_at_most_16_mib() {
    let mut text = "{\"ConfigurationSets\":[]}".to_owned();
    text.push_str(&" ".repeat(DOCUMENT_BYTES_MAX - text.len()));
    assert!(read("f", &text).definitions.is_some());
    text.push(' ');
    assert_eq!(
        only_error(&text),
        "f:1:1: document has 16777217 bytes; the limit is 16777216; split the document"
    );
}
