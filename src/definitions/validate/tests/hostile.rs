//! Hostile input and meaningless input.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{cloud_watch, dimension, document, findings_of, with};
use crate::definitions::validate::read;
use crate::finding::{Finding, Place};

fn sample() -> String {
    let firehose = json!({
        "Name": "raw", "MatchingEventTypes": ["OPEN"],
        "KinesisFirehoseDestination": {"DeliveryStreamArn": "arn:aws:firehose:r:1:deliverystream/s"},
    });
    let mut extended = cloud_watch("e", &[dimension("b"), dimension("c")]);
    extended["CloudWatchDestination"]["EventDimensions"] =
        json!([{"Field": "bounce_class", "DefaultDimensionValue": "none"}]);
    extended["CloudWatchDestination"]["DimensionSets"] = json!([["b"], ["b", "bounce_class"], []]);
    extended["MatchingEventTypes"] = json!(["BOUNCE", "DELIVERY"]);
    extended["CloudWatchDestination"]["Measures"] = json!(["COUNT", "HARD_BOUNCE_RATE"]);
    extended["CloudWatchDestination"]["ValueLimits"] = json!({"b": 5, "bounce_class": 0});
    extended["CloudWatchDestination"]["KeepValues"] = json!({"bounce_class": ["hard", "soft"]});
    let plain = cloud_watch("a", &[dimension("b"), dimension("c")]);
    let value = document(&[plain, extended, firehose]);
    serde_json::to_string_pretty(&value).unwrap()
}

#[test]
fn hostile_names_make_short_printable_messages() {
    let huge = "\u{1}\u{202e}\u{10ffff}\u{1b}[31m".repeat(50_000);
    let mut value = document(&[with("/Name", json!(huge))]);
    value[huge.as_str()] = json!(1);
    value["ConfigurationSets"][0]["ConfigurationSetName"] = json!(huge);
    value["ConfigurationSets"][0]["Namespace"] = json!(huge);
    for pointer in ["MatchingEventTypes", "CloudWatchDestination/DimensionConfigurations/0"] {
        let pointer = format!("/ConfigurationSets/0/EventDestinations/0/{pointer}");
        match value.pointer_mut(&pointer).unwrap() {
            Value::Array(types) => types.push(json!(huge)),
            dimension => {
                dimension["DimensionName"] = json!(huge);
                dimension["DimensionValueSource"] = json!(huge);
                dimension["DefaultDimensionValue"] = json!(huge);
            }
        }
    }
    let findings = findings_of(&value.to_string());
    assert_eq!(findings.len(), 8, "{findings:#?}");
    for finding in findings {
        assert!(finding.len() < 2_000, "{} bytes", finding.len());
        assert!(!finding.chars().any(char::is_control), "{finding}");
        assert!(!finding.contains('\u{202e}'), "{finding}");
    }
}

#[test]
fn million_faults_are_listed_in_part_and_counted_in_full() {
    let types = vec!["x"; 1_000_000].join("\",\"");
    let sets = "\"ConfigurationSets\":[{\"ConfigurationSetName\":\"a\",\"EventDestinations\":[";
    let text = format!("{{{sets}{{\"Name\":\"d\",\"MatchingEventTypes\":[\"{types}\"]}}]}}]}}");
    let findings = findings_of(&text);
    assert_eq!(findings.len(), 1_001);
    assert!(findings[1_000].contains("999001 more errors are not listed"), "{}", findings[1_000]);
}

#[test]
fn deep_paths_of_long_keys_are_cut() {
    let key = "\\u0001".repeat(100);
    let mut text = "{\"a\":1,\"a\":2}".to_owned();
    for _ in 0..100 {
        text = format!("{{\"{key}\":{text}}}");
    }
    let findings = findings_of(&text);
    let duplicate = findings.iter().find(|finding| finding.contains("appears twice")).unwrap();
    assert!(duplicate.len() < 800, "{} bytes", duplicate.len());
}

/// For any input, definitions exist exactly when no finding is an error, and findings are sorted by
/// place.
fn assert_consistent(text: &str) -> Result<(), TestCaseError> {
    let reading = read("f", text);
    let has_errors = reading.findings.iter().any(Finding::is_error);
    prop_assert_eq!(reading.definitions.is_none(), has_errors);
    let mut last = (0, 0);
    for finding in &reading.findings {
        let Place::File { line, column, .. } = finding.place else {
            return Err(TestCaseError::fail("a place outside the file"));
        };
        prop_assert!(last <= (line, column));
        last = (line, column);
        prop_assert!(!finding.what.is_empty() && !finding.fix.is_empty());
        prop_assert!(!finding.what.ends_with('.') && !finding.fix.ends_with('.'));
    }
    let stripped = text.strip_prefix('\u{feff}').unwrap_or(text);
    if serde_json::from_str::<serde::de::IgnoredAny>(stripped).is_err() {
        prop_assert!(has_errors);
    }
    Ok(())
}

fn any_json() -> impl Strategy<Value = Value> {
    let key = || {
        prop_oneof![
            Just("ConfigurationSets".to_owned()),
            Just("EventDestinations".to_owned()),
            Just("CloudWatchDestination".to_owned()),
            Just("DimensionConfigurations".to_owned()),
            Just("EventDimensions".to_owned()),
            Just("DimensionSets".to_owned()),
            Just("Measures".to_owned()),
            Just("ValueLimits".to_owned()),
            Just("KeepValues".to_owned()),
            ".{0,6}",
        ]
    };
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Every place of a document where a value can be replaced.
fn pointers(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Array(list) => {
            for (index, element) in list.iter().enumerate() {
                pointers(element, format!("{at}/{index}"), into);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                pointers(member, format!("{at}/{key}"), into);
            }
        }
        _ => {}
    }
    into.push(at);
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        assert_consistent(&text)?;
    }

    #[test]
    fn arbitrary_tokens_never_panic(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"", "\\", "\\ud83d", "\n", " ", "0", "-1e9", "null",
                "true", "\"ConfigurationSets\"", "\"Name\"", "//", "'", "\u{feff}", "\u{1f600}",
            ]),
            0..40,
        )
    ) {
        assert_consistent(&tokens.concat())?;
    }

    #[test]
    fn document_with_changed_characters_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..3_u8), 1..6)
    ) {
        let mut characters: Vec<char> = sample().chars().collect();
        for (index, character, action) in changes {
            let at = index.index(characters.len());
            match action {
                0 => characters[at] = character,
                1 => characters.insert(at, character),
                _ => drop(characters.remove(at)),
            }
        }
        assert_consistent(&characters.into_iter().collect::<String>())?;
    }

    #[test]
    fn document_with_changed_values_never_panics(
        index in any::<prop::sample::Index>(), replacement in any_json()
    ) {
        let mut value: Value = serde_json::from_str(&sample()).unwrap();
        let mut places = Vec::new();
        pointers(&value, String::new(), &mut places);
        *value.pointer_mut(&places[index.index(places.len())]).unwrap() = replacement;
        assert_consistent(&value.to_string())?;
        assert_consistent(&serde_json::to_string_pretty(&value).unwrap())?;
    }

    /// The parser that keeps places accepts all JSON that `serde_json` writes.
    #[test]
    fn json_of_any_kind_is_read_without_a_syntax_fault(value in any_json()) {
        let text = json!({"ConfigurationSets": [], "x": value}).to_string();
        let reading = read("f", &text);
        prop_assert!(reading.definitions.is_some(), "{:?}", reading.findings);
    }
}
