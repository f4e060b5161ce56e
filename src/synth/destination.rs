//! An event destination as plain JSON, read for every event.

use serde_json::Value;

use super::document::items;
use super::facts::{FactValue, Facts};
use super::measures::{MeasuredFact, measured};
use crate::ses::EventType;

pub(super) fn receives(destination: &Value, event_type: EventType) -> bool {
    destination["Enabled"] == Value::Bool(true)
        && items(&destination["MatchingEventTypes"]).iter().any(|name| {
            EventType::parse(name.as_str().unwrap_or_default().as_bytes()) == Some(event_type)
        })
}

/// The types of events that have a field.
fn types_with(field: &str) -> &'static [&'static str] {
    match field {
        "bounce_class" | "bounce_sub_type" => &["BOUNCE"],
        "delay_type" => &["DELIVERY_DELAY"],
        "smtp_status" => &["BOUNCE", "DELIVERY_DELAY", "DELIVERY"],
        "actor" => &["OPEN", "CLICK"],
        "link_domain" => &["CLICK"],
        _ => &[
            "SEND",
            "REJECT",
            "BOUNCE",
            "COMPLAINT",
            "DELIVERY",
            "OPEN",
            "CLICK",
            "RENDERING_FAILURE",
            "DELIVERY_DELAY",
            "SUBSCRIPTION",
        ],
    }
}

/// The dimensions of one series, or `None` if one has an invalid value.
pub(super) type SeriesDimensions = Option<Vec<(String, String)>>;

/// The series that an event makes in a destination, with what it adds to each.
pub(super) fn series(
    cloudwatch: &Value,
    event_type: EventType,
    facts: &Facts,
) -> Vec<(SeriesDimensions, MeasuredFact)> {
    let own = items(&cloudwatch["EventDimensions"]);
    let name_of = |dimension: &Value| {
        let name = dimension["DimensionName"].as_str().or(dimension["Field"].as_str());
        name.unwrap_or_default().to_owned()
    };
    let all = items(&cloudwatch["DimensionConfigurations"]).iter().chain(own).map(name_of);
    let sets: Vec<Vec<String>> = match cloudwatch["DimensionSets"].as_array() {
        None => vec![all.collect()],
        Some(sets) => sets
            .iter()
            .map(|set| items(set).iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .collect(),
    };
    let mut series = Vec::new();
    for set in sets {
        let fields = own.iter().filter(|dimension| set.contains(&name_of(dimension)));
        let fields: Vec<_> =
            fields.map(|dimension| dimension["Field"].as_str().unwrap_or_default()).collect();
        let has = |name: &str| fields.iter().all(|field| types_with(field).contains(&name));
        if !has(event_type.api_name()) {
            continue;
        }
        let mut dimensions = of_tags(cloudwatch, &set, event_type, facts);
        if let Some(dimensions) = &mut dimensions {
            for dimension in own.iter().filter(|dimension| set.contains(&name_of(dimension))) {
                let default = dimension["DefaultDimensionValue"].as_str().unwrap_or_default();
                let field = dimension["Field"].as_str().unwrap_or_default();
                let found = facts.fields.get(field).filter(|value| !value.is_blank());
                let value = found.map_or(default.to_owned(), |value| sanitized(value.text()));
                dimensions.push((name_of(dimension), value));
            }
        }
        let measured = measured(cloudwatch, event_type, facts);
        let made = measured.into_iter().filter(|own| own.needs.iter().all(|name| has(name)));
        series.extend(made.map(|own| (dimensions.clone(), own)));
    }
    series
}

/// The dimensions of a set whose values are tags or headers.
fn of_tags(
    cloudwatch: &Value,
    set: &[String],
    event_type: EventType,
    facts: &Facts,
) -> SeriesDimensions {
    let on_invalid = cloudwatch["OnInvalidValue"].as_str().unwrap_or("DROP").to_ascii_uppercase();
    let mut dimensions = Vec::new();
    for dimension in items(&cloudwatch["DimensionConfigurations"]) {
        let name = dimension["DimensionName"].as_str().unwrap_or_default();
        if !set.iter().any(|wanted| wanted == name) {
            continue;
        }
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
