//! `postmeter count` against truth that does not come from the rules engine.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use postmeter::synth::{Profile, StreamOptions, Truth, stream};
use serde_json::Value;

use crate::support::command::{project_file, run, text};
use crate::support::traffic::assert_same_lines;

/// Events of the big run; the generator's own share of it is small.
const EVENTS: usize = 100_000;

fn definitions(path: &str) -> Value {
    let text = fs::read_to_string(project_file(path)).expect("the file is there");
    serde_json::from_str(&text).expect("the file is JSON")
}

fn truth_of(
    stream: &postmeter::synth::Stream,
    definitions: &Value,
    default_set: Option<&str>,
) -> Truth {
    let mut truth = Truth::new(definitions, default_set, "SES");
    for facts in &stream.facts {
        truth.add(facts);
    }
    for (other, count) in &stream.others {
        for _ in 0..*count {
            truth.add_other(*other);
        }
    }
    truth
}

fn assert_identities(summary: &Value) {
    let number = |key: &str| summary[key].as_u64().unwrap_or_else(|| panic!("{key}: {summary}"));
    assert_eq!(number("events"), number("matched") + number("unmatched") + number("unrouted"));
    let dropped: u64 = summary["dropped"]
        .as_object()
        .expect("dropped is an object")
        .values()
        .map(|count| count.as_u64().expect("a count"))
        .sum();
    assert_eq!(number("destination_matches"), number("counts") + dropped);
}

fn count_and_compare(
    seed: u64,
    events: usize,
    definitions_path: &str,
    default_set: Option<&str>,
    gzip: bool,
) {
    let profile = Profile { seed, awkward: true, ..Profile::default() };
    let stream = stream(profile, events, &StreamOptions::default());
    let truth = truth_of(&stream, &definitions(definitions_path), default_set);

    let folder = tempfile::tempdir().expect("a folder");
    let (input, summary) = (folder.path().join("events"), folder.path().join("summary.json"));
    if gzip {
        // Two members, as Firehose writes them.
        let (first, second) = stream.bytes.split_at(stream.bytes.len() / 2);
        let mut file = Vec::new();
        for part in [first, second] {
            let mut encoder = GzEncoder::new(&mut file, Compression::fast());
            encoder.write_all(part).expect("gzip in memory");
            encoder.finish().expect("gzip in memory");
        }
        fs::write(&input, file).expect("the input is written");
    } else {
        fs::write(&input, &stream.bytes).expect("the input is written");
    }
    let (input, summary_path) = (input.display().to_string(), summary.display().to_string());
    let mut args = vec![
        "count",
        "--definitions",
        definitions_path,
        "--summary",
        &summary_path,
        "--format",
        "json",
    ];
    args.extend(default_set.iter().flat_map(|set| ["--default-set", set]));
    args.push(&input);
    let output = run(&args);
    assert!(output.status.success(), "{}", text(&output.stderr));

    assert_same_lines(text(&output.stdout), &truth.to_lines());
    let counted: Value =
        serde_json::from_str(&fs::read_to_string(summary).expect("a summary")).expect("JSON");
    let expected: Value = serde_json::from_str(&truth.summary().to_json()).expect("JSON");
    assert_eq!(counted, expected);
    assert_identities(&counted);
}

#[test]
fn a_hundred_thousand_events_in_every_wrapping_and_with_every_fault_equal_the_truth() {
    count_and_compare(1, EVENTS, "config/definitions.json", None, false);
}

#[test]
fn gzip_a_default_set_and_the_extensions_equal_the_truth() {
    for seed in 2..6 {
        let gzip = seed % 2 == 0;
        count_and_compare(seed, 5_000, "config/examples/extensions.json", Some("newsletter"), gzip);
        count_and_compare(seed, 5_000, "config/definitions.json", Some("prod"), gzip);
    }
}
