//! Exports definitions to formats for SES: its JSON, commands of the AWS CLI, `CloudFormation`.

mod cli;
mod cloudformation;

use serde_json::json;

use super::json::{EventDestinationJson, Extensions};
use super::model::{
    ANY_CONFIGURATION_SET, CloudWatchDestination, ConfigurationSet, Destination, EventDestination,
    OnInvalidValue,
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
        kept.push(exportable(set));
    }
    let kept: Vec<&ConfigurationSet> = kept.iter().collect();
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
                for what in extensions_of(cloudwatch) {
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

/// The extensions of a destination, and what SES does without them.
fn extensions_of(cloudwatch: &CloudWatchDestination) -> impl Iterator<Item = &'static str> {
    let extensions = &cloudwatch.extensions;
    [
        (extensions.namespace.is_some(), "Namespace is an extension and is left out"),
        (
            extensions.on_invalid_value != OnInvalidValue::default(),
            "OnInvalidValue is an extension and is left out: SES drops",
        ),
        (
            !extensions.event_dimensions.is_empty(),
            "EventDimensions is an extension and is left out: SES has no dimensions of that kind",
        ),
        (
            extensions.dimension_sets.is_some(),
            "DimensionSets is an extension and is left out: SES makes one series, with all dimensions",
        ),
        (
            extensions.measures.is_some(),
            "Measures is an extension and is left out: SES counts, and nothing else",
        ),
        (
            !extensions.value_limits.is_empty() || !extensions.keep_values.is_empty(),
            "ValueLimits and KeepValues are extensions and are left out: SES makes a series of each \
             value",
        ),
        (
            has_no_dimensions(cloudwatch),
            "the event destination is left out: SES requires a dimension of its own kinds",
        ),
    ]
    .into_iter()
    .filter_map(|(is_used, what)| is_used.then_some(what))
}

/// Whether a destination has nothing that SES could count by.
fn has_no_dimensions(cloudwatch: &CloudWatchDestination) -> bool {
    cloudwatch.dimensions.is_empty()
}

/// A set without the event destinations that SES cannot hold.
fn exportable(set: &ConfigurationSet) -> ConfigurationSet {
    let mut set = set.clone();
    set.event_destinations.retain(|destination| match &destination.destination {
        Destination::CloudWatch(cloudwatch) => !has_no_dimensions(cloudwatch),
        Destination::Forward(_) | Destination::Pinpoint { .. } => true,
    });
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::{Definitions, ImportInput, import, read};

    const DOCUMENT: &str = r#"{"ConfigurationSets": [
        {"ConfigurationSetName": "pro-d", "Namespace": "Mail",
         "TrackingOptions": {"CustomRedirectDomain": "it's.example.com"},
         "MessageSecurityOptions": {"SigningScheme": {"DefaultScheme": {}}},
         "ArchivingOptions": {"ArchiveArn":
            "arn:aws:ses:eu-west-1:111122223333:mailmanager-archive/a-0123456789abcdef01234567"},
         "SuppressionOptions": {"SuppressedReasons": ["BOUNCE"], "ValidationOptions":
            {"ConditionThreshold": {"ConditionThresholdEnabled": "ENABLED"}}},
         "SendingOptions": {},
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
        let input = ImportInput { name: "f".to_owned(), text };
        let imported = import(Some("pro-d"), &[input]).document.expect("it is read");
        let mut expected = definitions().configuration_sets.remove(0);
        expected.namespace = None;
        expected.options = crate::definitions::SetOptions::default();
        if let Destination::CloudWatch(cloudwatch) = &mut expected.event_destinations[0].destination
        {
            cloudwatch.extensions.on_invalid_value = OnInvalidValue::Drop;
        }
        let read = read("f", &imported).definitions.expect("it is sound");
        assert_eq!(read.configuration_sets, [expected]);
        assert_eq!(left_out.len(), 3, "{left_out:?}");
    }

    #[test]
    fn destination_without_dimensions_of_ses_is_left_out_and_so_are_fields_and_sets() {
        let own = |name: &str, dimensions: serde_json::Value| {
            json!({"Name": name, "Enabled": true, "MatchingEventTypes": ["BOUNCE", "DELIVERY"],
                "CloudWatchDestination": {
                    "DimensionConfigurations": dimensions,
                    "EventDimensions": [{"Field": "bounce_class", "DefaultDimensionValue": "x"}],
                    "DimensionSets": [["bounce_class"], []],
                    "Measures": ["COUNT", "DELIVERY_TIME"],
                    "ValueLimits": {"bounce_class": 3}, "KeepValues": {"bounce_class": ["hard"]}}})
        };
        let tag = json!([{"DimensionName": "campaign", "DimensionValueSource": "MESSAGE_TAG",
            "DefaultDimensionValue": "none"}]);
        let mut tagged = own("tagged", tag);
        tagged["CloudWatchDestination"]["DimensionSets"] = json!([["campaign"]]);
        let document = json!({"ConfigurationSets": [{"ConfigurationSetName": "a",
            "EventDestinations": [own("classes", json!([])), tagged]}]});
        let definitions = read("f", &document.to_string()).definitions.expect("it is sound");
        let sets: Vec<_> = definitions.configuration_sets.iter().collect();
        for format in [ExportFormat::Json, ExportFormat::Cli, ExportFormat::CloudFormation] {
            let Exported { text, left_out } = export(&sets, format).expect("JSON");
            assert!(text.contains("campaign") && !text.contains("classes"), "{text}");
            for key in ["EventDimensions", "DimensionSets", "Measures", "ValueLimits", "KeepValues"]
            {
                assert!(!text.contains(key), "{text}");
            }
            for said in [
                "a/classes: EventDimensions is an extension",
                "a/classes: DimensionSets is an extension",
                "a/classes: the event destination is left out",
                "a/tagged: EventDimensions is an extension",
                "a/tagged: DimensionSets is an extension",
                "a/tagged: Measures is an extension",
                "a/tagged: ValueLimits and KeepValues are extensions",
            ] {
                assert!(left_out.iter().any(|line| line.starts_with(said)), "{said}: {left_out:?}");
            }
            assert_eq!(left_out.len(), 9, "{left_out:?}");
        }
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
        assert_eq!(set["SendingOptions"], json!({ "SendingEnabled": false }));
        let options = &definitions().configuration_sets[0].options.0;
        for block in ["ArchivingOptions", "SuppressionOptions"] {
            assert_eq!(set[block], options[block], "it is kept as it is");
        }
        let counts = &resources["Set1Destination1Counts"]["Properties"];
        assert_eq!(counts["ConfigurationSetName"], json!({ "Ref": "Set1ProD" }));
        assert_eq!(
            counts["EventDestination"]["MatchingEventTypes"],
            json!(["renderingFailure", "send"])
        );
        for said in ["MessageSecurityOptions", "LastFreshStart", "Pinpoint", "example.com"] {
            assert!(left_out.iter().any(|line| line.contains(said)), "{said}: {left_out:?}");
        }
    }
}
