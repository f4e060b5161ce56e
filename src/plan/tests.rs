//! Plans of generated and of hand-made events.

#![expect(clippy::float_cmp, reason = "figures that are computed the same way each time")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::series::SeriesHours;
use super::*;
use crate::aggregate::sorted_lines;
use crate::definitions::{self, Definitions};
use crate::rules::{Layouts, RuleSet};
use crate::ses::Minute;
use crate::synth::{Generator, Profile};

const SETTINGS: PlanSettings = PlanSettings {
    daemons: 1,
    existing_metrics: 0,
    events_a_month: None,
    series_limit: 10_000,
    flush_seconds: 10.0,
};

fn definitions(document: &Value) -> Definitions {
    let reading = definitions::read("f", &document.to_string());
    reading.definitions.unwrap_or_else(|| panic!("{:#?}", reading.findings))
}

fn rules(document: &Value) -> PlanRules {
    PlanRules::new(&definitions(document), "SES", None, None)
}

fn tag(name: &str) -> Value {
    json!({"DimensionName": name, "DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "none"})
}

fn destination(name: &str, types: &[&str], cloudwatch: &Value) -> Value {
    json!({"Name": name, "Enabled": true, "MatchingEventTypes": types,
        "CloudWatchDestination": cloudwatch})
}

fn document(destinations: &[Value]) -> Value {
    json!({"ConfigurationSets": [
        {"ConfigurationSetName": "prod", "EventDestinations": destinations}]})
}

/// Sends by campaign.
fn by_campaign() -> Value {
    let campaign = json!({"DimensionConfigurations": [tag("campaign")]});
    document(&[destination("by-campaign", &["SEND"], &campaign)])
}

/// An event of a type at an hour and a minute, with tags.
fn event(event_type: &str, (hour, minute): (i64, i64), tags: &[(&str, &str)]) -> String {
    let time = Minute(496_000 * 60 + hour * 60 + minute).to_string();
    let mut all = json!({"ses:configuration-set": ["prod"]});
    for (name, value) in tags {
        all[*name] = json!([value]);
    }
    json!({"eventType": event_type, "mail": {"timestamp": time, "tags": all}}).to_string()
}

fn planned(document: &Value, events: &[String], settings: &PlanSettings) -> Plan {
    plan(&rules(document), events.iter().map(String::as_bytes), settings)
}

/// Several sets and destinations, some of which write the same series.
fn generated_document(types: &[&str], on_invalid: &str) -> Value {
    let sets = json!({
        "OnInvalidValue": on_invalid,
        "DimensionConfigurations": [tag("campaign"), tag("genre")],
        "EventDimensions": [{"Field": "mailbox_provider", "DefaultDimensionValue": "none"}],
        "DimensionSets": [["campaign"], ["campaign", "mailbox_provider"], ["genre"], []],
    });
    let campaign = json!({"DimensionConfigurations": [tag("campaign")]});
    let rates = json!({
        "Namespace": "Rates",
        "DimensionConfigurations": [tag("campaign")],
        "Measures": ["COUNT", "HARD_BOUNCE_RATE", "COMPLAINT_RATE", "DELIVERY_TIME"],
        "ValueLimits": {"campaign": 3},
    });
    json!({"ConfigurationSets": [
        {"ConfigurationSetName": "prod", "EventDestinations": [
            destination("sets", types, &sets),
            destination("rates", &["DELIVERY", "BOUNCE", "COMPLAINT"], &rates),
            destination("other", types,
                &json!({"Namespace": "Other", "DimensionConfigurations": [tag("campaign")]})),
        ]},
        {"ConfigurationSetName": "staging", "EventDestinations": [
            destination("same", types, &campaign)]},
        {"ConfigurationSetName": "*", "EventDestinations": [
            destination("rest", types, &campaign)]},
    ]})
}

/// Counts by series and hour.
type Counted = BTreeMap<(String, String, Vec<(String, String)>, i64), u64>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The series of a plan, with their hours and counts, are those of `count`; so are its totals.
    #[test]
    fn series_of_a_plan_are_those_of_count(
        seed in 0_u64..1000,
        types in prop::sample::subsequence(vec!["SEND", "DELIVERY", "BOUNCE", "OPEN", "CLICK"], 1..=5),
        on_invalid in prop::sample::select(vec!["DROP", "DEFAULT", "SANITIZE"]),
    ) {
        let document = generated_document(&types, on_invalid);
        let profile = Profile {
            seed,
            events_per_second: 0.05,
            awkward: true,
            configuration_sets: ["prod", "staging", "else"].map(str::to_owned).to_vec(),
            ..Profile::default()
        };
        let events: Vec<String> = Generator::new(profile).take(600).map(|event| event.json).collect();

        let layouts = Layouts::default();
        let plain = Arc::new(RuleSet::new(&definitions(&document), "SES", None, &layouts));
        let mut batch = Batch::new(Arc::clone(&plain), PlanRules::times());
        for event in &events {
            read_all(event.as_bytes(), plain.interest(), &mut batch);
        }
        let mut expected = Counted::new();
        for line in sorted_lines(batch.delta.iter(), &layouts) {
            let series = line.series;
            let hour = series.minute.0.div_euclid(60);
            let key = (series.namespace.to_string(), series.metric.to_owned(), series.dimensions, hour);
            *expected.entry(key).or_default() += line.count;
        }

        let rules = rules(&document);
        let mut of_plan = rules.batch();
        for event in &events {
            read_all(event.as_bytes(), rules.rules().interest(), &mut of_plan);
        }
        let planned = PlannedSeries::new(&rules, &of_plan);
        let mut found = Counted::new();
        for series in &planned.all {
            for HourCount { hour, count } in &series.hours {
                let SeriesHours { metric, dimensions, by_destination, .. } = series;
                let namespace = rules.destinations[by_destination[0].0].namespace.clone();
                let key = (namespace, metric.clone(), dimensions.clone(), *hour);
                prop_assert_eq!(found.insert(key, *count), None);
            }
        }
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(&of_plan.tally, &batch.tally);

        let plan = plan_of(&rules, &of_plan, &SETTINGS);
        let series: BTreeSet<_> = expected.keys().map(|(a, b, c, _)| (a, b, c)).collect();
        prop_assert_eq!(plan.total.series, series.len() as u64);
        prop_assert_eq!(plan.total.series_hours, expected.len() as u64);
        prop_assert_eq!(plan.counted.counts, batch.tally.counts);
        let MonthRange { low, at_this_rate, high } = plan.dollars;
        prop_assert!(low <= at_this_rate && at_this_rate <= high, "{:?}", plan.dollars);
    }

    /// From each day of a month that is quieter at night and on weekends, and has a campaign more each
    /// day, the bounds contain what the whole month costs.
    #[test]
    fn bounds_from_a_day_contain_the_month(seed in any::<u64>(), campaigns in 3_usize..8) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut events = Vec::new();
        for hour in 0..730_i64 {
            let (day, of_day) = (hour / 24, hour % 24);
            let busy = if (7..22).contains(&of_day) { 0.9 } else { 0.2 };
            let busy = if day % 7 >= 5 { busy / 2.0 } else { busy };
            // The first and the last hour have events, so that these are the month.
            let busy = if matches!(hour, 0 | 729) { 1.0 } else { busy };
            let all = campaigns + usize::try_from(day).expect("a day");
            let active = (0..all).filter(|_| random.f64() < busy);
            let active: Vec<usize> = active.collect();
            for campaign in active {
                let campaign = format!("c{campaign}");
                let minute = random.i64(0..60);
                events.push((day, event("Send", (hour, minute), &[("campaign", &campaign)])));
            }
        }
        let document = by_campaign();
        let texts = |wanted: Option<i64>| {
            let of_day = events.iter().filter(|(day, _)| wanted.is_none_or(|wanted| wanted == *day));
            of_day.map(|(_, text)| text.clone()).collect::<Vec<_>>()
        };
        let month = planned(&document, &texts(None), &SETTINGS);
        prop_assert!(month.counted.hours > 725.0);
        for day in [0, 4, 5, 12, 20, 29] {
            let of_day = planned(&document, &texts(Some(day)), &SETTINGS);
            let MonthRange { low, high, .. } = of_day.dollars;
            let actual = month.dollars.at_this_rate;
            prop_assert!(low <= actual && actual <= high, "day {day}: {low} {actual} {high}");
        }
    }
}

/// Cases whose dollars are computed by hand, with these sends:
/// campaign a in hours 0, 1, 2 and 3; campaign b in hours 0 and 3.
fn six_series_hours() -> Vec<String> {
    let of_a = (0..4).map(|hour| event("Send", (hour, 7), &[("campaign", "a")]));
    let of_b = [0, 3].into_iter().map(|hour| event("Send", (hour, 7), &[("campaign", "b")]));
    of_a.chain(of_b).collect()
}

fn is_close(found: MonthRange, expected: [f64; 3]) {
    let MonthRange { low, at_this_rate, high } = found;
    for (found, expected) in [low, at_this_rate, high].into_iter().zip(expected) {
        assert!((found - expected).abs() < 0.011, "{found} is not {expected}");
    }
}

#[test]
fn dollars_of_two_series_are_as_computed_by_hand() {
    let plan = planned(&by_campaign(), &six_series_hours(), &SETTINGS);
    assert_eq!((plan.total.series, plan.total.series_hours), (2, 6));
    assert_eq!(plan.counted.hours, 4.0);
    // At this rate 6 / 4 = 1.5 metrics: 0.45. Low: 6 hours, and 726 others with one series, are 732
    // of 730 hours: 0.30. High: 10,000 metrics.
    is_close(plan.total.dollars_a_month, [0.30, 0.45, 3000.0]);
    // Eleven totals of the daemon.
    is_close(plan.own_totals.dollars_a_month, [3.3; 3]);
    // Own totals: 60 x 730 = 43,800. Events: at this rate as many calls as minutes and counts, at
    // most 6 a minute: in the minute 7 of hours 0 and 3 there are two counts, so 6 / 4 x 730 = 1,095.
    // High: 6 x 60 x 730 flushes of ten calls.
    let MonthRange { low, at_this_rate, high } = plan.requests.requests_a_month;
    assert_eq!((low, at_this_rate, high), (43_804.0, 44_895.0, 43_800.0 + 2_628_000.0));
    is_close(plan.requests.dollars_a_month, [0.44, 0.45, 26.72]);
    is_close(plan.dollars, [4.04, 4.20, 3030.02]);
}

#[test]
fn dollars_beyond_a_tier_are_as_computed_by_hand() {
    // One of 1.5 metrics is the last of the first tier: 0.30 + 0.5 x 0.10.
    let settings = PlanSettings { existing_metrics: 9_999, ..SETTINGS };
    let plan = planned(&by_campaign(), &six_series_hours(), &settings);
    // High: one at $0.30 and 9,999 at $0.10.
    is_close(plan.total.dollars_a_month, [0.30, 0.35, 0.30 + 999.9]);
    let settings = PlanSettings { existing_metrics: 2_000_000, ..SETTINGS };
    let plan = planned(&by_campaign(), &six_series_hours(), &settings);
    is_close(plan.total.dollars_a_month, [0.02, 0.03, 200.0]);
}

#[test]
fn dollars_of_limited_values_and_two_daemons_are_as_computed_by_hand() {
    let classes = json!({
        "EventDimensions": [{"Field": "bounce_class", "DefaultDimensionValue": "none"}],
        "DimensionSets": [["bounce_class"], []],
    });
    let document = document(&[destination("classes", &["BOUNCE", "SEND"], &classes)]);
    let events = [event("Send", (0, 1), &[]), event("Send", (1, 1), &[])];
    let settings = PlanSettings { daemons: 2, series_limit: 100, ..SETTINGS };
    let plan = planned(&document, &events, &settings);
    // Four classes and the default of bounces, and the totals of bounces and sends.
    assert_eq!(plan.destinations[0].series_max, Some(7.0));
    // One series in each hour: 0.30. High: 7 metrics.
    is_close(plan.total.dollars_a_month, [0.30, 0.30, 2.10]);
    // Two daemons send their own totals, and flush 12 times a minute at most.
    let MonthRange { low, high, .. } = plan.requests.requests_a_month;
    assert_eq!((low, high), (87_602.0, 87_600.0 + 525_600.0));
    // A limit of 3 for each of two daemons.
    let settings = PlanSettings { series_limit: 3, ..settings };
    let plan = planned(&document, &events, &settings);
    is_close(plan.total.dollars_a_month, [0.30, 0.30, 1.80]);
}

#[test]
fn fewer_events_make_fewer_hours_and_more_events_no_more_values() {
    let events = six_series_hours();
    // 6 events in 4 hours are 1,095 a month.
    let scaled = |events_a_month| {
        let settings = PlanSettings { events_a_month: Some(events_a_month), ..SETTINGS };
        planned(&by_campaign(), &events, &settings)
    };
    assert_eq!(scaled(1_095).total, scaled(109_500).total);
    let half = scaled(548).total;
    is_close(half.dollars_a_month, [0.15, 0.22, 3000.0]);
    let calls = |plan: Plan| plan.requests.requests_a_month.at_this_rate;
    // 100 times as many counts: six flushes in each minute with data.
    assert_eq!(calls(scaled(109_500)), 43_800.0 + 4.0 * 6.0 * 730.0 / 4.0);
}

#[test]
fn values_that_ses_rejects_are_shown_by_their_form_and_addresses_masked() {
    let events: Vec<String> = [
        "spring",
        "spring",
        "Spring Sale 26",
        "News Letter 7",
        "anna@example.org",
        "\u{e9}t\u{e9}",
    ]
    .iter()
    .map(|campaign| event("Send", (0, 1), &[("campaign", campaign)]))
    .chain([event("Send", (0, 2), &[]), event("Open", (0, 2), &[])])
    .collect();
    let plan = planned(&by_campaign(), &events, &SETTINGS);
    let dimension = &plan.destinations[0].dimensions[0];
    let values: Vec<_> =
        dimension.commonest.iter().map(|of| (&*of.value, of.count, of.share)).collect();
    assert_eq!(values, [("spring", 2, 0.5), ("a@a.a", 1, 0.25), ("none", 1, 0.25)]);
    let invalid: Vec<_> =
        dimension.invalid.iter().map(|of| (&*of.with, &*of.form, of.count)).collect();
    let expected =
        [("a space", "Aa Aa 9", 2), ("a character that is not ASCII", "\u{a4}a\u{a4}", 1)];
    assert_eq!(invalid, expected);
    // Of seven sends, the open is of no destination.
    assert_eq!((plan.lost_at_ses.events, plan.lost_at_ses.share), (3, 0.4286));
    let default = &dimension.defaults[0];
    assert_eq!((default.event_type, default.count, default.share), ("Send", 1, 0.1429));
    let text = serde_json::to_string(&plan).expect("JSON");
    for content in ["anna", "example", "Sale", "Letter", "\u{e9}"] {
        assert!(!text.contains(content), "{content}: {text}");
    }
}

#[test]
fn sanitized_values_are_still_lost_at_ses() {
    let sanitized =
        json!({"OnInvalidValue": "SANITIZE", "DimensionConfigurations": [tag("campaign")]});
    let document = document(&[destination("d", &["SEND"], &sanitized)]);
    let plan = planned(&document, &[event("Send", (0, 0), &[("campaign", "a b")])], &SETTINGS);
    assert_eq!((plan.counted.invalid_value, plan.lost_at_ses.events), (0, 1));
    assert_eq!(plan.destinations[0].dimensions[0].commonest[0].value, "a_b");
}

#[test]
fn drivers_and_cuts_say_what_a_dimension_and_a_set_cost() {
    let sets = json!({
        "DimensionConfigurations": [tag("campaign"), tag("provider")],
        "DimensionSets": [["campaign"], ["campaign", "provider"], []],
    });
    let document = document(&[destination("d", &["SEND"], &sets)]);
    let mut events = Vec::new();
    for campaign in ["a", "b"] {
        for provider in ["p", "q", "r"] {
            events.push(event("Send", (0, 0), &[("campaign", campaign), ("provider", provider)]));
        }
    }
    let plan = planned(&document, &events, &SETTINGS);
    // 2 + 6 + 1 series in one hour, each $0.30.
    assert_eq!(plan.total.series, 9);
    let driver = |name: &str| {
        let found = plan.drivers.iter().find(|driver| driver.name == name);
        found.map(|driver| (driver.factor, driver.dollars)).expect("a driver")
    };
    // Without the provider its set is that of the campaign: 6 series go.
    assert_eq!(driver("provider"), (3.0, 1.8));
    // Without the campaign: 3 providers and the total are left of 9. Of 8 that have it, 4 are left.
    assert_eq!(driver("campaign"), (2.0, 1.5));
    assert_eq!(driver("Send"), (1.0, 2.7));
    let first = &plan.cuts[0];
    assert_eq!((&*first.dimensions.join("+"), first.dollars), ("campaign+provider", 1.8));
}

#[test]
fn comparison_names_what_is_added_removed_and_changed() {
    let events = six_series_hours();
    let campaign = json!({"DimensionConfigurations": [tag("campaign")]});
    let total = json!({"DimensionConfigurations": [tag("campaign")], "DimensionSets": [[]]});
    let old = document(&[
        destination("a", &["SEND"], &campaign),
        destination(
            "gone",
            &["SEND"],
            &json!({"Namespace": "X", "DimensionConfigurations": [tag("x")]}),
        ),
        destination(
            "same",
            &["SEND"],
            &json!({"Namespace": "Y", "DimensionConfigurations": [tag("y")]}),
        ),
    ]);
    let new = document(&[
        destination("a", &["SEND"], &total),
        destination(
            "same",
            &["SEND"],
            &json!({"Namespace": "Y", "DimensionConfigurations": [tag("y")]}),
        ),
        destination(
            "new",
            &["SEND"],
            &json!({"Namespace": "Z", "DimensionConfigurations": [tag("campaign")]}),
        ),
    ]);
    let comparison = compare(planned(&new, &events, &SETTINGS), planned(&old, &events, &SETTINGS));
    let found: Vec<_> = comparison
        .difference
        .destinations
        .iter()
        .map(|of| (&*of.name, of.change, of.series, of.series_hours))
        .collect();
    assert_eq!(
        found,
        [
            ("a", Change::Changed, -1, -2),
            ("same", Change::Same, 0, 0),
            ("new", Change::Added, 2, 6),
            ("gone", Change::Removed, -1, -4),
        ]
    );
    // 4 and 4 and 6 hours instead of 6, 4 and 4, in 4 hours of $0.30 a month.
    assert_eq!((comparison.difference.series, comparison.difference.series_hours), (0, 0));
}

#[test]
fn destinations_that_are_off_make_nothing_and_events_without_a_time_are_not_in_the_span() {
    let mut document = by_campaign();
    let off = destination("off", &["SEND"], &json!({"DimensionConfigurations": [tag("x")]}));
    let sets = &mut document["ConfigurationSets"][0]["EventDestinations"];
    sets.as_array_mut().expect("a list").push(off);
    sets[1]["Enabled"] = json!(false);
    let without_time = json!({"eventType": "Send", "mail": {"tags":
        {"ses:configuration-set": ["prod"], "campaign": ["c"]}}});
    let mut events = six_series_hours();
    events.push(without_time.to_string());
    let plan = planned(&document, &events, &SETTINGS);
    assert_eq!((plan.destinations.len(), plan.disabled_destinations), (1, 1));
    assert_eq!(
        (plan.total.series, plan.counted.hours, plan.counted.read.no_timestamp),
        (3, 4.0, 1)
    );
}

#[test]
fn plan_of_nothing_has_no_rate_but_the_limits() {
    let plan = planned(&by_campaign(), &[], &SETTINGS);
    assert_eq!((plan.total.series, plan.counted.hours), (0, 0.0));
    is_close(plan.total.dollars_a_month, [0.0, 0.0, 3000.0]);
}
