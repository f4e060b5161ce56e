//! Every field and measure of events, in any sets of dimensions, is counted as the generator knows it.

mod rates;
mod value_limits;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::aggregate::sorted_lines;
use crate::definitions::{self, Definitions};
use crate::rules::{Layouts, NoValue, RuleSet};
use crate::sample::EventSample;
use crate::ses::{EventType, read_all};
use crate::synth::{Generator, Profile, Truth};

/// The names of the dimensions of a destination: tags, then fields.
const TAGS: [&str; 3] = ["campaign", "genre", "X-Mailer-Pool"];
const FIELDS: [&str; 10] = [
    "bounce_class",
    "bounce_sub_type",
    "delay_type",
    "smtp_status",
    "actor",
    "link_domain",
    "recipient_domain",
    "mailbox_provider",
    "account",
    "region",
];

const MEASURES: [&str; 4] = ["COUNT", "HARD_BOUNCE_RATE", "COMPLAINT_RATE", "DELIVERY_TIME"];

/// A document with one destination, which has these fields, sets and measures.
fn document(
    sets: Option<&[Vec<&str>]>,
    fields: &[&str],
    types: &[&str],
    on_invalid: &str,
) -> Value {
    document_with(sets, fields, types, on_invalid, None)
}

fn document_with(
    sets: Option<&[Vec<&str>]>,
    fields: &[&str],
    types: &[&str],
    on_invalid: &str,
    measures: Option<&[&str]>,
) -> Value {
    let unlimited = ["link_domain", "recipient_domain"];
    let limits = unlimited.iter().filter(|name| fields.contains(name));
    let limits: Map<String, Value> =
        limits.map(|name| ((*name).to_owned(), json!(10_000))).collect();
    let tags = TAGS.iter().map(|name| {
        let source = if name.starts_with('X') { "EMAIL_HEADER" } else { "MESSAGE_TAG" };
        json!({"DimensionName": name, "DimensionValueSource": source, "DefaultDimensionValue": "none"})
    });
    let own = fields.iter().map(
        |name| json!({"Field": name, "DimensionName": name, "DefaultDimensionValue": "missing"}),
    );
    json!({"ConfigurationSets": [{"ConfigurationSetName": "prod", "EventDestinations": [{
        "Name": "d", "Enabled": true, "MatchingEventTypes": types,
        "CloudWatchDestination": {
            "OnInvalidValue": on_invalid,
            "DimensionConfigurations": tags.collect::<Vec<_>>(),
            "EventDimensions": own.collect::<Vec<_>>(),
            "DimensionSets": sets,
            "Measures": measures,
            "ValueLimits": limits,
        },
    }]}]})
}

fn definitions(document: &Value) -> Definitions {
    let reading = definitions::read("f", &document.to_string());
    reading.definitions.unwrap_or_else(|| panic!("{:#?}", reading.findings))
}

/// The lines and the tally of generated events.
fn counted(document: &Value, events: &[String]) -> (String, Tally) {
    let layouts = Layouts::default();
    let rules = Arc::new(RuleSet::new(&definitions(document), "SES", None, &layouts));
    let times = Times { arrival_ms: 1_800_000_000_000, use_arrival: false };
    let mut batch = Batch::new(Arc::clone(&rules), times);
    for event in events {
        read_all(event.as_bytes(), rules.interest(), &mut batch);
    }
    let lines = sorted_lines(batch.delta.iter(), &layouts);
    let lines = lines.iter().map(|line| serde_json::to_string(line).expect("JSON") + "\n");
    (lines.collect(), batch.tally)
}

/// The events as a sample with room for all of them keeps them.
fn sampled(document: &Value, events: &[String]) -> Vec<String> {
    let rules = Arc::new(RuleSet::new(&definitions(document), "SES", None, &Layouts::default()));
    let times = Times { arrival_ms: 1_800_000_000_000, use_arrival: false };
    let sample = EventSample::new(usize::MAX, 1);
    for events in events.chunks(50) {
        let mut batch = Batch::new(Arc::clone(&rules), times).sampling(Some(sample.draw()));
        for event in events {
            read_all(event.as_bytes(), rules.interest(), &mut batch);
        }
        sample.add(batch.take_draw().expect("it samples"), times.arrival_ms);
    }
    let snapshot = sample.snapshot(times.arrival_ms);
    snapshot.events.iter().map(ToString::to_string).collect()
}

/// Counts generated events, and compares everything with what the generator knows.
fn assert_equals_the_truth(document: &Value, seed: u64, many: usize) {
    let mut truth = Truth::new(document, None, "SES");
    let configuration_sets = vec!["prod".to_owned()];
    let profile = Profile {
        seed,
        awkward: !seed.is_multiple_of(3),
        configuration_sets,
        ..Profile::default()
    };
    let events: Vec<String> = Generator::new(profile)
        .take(many)
        .map(|event| {
            truth.add(&event.facts);
            event.json
        })
        .collect();
    let (lines, tally) = counted(document, &events);
    let (sampled_lines, sampled_tally) = counted(document, &sampled(document, &events));
    assert_eq!((sampled_lines, sampled_tally.values), (lines.clone(), tally.values), "sampled");
    let expected = truth.to_lines();
    if let Some((line, expected)) = lines.lines().zip(expected.lines()).find(|(a, b)| a != b) {
        panic!("seed {seed}: {line}\nis not {expected}\n{document}");
    }
    assert_eq!(lines.lines().count(), expected.lines().count(), "seed {seed}: {document}");
    let summary = truth.summary();
    assert_eq!(
        (
            tally.events(),
            tally.matched,
            tally.destination_matches,
            tally.counts,
            tally.invalid_value
        ),
        (
            summary.events,
            summary.matched,
            summary.destination_matches,
            summary.counts,
            summary.dropped_invalid_value
        )
    );
    let values = tally.values;
    assert_eq!((values.matches, values.invalid_value), (summary.values, summary.values_dropped));
    let no_value = NoValue::ALL.into_iter().map(NoValue::name).zip(values.no_value);
    let no_value: BTreeMap<_, _> = no_value.filter(|(_, count)| *count > 0).collect();
    assert_eq!(no_value, summary.no_value);
    // The identities, of destinations and of their series and measures.
    let no_value: u64 = no_value.values().sum();
    assert_eq!(tally.destination_matches, tally.counts + tally.invalid_value);
    assert_eq!(values.matches, values.counts + values.invalid_value + no_value);
}

fn every_type() -> Vec<&'static str> {
    EventType::ALL.iter().map(|event_type| event_type.api_name()).collect()
}

#[test]
fn every_field_in_several_sets_equals_the_truth() {
    let mut sets: Vec<Vec<&str>> = FIELDS.iter().map(|field| vec![*field]).collect();
    sets.extend([
        vec![],
        vec!["campaign"],
        vec!["campaign", "mailbox_provider"],
        vec!["campaign", "bounce_class", "smtp_status", "recipient_domain"],
        vec!["genre", "actor", "region"],
        vec!["X-Mailer-Pool", "account"],
    ]);
    for measures in [None, Some(&MEASURES[..])] {
        let document = document_with(Some(&sets), &FIELDS, &every_type(), "DROP", measures);
        assert_equals_the_truth(&document, 1, 20_000);
    }
}

/// Names by the bits of a number.
fn chosen(bits: u16) -> Vec<&'static str> {
    let names = TAGS.iter().chain(&FIELDS);
    let chosen = names.enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, name)| *name);
    chosen.take(10).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the sets, types and the handling of invalid values.
    #[test]
    fn any_sets_equal_the_truth(
        sets in prop::collection::btree_set(0_u16..1 << 13, 1..8),
        types in prop::sample::subsequence(every_type(), 1..=10),
        on_invalid in prop::sample::select(vec!["DROP", "DEFAULT", "SANITIZE"]),
        measures in prop::option::of(prop::sample::subsequence(MEASURES.to_vec(), 1..=4)),
        seed in 0_u64..1000,
    ) {
        let sets: std::collections::BTreeSet<_> = sets.into_iter().map(chosen).collect();
        let sets: Vec<_> = sets.into_iter().collect();
        let types = if measures.is_some() { every_type() } else { types };
        let measures = measures.as_deref();
        let document = document_with(Some(&sets), &FIELDS, &types, on_invalid, measures);
        assert_equals_the_truth(&document, seed, 300);
    }

    /// Without sets, one series of all dimensions, for types that have all the fields.
    #[test]
    fn one_series_equals_the_truth(
        fields in prop::sample::subsequence(FIELDS.to_vec(), 0..=4),
        seed in 0_u64..1000,
    ) {
        assert_equals_the_truth(&document(None, &fields, &every_type(), "DROP"), seed, 300);
    }
}
