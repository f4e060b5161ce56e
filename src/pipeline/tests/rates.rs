//! What the metrics of several daemons say together.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::*;
use super::definitions;
use crate::aggregate::{Line, MetricValue, sorted_lines};
use crate::rules::{Layouts, RuleSet};
use crate::ses::{EventType, read_all};
use crate::synth::{Facts, Generator, Profile};

const START_MS: i64 = 1_795_132_800_000; // 2026-11-20T00:00:00Z
const EVENTS: u32 = 20_000;

fn document() -> Value {
    json!({"ConfigurationSets": [{"ConfigurationSetName": "prod", "EventDestinations": [{
        "Name": "d", "Enabled": true, "MatchingEventTypes": ["DELIVERY", "BOUNCE", "COMPLAINT"],
        "CloudWatchDestination": {
            "DimensionConfigurations": [{"DimensionName": "campaign",
                "DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "none"}],
            "DimensionSets": [["campaign"], []],
            "Measures": ["COUNT", "HARD_BOUNCE_RATE", "COMPLAINT_RATE", "DELIVERY_TIME"],
        },
    }]}]})
}

/// Events of a day, and what they are.
fn events() -> Vec<(String, Facts)> {
    let profile = Profile {
        seed: 5,
        start_ms: START_MS,
        events_per_second: f64::from(EVENTS) / 86_400.0,
        configuration_sets: vec!["prod".to_owned()],
        mix: "delivery=80,bounce=15,complaint=5".parse().expect("a mix"),
        ..Profile::default()
    };
    let events = Generator::new(profile).take(EVENTS as usize);
    events.map(|event| (event.json, event.facts)).collect()
}

/// The lines of all daemons, each of which has every n-th event.
fn lines_of(events: &[(String, Facts)], daemons: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for daemon in 0..daemons {
        let layouts = Layouts::default();
        let rules = Arc::new(RuleSet::new(&definitions(&document()), "SES", None, &layouts));
        let times = Times { arrival_ms: START_MS, use_arrival: false };
        let mut batch = Batch::new(Arc::clone(&rules), times);
        for (event, _) in events.iter().skip(daemon).step_by(daemons) {
            read_all(event.as_bytes(), rules.interest(), &mut batch);
        }
        lines.extend(sorted_lines(batch.delta.iter(), &layouts));
    }
    lines
}

/// The values of the total of a metric, as CloudWatch adds them up over a period.
fn values(lines: &[Line], metric: &str, period: i64) -> BTreeMap<i64, BTreeMap<MetricValue, u64>> {
    let mut values: BTreeMap<i64, BTreeMap<_, _>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.series.metric == metric) {
        if !line.series.dimensions.is_empty() {
            continue;
        }
        let of_period = values.entry(line.series.minute.0.div_euclid(period)).or_default();
        for (value, count) in &line.values {
            *of_period.entry(*value).or_insert(0) += count;
        }
    }
    values
}

/// Sum and number of the outcomes of a rate by period, from what the events are.
fn outcomes(
    events: &[(String, Facts)],
    bad: (EventType, &str, &str),
    period: i64,
) -> BTreeMap<i64, (u64, u64)> {
    let mut outcomes = BTreeMap::new();
    for (_, facts) in events {
        let field = facts.fields.get(bad.1).map_or("", |value| value.text());
        let is_bad = facts.event_type == Some(bad.0) && field == bad.2;
        if is_bad || facts.event_type == Some(EventType::Delivery) {
            let minute = facts.time_ms.div_euclid(60_000);
            let (sum, number): &mut (u64, u64) =
                outcomes.entry(minute.div_euclid(period)).or_default();
            *sum += u64::from(is_bad);
            *number += 1;
        }
    }
    outcomes
}

#[test]
fn average_of_a_rate_is_exact_over_any_period_and_any_number_of_daemons() {
    let events = events();
    for daemons in 1..=3 {
        let lines = lines_of(&events, daemons);
        for period in [1, 60, 1440] {
            for (metric, bad) in [
                ("HardBounceRate", (EventType::Bounce, "bounce_class", "hard")),
                ("ComplaintRate", (EventType::Complaint, "complaint_kind", "complaint")),
            ] {
                let held = values(&lines, metric, period).into_iter().map(|(at, values)| {
                    let of = |value| values.get(&MetricValue(value)).copied().unwrap_or(0);
                    assert_eq!(values.values().sum::<u64>(), of(0.0) + of(1.0));
                    (at, (of(1.0), of(0.0) + of(1.0)))
                });
                let expected = outcomes(&events, bad, period);
                assert_eq!(held.collect::<BTreeMap<_, _>>(), expected, "{daemons} {period}");
            }
        }
    }
}

#[test]
fn percentiles_are_at_most_5_percent_off_and_those_of_several_daemons_merge() {
    let events = events();
    let mut exact: Vec<f64> = events
        .iter()
        .filter_map(|(_, facts)| facts.fields.get("processing_time")?.text().parse().ok())
        .collect();
    exact.sort_by(f64::total_cmp);
    let one = values(&lines_of(&events, 1), "DeliveryTime", 1440);
    let times: Vec<f64> = one
        .values()
        .flatten()
        .flat_map(|(value, count)| {
            std::iter::repeat_n(value.0, usize::try_from(*count).unwrap_or(0))
        })
        .collect();
    let mut sorted = times.clone();
    sorted.sort_by(f64::total_cmp);
    assert_eq!(sorted.len(), exact.len());
    let is_near = |sent: f64, exact: f64| (sent / exact - 1.0).abs() <= 0.05;
    for percent in [1, 10, 50, 90, 99] {
        let at = exact.len() * percent / 100;
        assert!(is_near(sorted[at], exact[at]), "p{percent}: {} for {}", sorted[at], exact[at]);
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let mean = |times: &[f64]| times.iter().sum::<f64>() / times.len() as f64;
    assert!(is_near(mean(&times), mean(&exact)));
    for daemons in 2..=3 {
        assert_eq!(values(&lines_of(&events, daemons), "DeliveryTime", 1440), one);
    }
}
