//! `postmeter count` against expected results that the rules engine does not compute.

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use postmeter::synth::{Profile, StreamOptions, Truth, stream};
use serde_json::Value;

use crate::support::command::{postmeter, project_file, run, run_with_stdin, text};
use crate::support::traffic::assert_same_lines;

/// Events of the large run; the generator takes little of its time.
const EVENTS: usize = 100_000;

const DEFINITIONS: &str = "config/definitions.json";

fn definitions(path: &str) -> Value {
    let text = fs::read_to_string(project_file(path)).expect("the file is there");
    serde_json::from_str(&text).expect("the file is JSON")
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("gzip in memory");
    encoder.finish().expect("gzip in memory")
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
    if let Some(values) = summary.get("values") {
        let number = |pointer: &str| values.pointer(pointer).and_then(Value::as_u64);
        let dropped = number("/dropped/invalid_value").expect("dropped");
        let no_value = values["no_value"].as_object().into_iter().flat_map(|why| why.values());
        let no_value: u64 = no_value.filter_map(Value::as_u64).sum();
        let matches = number("/matches").expect("matches");
        assert_eq!(matches, number("/counts").expect("counts") + dropped + no_value);
    }
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
    let mut truth = Truth::new(&definitions(definitions_path), default_set, "SES");
    stream.tell(&mut truth);

    let folder = tempfile::tempdir().expect("a folder");
    let (input, summary) = (folder.path().join("events"), folder.path().join("summary.json"));
    if gzip {
        // Two members, as Firehose writes them.
        let (first, second) = stream.bytes.split_at(stream.bytes.len() / 2);
        fs::write(&input, [gzipped(first), gzipped(second)].concat())
            .expect("the input is written");
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
    let mut counted: Value =
        serde_json::from_str(&fs::read_to_string(summary).expect("a summary")).expect("JSON");
    let expected: Value = serde_json::from_str(&truth.summary().to_json()).expect("JSON");
    // The truth knows no limits; here they are never reached.
    let limited = counted.as_object_mut().expect("an object").remove("limited");
    assert!(limited.is_none_or(|limited| limited["folded"] == 0));
    assert_eq!(counted, expected);
    assert_identities(&counted);
}

#[test]
fn counts_of_100000_events_in_every_wrapping_and_with_every_fault_equal_the_truth() {
    count_and_compare(1, EVENTS, "config/definitions.json", None, false);
}

/// Definitions with fields of the event and several sets of dimensions.
const QUESTIONS: [&str; 5] = [
    "bounces-by-campaign",
    "delays-by-provider",
    "human-opens",
    "bounce-rate-by-campaign",
    "delivery-time-by-provider",
];

#[test]
fn counts_by_fields_and_in_several_sets_equal_the_truth() {
    for (seed, question) in (40..).zip(QUESTIONS) {
        let definitions = format!("config/examples/{question}.json");
        count_and_compare(seed, 5_000, &definitions, Some("any"), seed % 2 == 0);
    }
}

#[test]
fn counts_with_gzip_default_set_and_extensions_equal_the_truth() {
    for seed in 2..6 {
        let gzip = seed % 2 == 0;
        count_and_compare(seed, 5_000, "config/examples/extensions.json", Some("newsletter"), gzip);
        count_and_compare(seed, 5_000, "config/definitions.json", Some("prod"), gzip);
    }
}

#[test]
fn inputs_are_counted_as_one_and_unreadable_ones_are_named_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut truth = Truth::new(&definitions(DEFINITIONS), None, "SES");
    let (mut inputs, mut unreadable) = (Vec::new(), Vec::new());
    for seed in 0..40 {
        let profile = Profile { seed, awkward: true, ..Profile::default() };
        // Some of them are longer than a block.
        let events = if seed % 10 == 0 { 3000 } else { 100 };
        let stream = stream(profile, events, &StreamOptions::default());
        stream.tell(&mut truth);
        let bytes = if seed % 2 == 0 { gzipped(&stream.bytes) } else { stream.bytes };
        inputs.push(path(&format!("{seed}")));
        fs::write(&inputs[inputs.len() - 1], bytes).expect("the input is written");
        if seed % 7 == 0 {
            inputs.push(path(&format!("missing-{seed}")));
            unreadable.push(format!("missing-{seed}"));
        }
    }
    let summary = path("summary.json");
    let mut args = vec!["count", "--definitions", DEFINITIONS, "--summary", &summary];
    args.extend(inputs.iter().map(String::as_str));
    let output = run(&args);
    assert_eq!(output.status.code(), Some(1));
    assert_same_lines(text(&output.stdout), &truth.to_lines());
    let summary: Value =
        serde_json::from_str(&fs::read_to_string(summary).expect("a summary")).expect("JSON");
    let expected: Value = serde_json::from_str(&truth.summary().to_json()).expect("JSON");
    assert_eq!(summary, expected);

    let complaints: Vec<_> =
        text(&output.stderr).lines().filter(|line| line.contains("cannot open")).collect();
    assert_eq!(complaints.len(), unreadable.len(), "{complaints:?}");
    for (complaint, name) in complaints.iter().zip(&unreadable) {
        assert!(complaint.contains(name.as_str()), "{complaints:?}");
    }
}

#[test]
fn first_unreadable_value_is_named_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (sound, faulty, later) = (path("sound"), path("faulty.gz"), path("later"));
    let event = "{\"eventType\":\"Send\",\"mail\":{}}\n";
    fs::write(&sound, event).expect("the input is written");
    // Many blocks, with a fault late in the first text and early in the next.
    let mut text_of_faulty = event.repeat(200_000);
    let place = text_of_faulty.len();
    write!(text_of_faulty, "{{\"to\":\"reader@example.net\n{event}?\n").expect("in memory");
    fs::write(&faulty, gzipped(text_of_faulty.as_bytes())).expect("the input is written");
    fs::write(&later, "?\n").expect("the input is written");
    let output = run(&["count", "--definitions", DEFINITIONS, &sound, &faulty, &later]);
    assert!(output.status.success());
    let expected = format!(
        "postmeter: 3 values could not be read (malformed: not JSON 3); the first is at byte \
         {place} of the text in {faulty}\npostmeter: 200002 events not counted (unrouted: no configuration set \
         200002); the first is at byte 0 of the text in {sound}\n"
    );
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn stdin_named_several_times_is_read_once() {
    let events =
        "{\"eventType\":\"Send\",\"mail\":{\"tags\":{\"ses:configuration-set\":\"prod\"}}}\n"
            .repeat(50_000);
    let args = ["count", "--definitions", DEFINITIONS, "--arrival", "2026-11-20T12:00:00Z", "-"];
    let once = run_with_stdin(&args, events.as_bytes());
    assert!(text(&once.stdout).contains("\"Counts\":[50000]"), "{}", text(&once.stdout));
    let twice = run_with_stdin(&[&args[..], &["-", "-"]].concat(), events.as_bytes());
    assert_eq!((text(&twice.stdout), text(&twice.stderr)), (text(&once.stdout), ""));
}

/// The peak resident memory of a process, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib << 10
}

/// A long stream with long values needs no more memory than documented in `pipeline::bulk`: for
/// each core four blocks of 1 MiB with their counts, one value, and the program itself.
#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_length_of_the_input() {
    const LEN: usize = 192 << 20;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let allowed = 80_u64 * (1 << 20) + cores as u64 * 6 * (1 << 20);

    let mut child = postmeter(&["count", "--definitions", DEFINITIONS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let part = stream(Profile::default(), 2000, &StreamOptions::default());
    let long = format!("[\"{}\"]\n", "}{".repeat(6 << 20));
    let (mut written, mut parts, mut longs) = (0, 0, 0_u64);
    while written < LEN {
        let bytes = if parts % 20 == 10 && longs < 3 {
            longs += 1;
            long.as_bytes()
        } else {
            parts += 1;
            // The byte order mark of the first part is skipped; a later one would be a fault.
            &part.bytes[if parts == 1 { 0 } else { 3 }..]
        };
        stdin.write_all(bytes).expect("the command reads");
        written += bytes.len();
    }
    // Everything except the pipe's content was read, and the process waits for more.
    let peak = peak_memory(child.id());
    drop(stdin);
    let output = child.wait_with_output().expect("the binary ends");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let counted: u64 = text(&output.stdout)
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).expect("JSON")["Counts"][0].as_u64().unwrap()
        })
        .sum();
    let mut truth = Truth::new(&definitions(DEFINITIONS), None, "SES");
    part.tell(&mut truth);
    let of_part: Value = serde_json::from_str(&truth.summary().to_json()).expect("JSON");
    assert_eq!(counted, parts * of_part["counts"].as_u64().unwrap());
    assert!(peak < allowed, "{peak} bytes, {allowed} are allowed");
}
