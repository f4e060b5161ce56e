//! Each rule at its bound and one beyond it.

use serde_json::{Value, json};

use super::{
    assert_refused, assert_warned, clean, cloud_watch, dimension, document, findings_of,
    only_destination, other_kind, set, with,
};
use crate::definitions::model::{
    CloudWatchDestination, Destination, DestinationExtensions, Dimension, OnInvalidValue,
    ValueSource,
};
use crate::definitions::target::{Arn, Target, TargetKind};
use crate::ses::EventType;

const DIMENSION: &str = "/CloudWatchDestination/DimensionConfigurations/0";

fn with_dimension(key: &str, value: Value) -> Value {
    document(&[with(&format!("{DIMENSION}/{key}"), value)])
}

fn only_cloud_watch(document: &Value) -> CloudWatchDestination {
    match only_destination(document).destination {
        Destination::CloudWatch(destination) => destination,
        other => panic!("{other:?}"),
    }
}

#[test]
fn valid_document_is_read_as_written() {
    let mut value = document(&[cloud_watch("by-campaign", &[dimension("ses:from-domain")])]);
    value["ConfigurationSets"][0]["Namespace"] = json!("Mail");
    let definitions = clean(&value);
    let set = &definitions.configuration_sets[0];
    assert_eq!((set.name.as_str(), set.namespace.as_deref()), ("prod", Some("Mail")));
    let destination = &set.event_destinations[0];
    assert_eq!(destination.name, "by-campaign");
    assert!(destination.enabled);
    assert_eq!(
        destination.matching_event_types,
        [EventType::Send, EventType::Bounce].into_iter().collect()
    );
    let expected = CloudWatchDestination {
        extensions: DestinationExtensions::default(),
        dimensions: vec![Dimension {
            name: "ses:from-domain".to_owned(),
            source: ValueSource::MessageTag,
            default: "none".to_owned(),
        }],
    };
    assert_eq!(destination.destination, Destination::CloudWatch(expected));
}

#[test]
fn names_of_sets_and_destinations_have_1_to_64_characters() {
    let destination = cloud_watch("d", &[dimension("a")]);
    let named =
        |name: &str| json!({"ConfigurationSets": [set(name, std::slice::from_ref(&destination))]});
    for name in ["a", "*", "A-Z_09", &"n".repeat(64)] {
        assert_eq!(clean(&named(name)).configuration_sets[0].name, name);
    }
    for name in ["", "**", "a.b", "a b", "\u{e9}", &"n".repeat(65)] {
        let start = "ConfigurationSets[0].ConfigurationSetName: configuration set name ";
        assert_refused(&named(name), start);
    }
    for name in ["a", "A-Z_09", &"n".repeat(64)] {
        assert_eq!(only_destination(&document(&[with("/Name", json!(name))])).name, name);
    }
    for name in ["", "*", "a.b", "a b", "\u{e9}", &"n".repeat(65)] {
        let start = "ConfigurationSets[0].EventDestinations[0].Name: event destination name ";
        assert_refused(&document(&[with("/Name", json!(name))]), start);
    }
}

#[test]
fn duplicate_name_is_rejected_at_its_second_place() {
    let destination = cloud_watch("d", &[dimension("a")]);
    let sets: Vec<Value> = ["prod", "Prod", "prod"]
        .iter()
        .map(|name| set(name, std::slice::from_ref(&destination)))
        .collect();
    assert_refused(
        &json!({"ConfigurationSets": sets}),
        "ConfigurationSets[2].ConfigurationSetName: configuration set name \"prod\" is used twice",
    );
    let second = cloud_watch("d", &[dimension("b")]);
    assert_refused(
        &document(&[destination.clone(), second]),
        "ConfigurationSets[0].EventDestinations[1].Name: event destination name \"d\" is used",
    );
    let names_of_two_sets = ["a", "b"].map(|name| set(name, std::slice::from_ref(&destination)));
    assert_eq!(clean(&json!({"ConfigurationSets": names_of_two_sets})).configuration_sets.len(), 2);
}

#[test]
fn set_has_at_most_10_destinations() {
    let destinations: Vec<Value> =
        (0..11).map(|n| cloud_watch(&format!("d{n}"), &[dimension(&format!("tag{n}"))])).collect();
    let definitions = clean(&document(&destinations[..10]));
    assert_eq!(definitions.configuration_sets[0].event_destinations.len(), 10);
    assert_refused(
        &document(&destinations),
        "ConfigurationSets[0].EventDestinations: configuration set has 11 event destinations",
    );
}

#[test]
fn set_without_destinations_has_a_warning() {
    let start = "ConfigurationSets[0].EventDestinations: configuration set has no event";
    assert_warned(&document(&[]), start);
    assert_warned(&json!({"ConfigurationSets": [{"ConfigurationSetName": "a"}]}), start);
    let mut null = document(&[]);
    null["ConfigurationSets"][0]["EventDestinations"] = Value::Null;
    assert_warned(&null, start);
    null["ConfigurationSets"][0]["EventDestinations"] = json!({});
    assert_refused(&null, "ConfigurationSets[0].EventDestinations: EventDestinations is an object");
}

#[test]
fn destination_has_1_to_10_dimensions_of_different_names() {
    let dimensions: Vec<Value> = (0..11).map(|n| dimension(&format!("tag{n}"))).collect();
    let path = "ConfigurationSets[0].EventDestinations[0].CloudWatchDestination\
                .DimensionConfigurations";
    let most = document(&[cloud_watch("d", &dimensions[..10])]);
    assert_eq!(only_cloud_watch(&most).dimensions.len(), 10);
    let document_of = |dimensions: &[Value]| document(&[cloud_watch("d", dimensions)]);
    assert_refused(
        &document_of(&dimensions),
        &format!("{path}: CloudWatch destination has 11 dimensions"),
    );
    assert_refused(&document_of(&[]), &format!("{path}: DimensionConfigurations is empty"));
    let missing = document(&[with("/CloudWatchDestination", json!({}))]);
    assert_refused(&missing, &format!("{path}: DimensionConfigurations is missing"));
    assert_refused(
        &document_of(&[dimension("a"), dimension("A"), dimension("a")]),
        &format!("{path}[2].DimensionName: dimension name \"a\" is used twice"),
    );
}

#[test]
fn dimension_names_have_1_to_255_characters_and_no_colon_first() {
    for name in ["a", "ses:configuration-set", "X-My_Header.1@x", &"n".repeat(255)] {
        assert_eq!(
            only_cloud_watch(&with_dimension("DimensionName", json!(name))).dimensions[0].name,
            name
        );
    }
    let path = "ConfigurationSets[0].EventDestinations[0].CloudWatchDestination\
                .DimensionConfigurations[0].DimensionName";
    for name in ["", ":a", "a b", "a/b", "\u{e9}", &"n".repeat(256)] {
        assert_refused(
            &with_dimension("DimensionName", json!(name)),
            &format!("{path}: dimension name "),
        );
    }
}

#[test]
fn header_names_that_ses_rejects_are_rejected_for_headers_only() {
    for name in ["Received", "to", "FROM", "dkim-signature", "Cc", "Message-ID", "return-path"] {
        let tag = with_dimension("DimensionName", json!(name));
        assert_eq!(only_cloud_watch(&tag).dimensions[0].name, name);
        let mut header = with(&format!("{DIMENSION}/DimensionName"), json!(name));
        *header.pointer_mut(&format!("{DIMENSION}/DimensionValueSource")).unwrap() =
            json!("EMAIL_HEADER");
        assert_refused(
            &document(&[header]),
            &format!(
                "ConfigurationSets[0].EventDestinations[0].CloudWatchDestination\
                 .DimensionConfigurations[0].DimensionName: header \"{name}\" is not allowed"
            ),
        );
    }
    let mut header = with(&format!("{DIMENSION}/DimensionName"), json!("X-From"));
    *header.pointer_mut(&format!("{DIMENSION}/DimensionValueSource")).unwrap() =
        json!("EMAIL_HEADER");
    assert_eq!(only_cloud_watch(&document(&[header])).dimensions[0].name, "X-From");
}

#[test]
fn default_values_are_dimension_values() {
    for value in ["0", "example.com", "a@b-c_D", &"v".repeat(255)] {
        let document = with_dimension("DefaultDimensionValue", json!(value));
        assert_eq!(only_cloud_watch(&document).dimensions[0].default, value);
    }
    let path = "ConfigurationSets[0].EventDestinations[0].CloudWatchDestination\
                .DimensionConfigurations[0].DefaultDimensionValue";
    for value in ["", " ", "a:b", "a b", "\u{e9}", &"v".repeat(256)] {
        assert_refused(
            &with_dimension("DefaultDimensionValue", json!(value)),
            &format!("{path}: DefaultDimensionValue "),
        );
    }
    let missing = with_dimension("DefaultDimensionValue", Value::Null);
    assert_refused(&missing, &format!("{path}: DefaultDimensionValue is missing"));
}

#[test]
fn value_sources_are_read_in_both_spellings() {
    for (text, source) in [
        ("MESSAGE_TAG", ValueSource::MessageTag),
        ("messageTag", ValueSource::MessageTag),
        ("Email_Header", ValueSource::EmailHeader),
        ("emailHeader", ValueSource::EmailHeader),
        ("LINK_TAG", ValueSource::LinkTag),
        ("linktag", ValueSource::LinkTag),
    ] {
        let mut document = with_dimension("DimensionValueSource", json!(text));
        document["ConfigurationSets"][0]["EventDestinations"][0]["MatchingEventTypes"] =
            json!(["CLICK"]);
        assert_eq!(only_cloud_watch(&document).dimensions[0].source, source, "{text}");
    }
    for text in [json!("MESSAGE TAG"), json!("linkTags"), json!(""), json!(1)] {
        assert_refused(
            &with_dimension("DimensionValueSource", text),
            "ConfigurationSets[0].EventDestinations[0].CloudWatchDestination\
             .DimensionConfigurations[0].DimensionValueSource: DimensionValueSource ",
        );
    }
}

#[test]
fn on_invalid_value_is_read_in_any_case() {
    let with_policy =
        |policy: Value| document(&[with("/CloudWatchDestination/OnInvalidValue", policy)]);
    for (text, policy) in [
        (json!("drop"), OnInvalidValue::Drop),
        (json!("Default"), OnInvalidValue::Default),
        (json!("SANITIZE"), OnInvalidValue::Sanitize),
        (Value::Null, OnInvalidValue::Drop),
    ] {
        assert_eq!(only_cloud_watch(&with_policy(text)).extensions.on_invalid_value, policy);
    }
    assert_refused(
        &with_policy(json!("ignore")),
        "ConfigurationSets[0].EventDestinations[0].CloudWatchDestination.OnInvalidValue: \
         OnInvalidValue \"ignore\" is unknown; use DROP, DEFAULT or SANITIZE",
    );
}

#[test]
fn namespaces_are_checked_in_both_places() {
    let with_namespace =
        |value: &str| document(&[with("/CloudWatchDestination/Namespace", json!(value))]);
    let longest = "n".repeat(255);
    let destination = only_cloud_watch(&with_namespace(&longest));
    assert_eq!(destination.extensions.namespace.as_deref(), Some(longest.as_str()));
    let path = "ConfigurationSets[0].EventDestinations[0].CloudWatchDestination.Namespace";
    assert_refused(&with_namespace(&"n".repeat(256)), &format!("{path}: namespace "));
    assert_refused(&with_namespace("AWS/SES"), &format!("{path}: namespace "));
    let mut in_set = document(&[cloud_watch("d", &[dimension("a")])]);
    in_set["ConfigurationSets"][0]["Namespace"] = json!("");
    assert_refused(&in_set, "ConfigurationSets[0].Namespace: namespace is empty");
}

#[test]
fn enabled_is_a_boolean() {
    for wrong in [json!("true"), json!(1), json!([])] {
        assert_refused(
            &document(&[with("/Enabled", wrong)]),
            "ConfigurationSets[0].EventDestinations[0].Enabled: Enabled is ",
        );
    }
}

#[test]
fn matching_event_types_are_known_and_at_least_one() {
    let with_types = |types: Value| document(&[with("/MatchingEventTypes", types)]);
    let path = "ConfigurationSets[0].EventDestinations[0].MatchingEventTypes";
    let all: Vec<&str> = EventType::ALL.iter().map(|known| known.api_name()).collect();
    let read = only_destination(&with_types(json!(all))).matching_event_types;
    assert_eq!(read.iter().count(), 10);
    let spellings = json!(["send", "renderingFailure"]);
    let read = only_destination(&with_types(spellings)).matching_event_types;
    assert_eq!(read.iter().collect::<Vec<_>>(), [EventType::RenderingFailure, EventType::Send]);

    assert_refused(&with_types(json!([])), &format!("{path}: MatchingEventTypes is empty"));
    assert_refused(&with_types(Value::Null), &format!("{path}: MatchingEventTypes is missing"));
    assert_refused(&with_types(json!("SEND")), &format!("{path}: MatchingEventTypes is a string"));
    assert_refused(&with_types(json!(["SENT"])), &format!("{path}[0]: event type \"SENT\""));
    assert_refused(&with_types(json!([1])), &format!("{path}[0]: event type is a number"));
    assert_warned(
        &with_types(json!(["SEND", "OPEN", "Send"])),
        &format!("{path}[2]: event type SEND is repeated"),
    );
}

#[test]
fn null_in_a_list_is_skipped_with_a_warning() {
    let path = "ConfigurationSets[0].EventDestinations[0].MatchingEventTypes";
    assert_warned(
        &document(&[with("/MatchingEventTypes", json!(["SEND", null]))]),
        &format!("{path}[1]: null in a list is ignored"),
    );
    let findings =
        findings_of(&document(&[with("/MatchingEventTypes", json!([null]))]).to_string());
    assert_eq!(findings.len(), 2, "{findings:#?}");
    assert!(findings[0].contains("MatchingEventTypes is empty"), "{findings:#?}");
}

#[test]
fn destination_has_exactly_one_kind() {
    let path = "ConfigurationSets[0].EventDestinations[0]";
    assert_refused(
        &document(&[with("/CloudWatchDestination", Value::Null)]),
        &format!("{path}: no destination given; add one of CloudWatchDestination, "),
    );
    let arn = json!({"TopicArn": "arn:aws:sns:eu-west-1:123456789012:events"});
    assert_refused(
        &document(&[with("/SnsDestination", arn)]),
        &format!(
            "{path}.SnsDestination: more than one destination given: CloudWatchDestination and \
             SnsDestination; keep one"
        ),
    );
    assert_refused(
        &document(&[with("/CloudWatchDestination", json!(true))]),
        &format!("{path}.CloudWatchDestination: CloudWatchDestination is a boolean"),
    );
    let null_is_absent = document(&[with("/SnsDestination", Value::Null)]);
    assert!(matches!(only_destination(&null_is_absent).destination, Destination::CloudWatch(_)));
}

#[test]
fn forwarding_destinations_are_targets_with_arns_of_their_service() {
    let role = "arn:aws:iam::123456789012:role/r";
    let stream = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/s";
    for (kind, key, target, arn) in [
        ("KinesisFirehoseDestination", "DeliveryStreamArn", TargetKind::Firehose, stream),
        ("SnsDestination", "TopicArn", TargetKind::Sns, "arn:aws:sns:eu-west-1:1:t"),
        (
            "EventBridgeDestination",
            "EventBusArn",
            TargetKind::EventBridge,
            "arn:aws:events:eu-west-1:1:event-bus/b",
        ),
    ] {
        let path = format!("ConfigurationSets[0].EventDestinations[0].{kind}");
        let given = |value: Value| document(&[other_kind(kind, value)]);
        let read =
            Target { kind: target, arn: Arn::parse(target, arn).expect("an ARN"), role_arn: None };
        let destination = only_destination(&given(json!({key: arn}))).destination;
        assert_eq!(destination, Destination::Forward(read.clone()));
        if target == TargetKind::Firehose {
            let with_role = given(json!({key: arn, "IamRoleArn": role}));
            let read = Target { role_arn: Some(role.to_owned()), ..read };
            assert_eq!(only_destination(&with_role).destination, Destination::Forward(read));
        }
        assert_refused(&given(json!({})), &format!("{path}.{key}: {key} is missing"));
        assert_refused(&given(json!(arn)), &format!("{path}: {kind} is a string"));
        for wrong in ["", "arn:aws:x:eu-west-1:1:t", "arn:aws:sns:eu-west-1:1", "arn:a:b:c:d:e f"] {
            let refused = format!("{path}.{key}: {key} \"{wrong}\" is not valid; write arn:aws:");
            assert_refused(&given(json!({key: wrong})), &refused);
        }
    }
    let firehose = json!({"IamRoleArn": "role", "DeliveryStreamArn": stream});
    assert_refused(
        &document(&[other_kind("KinesisFirehoseDestination", firehose)]),
        "ConfigurationSets[0].EventDestinations[0].KinesisFirehoseDestination.IamRoleArn: \
         IamRoleArn \"role\" is not an ARN",
    );
    let fifo = json!({"TopicArn": "arn:aws:sns:eu-west-1:1:t.fifo"});
    assert_refused(
        &document(&[other_kind("SnsDestination", fifo)]),
        "ConfigurationSets[0].EventDestinations[0].SnsDestination.TopicArn: TopicArn \
         \"arn:aws:sns:eu-west-1:1:t.fifo\" is not valid; choose a standard topic",
    );
}

#[test]
fn pinpoint_is_kept_with_a_warning_and_takes_neither_delays_nor_subscriptions() {
    let path = "ConfigurationSets[0].EventDestinations[0]";
    let mut destination = other_kind("PinpointDestination", json!({}));
    let inert = format!("{path}.PinpointDestination: Pinpoint destination receives nothing");
    assert_warned(&document(&[destination.clone()]), &inert);
    destination["Enabled"] = json!(false);
    assert_warned(&document(&[destination.clone()]), &inert);

    destination["MatchingEventTypes"] = json!(["DELIVERY_DELAY", "SEND", "subscription", "SENT"]);
    let findings = findings_of(&document(&[destination]).to_string());
    let errors: Vec<&String> =
        findings.iter().filter(|finding| !finding.contains("warning: ")).collect();
    assert_eq!(errors.len(), 3, "{findings:#?}");
    let refused = "a Pinpoint destination does not support";
    assert!(errors[0].contains(&format!("MatchingEventTypes[0]: {refused} DELIVERY_DELAY")));
    assert!(errors[1].contains(&format!("MatchingEventTypes[2]: {refused} SUBSCRIPTION")));
    assert!(errors[2].contains("MatchingEventTypes[3]: event type \"SENT\" is unknown"));
}

#[test]
fn unknown_keys_have_a_warning_with_a_hint() {
    let path = "ConfigurationSets[0].EventDestinations[0]";
    let mut value = document(&[cloud_watch("d", &[dimension("a")])]);
    value["NextToken"] = json!("x");
    assert_warned(&value, "NextToken: unknown key \"NextToken\" is ignored; remove it, or correct");

    let mut value = document(&[cloud_watch("d", &[dimension("a")])]);
    value["ConfigurationSets"][0]["OtherOptions"] = json!({"a": [{}]});
    let start = "ConfigurationSets[0].OtherOptions: unknown key \"OtherOptions\" is ignored";
    assert_warned(&value, start);

    assert_warned(
        &document(&[with("/SNSDestination", json!({}))]),
        &format!("{path}.SNSDestination: unknown key \"SNSDestination\" is ignored; write SnsD"),
    );
    assert_warned(
        &with_dimension("default_dimension_value", json!("a")),
        &format!(
            "{path}.CloudWatchDestination.DimensionConfigurations[0].default_dimension_value: \
             unknown key \"default_dimension_value\" is ignored; write DefaultDimensionValue"
        ),
    );
    let arn = json!({"TopicArn": "arn:aws:sns:r:1:t", "Other": 1});
    let sns = other_kind("SnsDestination", arn);
    assert_warned(&document(&[sns]), &format!("{path}.SnsDestination.Other: unknown key"));
}
