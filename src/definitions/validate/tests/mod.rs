//! Whole documents in, findings out.

mod extensions;
mod hostile;
mod measures;
mod overlap;
mod places;
mod requests;
mod rules;
mod syntax;
mod warnings;

use serde_json::{Value, json};

use super::read;
use crate::definitions::model::{Definitions, EventDestination};

/// What `read` says of a document, one line per finding.
fn findings_of(text: &str) -> Vec<String> {
    let reading = read("f", text);
    let has_errors = reading.findings.iter().any(crate::finding::Finding::is_error);
    assert_eq!(reading.definitions.is_none(), has_errors, "{:#?}", reading.findings);
    reading.findings.iter().map(ToString::to_string).collect()
}

/// The definitions of a document that must have no finding.
fn clean(document: &Value) -> Definitions {
    let text = document.to_string();
    let reading = read("f", &text);
    assert_eq!(reading.findings, [], "{text}");
    reading.definitions.unwrap()
}

/// The only finding of a document, without its place.
fn only_finding(document: &Value) -> String {
    let findings = findings_of(&document.to_string());
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings[0].split_once(": ").unwrap().1.to_owned()
}

/// Asserts that the only finding is an error that starts like this.
fn assert_refused(document: &Value, start: &str) {
    let finding = only_finding(document);
    assert!(finding.starts_with(start), "{finding}\nis not {start}");
    assert!(!finding.starts_with("warning: "), "{finding}");
}

/// Asserts that the only finding is a warning that starts like this.
fn assert_warned(document: &Value, start: &str) {
    let finding = only_finding(document);
    let finding = finding.strip_prefix("warning: ").unwrap_or_else(|| panic!("{finding}"));
    assert!(finding.starts_with(start), "{finding}\nis not {start}");
}

fn document(destinations: &[Value]) -> Value {
    json!({"ConfigurationSets": [set("prod", destinations)]})
}

fn set(name: &str, destinations: &[Value]) -> Value {
    json!({"ConfigurationSetName": name, "EventDestinations": destinations})
}

fn dimension(name: &str) -> Value {
    json!({
        "DimensionName": name,
        "DimensionValueSource": "MESSAGE_TAG",
        "DefaultDimensionValue": "none",
    })
}

fn cloud_watch(name: &str, dimensions: &[Value]) -> Value {
    json!({
        "Name": name,
        "Enabled": true,
        "MatchingEventTypes": ["SEND", "BOUNCE"],
        "CloudWatchDestination": {"DimensionConfigurations": dimensions},
    })
}

/// A valid destination with one member changed; `pointer` as in RFC 6901.
fn with(pointer: &str, value: Value) -> Value {
    let mut destination = cloud_watch("by-campaign", &[dimension("campaign")]);
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    destination.pointer_mut(parent).unwrap()[key] = value;
    destination
}

/// A destination of another kind than CloudWatch.
fn other_kind(kind: &str, value: Value) -> Value {
    let mut destination = with("/CloudWatchDestination", Value::Null);
    destination[kind] = value;
    destination
}

fn only_destination(document: &Value) -> EventDestination {
    let mut definitions = clean(document);
    let mut destinations = definitions.configuration_sets.remove(0).event_destinations;
    assert_eq!(destinations.len(), 1);
    destinations.remove(0)
}
