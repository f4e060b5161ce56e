//! Valid destinations that do not count what they seem to count.

use serde_json::{Value, json};

use super::{
    assert_warned, clean, cloud_watch, dimension, document, findings_of, other_kind, with,
};
use crate::definitions::read;

const PATH: &str = "ConfigurationSets[0].EventDestinations[0]";

/// A document with one dimension, for events of these types.
fn counting(types: &Value, name: &str, source: &str) -> Value {
    let mut dimension = dimension(name);
    dimension["DimensionValueSource"] = json!(source);
    let mut destination = cloud_watch("d", &[dimension]);
    destination["MatchingEventTypes"] = types.clone();
    document(&[destination])
}

fn name_path() -> String {
    format!("{PATH}.CloudWatchDestination.DimensionConfigurations[0]")
}

#[test]
fn each_destination_that_is_off_has_a_warning_at_its_place() {
    let topic = json!({"TopicArn": "arn:aws:sns:eu-west-1:123456789012:events"});
    let mut off = other_kind("SnsDestination", topic);
    off["Enabled"] = json!(false);
    for destination in [with("/Enabled", json!(false)), off] {
        assert_warned(
            &document(&[destination]),
            &format!("{PATH}.Enabled: event destination is off: it receives no events; set"),
        );
    }
    // Missing means off, as in SES.
    let absent = document(&[with("/Enabled", Value::Null)]);
    let reading = read("f", &absent.to_string());
    let destinations = &reading.definitions.unwrap().configuration_sets[0].event_destinations;
    assert!(!destinations[0].enabled);
    assert_eq!(reading.findings.len(), 1, "{:?}", reading.findings);
    let two = document(&[with("/Enabled", json!(false)), cloud_watch("on", &[dimension("a")])]);
    assert_eq!(findings_of(&two.to_string()).len(), 1);
    let mut both = document(&[with("/Enabled", json!(false)), with("/Enabled", json!(false))]);
    both["ConfigurationSets"][0]["EventDestinations"][1]["Name"] = json!("other");
    assert_eq!(findings_of(&both.to_string()).len(), 2);
}

#[test]
fn header_whose_values_are_never_valid_has_a_warning() {
    let types = json!(["SEND"]);
    for name in ["Subject", "subject", "Date", "LIST-UNSUBSCRIBE"] {
        let start = format!(
            "{}: header \"{name}\" has values that no dimension allows: the destination drops",
            name_path()
        );
        assert_warned(&counting(&types, name, "EMAIL_HEADER"), &start);
        clean(&counting(&types, name, "MESSAGE_TAG"));
    }
    for name in ["X-Campaign", "Reply-To", "MIME-Version"] {
        clean(&counting(&types, name, "EMAIL_HEADER"));
    }
    let mut handled = counting(&types, "Subject", "EMAIL_HEADER");
    let own = "/ConfigurationSets/0/EventDestinations/0/CloudWatchDestination";
    handled.pointer_mut(own).unwrap()["OnInvalidValue"] = json!("SANITIZE");
    clean(&handled);
    handled.pointer_mut(own).unwrap()["OnInvalidValue"] = json!("DEFAULT");
    let start = format!("{}: header \"Subject\" has values that no dimension", name_path());
    assert_warned(&handled, &start);
}

#[test]
fn link_tag_without_click_always_has_the_default() {
    let start = format!("{}: link tag \"place\" always has the default \"none\"", name_path());
    assert_warned(&counting(&json!(["SEND", "OPEN"]), "place", "LINK_TAG"), &start);
    clean(&counting(&json!(["SEND", "CLICK"]), "place", "LINK_TAG"));
}

#[test]
fn tenant_is_set_on_bounces_and_complaints_only() {
    let tenant = |types: Value| counting(&types, "ses:tenant-name", "MESSAGE_TAG");
    let start = format!(
        "{}: SES sets ses:tenant-name on BOUNCE and COMPLAINT only: DELIVERY, SEND have the \
         default \"none\"",
        name_path()
    );
    assert_warned(&tenant(json!(["DELIVERY", "SEND", "BOUNCE"])), &start);
    clean(&tenant(json!(["BOUNCE", "COMPLAINT"])));
    clean(&tenant(json!(["BOUNCE"])));
}
