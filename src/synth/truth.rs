//! Computes the expected counts from known facts in the slow and obvious way.
//!
//! Definitions are read as plain JSON for every event, and every key is a string, so this shares
//! neither code nor mistakes with the engine that it checks. Definitions must be valid.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::clock::{MINUTE_MS, push_seconds};
use super::destination::{dimensions, items, receives};
use super::facts::{FactValue, Facts};
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
        let Self { series, sets, default_set, namespace, tally } = self;
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
            tally.destination_matches += 1;
            let Some(mut dimensions) = dimensions(cloudwatch, event_type, facts) else {
                tally.dropped_invalid_value += 1;
                continue;
            };
            dimensions.sort();
            let own = cloudwatch["Namespace"].as_str().or(set["Namespace"].as_str());
            let key = DatumKey {
                namespace: own.unwrap_or(namespace).to_owned(),
                metric: event_type.metric_name().to_owned(),
                dimensions,
                minute: facts.time_ms.div_euclid(MINUTE_MS),
            };
            *series.entry(key).or_default() += 1;
            tally.counts += 1;
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
        self.tally.merge(&other.tally);
    }

    /// The counters so far.
    pub fn summary(&self) -> TruthSummary {
        let distinct: BTreeSet<_> =
            self.series.keys().map(|key| (&key.namespace, &key.metric, &key.dimensions)).collect();
        TruthSummary {
            series: distinct.len() as u64,
            datums: self.series.len() as u64,
            ..self.tally.clone()
        }
    }

    /// The output of `count --format json`, with a newline after each line.
    pub fn to_lines(&self) -> String {
        let mut out = String::new();
        for (key, count) in &self.series {
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
            let _ = writeln!(out, "\",\"Unit\":\"Count\",\"Values\":[1],\"Counts\":[{count}]}}");
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
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ses::EventType;

    const NOON: i64 = 1_795_176_000_000;

    fn definitions(on_invalid: &str) -> Value {
        json!({"ConfigurationSets": [{
            "ConfigurationSetName": "prod",
            "EventDestinations": [{
                "Name": "by-campaign",
                "Enabled": true,
                "MatchingEventTypes": ["SEND", "click"],
                "CloudWatchDestination": {
                    "OnInvalidValue": on_invalid,
                    "DimensionConfigurations": [
                        {"DimensionName": "x-pool", "DimensionValueSource": "EMAIL_HEADER", "DefaultDimensionValue": "any"},
                        {"DimensionName": "campaign", "DimensionValueSource": "messageTag", "DefaultDimensionValue": "none"},
                    ],
                },
            }, {
                "Name": "by-link",
                "Enabled": true,
                "MatchingEventTypes": ["SEND", "CLICK"],
                "CloudWatchDestination": {
                    "Namespace": "Links",
                    "DimensionConfigurations": [
                        {"DimensionName": "color", "DimensionValueSource": "LINK_TAG", "DefaultDimensionValue": "none"},
                    ],
                },
            }, {
                "Name": "off",
                "MatchingEventTypes": ["OPEN"],
                "CloudWatchDestination": {"DimensionConfigurations": []},
            }, {
                "Name": "topic",
                "Enabled": true,
                "MatchingEventTypes": ["REJECT"],
                "SnsDestination": {"TopicArn": "arn"},
            }],
        }]})
    }

    fn facts(event_type: EventType, campaign: &str) -> Facts {
        let mut facts = Facts::new(Some(event_type), NOON + 59_999);
        facts.configuration_set = Some("prod".to_owned());
        facts.tags.insert("campaign".to_owned(), campaign.into());
        facts.headers.push(("X-Pool".to_owned(), "a".into()));
        facts.headers.push(("x-pool".to_owned(), "b".into()));
        facts.link_tags.insert("color".to_owned(), "red".into());
        facts
    }

    #[test]
    fn click_and_send_are_counted_as_by_hand() {
        let mut truth = Truth::new(&definitions("DROP"), None, "SES");
        truth.add(&facts(EventType::Click, "spring"));
        truth.add(&facts(EventType::Send, "spring"));
        truth.add(&facts(EventType::Send, " \t"));
        let head = r#"{"Namespace":"Links","MetricName":"#;
        let ses = r#"{"Namespace":"SES","MetricName":"#;
        let tail = r#""Timestamp":"2026-11-20T12:00:00Z","Unit":"Count","Values":[1],"Counts":"#;
        let color = |value| format!(r#""Dimensions":[{{"Name":"color","Value":"{value}"}}]"#);
        let campaign = |value| {
            format!(
                r#""Dimensions":[{{"Name":"campaign","Value":"{value}"}},{{"Name":"x-pool","Value":"a"}}]"#
            )
        };
        let lines = [
            format!("{head}\"Click\",{},{tail}[1]}}\n", color("red")),
            format!("{head}\"Send\",{},{tail}[2]}}\n", color("none")),
            format!("{ses}\"Click\",{},{tail}[1]}}\n", campaign("spring")),
            format!("{ses}\"Send\",{},{tail}[1]}}\n", campaign("none")),
            format!("{ses}\"Send\",{},{tail}[1]}}\n", campaign("spring")),
        ];
        assert_eq!(truth.to_lines(), lines.concat());
        assert_eq!(
            truth.summary().to_json(),
            concat!(
                r#"{"events":3,"matched":3,"unmatched":0,"unrouted":0,"malformed":0,"foreign":0,"#,
                r#""unknown_type":0,"control":0,"notice":0,"no_timestamp":0,"#,
                r#""destination_matches":6,"counts":6,"series":5,"datums":5,"#,
                r#""dropped":{"invalid_value":0}}"#
            )
        );
    }

    #[test]
    fn invalid_value_is_dropped_replaced_or_sanitized() {
        let cases = [
            ("DROP", "h\u{e9} 1", None),
            ("DEFAULT", "h\u{e9} 1", Some("none")),
            ("sanitize", "h\u{e9} 1", Some("h__1")),
        ];
        for (on_invalid, value, expected) in cases {
            let mut truth = Truth::new(&definitions(on_invalid), None, "SES");
            truth.add(&facts(EventType::Send, value));
            let seen: Vec<_> =
                truth.series.keys().map(|key| key.dimensions[0].1.as_str()).collect();
            assert_eq!(seen, ["none"].into_iter().chain(expected).collect::<Vec<_>>());
            let summary = truth.summary();
            assert_eq!(summary.dropped_invalid_value, u64::from(expected.is_none()));
            assert_eq!(summary.destination_matches, summary.counts + summary.dropped_invalid_value);
        }
        let long = "x".repeat(300);
        let mut truth = Truth::new(&definitions("SANITIZE"), None, "SES");
        truth.add(&facts(EventType::Send, &long));
        let mut broken = facts(EventType::Send, "");
        broken.tags.insert("campaign".to_owned(), FactValue::Broken("a\u{fffd}".to_owned()));
        truth.add(&broken);
        let values: Vec<_> = truth.series.keys().map(|key| key.dimensions[0].1.clone()).collect();
        assert_eq!(values, ["none".to_owned(), "a_".to_owned(), "x".repeat(255)]);
    }

    #[test]
    fn routing_equals_that_by_hand() {
        let mut other = Truth::new(&definitions("DROP"), None, "SES");
        other.add(&facts(EventType::Reject, "a")); // matched, but no CloudWatch destination
        other.add(&facts(EventType::Open, "a")); // the destination is not enabled
        let mut setless = facts(EventType::Send, "a");
        setless.configuration_set = None;
        other.add(&setless);
        let mut unknown = setless.clone();
        unknown.configuration_set = Some("nowhere".to_owned());
        other.add(&unknown);
        other.add(&Facts::new(None, NOON));
        other.add_non_event(NonEvent::Notice);
        let mut truth = Truth::new(&definitions("DROP"), Some("prod"), "SES");
        truth.add(&setless);
        truth.add(&unknown);
        truth.merge(other);
        let expected = TruthSummary {
            events: 6,
            matched: 2,
            unmatched: 1,
            unrouted: 3,
            unknown_type: 1,
            notice: 1,
            destination_matches: 2,
            counts: 2,
            series: 2,
            datums: 2,
            ..TruthSummary::default()
        };
        assert_eq!(truth.summary(), expected);

        let mut any = definitions("DROP");
        any["ConfigurationSets"][0]["ConfigurationSetName"] = json!("*");
        let mut truth = Truth::new(&any, None, "SES");
        truth.add(&unknown);
        truth.add(&setless);
        assert_eq!((truth.summary().matched, truth.summary().unrouted), (1, 1));
    }
}
