//! Measures as plain JSON, read for every event.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::items;
use super::facts::Facts;
use crate::ses::EventType;

/// What an event adds to a metric of a destination.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MeasuredFact {
    pub metric: String,
    pub unit: &'static str,
    /// The types without which the metric has no series of a set.
    pub needs: &'static [&'static str],
    /// Or why the event has no value.
    pub value: Result<f64, &'static str>,
}

/// The values of a datum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeasuredValues {
    pub unit: &'static str,
    /// How often each value occurred, by its bits: of numbers that are not negative, these have the
    /// order of the values.
    pub counts: BTreeMap<u64, u64>,
}

/// What an event adds to the metrics of a destination, whatever the dimensions.
pub(super) fn measured(
    cloudwatch: &Value,
    event_type: EventType,
    facts: &Facts,
) -> Vec<MeasuredFact> {
    let names: Vec<&str> = match cloudwatch["Measures"].as_array() {
        None => vec!["COUNT"],
        Some(_) => items(&cloudwatch["Measures"]).iter().filter_map(Value::as_str).collect(),
    };
    names.into_iter().filter_map(|name| fact(name, event_type, facts)).collect()
}

fn fact(measure: &str, event_type: EventType, facts: &Facts) -> Option<MeasuredFact> {
    let text = |field: &str| facts.fields.get(field).map_or("", |value| value.text());
    let rate = |metric: &str, needs, value| {
        let (metric, unit) = (metric.to_owned(), "None");
        Some(MeasuredFact { metric, unit, needs, value })
    };
    match (measure, event_type.api_name()) {
        ("COUNT", _) => Some(MeasuredFact {
            metric: event_type.metric_name().to_owned(),
            unit: "Count",
            needs: &[],
            value: Ok(1.0),
        }),
        ("HARD_BOUNCE_RATE", name @ ("DELIVERY" | "BOUNCE")) => {
            let value = match (name, text("bounce_class")) {
                ("DELIVERY", _) => Ok(0.0),
                (_, "hard") => Ok(1.0),
                _ => Err("not_hard"),
            };
            rate("HardBounceRate", &["DELIVERY", "BOUNCE"], value)
        }
        ("COMPLAINT_RATE", name @ ("DELIVERY" | "COMPLAINT")) => {
            let value = match (name, text("complaint_kind")) {
                ("DELIVERY", _) => Ok(0.0),
                (_, "not-spam") => Err("not_spam"),
                _ => Ok(1.0),
            };
            rate("ComplaintRate", &["DELIVERY", "COMPLAINT"], value)
        }
        ("DELIVERY_TIME", "DELIVERY") => Some(MeasuredFact {
            metric: "DeliveryTime".to_owned(),
            unit: "Milliseconds",
            needs: &["DELIVERY"],
            value: text("processing_time").parse().map(bucket).map_err(|_| "no_processing_time"),
        }),
        _ => None,
    }
}

/// The middle of the bucket of a time, with six digits: found by going through all buckets.
fn bucket(ms: f64) -> f64 {
    if ms < 1.0 {
        return 0.0;
    }
    let mut start = 1.0_f64;
    while start * 1.1 <= ms {
        start *= 1.1;
    }
    let middle = start * 1.1_f64.sqrt();
    let digits = 10_f64.powf(5.0 - middle.log10().floor());
    let rounded = (middle * digits).round() / digits;
    // The nearest number to the six digits.
    format!("{rounded:.5e}").parse().unwrap_or(rounded)
}

// === impl MeasuredValues ===

impl MeasuredValues {
    /// The unit, the values in ascending order and their counts.
    pub(super) fn columns(&self) -> (&'static str, String, String) {
        let joined = |texts: Vec<String>| texts.join(",");
        let values = self.counts.keys().map(|bits| f64::from_bits(*bits).to_string());
        let counts = self.counts.values().map(u64::to_string);
        (self.unit, joined(values.collect()), joined(counts.collect()))
    }
}

/// Whether an enabled destination of a configuration set names its sets of dimensions or its
/// measures.
pub(super) fn has_values(set: &Value) -> bool {
    items(&set["EventDestinations"]).iter().any(|destination| {
        let cloudwatch = &destination["CloudWatchDestination"];
        let has = |key: &str| cloudwatch[key].is_array();
        destination["Enabled"] == Value::Bool(true) && (has("DimensionSets") || has("Measures"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_is_that_of_the_documentation() {
        for (ms, sent) in [(0.5, 0.0), (1.0, 1.04881), (2.0, 2.04383), (546.0, 565.736)] {
            assert!((bucket(ms) - sent).abs() < 1e-9, "{ms}: {}", bucket(ms));
        }
    }
}
