//! `postmeter plan`: one screen and JSON, and what a daemon publishes of the same events.

use std::collections::BTreeSet;
use std::fs;

use postmeter::clock::Clock;
use postmeter::config::DefinitionsSource;
use postmeter::synth::{Generator, Profile};
use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::command::{run, run_with_stdin, text};
use crate::support::fake_cloudwatch::FakeCloudWatch;

const DEFINITIONS: &str = "config/examples/bounces-by-campaign.json";
const EVENTS: &str = "config/examples/events.ndjson";

fn plan_json(arguments: &[&str]) -> Value {
    let output = run(&[&["plan", "--format", "json"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_str(text(&output.stdout)).expect("JSON")
}

/// The series of a plan are those of `count`, and those that a daemon publishes.
#[tokio::test]
async fn series_are_those_of_count_and_of_a_daemon() {
    // CloudWatch takes no old datum.
    let start_ms = Clock::System.now_ms() - 3 * 3_600_000;
    let profile =
        Profile { seed: 62, start_ms, awkward: true, events_per_second: 2.0, ..Profile::default() };
    let events: Vec<String> = Generator::new(profile).take(3_000).map(|event| event.json).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("events.json");
    fs::write(&input, events.join("\n")).expect("it is written");
    let input = input.display().to_string();

    let plan = plan_json(&["--definitions", DEFINITIONS, &input]);
    let counted = run(&["count", "--definitions", DEFINITIONS, "--format", "json", &input]);
    let mut series = BTreeSet::new();
    let mut hours = BTreeSet::new();
    for line in text(&counted.stdout).lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let key = format!("{} {} {}", line["Namespace"], line["MetricName"], line["Dimensions"]);
        let time = line["Timestamp"].as_str().expect("a time");
        hours.insert((key.clone(), time[..13].to_owned()));
        series.insert(key);
    }
    assert_eq!(plan["total"]["series"], series.len());
    assert_eq!(plan["total"]["series_hours"], hours.len());
    assert!(series.len() > 50 && hours.len() > series.len() / 2, "{}", hours.len());

    let fake = FakeCloudWatch::start().await;
    let app = TestApp::start(&fake, |config| {
        config.definitions = Some(DefinitionsSource::Path(DEFINITIONS.into()));
    })
    .await;
    for (number, events) in events.chunks(1_000).enumerate() {
        let texts: Vec<&str> = events.iter().map(String::as_str).collect();
        let answer = app.firehose().deliver(&format!("plan-{number}"), &texts).await;
        assert_eq!(answer.status, 200);
    }
    app.settled().await;
    let published: BTreeSet<_> = fake
        .totals()
        .keys()
        .map(|of| (of.namespace.clone(), of.metric.clone(), of.dimensions.clone()))
        .collect();
    assert_eq!(plan["total"]["series"], published.len());
}

#[test]
fn screen_fits_its_width_and_says_what_is_counted_and_what_projected() {
    let arguments = ["plan", "--definitions", "config/definitions.json", "--daemons", "2", EVENTS];
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let screen = text(&output.stdout);
    assert!(screen.lines().all(|line| line.chars().count() <= 100), "{screen}");
    assert!(screen.lines().count() <= 40, "{screen}");
    for part in
        ["COUNTED 4 events, 1 h", "LOST AT SES", "a space", "PROJECTED to 730 h", "2 daemons"]
    {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    assert!(!screen.contains("spring sale"), "invalid values are shown by their form: {screen}");
}

#[test]
fn example_costs_less_than_50_dollars_whatever_the_events() {
    let plan = plan_json(&["--definitions", "config/examples/cost-under-50.json", EVENTS]);
    let high = plan["dollars"]["high"].as_f64().expect("dollars");
    assert!(high < 50.0 && high > 40.0, "{high}");
}

#[test]
fn comparison_reads_files_twice_but_not_stdin() {
    let new = "config/examples/bounces-by-campaign.json";
    let compared = ["--definitions", new, "--compare", "config/definitions.json"];
    let comparison = plan_json(&[&compared[..], &[EVENTS]].concat());
    let series = |of: &str| comparison[of]["total"]["series"].as_i64().expect("a number");
    let difference = comparison["difference"]["series"].as_i64().expect("a number");
    assert_eq!(difference, series("plan") - series("compared_with"));
    let output = run(&[&["plan"], &compared[..], &[EVENTS]].concat());
    assert!(text(&output.stdout).contains("COMPARED "), "{}", text(&output.stdout));
    let output = run_with_stdin(&[&["plan"], &compared[..]].concat(), b"{}");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("pass files"), "{}", text(&output.stderr));
}

#[test]
fn scale_and_existing_metrics_change_what_is_projected_and_not_what_is_counted() {
    let definitions = ["--definitions", "config/definitions.json"];
    let plain = plan_json(&[&definitions[..], &[EVENTS]].concat());
    let scaled = plan_json(
        &[&definitions[..], &["--scale", "1000000", "--existing-metrics", "20000", EVENTS]]
            .concat(),
    );
    assert_eq!(plain["counted"], scaled["counted"]);
    assert_eq!(plain["total"]["series_hours"], scaled["total"]["series_hours"]);
    assert_eq!(scaled["projected"]["events"], 1_000_000);
    let dollars = |plan: &Value| plan["total"]["dollars_a_month"]["at_this_rate"].as_f64();
    assert!(dollars(&scaled) < dollars(&plain), "the first tier is taken");
}
