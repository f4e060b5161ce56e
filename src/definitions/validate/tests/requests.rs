//! Bodies of requests in, options and destinations out, with the meaning that SES gives them.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{clean, dimension};
use crate::definitions::{
    RequestFault, read, read_destination, read_object, read_options, read_set, to_document,
};

/// Every block of options, with every member.
fn full() -> Value {
    json!({
        "TrackingOptions": {"CustomRedirectDomain": "t.example.com", "HttpsPolicy": "OPTIONAL"},
        "DeliveryOptions": {
            "TlsPolicy": "REQUIRE", "SendingPoolName": "pool", "MaxDeliverySeconds": 300,
        },
        "ReputationOptions": {"ReputationMetricsEnabled": true, "LastFreshStart": 1.5},
        "SendingOptions": {"SendingEnabled": true},
        "SuppressionOptions": {
            "SuppressedReasons": ["BOUNCE"],
            "SuppressionScope": "TENANT",
            "ValidationOptions": {"ConditionThreshold": {
                "ConditionThresholdEnabled": "ENABLED",
                "OverallConfidenceThreshold": {"ConfidenceVerdictThreshold": "HIGH"},
            }},
        },
        "VdmOptions": {
            "DashboardOptions": {"EngagementMetrics": "ENABLED"},
            "GuardianOptions": {"OptimizedSharedDelivery": "DISABLED"},
        },
        "ArchivingOptions": {
            "ArchiveArn": format!("arn:aws:ses:eu-west-1:1:mailmanager-archive/a-{:024}", 0),
        },
        "MessageSecurityOptions": {
            "SigningScheme": {"SmimeScheme": {"SignatureFormat": "DETACHED"}},
        },
        "Tags": [{"Key": "team", "Value": "mail"}],
    })
}

fn destination() -> Value {
    json!({
        "EventDestinationName": "d",
        "EventDestination": {
            "Enabled": true,
            "MatchingEventTypes": ["SEND"],
            "CloudWatchDestination": {"DimensionConfigurations": [dimension("campaign")]},
        },
    })
}

/// The places of all values below a value, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut below = |key: String, value: &Value| {
        let place = format!("{at}/{key}");
        places(value, &place, found);
        found.push(place);
    };
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| below(key.clone(), value));
        }
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(at, value)| below(at.to_string(), value));
        }
        _ => {}
    }
}

/// Values of every JSON type but `null`.
fn of_each_type() -> [Value; 6] {
    [json!("text"), json!(1), json!(1.5), json!(true), json!([]), json!({})]
}

fn is_same_type(one: &Value, other: &Value) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

#[test]
fn value_of_another_type_is_told_from_a_wrong_value_everywhere() {
    type Reads = fn(&str) -> Option<RequestFault>;
    let readers: [(Value, Reads); 2] = [
        (full(), |text| read_options(text).err()),
        (destination(), |text| read_destination(text).err()),
    ];
    for (sound, reads) in readers {
        assert_eq!(reads(&sound.to_string()), None);
        let mut all = Vec::new();
        places(&sound, "", &mut all);
        assert!(all.len() > 10, "{all:?}");
        for place in all {
            for wrong in of_each_type() {
                let mut body = sound.clone();
                let value = body.pointer_mut(&place).expect("it is there");
                if is_same_type(value, &wrong) {
                    continue;
                }
                *value = wrong.clone();
                let fault = reads(&body.to_string()).unwrap_or_else(|| panic!("{place}: {wrong}"));
                assert!(fault.is_ill_typed, "{place}: {wrong}: {fault:?}");
            }
        }
    }
}

#[test]
fn what_is_no_json_object_is_ill_typed_and_a_missing_or_wrong_value_is_not() {
    for text in ["", "{", "[]", "7", "null", "\"x\"", "{\"a\":1,}", &"[".repeat(200)] {
        assert!(read_object(text).expect_err("no object").is_ill_typed, "{text:.20}");
    }
    let wrong: [(&str, &str, Value); 6] = [
        ("DeliveryOptions", "MaxDeliverySeconds", json!(299)),
        ("DeliveryOptions", "TlsPolicy", json!("SOMETIMES")),
        ("SuppressionOptions", "SuppressedReasons", json!(["BOREDOM"])),
        ("SuppressionOptions", "SuppressedReasons", json!([null])),
        ("ArchivingOptions", "ArchiveArn", json!(" ".repeat(30))),
        ("ReputationOptions", "LastFreshStart", json!(-1)),
    ];
    for (block, member, value) in wrong {
        let fault = read_options(&json!({ block: { member: value } }).to_string());
        assert!(!fault.expect_err(member).is_ill_typed, "{member}: {value}");
    }
    assert!(!read_set("{}").expect_err("no name").is_ill_typed);
    // All of the JSON is read before any value is looked at.
    let both = json!({"DeliveryOptions": {"TlsPolicy": "SOMETIMES", "MaxDeliverySeconds": "300"}});
    assert!(read_options(&both.to_string()).expect_err("two faults").is_ill_typed);
}

#[test]
fn blank_names_are_rejected_in_the_words_of_ses() {
    for blank in ["", " ", "\t", "\u{a0}"] {
        for (block, member, words) in [
            ("TrackingOptions", "CustomRedirectDomain", "CustomRedirectDomain must be specified."),
            ("DeliveryOptions", "SendingPoolName", "sendingPoolName can't be blank."),
        ] {
            let body = json!({ block: { member: blank } }).to_string();
            assert_eq!(read_options(&body).expect_err("blank").words, words);
        }
    }
    let policy_alone = json!({"TrackingOptions": {"HttpsPolicy": "REQUIRE"}}).to_string();
    let fault = read_options(&policy_alone).expect_err("no domain");
    assert_eq!(fault.words, "CustomRedirectDomain must be specified.");
    let twice = json!({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]});
    let fault = read_options(&twice.to_string()).expect_err("one key twice");
    assert_eq!(fault.words, "Cannot provide multiple tags with the same key");
}

#[test]
fn block_that_says_nothing_is_absent_and_a_boolean_that_is_left_out_is_false() {
    for (given, meant) in [
        (json!({"TrackingOptions": {}, "DeliveryOptions": {}, "ArchivingOptions": {}}), json!({})),
        (json!({"DeliveryOptions": {"TlsPolicy": null}, "Tags": []}), json!({})),
        (json!({"VdmOptions": {"DashboardOptions": {}, "GuardianOptions": null}}), json!({})),
        (json!({"MessageSecurityOptions": {"SigningScheme": {}}}), json!({})),
        (
            json!({"MessageSecurityOptions": {"SigningScheme": {"DefaultScheme": {}}}}),
            json!({"MessageSecurityOptions": {"SigningScheme": {"DefaultScheme": {}}}}),
        ),
        (
            json!({"SuppressionOptions": {}}),
            json!({"SuppressionOptions": {"SuppressedReasons": []}}),
        ),
        (json!({"SendingOptions": {}}), json!({"SendingOptions": {"SendingEnabled": false}})),
        (
            json!({"ReputationOptions": {"LastFreshStart": 1}}),
            json!({"ReputationOptions": {"ReputationMetricsEnabled": false, "LastFreshStart": 1}}),
        ),
        (json!({"SendingOptions": null, "ReputationOptions": null}), json!({})),
    ] {
        let read = read_options(&given.to_string()).expect("it is sound").0;
        assert_eq!(json!(read), meant, "{given}");
        // The same holds in a document.
        let mut set = json!({"ConfigurationSetName": "a", "EventDestinations": []});
        set.as_object_mut().expect("an object").extend(given.as_object().expect("one").clone());
        let reading = read_document(&json!({ "ConfigurationSets": [set] }));
        assert_eq!(json!(reading), meant, "{given}");
    }
}

fn read_document(document: &Value) -> Value {
    let definitions = read("f", &document.to_string()).definitions.expect("it is sound");
    json!(definitions.configuration_sets[0].options.0)
}

#[test]
fn options_of_every_kind_survive_a_document_and_one_given_back() {
    let mut set = json!({"ConfigurationSetName": "a", "EventDestinations": [{
        "Name": "d", "Enabled": true, "MatchingEventTypes": ["SEND"],
        "CloudWatchDestination": {"DimensionConfigurations": [dimension("campaign")]},
    }]});
    set.as_object_mut().expect("an object").extend(full().as_object().expect("one").clone());
    let definitions = clean(&json!({ "ConfigurationSets": [set] }));
    assert_eq!(json!(definitions.configuration_sets[0].options.0), full());
    let written = to_document(&definitions).expect("JSON");
    assert_eq!(read("f", &written).definitions, Some(definitions));
}

proptest! {
    /// Of any JSON, only `true` is true; what a request leaves out is false, and anything else, null
    /// included, is ill-typed.
    #[test]
    fn only_true_is_true(
        value in prop::option::of(prop::sample::select(vec![
            json!(true), json!(false), Value::Null, json!("true"), json!("false"), json!("yes"),
            json!(""), json!(0), json!(1), json!(0.5), json!([]), json!([true]), json!({}),
        ])),
        at in prop::sample::select(vec![
            ("SendingOptions", "SendingEnabled"),
            ("ReputationOptions", "ReputationMetricsEnabled"),
            ("EventDestination", "Enabled"),
        ]),
    ) {
        let (block, member) = at;
        let mut members = Map::new();
        if block == "EventDestination" {
            members = destination()[block].as_object().expect("an object").clone();
        }
        members.remove(member);
        if let Some(value) = &value {
            members.insert(member.to_owned(), value.clone());
        }
        let body = json!({ block: members }).to_string();
        let read = if block == "EventDestination" {
            read_destination(&body).map(|read| json!(read.named("d".to_owned()).enabled))
        } else {
            read_options(&body).map(|read| read.0[block][member].clone())
        };
        match value {
            None => prop_assert_eq!(read, Ok(json!(false))),
            Some(Value::Bool(value)) => prop_assert_eq!(read, Ok(json!(value))),
            Some(_) => prop_assert!(read.expect_err("no boolean").is_ill_typed),
        }
    }
}
