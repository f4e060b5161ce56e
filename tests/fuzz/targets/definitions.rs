//! Any text as a definitions document, and as what the AWS CLI prints: faults are told with places
//! inside the text, and what is accepted compiles and reads the same when it is written again.

#![no_main]

#[path = "../../../src/destination/mod.rs"]
mod destination;
#[path = "../../../src/finding.rs"]
mod finding;
#[path = "../../../src/ses/mod.rs"]
mod ses;

use destination::{
    CloudWatchDestination, Definitions, Destination, EventDestination, Layouts, OnInvalidValue, Target, TargetKind,
    RuleSet, ValueSource, import, read,
};
use finding::{Finding, Place};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|text: &str| {
    check(text);
    if let Ok(document) = import("prod", text) {
        check(&document);
    }
});

fn check(text: &str) {
    let reading = read("f", text);
    for finding in &reading.findings {
        assert_inside(finding, text);
    }
    assert_ne!(reading.definitions.is_some(), reading.findings.iter().any(Finding::is_error));
    let Some(definitions) = reading.definitions else { return };
    let rules = RuleSet::new(&definitions, "SES", Some("prod"), &Layouts::default());
    let _ = rules.interest();
    let again = written(&definitions).to_string();
    let reading = read("f", &again);
    let findings = &reading.findings;
    assert_eq!(reading.definitions.as_ref(), Some(&definitions), "{again}\n{findings:#?}");
}

/// Lines and columns count from 1, and the end of the text is a place too.
fn assert_inside(finding: &Finding, text: &str) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Place::File { line, column, .. } = &finding.place else { panic!("{finding}") };
    let at = text.split('\n').nth(line.checked_sub(1).expect("lines begin with 1"));
    let columns = at.unwrap_or_else(|| panic!("{finding}: no such line")).chars().count() + 1;
    assert!((1..=columns).contains(column), "{finding}: no such column");
    assert!(finding.to_string().len() < 4096, "{finding}");
}

/// Definitions as a document.
fn written(definitions: &Definitions) -> Value {
    let sets = definitions.configuration_sets.iter().map(|set| {
        let destinations: Vec<_> = set.event_destinations.iter().map(event_destination).collect();
        json!({
            "ConfigurationSetName": set.name,
            "Namespace": set.namespace,
            "EventDestinations": destinations,
        })
    });
    json!({ "ConfigurationSets": sets.collect::<Vec<_>>() })
}

fn event_destination(of: &EventDestination) -> Value {
    let types: Vec<_> = of.matching_event_types.iter().map(|name| name.api_name()).collect();
    let (kind, destination) = match &of.destination {
        Destination::CloudWatch(cloudwatch) => ("CloudWatchDestination", metrics(cloudwatch)),
        Destination::Forward(Target { kind, arn, role_arn }) => match kind {
            TargetKind::Firehose => (
                "KinesisFirehoseDestination",
                json!({ "IamRoleArn": role_arn, "DeliveryStreamArn": arn.as_str() }),
            ),
            TargetKind::Sns => ("SnsDestination", json!({ "TopicArn": arn.as_str() })),
            TargetKind::EventBridge => {
                ("EventBridgeDestination", json!({ "EventBusArn": arn.as_str() }))
            }
        },
        Destination::Pinpoint { application_arn } => {
            ("PinpointDestination", json!({ "ApplicationArn": application_arn }))
        }
    };
    json!({
        "Name": of.name,
        "Enabled": of.enabled,
        "MatchingEventTypes": types,
        kind: destination,
    })
}

fn metrics(of: &CloudWatchDestination) -> Value {
    let dimensions = of.dimensions.iter().map(|dimension| {
        let source = match dimension.source {
            ValueSource::MessageTag => "MESSAGE_TAG",
            ValueSource::EmailHeader => "EMAIL_HEADER",
            ValueSource::LinkTag => "LINK_TAG",
        };
        json!({
            "DimensionName": dimension.name,
            "DimensionValueSource": source,
            "DefaultDimensionValue": dimension.default,
        })
    });
    let on_invalid_value = match of.on_invalid_value {
        OnInvalidValue::Drop => "DROP",
        OnInvalidValue::Default => "DEFAULT",
        OnInvalidValue::Sanitize => "SANITIZE",
    };
    json!({
        "Namespace": of.namespace,
        "OnInvalidValue": on_invalid_value,
        "DimensionConfigurations": dimensions.collect::<Vec<_>>(),
    })
}
