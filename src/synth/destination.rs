//! An event destination as plain JSON, read for every event.

use serde_json::Value;

use super::facts::{FactValue, Facts};
use crate::ses::EventType;

pub(super) fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn receives(destination: &Value, event_type: EventType) -> bool {
    destination["Enabled"] == Value::Bool(true)
        && items(&destination["MatchingEventTypes"]).iter().any(|name| {
            EventType::parse(name.as_str().unwrap_or_default().as_bytes()) == Some(event_type)
        })
}

/// All dimensions of a destination, or `None` if one has an invalid value.
pub(super) fn dimensions(
    cloudwatch: &Value,
    event_type: EventType,
    facts: &Facts,
) -> Option<Vec<(String, String)>> {
    let on_invalid = cloudwatch["OnInvalidValue"].as_str().unwrap_or("DROP").to_ascii_uppercase();
    let mut dimensions = Vec::new();
    for dimension in items(&cloudwatch["DimensionConfigurations"]) {
        let name = dimension["DimensionName"].as_str().unwrap_or_default();
        let default = dimension["DefaultDimensionValue"].as_str().unwrap_or_default();
        let source = dimension["DimensionValueSource"].as_str().unwrap_or_default();
        let found = match source.replace('_', "").to_ascii_lowercase().as_str() {
            "messagetag" => facts.tags.get(name),
            "emailheader" => facts
                .headers
                .iter()
                .find(|(header, _)| header.eq_ignore_ascii_case(name))
                .map(|(_, value)| value),
            "linktag" if event_type == EventType::Click => facts.link_tags.get(name),
            _ => None,
        };
        let value = match found {
            Some(value) if !value.is_blank() => value.clone(),
            _ => FactValue::from(default),
        };
        let sendable = match on_invalid.as_str() {
            _ if is_valid(&value) => value.text().to_owned(),
            "DEFAULT" if is_valid(&FactValue::from(default)) => default.to_owned(),
            "SANITIZE" => sanitized(value.text()),
            _ => return None,
        };
        dimensions.push((name.to_owned(), sendable));
    }
    Some(dimensions)
}

fn is_allowed(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '@' | '-')
}

fn is_valid(value: &FactValue) -> bool {
    matches!(value, FactValue::Text(text)
        if (1..=255).contains(&text.len()) && text.chars().all(is_allowed))
}

fn sanitized(text: &str) -> String {
    text.chars().take(255).map(|letter| if is_allowed(letter) { letter } else { '_' }).collect()
}
