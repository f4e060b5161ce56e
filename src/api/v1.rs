//! Version 1 of the API: forms and XML.
//! <https://docs.aws.amazon.com/ses/latest/APIReference/Welcome.html>, 2026-11-22.
//!
//! A form becomes the body that version 2 would have, and is read as that.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::error::{ApiError, ErrorKind};
use super::operation::{Answer, Operation, PAGE_MAX, Page};
use super::request::Request;
use super::xml::Element;
use crate::destination::{
    ANY_CONFIGURATION_SET, ConfigurationSet, Destination, EventDestination, TargetKind,
    read_destination, read_set,
};
use crate::ses::EventType;

const VERSION: &str = "2010-12-01";

/// What version 1 never knew.
const NOT_IN_V1: [EventType; 2] = [EventType::DeliveryDelay, EventType::Subscription];

const DESCRIBE: &str = "DescribeConfigurationSet";

/// What a request asks for, in the words of version 1.
#[derive(Debug)]
pub struct Asked {
    pub action: String,
    pub operation: Operation,
    /// What is to be shown of a set.
    attributes: Vec<String>,
}

/// A form, by name.
struct Form(BTreeMap<String, String>);

/// Version 1's name and version 2's.
type Names = (&'static str, &'static str);

/// Destinations that forward, with their members.
const DESTINATIONS: [(Names, &[Names]); 2] = [
    (
        ("KinesisFirehoseDestination", "KinesisFirehoseDestination"),
        &[("IAMRoleARN", "IamRoleArn"), ("DeliveryStreamARN", "DeliveryStreamArn")],
    ),
    (("SNSDestination", "SnsDestination"), &[("TopicARN", "TopicArn")]),
];

/// Finds what a request asks for.
///
/// # Errors
/// The action is not known, or a parameter is wrong.
pub fn operation(request: &Request) -> Result<Asked, ApiError> {
    let form = Form(request.form().into_iter().collect());
    let action = form.text("Action").unwrap_or_default().to_owned();
    let mut attributes = Vec::new();
    let operation = match action.as_str() {
        "CreateConfigurationSet" => {
            let name = form.require("ConfigurationSet.Name", "configurationSet.name")?;
            let set = read_set(&json!({ "ConfigurationSetName": name }).to_string())?;
            if set.name == ANY_CONFIGURATION_SET {
                let message = "Invalid configuration set name <*>.";
                let kind = ErrorKind::BadRequest(super::error::Member::Set);
                return Err(ApiError::new(kind, message));
            }
            Operation::CreateSet(set)
        }
        DESCRIBE => {
            attributes = form.members("ConfigurationSetAttributeNames");
            Operation::GetSet { set: form.set()? }
        }
        "ListConfigurationSets" => {
            let size = form.text("MaxItems").map(str::parse::<usize>).transpose();
            let size = size.map_err(|_| ApiError::bad_request("MaxItems must be a number."))?;
            Operation::ListSets(Page {
                contains: None,
                size: size.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX),
                token: form.text("NextToken").map(str::to_owned),
            })
        }
        "DeleteConfigurationSet" => Operation::DeleteSet { set: form.set()? },
        "CreateConfigurationSetEventDestination" => {
            Operation::CreateDestination { set: form.set()?, destination: form.destination()? }
        }
        "UpdateConfigurationSetEventDestination" => {
            Operation::UpdateDestination { set: form.set()?, destination: form.destination()? }
        }
        "DeleteConfigurationSetEventDestination" => Operation::DeleteDestination {
            set: form.set()?,
            name: form.require("EventDestinationName", "eventDestinationName")?.to_owned(),
        },
        other => {
            let message = format!(
                "Could not find operation {} for version {VERSION}",
                crate::destination::quote_name(other)
            );
            return Err(ApiError::new(ErrorKind::UnknownOperation, message));
        }
    };
    Ok(Asked { action, operation, attributes })
}

// === impl Form ===

impl Form {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    fn require(&self, name: &str, member: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| {
            ApiError::bad_request(format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy \
                 constraint: Member must not be null"
            ))
        })
    }

    fn set(&self) -> Result<String, ApiError> {
        self.require("ConfigurationSetName", "configurationSetName").map(str::to_owned)
    }

    /// The texts of `NAME.member.1`, `NAME.member.2`, …
    fn members(&self, name: &str) -> Vec<String> {
        let prefix = format!("{name}.member.");
        let members = self.numbered(&prefix).into_iter();
        members.filter_map(|number| self.0.get(&format!("{prefix}{number}")).cloned()).collect()
    }

    /// The numbers behind a prefix, in order.
    fn numbered(&self, prefix: &str) -> Vec<u32> {
        let behind = self.0.keys().filter_map(|key| key.strip_prefix(prefix));
        let numbers = behind.filter_map(|rest| rest.split('.').next()?.parse().ok());
        let mut numbers: Vec<u32> = numbers.collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The event destination that the form describes.
    fn destination(&self) -> Result<EventDestination, ApiError> {
        let name = self.require("EventDestination.Name", "eventDestination.name")?;
        let types = self.members("EventDestination.MatchingEventTypes");
        let is_known = |name: &String| {
            EventType::parse(name.as_bytes()).is_none_or(|known| !NOT_IN_V1.contains(&known))
        };
        if !types.iter().all(is_known) {
            let known = EventType::ALL.iter().filter(|known| !NOT_IN_V1.contains(known));
            let known: Vec<&str> = known.map(|known| known.v1_name()).collect();
            return Err(ApiError::bad_request(format!(
                "1 validation error detected: Value at 'eventDestination.matchingEventTypes' \
                 failed to satisfy constraint: Member must satisfy constraint: [Member must \
                 satisfy enum value set: [{}]]",
                known.join(", ")
            )));
        }
        let mut definition = Map::new();
        definition.insert("MatchingEventTypes".to_owned(), json!(types));
        if let Some(enabled) = self.text("EventDestination.Enabled") {
            definition.insert("Enabled".to_owned(), json!(enabled.eq_ignore_ascii_case("true")));
        }
        if let Some(cloudwatch) = self.cloudwatch() {
            definition.insert("CloudWatchDestination".to_owned(), cloudwatch);
        }
        for ((v1, v2), members) in DESTINATIONS {
            let prefix = format!("EventDestination.{v1}");
            if !self.0.keys().any(|key| key.starts_with(&prefix)) {
                continue;
            }
            let read = members.iter().filter_map(|(v1, v2)| {
                Some(((*v2).to_owned(), json!(self.text(&format!("{prefix}.{v1}"))?)))
            });
            definition.insert(v2.to_owned(), Value::Object(read.collect()));
        }
        let body = json!({ "EventDestinationName": name, "EventDestination": definition });
        Ok(read_destination(&body.to_string())?.named(name.to_owned()))
    }

    fn cloudwatch(&self) -> Option<Value> {
        let prefix = "EventDestination.CloudWatchDestination";
        self.0.keys().find(|key| key.starts_with(prefix))?;
        let prefix = format!("{prefix}.DimensionConfigurations.member.");
        let dimensions = self.numbered(&prefix).into_iter().map(|number| {
            let members = ["DimensionName", "DimensionValueSource", "DefaultDimensionValue"];
            let read = members.into_iter().filter_map(|member| {
                let value = self.0.get(&format!("{prefix}{number}.{member}"))?;
                Some((member.to_owned(), json!(value)))
            });
            Value::Object(read.collect())
        });
        Some(json!({ "DimensionConfigurations": dimensions.collect::<Vec<_>>() }))
    }
}

// === answers ===

/// The body of an answer.
pub fn answer(asked: &Asked, answer: &Answer, request_id: &str) -> String {
    let result = match answer {
        Answer::Set(set) => describe(set, &asked.attributes),
        Answer::Sets { names, next } => {
            let sets = names.iter().map(|name| named("member", name));
            let mut elements = vec![Element::list("ConfigurationSets", sets)];
            elements.extend(next.iter().map(|next| Element::text("NextToken", next)));
            elements
        }
        Answer::Done | Answer::SetExtensions(_) | Answer::Destination(_) => Vec::new(),
    };
    let action = &asked.action;
    let response = vec![
        Element::new(format!("{action}Result"), result),
        Element::new("ResponseMetadata", vec![Element::text("RequestId", request_id)]),
    ];
    Element::new(format!("{action}Response"), response).document()
}

/// The status and the body of an error.
pub fn error(error: &ApiError, request_id: &str) -> (StatusCode, String) {
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
    if wants("deliveryOptions") {
        let requires = option("DeliveryOptions", "TlsPolicy").is_some_and(|is| is == "REQUIRE");
        let policy = Element::text("TlsPolicy", if requires { "Require" } else { "Optional" });
        elements.push(Element::new("DeliveryOptions", vec![policy]));
    }
    if wants("reputationOptions") {
        let or = |value: Option<String>, default: &str| value.unwrap_or_else(|| default.to_owned());
        let sending = option("SendingOptions", "SendingEnabled");
        let metrics = option("ReputationOptions", "ReputationMetricsEnabled");
        let options = vec![
            Element::text("SendingEnabled", or(sending, "true")),
            Element::text("ReputationMetricsEnabled", or(metrics, "false")),
        ];
        elements.push(Element::new("ReputationOptions", options));
    }
    elements
}

/// What version 1 has no name for is left out of it.
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
