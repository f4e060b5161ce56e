//! Every known event and wrapping, against a table written by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::support::command::{project_file, run, text};

const FOLDER: &str = "tests/fixtures";
const DEFINITIONS: &str = "tests/fixtures/definitions.json";
const DAY: &str = "2026-11-20";

/// A row of `expected.md`.
struct Row {
    fixture: String,
    /// The wrappings of each value in the file, as `explain` prints them.
    wrappings: Vec<String>,
    lines: BTreeSet<String>,
    /// Values that are not counted, by key of the summary.
    others: BTreeMap<String, u64>,
}

fn rows() -> Vec<Row> {
    let table = fs::read_to_string(project_file(FOLDER).join("expected.md")).expect("the table");
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [fixture, wrappings, expected] = cells[..] else { panic!("not three cells: {line}") };
    let (mut lines, mut others) = (BTreeSet::new(), BTreeMap::new());
    for item in expected.split(", ") {
        match item.strip_prefix('`').and_then(|item| item.strip_suffix('`')) {
            Some(line) => assert!(lines.insert(line.to_owned()), "twice in {fixture}: {line}"),
            None => *others.entry(item.to_owned()).or_insert(0) += 1,
        }
    }
    let wrappings = wrappings.split(", ").map(str::to_owned).collect();
    Row { fixture: fixture.to_owned(), wrappings, lines, others }
}

/// A line of `count --format json` in the table's format.
fn as_in_table(line: &str) -> String {
    let line: Value = serde_json::from_str(line).expect("a line of JSON");
    let string = |value: &Value| value.as_str().expect("a string").to_owned();
    let dimensions = line["Dimensions"].as_array().expect("dimensions").iter();
    let dimensions = dimensions
        .map(|dimension| format!("{}={}", string(&dimension["Name"]), string(&dimension["Value"])));
    let dimensions = dimensions.collect::<Vec<_>>().join(";");
    let time = string(&line["Timestamp"]);
    let minute = time
        .strip_prefix(DAY)
        .and_then(|time| time.strip_prefix('T')?.strip_suffix(":00Z"))
        .unwrap_or_else(|| panic!("not of the day: {time}"));
    assert_eq!((&line["Unit"], &line["Values"]), (&"Count".into(), &vec![1].into()));
    let (namespace, metric) = (string(&line["Namespace"]), string(&line["MetricName"]));
    format!("{namespace} {metric} {{{dimensions}}} {minute} {}", line["Counts"][0])
}

#[test]
fn every_fixture_is_counted_as_the_table_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let summary_path = folder.path().join("summary.json").display().to_string();
    for row in rows() {
        let input = format!("{FOLDER}/{}", row.fixture);
        let mut args = vec!["count", "--definitions", DEFINITIONS, "--default-set", "legacy"];
        args.extend(["--format", "json", "--summary", &summary_path, &input]);
        let output = run(&args);
        assert!(output.status.success(), "{input}: {}", text(&output.stderr));
        let lines: BTreeSet<_> = text(&output.stdout).lines().map(as_in_table).collect();
        assert_eq!(lines, row.lines, "{input}");
        let summary = fs::read_to_string(&summary_path).expect("a summary");
        let summary: Value = serde_json::from_str(&summary).expect("JSON");
        let others = [
            ("unmatched", &summary["unmatched"]),
            ("unrouted", &summary["unrouted"]),
            ("malformed", &summary["malformed"]),
            ("foreign", &summary["foreign"]),
            ("unknown_type", &summary["unknown_type"]),
            ("control", &summary["control"]),
            ("notice", &summary["notice"]),
            ("dropped", &summary["dropped"]["invalid_value"]),
        ];
        let others =
            others.into_iter().map(|(key, count)| (key.to_owned(), count.as_u64().unwrap()));
        let others: BTreeMap<_, _> = others.filter(|(_, count)| *count > 0).collect();
        assert_eq!(others, row.others, "{input}");
        assert_eq!(summary["no_timestamp"], 0, "{input}");
    }
}

#[test]
fn every_fixture_is_explained_with_its_wrappings() {
    for row in rows() {
        let input = format!("{FOLDER}/{}", row.fixture);
        let output = run(&["explain", "--definitions", DEFINITIONS, "--format", "json", &input]);
        assert!(output.status.success(), "{input}: {}", text(&output.stderr));
        let wrappings = text(&output.stdout).lines().map(|line| {
            let value: Value = serde_json::from_str(line).expect("a line of JSON");
            let names = value["wrappings"].as_array().expect("wrappings").iter();
            let names: Vec<_> =
                names.map(|name| name.as_str().expect("a name").to_owned()).collect();
            if names.is_empty() { "bare".to_owned() } else { names.join(" > ") }
        });
        assert_eq!(wrappings.collect::<Vec<_>>(), row.wrappings, "{input}");
    }
}

#[test]
fn every_fixture_has_one_row_and_every_row_its_fixture() {
    let mut files = Vec::new();
    for folder in ["events", "wrapped"] {
        for entry in fs::read_dir(project_file(FOLDER).join(folder)).expect("a folder") {
            let name = entry.expect("an entry").file_name();
            files.push(format!("{folder}/{}", name.to_str().expect("UTF-8")));
        }
    }
    files.sort();
    let mut rows: Vec<_> = rows().into_iter().map(|row| row.fixture).collect();
    rows.sort();
    assert_eq!(rows, files);
}

#[test]
fn the_definitions_of_the_fixtures_have_no_finding() {
    let output = run(&["check", "--definitions", DEFINITIONS, "--strict"]);
    assert!(output.status.success(), "{}", text(&output.stdout));
}
