//! Measures, and limits on values.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    assert_refused, assert_warned, clean, cloud_watch, dimension, document, only_destination, set,
};
use crate::definitions::measure::Measure;
use crate::definitions::model::{CloudWatchDestination, Destination};
use crate::ses::EventType;

const PATH: &str = "ConfigurationSets[0].EventDestinations[0].CloudWatchDestination";

/// A destination with the tag `campaign`, these types, and these members beside SES's own.
fn destination(name: &str, types: &[&str], own: &Value) -> Value {
    let mut destination = cloud_watch(name, &[dimension("campaign")]);
    destination["MatchingEventTypes"] = json!(types);
    let members = destination["CloudWatchDestination"].as_object_mut().unwrap();
    members.extend(own.as_object().unwrap().clone());
    destination
}

fn of(types: &[&str], own: &Value) -> Value {
    document(&[destination("d", types, own)])
}

fn read(value: &Value) -> CloudWatchDestination {
    let Destination::CloudWatch(read) = only_destination(value).destination else { panic!() };
    read
}

fn field(field: &str, name: &str) -> Value {
    json!({"Field": field, "DimensionName": name, "DefaultDimensionValue": "none"})
}

// === measures ===

#[test]
fn measures_are_read_as_written() {
    let types = ["DELIVERY", "BOUNCE", "COMPLAINT"];
    let names = ["DELIVERY_TIME", "count", "HARD_BOUNCE_RATE", "Complaint_Rate"];
    let read = read(&of(&types, &json!({ "Measures": names })));
    let expected =
        [Measure::DeliveryTime, Measure::Count, Measure::HardBounceRate, Measure::ComplaintRate];
    assert_eq!(read.measures(), expected);
    let plain = self::read(&of(&["SEND"], &json!({})));
    assert_eq!(
        (plain.extensions.measures.as_ref(), plain.measures()),
        (None, &[Measure::Count][..])
    );
}

#[test]
fn faults_of_measures_are_named() {
    let at = format!("{PATH}.Measures");
    for (measures, start) in [
        (json!([]), ": Measures is empty; remove it to count, or name a measure"),
        (json!("COUNT"), ": Measures is a string"),
        (json!([7]), "[0]: measure is a number"),
        (json!(["OPEN_RATE"]), "[0]: measure \"OPEN_RATE\" is unknown; use one of COUNT, HARD_BOU"),
        (json!(["COUNT", "count"]), "[1]: measure COUNT is twice in the list"),
    ] {
        assert_refused(
            &of(&["DELIVERY"], &json!({ "Measures": measures })),
            &format!("{at}{start}"),
        );
    }
}

#[test]
fn measure_needs_all_its_types() {
    for (measure, types, needed, missing) in [
        ("HARD_BOUNCE_RATE", ["SEND", "DELIVERY"], "BOUNCE, DELIVERY", "BOUNCE"),
        ("HARD_BOUNCE_RATE", ["SEND", "BOUNCE"], "BOUNCE, DELIVERY", "DELIVERY"),
        ("HARD_BOUNCE_RATE", ["SEND", "OPEN"], "BOUNCE, DELIVERY", "BOUNCE, DELIVERY"),
        ("COMPLAINT_RATE", ["DELIVERY", "BOUNCE"], "COMPLAINT, DELIVERY", "COMPLAINT"),
        ("DELIVERY_TIME", ["BOUNCE", "SEND"], "DELIVERY", "DELIVERY"),
    ] {
        let start = format!(
            "{PATH}.Measures[1]: {measure} needs events of {needed}; add {missing} to Match"
        );
        assert_refused(&of(&types, &json!({ "Measures": ["COUNT", measure] })), &start);
    }
    let all = ["COUNT", "HARD_BOUNCE_RATE", "COMPLAINT_RATE", "DELIVERY_TIME"];
    clean(&of(&["DELIVERY", "BOUNCE", "COMPLAINT"], &json!({ "Measures": all })));
}

#[test]
fn rate_has_no_series_of_a_field_that_one_of_its_types_lacks() {
    let own = json!({
        "Measures": ["COUNT", "HARD_BOUNCE_RATE"],
        "EventDimensions": [field("bounce_class", "class"), field("smtp_status", "status")],
        "DimensionSets": [["campaign"], ["campaign", "class"], ["status"]],
    });
    let read = read(&of(&["DELIVERY", "BOUNCE"], &own));
    let has = |set: &[&str], measure| {
        [EventType::Delivery, EventType::Bounce].map(|own| read.measures_in(set, measure, own))
    };
    let rate = Measure::HardBounceRate;
    assert_eq!(has(&["campaign"], rate), [true, true]);
    assert_eq!(has(&["campaign", "class"], rate), [false, false]);
    assert_eq!(has(&["campaign", "class"], Measure::Count), [false, true]);
    assert_eq!(has(&["status"], rate), [true, true]);
    assert_eq!(has(&["campaign"], Measure::DeliveryTime), [true, false]);

    let mut classes = own.clone();
    classes["DimensionSets"] = json!([["campaign", "class"], ["status"]]);
    clean(&of(&["DELIVERY", "BOUNCE"], &classes));
    classes["DimensionSets"] = json!([["campaign", "class"], ["class", "status"]]);
    classes["Measures"] = json!(["HARD_BOUNCE_RATE"]);
    let findings = super::findings_of(&of(&["DELIVERY", "BOUNCE"], &classes).to_string());
    let said = format!(
        "{PATH}.Measures[0]: HARD_BOUNCE_RATE has no series: every set of dimensions has a field \
         that BOUNCE, DELIVERY events lack"
    );
    assert!(findings.iter().any(|finding| finding.contains(&said)), "{findings:#?}");
    assert!(findings.iter().all(|finding| finding.contains("warning: ")), "{findings:#?}");
}

#[test]
fn types_without_a_value_are_warned_of() {
    let own = json!({ "Measures": ["DELIVERY_TIME"] });
    let start = format!("{PATH}: events of SEND make no series here");
    assert_warned(&of(&["DELIVERY", "SEND"], &own), &start);
}

#[test]
fn destinations_share_a_series_only_by_the_same_measure() {
    let types = ["DELIVERY", "BOUNCE"];
    let rate = |name| destination(name, &types, &json!({ "Measures": ["HARD_BOUNCE_RATE"] }));
    let counts = |name| destination(name, &types, &json!({ "Measures": ["COUNT"] }));
    let plain = |name| destination(name, &types, &json!({}));
    clean(&document(&[rate("a"), counts("b")]));
    clean(&document(&[rate("a"), plain("b")]));
    for (first, second) in [(rate("a"), rate("b")), (counts("a"), plain("b"))] {
        let start = "ConfigurationSets[0].EventDestinations[1]: event destinations a and b write the \
                     same series, those of [campaign]";
        assert_refused(&document(&[first, second]), start);
    }
    // A limit does not make the series others.
    let limited = destination("b", &types, &json!({ "ValueLimits": {"campaign": 5} }));
    let start = "ConfigurationSets[0].EventDestinations[1]: event destinations a and b write the";
    assert_refused(&document(&[plain("a"), limited]), start);
    let both = |first: Value, second: Value| json!({"ConfigurationSets": [set("prod", &[first]), set("test", &[second])]});
    clean(&both(rate("a"), plain("b")));
    let start = "ConfigurationSets[1].EventDestinations[0]: event destinations prod/a and test/b";
    assert_warned(&both(rate("a"), rate("b")), start);
}

// === limits ===

#[test]
fn limits_and_kept_values_are_read_as_written() {
    let own = json!({
        "ValueLimits": {"campaign": 10_000, "domain": 0},
        "KeepValues": {"domain": ["example.com", "a_b"]},
        "EventDimensions": [field("recipient_domain", "domain")],
    });
    let extensions = read(&of(&["SEND"], &own)).extensions;
    let limits = [("campaign".to_owned(), 10_000), ("domain".to_owned(), 0)];
    assert_eq!(extensions.value_limits, BTreeMap::from(limits));
    let kept = vec!["example.com".to_owned(), "a_b".to_owned()];
    assert_eq!(extensions.keep_values, BTreeMap::from([("domain".to_owned(), kept)]));
}

#[test]
fn field_with_any_number_of_values_needs_a_limit() {
    for (name, types) in [("recipient_domain", ["SEND"]), ("link_domain", ["CLICK"])] {
        let dimensions = json!([field("account", "account"), field(name, "domain")]);
        let mut own = json!({ "EventDimensions": dimensions });
        let start = format!(
            "{PATH}.EventDimensions[1]: field {name} can have any number of values, each with a \
             price; limit them, for example by \"ValueLimits\": {{\"domain\": 50}}"
        );
        assert_refused(&of(&types, &own), &start);
        own["ValueLimits"] = json!({"domain": 50});
        clean(&of(&types, &own));
    }
}

#[test]
fn faults_of_limits_and_kept_values_are_named() {
    let many: Vec<String> = (0..1_001).map(|number| number.to_string()).collect();
    let kept =
        |values: Value| json!({"ValueLimits": {"campaign": 1}, "KeepValues": {"campaign": values}});
    for (own, start) in [
        (json!({"ValueLimits": [5]}), ".ValueLimits: ValueLimits is a list"),
        (
            json!({"ValueLimits": {"genre": 5}}),
            ".ValueLimits.genre: ValueLimits names \"genre\", which is not a dimension",
        ),
        (
            json!({"ValueLimits": {"campaign": "5"}}),
            ".ValueLimits.campaign: limit of values is a string",
        ),
        (
            json!({"ValueLimits": {"campaign": 10_001}}),
            ".ValueLimits.campaign: limit of values is 10001; use a whole number from 1 to 10000",
        ),
        (json!({"ValueLimits": {"campaign": -1}}), ".ValueLimits.campaign: limit of values is -1"),
        (
            json!({"ValueLimits": {"campaign": 1.5}}),
            ".ValueLimits.campaign: limit of values is 1.5",
        ),
        (
            json!({"ValueLimits": {"campaign": 0}}),
            ".ValueLimits.campaign: no value of \"campaign\" can stand for itself",
        ),
        (
            json!({"KeepValues": {"campaign": ["spring"]}}),
            ".KeepValues.campaign: KeepValues names \"campaign\", which has no limit",
        ),
        (
            json!({"KeepValues": {"genre": ["spring"]}}),
            ".KeepValues.genre: KeepValues names \"genre\", which is not a dimension",
        ),
        (kept(json!("spring")), ".KeepValues.campaign: values to keep is a string"),
        (kept(json!([7])), ".KeepValues.campaign[0]: value to keep is a number"),
        (kept(json!(["a b"])), ".KeepValues.campaign[0]: value to keep \"a b\" contains ' '"),
        (kept(json!(["a", "a"])), ".KeepValues.campaign[1]: value \"a\" is twice in the list"),
        (kept(json!(["__other__"])), ".KeepValues.campaign[0]: __other__ stands for all values"),
        (
            kept(json!(many)),
            ".KeepValues.campaign: dimension has 1001 values to keep; keep at most",
        ),
    ] {
        assert_refused(&of(&["SEND"], &own), &format!("{PATH}{start}"));
    }
}
