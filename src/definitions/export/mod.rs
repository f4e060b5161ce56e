//! Exports definitions to formats for SES: its JSON, commands of the AWS CLI, `CloudFormation`.

mod cli;
mod cloudformation;

use serde_json::json;

use super::json::{EventDestinationJson, Extensions};
use super::model::{
    ANY_CONFIGURATION_SET, ConfigurationSet, Destination, EventDestination, OnInvalidValue,
};
use super::target::TargetKind;

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// The output format of `aws sesv2 get-configuration-set-event-destinations`, for the first
    /// set.
    Json,
    /// Commands that create sets and destinations.
    Cli,
    /// A template.
    CloudFormation,
}

/// An export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    pub text: String,
    /// What SES or the format does not support, one sentence each.
    pub left_out: Vec<String>,
}

/// Exports configuration sets.
///
/// # Errors
/// None in practice: every value has a JSON form.
pub fn export(
    sets: &[&ConfigurationSet],
    format: ExportFormat,
) -> Result<Exported, serde_json::Error> {
    let mut left_out = Vec::new();
    let mut kept = Vec::new();
    for set in sets {
        if set.name == ANY_CONFIGURATION_SET && format != ExportFormat::Json {
            left_out.push("* is a postmeter extension and is left out".to_owned());
            continue;
        }
        say_what_is_ours(set, &mut left_out);
        kept.push(*set);
    }
    let text = match format {
        ExportFormat::Json => {
            let destinations = kept.first().into_iter().flat_map(|set| &set.event_destinations);
            let shown = destinations.map(|one| EventDestinationJson::new(one, Extensions::Hidden));
            let list = json!({ "EventDestinations": shown.collect::<Vec<_>>() });
            serde_json::to_string_pretty(&list)? + "\n"
        }
        ExportFormat::Cli => cli::commands(&kept)?,
        ExportFormat::CloudFormation => cloudformation::template(&kept, &mut left_out)?,
    };
    Ok(Exported { text, left_out })
}

fn say_what_is_ours(set: &ConfigurationSet, left_out: &mut Vec<String>) {
    if set.namespace.is_some() {
        left_out.push(format!("{}: Namespace is an extension and is left out", set.name));
    }
    for EventDestination { name, destination, .. } in &set.event_destinations {
        let place = format!("{}/{name}", set.name);
        match destination {
            Destination::CloudWatch(cloudwatch) => {
                if cloudwatch.namespace.is_some() {
                    left_out.push(format!("{place}: Namespace is an extension and is left out"));
                }
                if cloudwatch.on_invalid_value != OnInvalidValue::default() {
                    let what = "OnInvalidValue is an extension and is left out: SES drops";
                    left_out.push(format!("{place}: {what}"));
                }
            }
            Destination::Forward(target) => {
                if target.kind == TargetKind::Firehose && target.role_arn.is_none() {
                    left_out.push(format!("{place}: IamRoleArn is missing, which SES requires"));
                }
            }
            Destination::Pinpoint { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::{Definitions, import, read};

    const DOCUMENT: &str = r#"{"ConfigurationSets": [
        {"ConfigurationSetName": "pro-d", "Namespace": "Mail",
         "TrackingOptions": {"CustomRedirectDomain": "it's.example.com"},
         "MessageSecurityOptions": {"SigningScheme": {"DefaultScheme": {}}},
         "ReputationOptions": {"ReputationMetricsEnabled": true, "LastFreshStart": 17},
         "Tags": [{"Key": "team", "Value": "mail"}],
         "EventDestinations": [
            {"Name": "counts", "Enabled": true, "MatchingEventTypes": ["SEND", "RENDERING_FAILURE"],
             "CloudWatchDestination": {"OnInvalidValue": "SANITIZE",
                "DimensionConfigurations": [{"DimensionName": "ses:from-domain",
                    "DimensionValueSource": "MESSAGE_TAG",
                    "DefaultDimensionValue": "example.com"}]}},
            {"Name": "stream", "Enabled": true, "MatchingEventTypes": ["OPEN"],
             "KinesisFirehoseDestination": {
                "DeliveryStreamArn": "arn:aws:firehose:eu-west-1:111122223333:deliverystream/s"}},
            {"Name": "old", "MatchingEventTypes": ["SEND"], "PinpointDestination": {}}]},
        {"ConfigurationSetName": "*"}]}"#;

    fn definitions() -> Definitions {
        read("f", DOCUMENT).definitions.expect("it is sound")
    }

    fn exported(format: ExportFormat) -> Exported {
        let definitions = definitions();
        let sets: Vec<_> = definitions.configuration_sets.iter().collect();
        export(&sets, format).expect("JSON")
    }

    #[test]
    fn exported_json_is_what_import_reads() {
        let Exported { text, left_out } = exported(ExportFormat::Json);
        let imported = import("pro-d", &text).expect("it is read");
        let mut expected = definitions().configuration_sets.remove(0);
        expected.namespace = None;
        expected.options = crate::definitions::SetOptions::default();
        if let Destination::CloudWatch(cloudwatch) = &mut expected.event_destinations[0].destination
        {
            cloudwatch.on_invalid_value = OnInvalidValue::Drop;
        }
        let read = read("f", &imported).definitions.expect("it is sound");
        assert_eq!(read.configuration_sets, [expected]);
        assert_eq!(left_out.len(), 3, "{left_out:?}");
    }

    #[test]
    fn commands_are_quoted_for_a_shell() {
        let Exported { text, left_out } = exported(ExportFormat::Cli);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[0].starts_with("aws sesv2 create-configuration-set --cli-input-json '{"));
        assert!(lines[0].contains(r"it'\''s.example.com"), "{}", lines[0]);
        assert!(!text.contains("Namespace") && !text.contains("OnInvalidValue"), "{text}");
        assert_eq!(left_out.len(), 4, "{left_out:?}");
    }

    #[test]
    fn template_has_a_resource_for_each_and_warns_of_what_it_leaves_out() {
        let Exported { text, left_out } = exported(ExportFormat::CloudFormation);
        let template: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let resources = template["Resources"].as_object().expect("resources");
        let names: Vec<&String> = resources.keys().collect();
        assert_eq!(names, ["Set1Destination1Counts", "Set1Destination2Stream", "Set1ProD"]);
        let set = &resources["Set1ProD"]["Properties"];
        assert_eq!(set["ReputationOptions"], json!({ "ReputationMetricsEnabled": true }));
        let counts = &resources["Set1Destination1Counts"]["Properties"];
        assert_eq!(counts["ConfigurationSetName"], json!({ "Ref": "Set1ProD" }));
        assert_eq!(
            counts["EventDestination"]["MatchingEventTypes"],
            json!(["send", "renderingFailure"])
        );
        for said in ["MessageSecurityOptions", "LastFreshStart", "Pinpoint", "example.com"] {
            assert!(left_out.iter().any(|line| line.contains(said)), "{said}: {left_out:?}");
        }
    }
}
