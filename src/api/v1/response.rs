//! Responses of version 1.

use aws_sdk_cloudwatch::primitives::{DateTime, DateTimeFormat};
use axum::http::StatusCode;
use serde_json::Value;

use super::request::V1Request;
use crate::api::error::ApiError;
use crate::api::output::OperationOutput;
use crate::api::xml::Element;
use crate::definitions::{ConfigurationSet, Destination, EventDestination, TargetKind};

const FRESH_START: &str = "LastFreshStart";

/// The body of a response.
pub(crate) fn response(request: &V1Request, output: &OperationOutput, request_id: &str) -> String {
    let result = match output {
        OperationOutput::Set(set) => describe(set, &request.attributes),
        OperationOutput::Sets { names, next } => {
            let sets = names.iter().map(|name| named("member", name));
            let mut elements = vec![Element::list("ConfigurationSets", sets)];
            elements.extend(next.iter().map(|next| Element::text("NextToken", next)));
            elements
        }
        OperationOutput::Done
        | OperationOutput::Tags(_)
        | OperationOutput::SetExtensions(_)
        | OperationOutput::Destination(_) => Vec::new(),
    };
    let action = &request.action;
    let response = vec![
        Element::new(format!("{action}Result"), result),
        Element::new("ResponseMetadata", vec![Element::text("RequestId", request_id)]),
    ];
    Element::new(format!("{action}Response"), response).document()
}

/// The status and the body of an error.
pub(crate) fn error(error: &ApiError, request_id: &str) -> (StatusCode, String) {
    let (status, code) = error.v1_code();
    let blames = if status.is_server_error() { "Receiver" } else { "Sender" };
    let elements = vec![
        Element::text("Type", blames),
        Element::text("Code", code),
        Element::text("Message", &error.message),
    ];
    let response = vec![Element::new("Error", elements), Element::text("RequestId", request_id)];
    (status, Element::new("ErrorResponse", response).document())
}

fn named(element: &str, name: &str) -> Element {
    Element::new(element, vec![Element::text("Name", name)])
}

fn describe(set: &ConfigurationSet, attributes: &[String]) -> Vec<Element> {
    let wants = |attribute: &str| attributes.iter().any(|wanted| wanted == attribute);
    let option = |block: &str, member: &str| {
        let value = set.options.0.get(block)?.get(member)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let mut elements = vec![named("ConfigurationSet", &set.name)];
    if wants("eventDestinations") {
        let destinations = set.event_destinations.iter().map(event_destination);
        elements.push(Element::list("EventDestinations", destinations));
    }
    if wants("trackingOptions")
        && let Some(domain) = option("TrackingOptions", "CustomRedirectDomain")
    {
        let domain = Element::text("CustomRedirectDomain", domain);
        elements.push(Element::new("TrackingOptions", vec![domain]));
    }
    if wants("deliveryOptions")
        && let Some(policy) = option("DeliveryOptions", "TlsPolicy")
    {
        let policy = if policy == "REQUIRE" { "Require" } else { "Optional" };
        let policy = Element::text("TlsPolicy", policy);
        elements.push(Element::new("DeliveryOptions", vec![policy]));
    }
    if wants("reputationOptions") {
        let or_true = |value: Option<String>| value.unwrap_or_else(|| "true".to_owned());
        let sending = option("SendingOptions", "SendingEnabled");
        let metrics = option("ReputationOptions", "ReputationMetricsEnabled");
        let mut options = vec![
            Element::text("SendingEnabled", or_true(sending)),
            Element::text("ReputationMetricsEnabled", or_true(metrics)),
        ];
        let began = set.options.0.get("ReputationOptions").and_then(|all| all.get(FRESH_START));
        let began = began.and_then(Value::as_f64).map(DateTime::from_secs_f64);
        let began = began.and_then(|began| began.fmt(DateTimeFormat::DateTime).ok());
        options.extend(began.map(|began| Element::text(FRESH_START, began)));
        elements.push(Element::new("ReputationOptions", options));
    }
    elements
}

/// Members that version 1 does not have are omitted.
fn event_destination(destination: &EventDestination) -> Element {
    let EventDestination { name, enabled, matching_event_types, destination } = destination;
    let types = matching_event_types.iter().map(|one| Element::text("member", one.v1_name()));
    let mut elements = vec![
        Element::text("Name", name),
        Element::text("Enabled", enabled.to_string()),
        Element::list("MatchingEventTypes", types),
    ];
    match destination {
        Destination::CloudWatch(cloudwatch) => {
            let dimensions = cloudwatch.dimensions.iter().map(|dimension| {
                Element::new(
                    "member",
                    vec![
                        Element::text("DimensionName", &dimension.name),
                        Element::text("DimensionValueSource", dimension.source.v1_name()),
                        Element::text("DefaultDimensionValue", &dimension.default),
                    ],
                )
            });
            let dimensions = Element::list("DimensionConfigurations", dimensions);
            elements.push(Element::new("CloudWatchDestination", vec![dimensions]));
        }
        Destination::Forward(target) => {
            let arn = target.arn.as_str();
            match target.kind {
                TargetKind::Firehose => {
                    let role = target.role_arn.iter();
                    let mut members: Vec<_> =
                        role.map(|role| Element::text("IAMRoleARN", role)).collect();
                    members.push(Element::text("DeliveryStreamARN", arn));
                    elements.push(Element::new("KinesisFirehoseDestination", members));
                }
                TargetKind::Sns => {
                    let topic = vec![Element::text("TopicARN", arn)];
                    elements.push(Element::new("SNSDestination", topic));
                }
                TargetKind::EventBridge => {}
            }
        }
        Destination::Pinpoint { .. } => {}
    }
    Element::new("member", elements)
}
