//! Dimensions from fields of the event, and sets of dimensions.

use serde_json::{Value, json};

use super::{
    assert_refused, assert_warned, clean, cloud_watch, dimension, document, findings_of,
    only_destination, set,
};
use crate::definitions::model::{Destination, DestinationExtensions, EventDimension};
use crate::ses::EventField;

const PATH: &str = "ConfigurationSets[0].EventDestinations[0].CloudWatchDestination";

fn event_dimension(field: &str) -> Value {
    json!({"Field": field, "DefaultDimensionValue": "none"})
}

/// A destination with the tag `campaign` and these fields and sets; null: without.
fn extended(types: &[&str], fields: &[&str], sets: &Value) -> Value {
    let mut destination = cloud_watch("d", &[dimension("campaign")]);
    destination["MatchingEventTypes"] = json!(types);
    let fields: Vec<_> = fields.iter().map(|field| event_dimension(field)).collect();
    destination["CloudWatchDestination"]["EventDimensions"] = json!(fields);
    destination["CloudWatchDestination"]["DimensionSets"] = sets.clone();
    document(&[destination])
}

/// With one event dimension.
fn with_dimension(dimension: &Value) -> Value {
    let mut value = extended(&["BOUNCE"], &[], &Value::Null);
    let own = "/ConfigurationSets/0/EventDestinations/0/CloudWatchDestination";
    value.pointer_mut(own).unwrap()["EventDimensions"] = json!([dimension]);
    value
}

#[test]
fn extensions_are_read_as_written() {
    let sets = json!([["campaign", "class"], ["campaign"], []]);
    let mut value = extended(&["SEND", "BOUNCE"], &["account"], &sets);
    let own = "/ConfigurationSets/0/EventDestinations/0/CloudWatchDestination/EventDimensions";
    let class = json!({"Field": "BOUNCE_CLASS", "DimensionName": "class",
        "DefaultDimensionValue": "x"});
    value.pointer_mut(own).unwrap()[0] = class;
    let Destination::CloudWatch(read) = only_destination(&value).destination else { panic!() };
    let expected = DestinationExtensions {
        event_dimensions: vec![EventDimension {
            field: EventField::BounceClass,
            name: "class".to_owned(),
            default: "x".to_owned(),
        }],
        dimension_sets: Some(vec![
            vec!["campaign".to_owned(), "class".to_owned()],
            vec!["campaign".to_owned()],
            Vec::new(),
        ]),
        ..DestinationExtensions::default()
    };
    assert_eq!(read.extensions, expected);
    assert_eq!(read.names().collect::<Vec<_>>(), ["campaign", "class"]);
}

#[test]
fn dimensions_of_ses_may_be_missing_beside_event_dimensions_alone() {
    let mut value = extended(&["BOUNCE"], &["bounce_class"], &Value::Null);
    let own = "/ConfigurationSets/0/EventDestinations/0/CloudWatchDestination";
    value.pointer_mut(own).unwrap()["DimensionConfigurations"] = json!([]);
    clean(&value);
    value.pointer_mut(own).unwrap()["DimensionConfigurations"] = Value::Null;
    clean(&value);
    value.pointer_mut(own).unwrap()["EventDimensions"] = json!([]);
    assert_refused(
        &value,
        &format!("{PATH}.DimensionConfigurations: DimensionConfigurations is missing"),
    );
    value.pointer_mut(own).unwrap()["DimensionConfigurations"] = json!([]);
    assert_refused(
        &value,
        &format!("{PATH}.DimensionConfigurations: DimensionConfigurations is empty"),
    );
}

#[test]
fn faults_of_an_event_dimension_are_named() {
    let at = format!("{PATH}.EventDimensions[0]");
    for (dimension, start) in [
        (json!({"DefaultDimensionValue": "none"}), ".Field: Field is missing"),
        (
            json!({"Field": "bounce_class"}),
            ".DefaultDimensionValue: DefaultDimensionValue is missing",
        ),
        (
            json!({"Field": "bounces", "DefaultDimensionValue": "none"}),
            ".Field: field \"bounces\" is unknown; use one of bounce_class, ",
        ),
        (
            json!({"Field": "bounce_class", "DefaultDimensionValue": "a b"}),
            ".DefaultDimensionValue: DefaultDimensionValue \"a b\" contains ' '",
        ),
        (
            json!({"Field": "bounce_class", "DimensionName": ":c", "DefaultDimensionValue": "x"}),
            ".DimensionName: dimension name \":c\" starts with a colon",
        ),
        (
            json!({"Field": "account", "DimensionName": "campaign", "DefaultDimensionValue": "x"}),
            ".DimensionName: dimension name \"campaign\" is used twice",
        ),
        (json!("bounce_class"), ": event dimension is a string"),
    ] {
        assert_refused(&with_dimension(&dimension), &format!("{at}{start}"));
    }
    let twice = extended(&["BOUNCE"], &["account", "account"], &Value::Null);
    let again = format!("{PATH}.EventDimensions[1]: dimension name \"account\" is used twice");
    assert_refused(&twice, &again);
}

#[test]
fn faults_of_sets_are_named() {
    let at = format!("{PATH}.DimensionSets");
    let many: Vec<Vec<String>> = (0..31).map(|number| vec![number.to_string()]).collect();
    let wide: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    for (sets, start) in [
        (json!([]), ": DimensionSets is empty; remove it to count by all dimensions"),
        (json!([["x"]]), "[0]: DimensionSets names \"x\", which is not a dimension"),
        (json!([["campaign", "campaign"]]), "[0][1]: dimension \"campaign\" is twice in the set"),
        (
            json!([["account", "campaign"], [], ["campaign", "account"]]),
            "[2]: DimensionSets[2] has the dimensions of DimensionSets[0], so one event would count \
             twice",
        ),
        (json!([[], []]), "[1]: DimensionSets[1] has the dimensions of DimensionSets[0]"),
        (json!(many), ": destination has 31 sets of dimensions; keep at most 30"),
        (json!([wide]), "[0]: set has 11 dimensions; keep at most 10"),
        (json!(["campaign"]), "[0]: set of dimensions is a string"),
        (json!([[7]]), "[0][0]: dimension name is a number"),
        (json!("campaign"), ": DimensionSets is a string"),
    ] {
        let value = extended(&["BOUNCE"], &["account"], &sets);
        assert_refused(&value, &format!("{at}{start}"));
    }
}

#[test]
fn metric_has_at_most_10_dimensions_and_a_destination_30() {
    let build = |tags: usize, sets: &Value| {
        let tags: Vec<_> = (0..tags).map(|number| dimension(&format!("t{number}"))).collect();
        let fields = ["account", "region", "mailbox_provider", "bounce_class"];
        let mut destination = cloud_watch("d", &tags);
        destination["MatchingEventTypes"] = json!(["BOUNCE"]);
        let fields: Vec<_> = fields.iter().map(|field| event_dimension(field)).collect();
        destination["CloudWatchDestination"]["EventDimensions"] = json!(fields);
        destination["CloudWatchDestination"]["DimensionSets"] = sets.clone();
        document(&[destination])
    };
    clean(&build(6, &Value::Null));
    assert_refused(
        &build(7, &Value::Null),
        &format!("{PATH}: destination has 11 dimensions on one metric; add DimensionSets"),
    );
    let sets = json!([
        ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9"],
        ["account", "region", "mailbox_provider", "bounce_class"]
    ]);
    clean(&build(10, &sets));
    let mut wide = build(10, &sets);
    let own = "/ConfigurationSets/0/EventDestinations/0/CloudWatchDestination/EventDimensions";
    let more = wide.pointer_mut(own).unwrap().as_array_mut().unwrap();
    for number in 0..17 {
        more.push(json!({"Field": "account", "DimensionName": format!("n{number}"),
            "DefaultDimensionValue": "x"}));
    }
    let start = format!("{PATH}: destination has 31 dimensions; keep at most 30");
    assert_refused(&wide, &start);
}

#[test]
fn what_makes_no_series_is_warned_of() {
    let sends = json!([["campaign"]]);
    assert_warned(
        &extended(&["SEND"], &["account"], &sends),
        &format!("{PATH}: dimension \"account\" is in no set of DimensionSets"),
    );
    assert_warned(
        &extended(&["SEND", "BOUNCE"], &["bounce_class"], &Value::Null),
        &format!(
            "{PATH}: events of SEND make no series here: every set has a field that they lack"
        ),
    );
    clean(&extended(
        &["SEND", "BOUNCE"],
        &["bounce_class"],
        &json!([["bounce_class"], ["campaign"]]),
    ));
    let sets = json!([["campaign"], ["bounce_class", "actor"]]);
    assert_warned(
        &extended(&["BOUNCE"], &["bounce_class", "actor"], &sets),
        &format!(
            "{PATH}.EventDimensions[1]: no event of this destination has the field actor: only \
             CLICK, OPEN events have it"
        ),
    );
    let sets = json!([["campaign"], ["bounce_class", "delay_type"]]);
    assert_warned(
        &extended(&["BOUNCE", "DELIVERY_DELAY"], &["bounce_class", "delay_type"], &sets),
        &format!("{PATH}.DimensionSets[1]: set [bounce_class, delay_type] makes no series"),
    );
}

// === series of several destinations ===

fn sets_of(name: &str, fields: &[&str], sets: &Value) -> Value {
    let value = extended(&["SEND", "BOUNCE"], fields, sets);
    let mut destination = value["ConfigurationSets"][0]["EventDestinations"][0].clone();
    destination["Name"] = json!(name);
    destination
}

#[test]
fn two_destinations_of_a_set_never_write_the_same_series_through_extensions() {
    let by_campaign = json!([["campaign"]]);
    let plain = cloud_watch("plain", &[dimension("campaign")]);
    let fault = "ConfigurationSets[0].EventDestinations[1]: event destinations";
    for (first, second, names) in [
        (sets_of("a", &[], &json!([["campaign"], []])), plain.clone(), "a and plain"),
        (plain.clone(), sets_of("a", &[], &by_campaign), "plain and a"),
        (sets_of("a", &[], &json!([["campaign"], []])), sets_of("b", &[], &by_campaign), "a and b"),
    ] {
        let start = format!(
            "{fault} {names} write the same series, those of [campaign], so one event would count twice"
        );
        assert_refused(&document(&[first, second]), &start);
    }
    // Through a namespace that may be the same, it is only likely.
    let mut elsewhere = sets_of("a", &[], &by_campaign);
    elsewhere["CloudWatchDestination"]["Namespace"] = json!("SES");
    assert_warned(
        &document(&[plain.clone(), elsewhere.clone()]),
        &format!("{fault} plain and a may"),
    );
    elsewhere["CloudWatchDestination"]["Namespace"] = json!("Mine");
    clean(&document(&[plain.clone(), elsewhere]));
    // A class is of bounces alone.
    let classes = |name| {
        let mut classes = sets_of(name, &["bounce_class"], &json!([["bounce_class"]]));
        classes["CloudWatchDestination"]["DimensionConfigurations"] = json!([]);
        classes["MatchingEventTypes"] = json!(["BOUNCE"]);
        classes
    };
    let mut sends = classes("b");
    sends["MatchingEventTypes"] = json!(["SEND"]);
    let findings = findings_of(&document(&[classes("a"), sends]).to_string());
    assert!(findings.iter().all(|finding| finding.contains("warning: ")), "{findings:#?}");
    clean(&document(&[plain, classes("a")]));
}

#[test]
fn series_of_several_configuration_sets_are_warned_of() {
    let totals = |namespace: Option<&str>| {
        let mut totals = sets_of("totals", &[], &json!([["campaign"], []]));
        totals["CloudWatchDestination"]["Namespace"] = json!(namespace);
        totals
    };
    let plain = cloud_watch("plain", &[dimension("campaign")]);
    let both = |first: Value, second: Value| json!({"ConfigurationSets": [set("prod", &[first]), set("test", &[second])]});
    let start = "ConfigurationSets[1].EventDestinations[0]: event destinations prod/totals and \
                 test/totals write the same series, so their counts add up";
    assert_warned(&both(totals(None), totals(None)), start);
    assert_warned(
        &both(plain.clone(), totals(None)),
        "ConfigurationSets[1].EventDestinations[0]: event destinations prod/plain and test/totals",
    );
    assert_warned(
        &both(totals(None), plain.clone()),
        "ConfigurationSets[1].EventDestinations[0]: event destinations prod/totals and test/plain",
    );
    clean(&both(totals(None), totals(Some("Test"))));
    clean(&both(plain.clone(), plain));
}
