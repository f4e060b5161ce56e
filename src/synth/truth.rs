//! Computes the expected counts from known facts in the slow and obvious way.
//!
//! Definitions are read as plain JSON for every event, and every key is a string, so this shares
//! neither code nor mistakes with the engine that it checks. Definitions must be valid.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::clock::{MINUTE_MS, push_seconds};
use super::destination::{receives, series};
use super::document::items;
use super::facts::{FactValue, Facts};
use super::measures::{MeasuredValues, has_values};
use super::summary::TruthSummary;
use super::text::push_string;
use crate::ses::NonEvent;

/// The identity of a datum: a resolved series and a UTC minute, ordered as in the output.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatumKey {
    /// Namespace of the metric.
    pub namespace: String,
    /// Metric name, such as `Send`.
    pub metric: String,
    /// Dimension names and values, sorted by name.
    pub dimensions: Vec<(String, String)>,
    /// Minutes since 1970-01-01T00:00Z.
    pub minute: i64,
}

/// Counts facts under a definitions document.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Events counted, by series and minute.
    pub series: BTreeMap<DatumKey, u64>,
    /// Values of metrics other than counts, by series and minute.
    pub measured: BTreeMap<DatumKey, MeasuredValues>,
    sets: BTreeMap<String, Value>,
    default_set: Option<String>,
    namespace: String,
    tally: TruthSummary,
}

// === impl Truth ===

impl Truth {
    /// Reads a valid definitions document. `namespace` is the default namespace.
    pub fn new(definitions: &Value, default_set: Option<&str>, namespace: &str) -> Self {
        let mut sets = BTreeMap::new();
        for set in items(&definitions["ConfigurationSets"]) {
            let name = set["ConfigurationSetName"].as_str().unwrap_or_default();
            sets.insert(name.to_owned(), set.clone());
        }
        Self {
            series: BTreeMap::new(),
            measured: BTreeMap::new(),
            sets,
            default_set: default_set.map(str::to_owned),
            namespace: namespace.to_owned(),
            tally: TruthSummary::default(),
        }
    }

    /// Counts one event, or one value of unknown type.
    pub fn add(&mut self, facts: &Facts) {
        let Some(event_type) = facts.event_type else {
            self.add_non_event(NonEvent::UnknownType);
            return;
        };
        let Self { series: expected, measured, sets, default_set, namespace, tally } = self;
        tally.events += 1;
        let Some(set) = set_of(sets, default_set.as_deref(), facts) else {
            tally.unrouted += 1;
            return;
        };
        let mut matched = false;
        for destination in items(&set["EventDestinations"]) {
            if !receives(destination, event_type) {
                continue;
            }
            matched = true;
            let cloudwatch = &destination["CloudWatchDestination"];
            if !cloudwatch.is_object() {
                continue;
            }
            let (made, without): (Vec<_>, Vec<_>) = series(cloudwatch, event_type, facts)
                .into_iter()
                .partition(|(_, fact)| fact.value.is_ok());
            tally.values += (made.len() + without.len()) as u64;
            for reason in without.into_iter().filter_map(|(_, fact)| fact.value.err()) {
                *tally.no_value.entry(reason).or_default() += 1;
            }
            if made.is_empty() {
                continue;
            }
            tally.destination_matches += 1;
            if made.iter().all(|(dimensions, _)| dimensions.is_none()) {
                tally.dropped_invalid_value += 1;
            } else {
                tally.counts += 1;
            }
            let own = cloudwatch["Namespace"].as_str().or(set["Namespace"].as_str());
            for (dimensions, fact) in made {
                let Some(mut dimensions) = dimensions else {
                    tally.values_dropped += 1;
                    continue;
                };
                dimensions.sort();
                let key = DatumKey {
                    namespace: own.unwrap_or(namespace).to_owned(),
                    metric: fact.metric,
                    dimensions,
                    minute: facts.time_ms.div_euclid(MINUTE_MS),
                };
                if fact.unit == "Count" {
                    *expected.entry(key).or_default() += 1;
                } else if let Ok(value) = fact.value {
                    let held = measured.entry(key).or_default();
                    held.unit = fact.unit;
                    *held.counts.entry(value.to_bits()).or_default() += 1;
                }
            }
        }
        if matched {
            tally.matched += 1;
        } else {
            tally.unmatched += 1;
        }
    }

    /// Counts one value that is not an event.
    pub(crate) fn add_non_event(&mut self, other: NonEvent) {
        match other {
            NonEvent::Malformed => self.tally.malformed += 1,
            NonEvent::Foreign => self.tally.foreign += 1,
            NonEvent::UnknownType => self.tally.unknown_type += 1,
            NonEvent::Control => self.tally.control += 1,
            NonEvent::Notice => self.tally.notice += 1,
        }
    }

    /// Adds the counts of another truth under the same definitions.
    pub fn merge(&mut self, other: Self) {
        for (key, count) in other.series {
            *self.series.entry(key).or_default() += count;
        }
        for (key, values) in other.measured {
            let held = self.measured.entry(key).or_default();
            held.unit = values.unit;
            for (value, count) in values.counts {
                *held.counts.entry(value).or_default() += count;
            }
        }
        self.tally.merge(&other.tally);
    }

    /// The counters so far.
    pub fn summary(&self) -> TruthSummary {
        let keys = self.series.keys().chain(self.measured.keys());
        let distinct: BTreeSet<_> =
            keys.map(|key| (&key.namespace, &key.metric, &key.dimensions)).collect();
        TruthSummary {
            series: distinct.len() as u64,
            datums: (self.series.len() + self.measured.len()) as u64,
            has_values: self.sets.values().any(has_values),
            ..self.tally.clone()
        }
    }

    /// The output of `count --format json`, with a newline after each line.
    pub fn to_lines(&self) -> String {
        let counts = self
            .series
            .iter()
            .map(|(key, count)| (key, ("Count", "1".to_owned(), count.to_string())));
        let measured = self.measured.iter().map(|(key, values)| (key, values.columns()));
        let datums: BTreeMap<&DatumKey, (&str, String, String)> = counts.chain(measured).collect();
        let mut out = String::new();
        for (key, (unit, values, counts)) in datums {
            out.push_str("{\"Namespace\":");
            push_string(&mut out, &key.namespace);
            out.push_str(",\"MetricName\":");
            push_string(&mut out, &key.metric);
            out.push_str(",\"Dimensions\":[");
            for (at, (name, value)) in key.dimensions.iter().enumerate() {
                out.push_str(if at == 0 { "{\"Name\":" } else { ",{\"Name\":" });
                push_string(&mut out, name);
                out.push_str(",\"Value\":");
                push_string(&mut out, value);
                out.push('}');
            }
            out.push_str("],\"Timestamp\":\"");
            push_seconds(&mut out, key.minute * MINUTE_MS);
            let _ = writeln!(
                out,
                "\",\"Unit\":\"{unit}\",\"Values\":[{values}],\"Counts\":[{counts}]}}"
            );
        }
        out
    }
}

fn set_of<'a>(
    sets: &'a BTreeMap<String, Value>,
    default_set: Option<&'a str>,
    facts: &'a Facts,
) -> Option<&'a Value> {
    let of_event =
        facts.configuration_set.as_deref().filter(|set| !FactValue::from(*set).is_blank());
    let name = of_event.or(default_set.filter(|set| !set.is_empty()))?;
    sets.get(name).or_else(|| sets.get("*"))
}

#[cfg(test)]
mod tests;
