//! Destinations of one set that write the same series.

use serde_json::{Value, json};

use super::{assert_warned, clean, cloud_watch, dimension, document};

const PATH: &str = "ConfigurationSets[0].EventDestinations[1]";

fn first() -> Value {
    cloud_watch("first", &[dimension("a"), dimension("b")])
}

fn second() -> Value {
    cloud_watch("second", &[dimension("b"), dimension("a")])
}

fn changed(pointer: &str, value: Value) -> Value {
    let mut destination = second();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    destination.pointer_mut(parent).unwrap()[key] = value;
    destination
}

#[test]
fn dimensions_in_any_order_write_the_same_series() {
    let warning = "event destinations first and second write the same series";
    assert_warned(&document(&[first(), second()]), &format!("{PATH}: {warning}"));
    let one_shared_type = changed("/MatchingEventTypes", json!(["BOUNCE", "OPEN"]));
    assert_warned(&document(&[first(), one_shared_type]), &format!("{PATH}: {warning}"));
}

#[test]
fn destinations_with_other_sources_or_defaults_may_write_the_same_series() {
    let warning = format!("{PATH}: event destinations first and second may write the same series");
    let dimension = "/CloudWatchDestination/DimensionConfigurations/0";
    for second in [
        changed(&format!("{dimension}/DimensionValueSource"), json!("EMAIL_HEADER")),
        changed(&format!("{dimension}/DefaultDimensionValue"), json!("other")),
        changed("/CloudWatchDestination/Namespace", json!("SES")),
    ] {
        assert_warned(&document(&[first(), second]), &warning);
    }
}

#[test]
fn namespace_of_the_set_is_that_of_its_destinations() {
    let mut value = document(&[first(), changed("/CloudWatchDestination/Namespace", json!("M"))]);
    clean(&value);
    value["ConfigurationSets"][0]["Namespace"] = json!("M");
    assert_warned(&value, &format!("{PATH}: event destinations first and second write the same"));
}

#[test]
fn destinations_that_never_write_the_same_series_have_no_warning() {
    let dimension = "/CloudWatchDestination/DimensionConfigurations/0";
    for second in [
        changed("/MatchingEventTypes", json!(["OPEN"])),
        changed("/CloudWatchDestination/Namespace", json!("Other")),
        changed(&format!("{dimension}/DimensionName"), json!("B")),
        cloud_watch("second", &[super::dimension("a")]),
    ] {
        clean(&document(&[first(), second]));
    }
    let off = document(&[first(), changed("/Enabled", json!(false))]);
    assert_warned(&off, &format!("{PATH}.Enabled: event destination is off"));
}

#[test]
fn overlapping_pairs_are_all_named() {
    let third = cloud_watch("third", &[dimension("a"), dimension("b")]);
    let findings = super::findings_of(&document(&[first(), second(), third]).to_string());
    assert_eq!(findings.len(), 3, "{findings:#?}");
    assert!(findings[1].contains("first and third"), "{findings:#?}");
    assert!(findings[2].contains("second and third"), "{findings:#?}");
}
