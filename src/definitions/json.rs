//! Definitions as JSON: the document, and the shapes of the SES v2 API.
//!
//! [`read`](super::read) reads this JSON back as the same definitions.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::measure::Measure;
use super::model::{
    CloudWatchDestination, ConfigurationSet, Definitions, Destination, DestinationExtensions,
    Dimension, EventDestination, EventDimension, OnInvalidValue, ValueSource,
};
use super::target::TargetKind;
use super::validate::DOCUMENT_VERSION;
use crate::ses::EventType;

/// How extensions are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extensions {
    /// As in the document.
    Shown,
    /// As in SES, without extensions.
    Hidden,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DocumentJson<'a> {
    version: u64,
    configuration_sets: Vec<ConfigurationSetJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigurationSetJson<'a> {
    configuration_set_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(flatten)]
    options: &'a BTreeMap<&'static str, Value>,
    event_destinations: Vec<EventDestinationJson<'a>>,
}

/// An event destination in the shape of the SES v2 API.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct EventDestinationJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    enabled: bool,
    matching_event_types: Vec<&'static str>,
    #[serde(flatten)]
    kind: DestinationKind<'a>,
}

/// Written under its name.
#[derive(Serialize)]
#[serde(rename_all_fields = "PascalCase")]
enum DestinationKind<'a> {
    #[serde(rename = "CloudWatchDestination")]
    CloudWatch {
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        on_invalid_value: Option<&'static str>,
        dimension_configurations: Vec<DimensionJson<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        event_dimensions: Vec<EventDimensionJson<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        dimension_sets: Option<&'a [Vec<String>]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        measures: Option<Vec<&'static str>>,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        value_limits: &'a BTreeMap<String, u32>,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        keep_values: &'a BTreeMap<String, Vec<String>>,
    },
    #[serde(rename = "KinesisFirehoseDestination")]
    Firehose {
        #[serde(skip_serializing_if = "Option::is_none")]
        iam_role_arn: Option<&'a str>,
        delivery_stream_arn: &'a str,
    },
    #[serde(rename = "SnsDestination")]
    Sns { topic_arn: &'a str },
    #[serde(rename = "EventBridgeDestination")]
    EventBridge { event_bus_arn: &'a str },
    #[serde(rename = "PinpointDestination")]
    Pinpoint {
        #[serde(skip_serializing_if = "Option::is_none")]
        application_arn: Option<&'a str>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DimensionJson<'a> {
    dimension_name: &'a str,
    dimension_value_source: &'static str,
    default_dimension_value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EventDimensionJson<'a> {
    field: &'static str,
    dimension_name: &'a str,
    default_dimension_value: &'a str,
}

/// The extensions of a destination.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DestinationExtensionsJson<'a> {
    namespace: Option<&'a str>,
    on_invalid_value: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    event_dimensions: Vec<EventDimensionJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimension_sets: Option<&'a [Vec<String>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measures: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    value_limits: &'a BTreeMap<String, u32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    keep_values: &'a BTreeMap<String, Vec<String>>,
}

/// The text of a document that does not exist yet.
pub(crate) const EMPTY_DOCUMENT: &str = "{\"ConfigurationSets\": []}\n";

/// The definitions document, including extensions, formatted for people.
///
/// # Errors
/// None in practice: every value has a JSON form.
pub fn to_document(definitions: &Definitions) -> Result<String, serde_json::Error> {
    let configuration_sets = definitions.configuration_sets.iter().map(set).collect();
    let document = DocumentJson { version: DOCUMENT_VERSION, configuration_sets };
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

fn set(set: &ConfigurationSet) -> ConfigurationSetJson<'_> {
    let destinations = set.event_destinations.iter();
    ConfigurationSetJson {
        configuration_set_name: &set.name,
        namespace: set.namespace.as_deref(),
        options: &set.options.0,
        event_destinations: destinations
            .map(|destination| EventDestinationJson::new(destination, Extensions::Shown))
            .collect(),
    }
}

// === impl EventDestinationJson ===

impl<'a> EventDestinationJson<'a> {
    #[must_use]
    pub(crate) fn new(destination: &'a EventDestination, extensions: Extensions) -> Self {
        let EventDestination { name, enabled, matching_event_types, destination } = destination;
        Self {
            name: Some(name),
            enabled: *enabled,
            matching_event_types: matching_event_types.iter().map(EventType::api_name).collect(),
            kind: DestinationKind::new(destination, extensions),
        }
    }

    /// As in requests, which have the name elsewhere.
    #[must_use]
    pub(crate) fn without_name(self) -> Self {
        Self { name: None, ..self }
    }
}

// === impl DestinationKind ===

impl<'a> DestinationKind<'a> {
    fn of_cloudwatch(cloudwatch: &'a CloudWatchDestination, extensions: Extensions) -> Self {
        const NONE: &DestinationExtensions = &DestinationExtensions::NONE;
        let own = if extensions == Extensions::Shown { &cloudwatch.extensions } else { NONE };
        let on_invalid_value = own.on_invalid_value;
        let is_own = on_invalid_value != OnInvalidValue::default();
        Self::CloudWatch {
            namespace: own.namespace.as_deref(),
            on_invalid_value: is_own.then(|| on_invalid_value.api_name()),
            dimension_configurations: cloudwatch.dimensions.iter().map(dimension).collect(),
            event_dimensions: own.event_dimensions.iter().map(event_dimension).collect(),
            dimension_sets: own.dimension_sets.as_deref(),
            measures: own.measures.as_deref().map(measure_names),
            value_limits: &own.value_limits,
            keep_values: &own.keep_values,
        }
    }

    fn new(destination: &'a Destination, extensions: Extensions) -> Self {
        match destination {
            Destination::CloudWatch(cloudwatch) => Self::of_cloudwatch(cloudwatch, extensions),
            Destination::Forward(target) => {
                let arn = target.arn.as_str();
                match target.kind {
                    TargetKind::Firehose => Self::Firehose {
                        iam_role_arn: target.role_arn.as_deref(),
                        delivery_stream_arn: arn,
                    },
                    TargetKind::Sns => Self::Sns { topic_arn: arn },
                    TargetKind::EventBridge => Self::EventBridge { event_bus_arn: arn },
                }
            }
            Destination::Pinpoint { application_arn } => {
                Self::Pinpoint { application_arn: application_arn.as_deref() }
            }
        }
    }
}

fn dimension(dimension: &Dimension) -> DimensionJson<'_> {
    DimensionJson {
        dimension_name: &dimension.name,
        dimension_value_source: dimension.source.api_name(),
        default_dimension_value: &dimension.default,
    }
}

fn event_dimension(dimension: &EventDimension) -> EventDimensionJson<'_> {
    EventDimensionJson {
        field: dimension.field.name(),
        dimension_name: &dimension.name,
        default_dimension_value: &dimension.default,
    }
}

fn measure_names(measures: &[Measure]) -> Vec<&'static str> {
    measures.iter().map(|measure| measure.name()).collect()
}

// === impl DestinationExtensionsJson ===

impl<'a> DestinationExtensionsJson<'a> {
    #[must_use]
    pub(crate) fn new(extensions: &'a DestinationExtensions) -> Self {
        Self {
            namespace: extensions.namespace.as_deref(),
            on_invalid_value: extensions.on_invalid_value.api_name(),
            event_dimensions: extensions.event_dimensions.iter().map(event_dimension).collect(),
            dimension_sets: extensions.dimension_sets.as_deref(),
            measures: extensions.measures.as_deref().map(measure_names),
            value_limits: &extensions.value_limits,
            keep_values: &extensions.keep_values,
        }
    }
}

// === names of the API ===

impl ValueSource {
    /// As in version 1 of the API and `CloudFormation`.
    #[must_use]
    pub(crate) const fn v1_name(self) -> &'static str {
        match self {
            Self::MessageTag => "messageTag",
            Self::EmailHeader => "emailHeader",
            Self::LinkTag => "linkTag",
        }
    }

    /// As version 2 of the API has it.
    #[must_use]
    pub const fn api_name(self) -> &'static str {
        match self {
            Self::MessageTag => "MESSAGE_TAG",
            Self::EmailHeader => "EMAIL_HEADER",
            Self::LinkTag => "LINK_TAG",
        }
    }
}

impl OnInvalidValue {
    /// As the document has it.
    #[must_use]
    pub const fn api_name(self) -> &'static str {
        match self {
            Self::Drop => "DROP",
            Self::Default => "DEFAULT",
            Self::Sanitize => "SANITIZE",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::definitions::read;

    const FULL: &str = r#"{"Version": 1, "ConfigurationSets": [
        {"ConfigurationSetName": "prod", "Namespace": "Mail",
         "TrackingOptions": {"CustomRedirectDomain": "t.example.com"},
         "DeliveryOptions": {"TlsPolicy": "REQUIRE", "MaxDeliverySeconds": 300},
         "ReputationOptions": {"ReputationMetricsEnabled": true, "LastFreshStart": 1700000000.5},
         "SendingOptions": {"SendingEnabled": false},
         "SuppressionOptions": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
         "VdmOptions": {"DashboardOptions": {"EngagementMetrics": "ENABLED"}},
         "Tags": [{"Key": "team", "Value": ""}],
         "EventDestinations": [
            {"Name": "counts", "Enabled": true,
             "MatchingEventTypes": ["DELIVERY", "BOUNCE", "RENDERING_FAILURE"],
             "CloudWatchDestination": {"Namespace": "Own", "OnInvalidValue": "SANITIZE",
                "DimensionConfigurations": [{"DimensionName": "ses:from-domain",
                    "DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "none"}],
                "EventDimensions": [{"Field": "mailbox_provider", "DimensionName": "provider",
                    "DefaultDimensionValue": "none"},
                    {"Field": "account", "DefaultDimensionValue": "none"}],
                "DimensionSets": [["provider"], ["ses:from-domain", "account"], []],
                "Measures": ["COUNT", "HARD_BOUNCE_RATE"],
                "ValueLimits": {"ses:from-domain": 20, "provider": 0},
                "KeepValues": {"provider": ["gmail", "microsoft"]}}},
            {"Name": "stream", "Enabled": true, "MatchingEventTypes": ["OPEN"],
             "KinesisFirehoseDestination": {"IamRoleArn": "arn:aws:iam::111122223333:role/r",
                "DeliveryStreamArn": "arn:aws:firehose:eu-west-1:111122223333:deliverystream/s"}},
            {"Name": "topic", "MatchingEventTypes": ["CLICK"],
             "SnsDestination": {"TopicArn": "arn:aws:sns:eu-west-1:111122223333:t"}},
            {"Name": "bus", "Enabled": true, "MatchingEventTypes": ["BOUNCE"],
             "EventBridgeDestination": {"EventBusArn": "arn:aws:events:eu-west-1:111122223333:event-bus/default"}},
            {"Name": "old", "MatchingEventTypes": ["SEND"], "PinpointDestination":
                {"ApplicationArn": "arn:aws:mobiletargeting:eu-west-1:111122223333:apps/a"}}]},
        {"ConfigurationSetName": "*"}]}"#;

    fn definitions(text: &str) -> Definitions {
        let reading = read("f", text);
        reading.definitions.unwrap_or_else(|| panic!("{:?}", reading.findings))
    }

    #[test]
    fn written_document_reads_as_the_same_definitions() {
        let definitions = definitions(FULL);
        let written = to_document(&definitions).unwrap();
        assert_eq!(self::definitions(&written), definitions);
        assert_eq!(definitions.configuration_sets[0].options.0.len(), 7);
        // It stays as it is from then on.
        assert_eq!(to_document(&self::definitions(&written)).unwrap(), written);
        let empty = to_document(&Definitions::default()).unwrap();
        assert_eq!(self::definitions(&empty), Definitions::default());
    }

    #[test]
    fn extensions_are_left_out_of_the_json_of_ses() {
        let definitions = definitions(FULL);
        let destination = &definitions.configuration_sets[0].event_destinations[0];
        let shown = EventDestinationJson::new(destination, Extensions::Shown);
        let shown = serde_json::to_value(shown).unwrap();
        assert_eq!(shown["CloudWatchDestination"]["OnInvalidValue"], "SANITIZE");
        let sets = serde_json::json!([["provider"], ["ses:from-domain", "account"], []]);
        assert_eq!(shown["CloudWatchDestination"]["DimensionSets"], sets);
        let cloudwatch = &shown["CloudWatchDestination"];
        assert_eq!(cloudwatch["Measures"], serde_json::json!(["COUNT", "HARD_BOUNCE_RATE"]));
        assert_eq!(cloudwatch["ValueLimits"]["ses:from-domain"], 20);
        assert_eq!(cloudwatch["KeepValues"]["provider"][1], "microsoft");
        let account = &shown["CloudWatchDestination"]["EventDimensions"][1];
        assert_eq!(account["DimensionName"], "account");
        let hidden = EventDestinationJson::new(destination, Extensions::Hidden);
        let hidden = serde_json::to_value(hidden).unwrap();
        let members: Vec<_> =
            hidden["CloudWatchDestination"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["DimensionConfigurations"]);
        assert_eq!(hidden["Name"], "counts");
    }

    proptest! {
        #[test]
        fn texts_of_any_kind_survive_writing_and_reading(key in "\\PC{1,20}", value in "\\PC{0,20}", domain in "x\\PC{0,19}") {
            let text = serde_json::json!({"ConfigurationSets": [{
                "ConfigurationSetName": "a",
                "TrackingOptions": {"CustomRedirectDomain": domain},
                "Tags": [{"Key": key, "Value": value}],
            }]}).to_string();
            let definitions = definitions(&text);
            let written = to_document(&definitions).unwrap();
            prop_assert_eq!(self::definitions(&written), definitions);
        }
    }
}
