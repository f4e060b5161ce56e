//! Inputs in, documents and findings out.

mod aws_cli;
mod cloudformation;
mod hostile;
mod round_trip;
mod terraform;

use super::{ImportInput, Imported, import};
use crate::definitions::{ConfigurationSet, read};

/// Imports texts, named `f0`, `f1` and so on.
fn imported(configuration_set: Option<&str>, texts: &[&str]) -> Imported {
    let inputs = texts
        .iter()
        .enumerate()
        .map(|(at, text)| ImportInput { name: format!("f{at}"), text: (*text).to_owned() });
    let imported = import(configuration_set, &inputs.collect::<Vec<_>>());
    let has_errors = imported.findings.iter().any(crate::finding::Finding::is_error);
    assert_eq!(imported.document.is_none(), has_errors, "{:#?}", imported.findings);
    imported
}

/// The sets and the findings.
fn sets_and_findings(
    configuration_set: Option<&str>,
    texts: &[&str],
) -> (Vec<ConfigurationSet>, Vec<String>) {
    let Imported { document, findings } = imported(configuration_set, texts);
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let document = document.unwrap_or_else(|| panic!("{findings:#?}"));
    let reading = read("imported", &document);
    let definitions = reading.definitions.unwrap_or_else(|| panic!("{:#?}", reading.findings));
    (definitions.configuration_sets, findings)
}

/// The sets of an import without findings.
fn sets(configuration_set: Option<&str>, texts: &[&str]) -> Vec<ConfigurationSet> {
    let (sets, findings) = sets_and_findings(configuration_set, texts);
    assert_eq!(findings, [""; 0]);
    sets
}

/// The only error of an import that fails.
fn only_error(configuration_set: Option<&str>, texts: &[&str]) -> String {
    let Imported { findings, .. } = imported(configuration_set, texts);
    let errors: Vec<_> = findings.iter().filter(|finding| finding.is_error()).collect();
    assert_eq!(errors.len(), 1, "{findings:#?}");
    errors[0].to_string()
}

/// The sets of a document of ours, to compare with.
fn document(text: &str) -> Vec<ConfigurationSet> {
    let reading = read("f", text);
    let definitions = reading.definitions.unwrap_or_else(|| panic!("{:#?}", reading.findings));
    definitions.configuration_sets
}

/// What every input in these tests means.
const MEANING: &str = r#"{"ConfigurationSets": [{
    "ConfigurationSetName": "shop",
    "TrackingOptions": {"CustomRedirectDomain": "links.shop.example"},
    "DeliveryOptions": {"TlsPolicy": "REQUIRE"},
    "ReputationOptions": {"ReputationMetricsEnabled": true},
    "SendingOptions": {"SendingEnabled": false},
    "EventDestinations": [
        {"Name": "counts", "Enabled": true, "MatchingEventTypes": ["SEND", "CLICK"],
         "CloudWatchDestination": {"DimensionConfigurations": [
            {"DimensionName": "campaign", "DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "none"},
            {"DimensionName": "button", "DimensionValueSource": "LINK_TAG", "DefaultDimensionValue": "0"}]}},
        {"Name": "stream", "Enabled": true, "MatchingEventTypes": ["DELIVERY"],
         "KinesisFirehoseDestination": {
            "IamRoleArn": "arn:aws:iam::111122223333:role/mail",
            "DeliveryStreamArn": "arn:aws:firehose:eu-west-1:111122223333:deliverystream/mail"}},
        {"Name": "topic", "Enabled": true, "MatchingEventTypes": ["BOUNCE", "RENDERING_FAILURE"],
         "SnsDestination": {"TopicArn": "arn:aws:sns:eu-west-1:111122223333:mail"}},
        {"Name": "bus", "Enabled": true, "MatchingEventTypes": ["DELIVERY_DELAY"],
         "EventBridgeDestination": {"EventBusArn": "arn:aws:events:eu-west-1:111122223333:event-bus/default"}}]}]}"#;

/// [`MEANING`] without the destination that version 1 of the API does not have.
fn meaning_of_v1() -> Vec<ConfigurationSet> {
    let mut sets = document(MEANING);
    sets[0].event_destinations.pop();
    sets
}
