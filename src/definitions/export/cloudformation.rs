//! A template of `CloudFormation`.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ses-configurationseteventdestination.html>,
//! 2026-11-29, also for the supported options of a configuration set.

use serde_json::{Map, Value, json};

use crate::definitions::model::{ConfigurationSet, Destination, Dimension, EventDestination};
use crate::definitions::target::TargetKind;
use crate::ses::EventType;

/// Blocks of options that a template supports, with their members.
const OPTIONS: [(&str, &[&str]); 7] = [
    ("TrackingOptions", &["CustomRedirectDomain", "HttpsPolicy"]),
    ("DeliveryOptions", &["TlsPolicy", "SendingPoolName", "MaxDeliverySeconds"]),
    ("ReputationOptions", &["ReputationMetricsEnabled"]),
    ("SendingOptions", &["SendingEnabled"]),
    ("SuppressionOptions", &["SuppressedReasons", "ValidationOptions"]),
    ("VdmOptions", &["DashboardOptions", "GuardianOptions"]),
    ("ArchivingOptions", &["ArchiveArn"]),
];

pub(super) fn template(
    sets: &[&ConfigurationSet],
    left_out: &mut Vec<String>,
) -> Result<String, serde_json::Error> {
    let mut resources = Map::new();
    for (number, set) in (1..).zip(sets) {
        let id = format!("Set{number}{}", letters(&set.name));
        let resource = json!({
            "Type": "AWS::SES::ConfigurationSet",
            "Properties": set_properties(set, left_out),
        });
        resources.insert(id.clone(), resource);
        for (destination_number, destination) in (1..).zip(&set.event_destinations) {
            let name = letters(&destination.name);
            let place = format!("{}/{}", set.name, destination.name);
            let Some(definition) = event_destination(destination, &place, left_out) else {
                continue;
            };
            let resource = json!({
                "Type": "AWS::SES::ConfigurationSetEventDestination",
                "Properties": {
                    "ConfigurationSetName": {"Ref": id},
                    "EventDestination": definition,
                },
            });
            resources.insert(format!("Set{number}Destination{destination_number}{name}"), resource);
        }
    }
    let template = json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": resources });
    Ok(serde_json::to_string_pretty(&template)? + "\n")
}

/// A name as part of a logical id, which allows only letters and digits.
fn letters(name: &str) -> String {
    let words = name.split(['-', '_']).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}

fn set_properties(set: &ConfigurationSet, left_out: &mut Vec<String>) -> Map<String, Value> {
    let mut properties = Map::new();
    properties.insert("Name".to_owned(), json!(set.name));
    for (block, value) in &set.options.0 {
        if *block == "Tags" {
            properties.insert("Tags".to_owned(), value.clone());
            continue;
        }
        let known = OPTIONS.iter().find(|(name, _)| name == block);
        let (Some((_, members)), Value::Object(own)) = (known, value) else {
            left_out.push(format!("{}: CloudFormation has no {block}", set.name));
            continue;
        };
        let mut kept = Map::new();
        for (member, value) in own {
            if members.contains(&member.as_str()) {
                kept.insert(member.clone(), value.clone());
            } else {
                left_out.push(format!("{}: CloudFormation has no {block}.{member}", set.name));
            }
        }
        if !kept.is_empty() {
            properties.insert((*block).to_owned(), Value::Object(kept));
        }
    }
    properties
}

fn event_destination(
    destination: &EventDestination,
    place: &str,
    left_out: &mut Vec<String>,
) -> Option<Value> {
    let EventDestination { name, enabled, matching_event_types, destination } = destination;
    let (kind, definition) = match destination {
        Destination::CloudWatch(cloudwatch) => {
            for dimension in &cloudwatch.dimensions {
                say_what_is_too_wide(dimension, place, left_out);
            }
            let dimensions: Vec<Value> = cloudwatch.dimensions.iter().map(as_json).collect();
            ("CloudWatchDestination", json!({ "DimensionConfigurations": dimensions }))
        }
        Destination::Forward(target) => {
            let arn = target.arn.as_str();
            match target.kind {
                TargetKind::Firehose => {
                    let mut definition = json!({ "DeliveryStreamARN": arn });
                    if let Some(role) = &target.role_arn {
                        definition["IAMRoleARN"] = json!(role);
                    }
                    ("KinesisFirehoseDestination", definition)
                }
                TargetKind::Sns => ("SnsDestination", json!({ "TopicARN": arn })),
                TargetKind::EventBridge => {
                    ("EventBridgeDestination", json!({ "EventBusArn": arn }))
                }
            }
        }
        Destination::Pinpoint { .. } => {
            left_out.push(format!("{place}: CloudFormation has no Pinpoint destination"));
            return None;
        }
    };
    let types: Vec<&str> = matching_event_types.iter().map(EventType::v1_name).collect();
    let mut read = json!({ "Name": name, "Enabled": enabled, "MatchingEventTypes": types });
    read[kind] = definition;
    Some(read)
}

fn as_json(dimension: &Dimension) -> Value {
    json!({
        "DimensionName": dimension.name,
        "DimensionValueSource": dimension.source.v1_name(),
        "DefaultDimensionValue": dimension.default,
    })
}

/// SES allows more characters than the patterns of the template.
fn say_what_is_too_wide(dimension: &Dimension, place: &str, left_out: &mut Vec<String>) {
    let fits = |text: &str, others: &[u8]| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
    };
    let texts = [(&dimension.name, &b"_:-"[..]), (&dimension.default, &b"_-"[..])];
    for (text, others) in texts {
        if !fits(text, others) {
            let what = "CloudFormation may reject it, although SES accepts it";
            left_out.push(format!("{place}: {text} has a dot or an at sign: {what}"));
        }
    }
}
