//! Limits on values: what is folded, and that nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::*;
use crate::aggregate::{Line, sorted_lines};
use crate::definitions;
use crate::rules::{Layouts, RuleSet};
use crate::ses::read_all;

const HOUR_MS: i64 = 3_600_000;
/// The start of an hour.
const NOW_MS: i64 = 497_000 * HOUR_MS;

/// Rules with one destination, which has these members.
fn rules(own: &Value, layouts: &Layouts) -> Arc<RuleSet> {
    let tag = |name: &str| {
        json!({"DimensionName": name, "DimensionValueSource": "MESSAGE_TAG",
            "DefaultDimensionValue": "none"})
    };
    let mut cloudwatch = json!({"DimensionConfigurations": [tag("campaign"), tag("genre")]});
    let members = cloudwatch.as_object_mut().expect("an object");
    members.extend(own.as_object().expect("an object").clone());
    let document = json!({"ConfigurationSets": [{"ConfigurationSetName": "prod",
        "EventDestinations": [{"Name": "d", "Enabled": true,
            "MatchingEventTypes": ["SEND", "DELIVERY", "BOUNCE"],
            "CloudWatchDestination": cloudwatch}]}]});
    let reading = definitions::read("f", &document.to_string());
    let definitions = reading.definitions.unwrap_or_else(|| panic!("{:#?}", reading.findings));
    Arc::new(RuleSet::new(&definitions, "SES", None, layouts))
}

fn send(minute: usize, campaign: &str, genre: &str) -> String {
    format!(
        r#"{{"eventType":"Send","mail":{{"timestamp":"2026-11-20T12:{:02}:00Z","tags":{{"ses:configuration-set":["prod"],"campaign":["{campaign}"],"genre":["{genre}"]}}}}}}"#,
        minute % 60
    )
}

fn batch(rules: &Arc<RuleSet>, now_ms: i64) -> Batch {
    Batch::new(Arc::clone(rules), Times { arrival_ms: now_ms, use_arrival: false })
}

fn read(batch: &mut Batch, event: &str) {
    read_all(event.as_bytes(), Arc::clone(&batch.rules()).interest(), batch);
}

/// The values of `campaign` in lines that have no other dimension, with their counts.
fn campaigns(lines: &[Line]) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for line in lines {
        if let [(name, value)] = &line.series.dimensions[..]
            && name == "campaign"
        {
            *sums.entry(value.clone()).or_insert(0) += line.count;
        }
    }
    sums
}

#[test]
fn hundred_thousand_values_are_at_most_53_and_add_up_to_the_total_of_every_minute() {
    const MINUTES: usize = 5;
    let layouts = Layouts::default();
    let own = json!({"ValueLimits": {"campaign": 50}, "KeepValues": {"campaign": ["v70001", "late"]},
        "DimensionSets": [["campaign"], []]});
    let rules = rules(&own, &layouts);
    let mut batch = batch(&rules, NOW_MS);
    let mut most = 0;
    for number in 0..100_000 {
        read(&mut batch, &send(number % MINUTES, &format!("v{number}"), "x"));
        if number == 10_000 {
            most = batch.bytes();
        }
    }
    // Memory is flat once the places are taken.
    assert!(batch.bytes() <= most, "{} > {most}", batch.bytes());
    read(&mut batch, &send(0, "late", "x"));
    let lines = sorted_lines(batch.delta.iter(), &layouts);
    let by_minute = |dimensions: usize| {
        let mut sums = BTreeMap::new();
        for line in lines.iter().filter(|line| line.series.dimensions.len() == dimensions) {
            *sums.entry(line.series.minute).or_insert(0) += line.count;
        }
        sums
    };
    assert_eq!(by_minute(1), by_minute(0));
    assert_eq!(by_minute(0).values().sum::<u64>(), 100_001);
    let campaigns = campaigns(&lines);
    assert_eq!(campaigns.len(), 53);
    let expected: BTreeSet<String> = (0..50).map(|number| format!("v{number}")).collect();
    let others = ["__other__", "late", "v70001"].map(str::to_owned);
    assert_eq!(campaigns.keys().cloned().collect::<BTreeSet<_>>(), &expected | &others.into());
    assert_eq!(campaigns["__other__"], 100_001 - 52);
    // Of each event once, although it is in two series.
    assert_eq!(batch.tally.limited, [50, 2, 100_001 - 52]);
}

#[test]
fn folded_value_is_folded_in_this_dimension_alone_and_in_every_measure() {
    let layouts = Layouts::default();
    let own = json!({"ValueLimits": {"campaign": 1}, "Measures": ["COUNT", "DELIVERY_TIME"]});
    let rules = rules(&own, &layouts);
    let mut batch = batch(&rules, NOW_MS);
    for (campaign, genre) in [("a", "x"), ("b", "x"), ("b", "y"), ("a", "y"), ("__other__", "x")] {
        let event = send(0, campaign, genre);
        read(&mut batch, &event.replace("Send", "Delivery").replace(
            "\"mail\"",
            r#""delivery":{"processingTimeMillis":2,"timestamp":"2026-11-20T12:00:00Z"},"mail""#,
        ));
    }
    let lines = sorted_lines(batch.delta.iter(), &layouts);
    let lines = lines.iter().map(|line| {
        let values = line.series.dimensions.iter().map(|(_, value)| value.as_str());
        format!("{} {} {}", line.series.metric, values.collect::<Vec<_>>().join("/"), line.count)
    });
    let by_metric = |metric| {
        ["__other__/x 2", "__other__/y 1", "a/x 1", "a/y 1"].map(|rest| format!("{metric} {rest}"))
    };
    let expected = [by_metric("Delivery"), by_metric("DeliveryTime")].concat();
    assert_eq!(lines.collect::<Vec<_>>(), expected);
}

/// The campaigns of a request with these, which is merged or not.
fn request(rules: &Arc<RuleSet>, layouts: &Layouts, now_ms: i64, values: &[&str]) -> Vec<String> {
    let mut batch = batch(rules, now_ms);
    for value in values {
        read(&mut batch, &send(0, value, "x"));
    }
    batch.counted();
    campaigns(&sorted_lines(batch.delta.iter(), layouts)).into_keys().collect()
}

#[test]
fn places_are_those_of_an_hour_of_processing_and_of_all_requests() {
    let layouts = Layouts::default();
    let own = json!({"ValueLimits": {"campaign": 2}, "DimensionSets": [["campaign"]]});
    let rules = rules(&own, &layouts);
    let request = |now_ms, values: &[&str]| request(&rules, &layouts, now_ms, values);
    assert_eq!(request(NOW_MS, &["a"]), ["a"]);
    assert_eq!(request(NOW_MS + 1, &["b", "c"]), ["__other__", "b"]);
    assert_eq!(request(NOW_MS + HOUR_MS - 1, &["c", "a"]), ["__other__", "a"]);
    assert_eq!(request(NOW_MS + HOUR_MS, &["c", "d", "a"]), ["__other__", "c", "d"]);
}

#[test]
fn rejected_request_takes_no_place() {
    let layouts = Layouts::default();
    let own = json!({"ValueLimits": {"campaign": 1}, "DimensionSets": [["campaign"]]});
    let rules = rules(&own, &layouts);
    let mut rejected = batch(&rules, NOW_MS);
    read(&mut rejected, &send(0, "a", "x"));
    // Until it is rejected, it has the place.
    assert_eq!(request(&rules, &layouts, NOW_MS, &["b"]), ["__other__"]);
    drop(rejected);
    assert_eq!(request(&rules, &layouts, NOW_MS, &["b", "a"]), ["__other__", "b"]);
}

#[test]
fn value_without_a_count_takes_no_place() {
    let layouts = Layouts::default();
    let own = json!({"ValueLimits": {"campaign": 1}});
    let rules = rules(&own, &layouts);
    let mut batch = batch(&rules, NOW_MS);
    read(&mut batch, &send(0, "a", "two words"));
    read(&mut batch, &send(0, "b", "x"));
    let lines = sorted_lines(batch.delta.iter(), &layouts);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].series.dimensions[0].1, "b");
}

#[test]
fn reloaded_definitions_keep_the_places_of_the_hour() {
    let layouts = Layouts::default();
    let own = json!({"ValueLimits": {"campaign": 1}, "DimensionSets": [["campaign"]]});
    let first = rules(&own, &layouts);
    assert_eq!(request(&first, &layouts, NOW_MS, &["a"]), ["a"]);
    let second = rules(&own, &layouts);
    drop(first);
    assert_eq!(request(&second, &layouts, NOW_MS, &["b", "a"]), ["__other__", "a"]);
}
