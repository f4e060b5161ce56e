//! A form with the parameters of a version 1 request.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::api::error::ApiError;
use crate::definitions::{EventDestination, read_destination};
use crate::ses::EventType;

/// The values of a form by name.
pub(super) struct RequestForm(BTreeMap<String, String>);

/// Event types that version 1 does not have.
const NOT_IN_V1: [EventType; 2] = [EventType::DeliveryDelay, EventType::Subscription];

/// The names in version 1 and in version 2.
type MemberNames = (&'static str, &'static str);

/// Destinations that forward, with their members.
const DESTINATIONS: [(MemberNames, &[MemberNames]); 2] = [
    (
        ("KinesisFirehoseDestination", "KinesisFirehoseDestination"),
        &[("IAMRoleARN", "IamRoleArn"), ("DeliveryStreamARN", "DeliveryStreamArn")],
    ),
    (("SNSDestination", "SnsDestination"), &[("TopicARN", "TopicArn")]),
];

// === impl RequestForm ===

impl RequestForm {
    pub(super) fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    pub(super) fn require(&self, name: &str, member: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| ApiError::missing(member))
    }

    pub(super) fn set(&self) -> Result<String, ApiError> {
        self.require("ConfigurationSetName", "configurationSetName").map(str::to_owned)
    }

    pub(super) fn boolean(&self, name: &str) -> Result<bool, ApiError> {
        match self.require(name, name)? {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(ApiError::ill_typed(format!("{name} must be true or false."))),
        }
    }

    /// The texts of `NAME.member.1`, `NAME.member.2`, …
    pub(super) fn members(&self, name: &str) -> Vec<String> {
        let prefix = format!("{name}.member.");
        let members = self.numbered(&prefix).into_iter();
        members.filter_map(|number| self.0.get(&format!("{prefix}{number}")).cloned()).collect()
    }

    /// The numbers after a prefix, in order.
    fn numbered(&self, prefix: &str) -> Vec<u32> {
        let behind = self.0.keys().filter_map(|key| key.strip_prefix(prefix));
        let numbers = behind.filter_map(|rest| rest.split('.').next()?.parse().ok());
        let mut numbers: Vec<u32> = numbers.collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The event destination that the form describes.
    pub(super) fn destination(&self) -> Result<EventDestination, ApiError> {
        let name = self.require("EventDestination.Name", "eventDestination.name")?;
        let types = self.members("EventDestination.MatchingEventTypes");
        let is_known = |name: &String| {
            EventType::parse(name.as_bytes()).is_some_and(|known| !NOT_IN_V1.contains(&known))
        };
        if !types.iter().all(is_known) {
            let known = EventType::ALL.iter().filter(|known| !NOT_IN_V1.contains(known));
            let known: Vec<&str> = known.map(|known| known.v1_name()).collect();
            return Err(ApiError::not_among("eventDestination.matchingEventTypes", &known));
        }
        let mut definition = Map::new();
        definition.insert("MatchingEventTypes".to_owned(), json!(types));
        if self.text("EventDestination.Enabled").is_some() {
            let enabled = self.boolean("EventDestination.Enabled")?;
            definition.insert("Enabled".to_owned(), json!(enabled));
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
