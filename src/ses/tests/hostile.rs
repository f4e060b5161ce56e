//! Input designed to cost time or memory. Without clocks: these tests end quickly, or visibly do
//! not.

use super::*;

/// Reads a text in one piece and in small ones; returns the numbers of malformed and other values.
fn counts(text: &str) -> (usize, usize) {
    let whole = seen(text);
    let pieces = visits(|interest, log| {
        Reader::with_block_bytes(text.as_bytes(), 1000).read(0, interest, log).unwrap();
    });
    assert_eq!(whole, pieces);
    let malformed = whole.iter().filter(|seen| seen.name() == "malformed").count();
    (malformed, whole.len() - malformed)
}

#[test]
fn deep_value_on_many_lines_is_a_fault_for_each_line() {
    assert_eq!(counts(&"{\"a\":[\n".repeat(100_000)), (100_000, 0));
    // Eight lists are open, which is one fault more at the end.
    assert_eq!(counts(&"[\n".repeat(100_000)), (100_000 - 8 + 1, 0));
    assert_eq!(counts(&"{\"mail\":{\n".repeat(50_000)), (50_000, 0));
}

#[test]
fn deep_value_on_one_line_is_one_fault() {
    for part in
        ["{\"a\":", "{\"mail\":{", "{\"Records\":[{\"body\":", "{\"Message\":", "{\"a\":[[1],"]
    {
        assert_eq!(counts(&part.repeat(200_000)), (1, 0), "{part}");
    }
    assert_eq!(counts(&"[".repeat(200_000)), (2, 0));
}

#[test]
fn strings_after_a_fault_cost_no_more_than_their_length() {
    assert_eq!(counts(&format!("?\n{}", "\"\"".repeat(100_000))), (1, 100_000));
    assert_eq!(counts(&format!("?\n{}", "\"[\"".repeat(100_000))), (100_001, 0));
    assert_eq!(counts(&"\"\\ud800\"".repeat(50_000)), (0, 50_000));
}

#[test]
fn small_values_and_faults_cost_no_more_than_their_length() {
    assert_eq!(counts(&"0 ".repeat(100_000)), (0, 100_000));
    assert_eq!(counts(&"[]{}".repeat(50_000)), (0, 50_000));
    assert_eq!(counts(&"?\n".repeat(100_000)), (100_000, 0));
    assert_eq!(counts(&"\"\n".repeat(100_000)), (100_000, 0));
    assert_eq!(counts(&"-\n".repeat(100_000)), (100_000, 0));
    assert_eq!(counts(&format!("[{}", "{},\n".repeat(100_000))), (1, 100_000));
    // Inside of eight lists, the next one is a value.
    assert_eq!(counts(&"[[],".repeat(100_000)), (2, 1));
    assert_eq!(counts(&"]\n".repeat(100_000)), (100_000, 0));
    assert_eq!(counts(&",\u{1e}\\n".repeat(100_000)), (0, 0));
    assert_eq!(counts(&VALIDATION_NOTICE.repeat(5_000)), (0, 5_000));
    assert_eq!(counts(&"Successfully\n".repeat(50_000)), (50_000, 0));
}

#[test]
fn object_of_many_keys_or_duplicates_costs_no_more_than_its_length() {
    let many = |member: &str| {
        let members = vec![member; 50_000].join(",");
        format!("{{{members}}}")
    };
    assert_eq!(kinds(many(r#""x":1"#)), "foreign");
    assert_eq!(kinds(many(r#""mail":{"tags":{"campaign":["a"]}}"#)), "foreign");
    assert_eq!(kinds(many(r#""eventType":"Send","mail":{}"#)), "Send");
    assert_eq!(kinds(many(r#""\ud800":1e999"#)), "foreign");
    assert_eq!(kinds(format!(r#"{{"Records":[{}{{}}]}}"#, "{},".repeat(9_999))).len(), 79_999);
}

#[test]
fn texts_in_texts_end_at_the_last_level() {
    let mut text = "[]".to_owned();
    for _ in 0..12 {
        text = json!({"TopicArn": "x", "Message": text}).to_string();
    }
    assert_eq!(kinds(text), "foreign");
}
