//! The tools around the daemon: their output and exit codes.

use std::fs;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::support::command::{postmeter, project_file, run, run_with_stdin, text};

const DEFINITIONS: &str = "tests/fixtures/definitions.json";
const SEND: &str = "tests/fixtures/events/send.json";
const COUNT: [&str; 3] = ["count", "--definitions", DEFINITIONS];
const EXPLAIN: [&str; 3] = ["explain", "--definitions", DEFINITIONS];

/// No command prints a recipient's address anywhere except on stdout.
#[track_caller]
fn assert_discreet(output: &Output) {
    let stderr = text(&output.stderr);
    assert!(!stderr.contains("@example."), "an address in stderr: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

/// Runs a command, asserts the exit code, and returns stdout and stderr.
#[track_caller]
fn outcome(args: &[&str], stdin: &[u8], code: i32) -> (String, String) {
    let output = run_with_stdin(args, stdin);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{stdout}\n{stderr}");
    assert_discreet(&output);
    (stdout.to_owned(), stderr.to_owned())
}

fn json_of(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
}

/// A folder with one file in it.
fn file(name: &str, content: impl AsRef<[u8]>) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, content).expect("the file is written");
    let path = path.display().to_string();
    (folder, path)
}

fn event(campaign: &str) -> String {
    json!({
        "eventType": "Send",
        "mail": {
            "timestamp": "2026-11-20T12:00:00Z",
            "destination": ["reader@example.net"],
            "tags": {"ses:configuration-set": ["prod"], "campaign": [campaign]},
        },
    })
    .to_string()
}

// === check ===

/// The places and paths of findings printed as text.
fn findings_in_text(stdout: &str, file: &str) -> Vec<(String, String)> {
    let finding = |line: &str| {
        let rest = line.strip_prefix(&format!("{file}:")).unwrap_or_else(|| panic!("{line}"));
        let mut parts = rest.splitn(3, ": ");
        let (place, path) = (parts.next().unwrap(), parts.next().unwrap());
        let what = parts.next().unwrap_or_else(|| panic!("{line}"));
        assert!(what.contains("; "), "no fix: {line}");
        (place.to_owned(), path.to_owned())
    };
    stdout.lines().map(finding).collect()
}

/// The same of findings printed as JSON.
fn findings_in_json(stdout: &str, file: &str) -> Vec<(String, String)> {
    let finding = |finding: &Value| {
        let keys: Vec<_> = finding.as_object().expect("an object").keys().cloned().collect();
        let mut expected = ["severity", "file", "line", "column", "path", "what", "fix"];
        expected.sort_unstable();
        let mut keys = keys;
        keys.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!((&finding["severity"], &finding["file"]), (&"error".into(), &file.into()));
        let path = finding["path"].as_str().expect("a path").to_owned();
        (format!("{}:{}", finding["line"], finding["column"]), path)
    };
    json_of(stdout).as_array().expect("a list").iter().map(finding).collect()
}

/// A file with ten different faults produces these ten findings, in both formats.
#[track_caller]
fn assert_ten_faults(option: &str, file: &str, expected: &[(&str, &str); 10]) {
    let (stdout, stderr) = outcome(&["check", option, file], b"", 2);
    assert_eq!(stderr, "");
    let found = findings_in_text(&stdout, file);
    let found_as_str: Vec<_> =
        found.iter().map(|(at, path)| (at.as_str(), path.as_str())).collect();
    assert_eq!(found_as_str, expected);
    let (stdout, stderr) = outcome(&["check", option, file, "--format", "json"], b"", 2);
    assert_eq!(stderr, "");
    assert_eq!(findings_in_json(&stdout, file), found);
}

#[test]
fn check_lists_ten_different_faults_of_definitions() {
    assert_ten_faults(
        "--definitions",
        "tests/fixtures/faulty/definitions.json",
        &[
            ("2:28", "ConfigurationSets[0].ConfigurationSetName"),
            ("3:14", "ConfigurationSets[0].EventDestinations[0].Name"),
            (
                "4:101",
                "ConfigurationSets[0].EventDestinations[0].CloudWatchDestination.\
                 DimensionConfigurations[0].DefaultDimensionValue",
            ),
            ("5:30", "ConfigurationSets[0].EventDestinations[1].Enabled"),
            ("5:60", "ConfigurationSets[0].EventDestinations[1].MatchingEventTypes[0]"),
            (
                "6:61",
                "ConfigurationSets[0].EventDestinations[1].CloudWatchDestination.\
                 DimensionConfigurations[0].DimensionValueSource",
            ),
            (
                "7:25",
                "ConfigurationSets[0].EventDestinations[1].CloudWatchDestination.\
                 DimensionConfigurations[1].DimensionName",
            ),
            ("8:58", "ConfigurationSets[0].EventDestinations[2].MatchingEventTypes"),
            (
                "8:115",
                "ConfigurationSets[0].EventDestinations[2].CloudWatchDestination.\
                 DimensionConfigurations",
            ),
            ("9:5", "ConfigurationSets[0].EventDestinations[3]"),
        ],
    );
}

#[test]
fn check_lists_ten_different_faults_of_a_configuration() {
    assert_ten_faults(
        "--config",
        "tests/fixtures/faulty/config.toml",
        &[
            ("1:15", "definitions"),
            ("2:1", "color"),
            ("5:8", "listen.http"),
            ("6:14", "listen.keep_alive"),
            ("9:10", "limits.series"),
            ("10:11", "limits.entries"),
            ("13:8", "firehose.path"),
            ("14:15", "firehose.acknowledge"),
            ("17:13", "cloudwatch.namespace"),
            ("18:18", "cloudwatch.flush_interval"),
        ],
    );
}

#[test]
fn warnings_alone_pass_unless_check_is_strict() {
    let document = r#"{"ConfigurationSets":[],"Comment":"pasted"}"#;
    let (_folder, path) = file("definitions.json", document);
    let (stdout, _) = outcome(&["check", "--definitions", &path], b"", 0);
    assert!(stdout.contains(":1:25: warning: Comment: "), "{stdout}");
    assert_eq!(stdout.lines().count(), 1);
    outcome(&["check", "--definitions", &path, "--strict"], b"", 2);
    let json = ["check", "--definitions", &path, "--format", "json"];
    let (stdout, _) = outcome(&json, b"", 0);
    assert_eq!(json_of(&stdout)[0]["severity"], "warning");
}

#[test]
fn check_prints_nothing_about_files_without_findings() {
    for args in [
        ["check", "--definitions", "config/definitions.json"],
        ["check", "--config", "config/postmeter.toml"],
    ] {
        assert_eq!(outcome(&args, b"", 0), (String::new(), String::new()));
        let json = [&args[..], &["--format", "json", "--strict"]].concat();
        assert_eq!(outcome(&json, b"", 0).0, "[]\n");
    }
}

#[test]
fn check_of_a_configuration_reads_the_environment_and_the_definitions_too() {
    let check = |name: &str, value: &str| {
        let mut command = postmeter(&["check", "--config", "config/postmeter.toml"]);
        command.env(name, value).output().expect("the binary runs")
    };
    let output = check("POSTMETER__LIMITS__SERIES", "few");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).starts_with("POSTMETER__LIMITS__SERIES: "));
    let faulty = "tests/fixtures/faulty/definitions.json";
    let output = check("POSTMETER__DEFINITIONS", faulty);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(findings_in_text(text(&output.stdout), faulty).len(), 10);
}

#[test]
#[cfg(unix)]
fn environment_variable_that_is_not_utf_8_is_ignored() {
    use std::os::unix::ffi::OsStrExt;
    let strange = std::ffi::OsStr::from_bytes(b"\xff");
    let mut command = postmeter(&["check", "--config", "config/postmeter.toml"]);
    let output = command.env("STRANGE", strange).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    // No process listens on port 1.
    let mut command = postmeter(&["healthcheck"]);
    command.env("STRANGE", strange).env("POSTMETER__LISTEN__ADMIN", "127.0.0.1:1");
    let output = command.env("POSTMETER__CLOUDWATCH__PUBLISH", "memory").output();
    let output = output.expect("the binary runs");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_discreet(&output);
}

// === import ===

fn printed_by_aws() -> String {
    let definitions = fs::read_to_string(project_file(DEFINITIONS)).expect("the definitions");
    let destinations = json_of(&definitions)["ConfigurationSets"][0]["EventDestinations"].clone();
    format!("{:#}\n", json!({"EventDestinations": destinations}))
}

#[test]
fn output_of_the_aws_cli_is_imported_and_counts_the_same() {
    let printed = printed_by_aws();
    let import = ["import", "--configuration-set", "prod"];
    let (document, stderr) = outcome(&import, printed.as_bytes(), 0);
    assert_eq!(stderr, "");
    let (_folder, path) = file("imported.json", &document);
    outcome(&["check", "--definitions", &path, "--strict"], b"", 0);
    let counted =
        |definitions: &str| outcome(&["count", "--definitions", definitions, SEND], b"", 0);
    let (lines, _) = counted(&path);
    assert_eq!(lines.lines().count(), 2);
    assert_eq!(lines, counted(DEFINITIONS).0);
    // From a file, and then from its own output: the same.
    let (_folder, path) = file("printed.json", &printed);
    assert_eq!(outcome(&[&import[..], &[&path]].concat(), b"", 0).0, document);
}

#[test]
fn imported_definitions_are_exported_in_forms_that_name_the_same() {
    let definitions = "config/examples/extensions.json";
    let export = ["export", "--definitions", definitions];
    let (_, stderr) = outcome(&export, b"", 2);
    assert!(stderr.contains("choose one set with --configuration-set; there are: "), "{stderr}");
    let (_, stderr) = outcome(&[&export[..], &["--configuration-set", "no"]].concat(), b"", 2);
    assert!(stderr.contains("configuration set no does not exist"), "{stderr}");

    let printed = fs::read(project_file("config/examples/aws-cli-output.txt")).expect("it");
    let import = ["import", "--configuration-set", "prod"];
    let (document, _) = outcome(&import, &printed, 0);
    let (_folder, path) = file("imported.json", &document);
    let export = ["export", "--definitions", &path];
    let (exported, stderr) = outcome(&export, b"", 0);
    assert_eq!(outcome(&import, exported.as_bytes(), 0).0, document, "{stderr}");
    let (commands, _) = outcome(&[&export[..], &["--format", "cli"]].concat(), b"", 0);
    let (template, _) = outcome(&[&export[..], &["--format", "cloudformation"]].concat(), b"", 0);
    let exported: Value = serde_json::from_str(&exported).expect("JSON");
    for destination in exported["EventDestinations"].as_array().expect("a list") {
        let name = destination["Name"].as_str().expect("a name");
        assert!(commands.contains(name) && template.contains(name), "{name}");
    }
}

#[test]
fn import_rejects_other_input_and_prints_no_document() {
    let import = ["import", "--configuration-set", "prod"];
    let faulty = r#"{"EventDestinations":[{"Name":"two words"}]}"#;
    for input in ["", "{", "[]", "{}", faulty, "\u{feff}"] {
        let (stdout, stderr) = outcome(&import, input.as_bytes(), 2);
        assert_eq!(stdout, "", "{input}");
        assert!(!stderr.is_empty(), "{input}");
    }
    outcome(&import, b"\xff", 2);
    outcome(&["import", "--configuration-set", "two words"], printed_by_aws().as_bytes(), 2);
    let (_, stderr) = outcome(&["import"], printed_by_aws().as_bytes(), 2);
    assert!(stderr.starts_with("stdin:2:5: ") || stderr.starts_with("stdin:1:1: "), "{stderr}");
    assert!(stderr.ends_with("name it with --configuration-set\n"), "{stderr}");
    outcome(&["import", "no such file"], b"", 2);
}

#[test]
fn import_joins_files_of_several_kinds_and_names_places_in_them() {
    let printed = printed_by_aws();
    let template = "Resources:\n  Set:\n    Type: AWS::SES::ConfigurationSet\n    Properties:\n      \
                    Name: other\n      TrackingOptions: !GetAtt Mail.Options\n";
    let (_folder, first) = file("printed.json", &printed);
    let (_folder_too, second) = file("template.yaml", template);
    let import = ["import", "--configuration-set", "prod", &first, &second];
    let (document, stderr) = outcome(&import, b"", 0);
    let sets = json_of(&document)["ConfigurationSets"].clone();
    let names: Vec<&Value> =
        sets.as_array().expect("a list").iter().map(|set| &set["ConfigurationSetName"]).collect();
    assert_eq!(names, ["prod", "other"]);
    let warned = format!("{second}:6:24: warning: an option of \"Set\" is left out: only Cloud");
    assert!(stderr.contains(&warned), "{stderr}");
    // A pipe of several outputs.
    let twice = printed.repeat(2);
    let import = ["import", "--configuration-set", "prod"];
    assert_eq!(outcome(&import, twice.as_bytes(), 0), outcome(&import, printed.as_bytes(), 0));
}

// === explain ===

/// Definitions with a dimension for each origin of a value.
fn definitions_of_every_origin(on_invalid: &str) -> String {
    let dimension = |name: &str, source: &str| json!({"DimensionName": name, "DimensionValueSource": source, "DefaultDimensionValue": "none"});
    let dimensions = [
        dimension("campaign", "MESSAGE_TAG"),
        dimension("blank", "MESSAGE_TAG"),
        dimension("missing", "LINK_TAG"),
        dimension("Subject", "EMAIL_HEADER"),
    ];
    json!({"ConfigurationSets": [{"ConfigurationSetName": "prod", "EventDestinations": [
        {"Name": "all", "Enabled": true, "MatchingEventTypes": ["SEND"], "CloudWatchDestination":
            {"OnInvalidValue": on_invalid, "DimensionConfigurations": dimensions}},
        {"Name": "opens", "Enabled": true, "MatchingEventTypes": ["OPEN"], "CloudWatchDestination":
            {"DimensionConfigurations": [dimension("campaign", "MESSAGE_TAG")]}},
    ]}]})
    .to_string()
}

fn event_of_every_origin() -> String {
    json!({"eventType": "Send", "mail": {
        "timestamp": "2026-11-20T12:34:56Z",
        "tags": {"ses:configuration-set": ["prod"], "campaign": ["spring"], "blank": [" "]},
        "headers": [{"name": "subject", "value": "two words"}],
    }})
    .to_string()
}

/// Each field and each series of an event has its value and its verdict, or says why there is none.
#[test]
fn explain_gives_the_verdict_of_every_series() {
    let event = |event_type: &str, campaign: &str, block: Value| {
        let mut event = json!({"eventType": event_type, "mail": {
            "timestamp": "2026-11-20T12:34:56Z",
            "destination": ["person@gmail.com"],
            "tags": {"ses:configuration-set": ["prod"], "campaign": [campaign]},
        }});
        event[event_type.to_lowercase()] = block;
        event.to_string()
    };
    let explain = ["explain", "--definitions", "config/examples/bounces-by-campaign.json"];
    let bounce = event("Bounce", "two words", json!({"bounceType": "Permanent"}));
    let (stdout, _) = outcome(&explain, bounce.as_bytes(), 0);
    assert_eq!(
        stdout,
        "Bounce event (bare)\n  configuration set prod\n  minute 2026-11-20T12:34:00Z (mail.timestamp)\n  \
         destination bounces: counted in 2 of 4 series; the others dropped: invalid_value\n    \
         bounce_class = hard (field of the event; from the event)\n    \
         campaign = two words (message tag; not a valid dimension value: use 1 to 255 characters (A-Z a-z 0-9 _ . @ -))\n    \
         mailbox_provider = gmail (field of the event, by the table of 2026-12-01; from the event)\n    \
         series [campaign]: dropped: invalid_value of campaign\n    \
         series [bounce_class, campaign]: dropped: invalid_value of campaign\n    \
         series [bounce_class, mailbox_provider]: counted\n    series []: counted\n    \
         datum SES Bounce 2026-11-20T12:34:00Z Count 1\n"
    );
    let delivery = event("Delivery", "spring", json!({}));
    let json = [&explain[..], &["--format", "json"]].concat();
    let explained: Value =
        serde_json::from_str(&outcome(&json, delivery.as_bytes(), 0).0).expect("JSON");
    let destination = &explained["event"]["destinations"][0];
    assert_eq!(destination["verdict"], "counted");
    assert_eq!(destination["dimensions"][0]["origin"], "events of this type do not have it");
    let verdicts: Vec<_> = destination["series"]
        .as_array()
        .expect("series")
        .iter()
        .map(|one| &one["verdict"])
        .collect();
    let not_made = "not made: this event type lacks a field";
    assert_eq!(verdicts, ["counted", not_made, not_made, "counted"]);

    let without_total = json!({"ConfigurationSets": [{"ConfigurationSetName": "*", "EventDestinations": [{
        "Name": "classes", "Enabled": true, "MatchingEventTypes": ["SEND"], "CloudWatchDestination":
            {"EventDimensions": [{"Field": "bounce_class", "DefaultDimensionValue": "none"}]},
    }]}]});
    let (_folder, path) = file("d.json", without_total.to_string());
    let send = event("Send", "spring", json!({}));
    let (stdout, _) = outcome(&["explain", "--definitions", &path], send.as_bytes(), 0);
    let verdict =
        "destination classes: makes no series of this event type, which lacks a field of each";
    assert!(stdout.contains(verdict) && !stdout.contains("datum"), "{stdout}");
}

#[test]
fn explain_shows_the_value_of_each_measure_or_why_there_is_none() {
    let explain = |question: &str, event: Value| {
        let definitions = format!("config/examples/{question}.json");
        let args = ["explain", "--definitions", &definitions];
        outcome(&args, event.to_string().as_bytes(), 0).0
    };
    let mail = json!({"timestamp": "2026-11-20T12:34:56Z",
        "tags": {"ses:configuration-set": "x", "campaign": "spring"}});
    let delivery = json!({"eventType": "Delivery", "mail": mail, "delivery":
        {"timestamp": "2026-11-20T12:34:56Z", "processingTimeMillis": 546, "recipients": ["a@example.com"]}});
    let rates = explain("bounce-rate-by-campaign", delivery.clone());
    for shown in [
        "destination bounce-rate: counted\n",
        "series HardBounceRate [campaign]: counted 0\n",
        "datum SES Delivery 2026-11-20T12:34:00Z Count 1\n",
        "datum SES ComplaintRate 2026-11-20T12:34:00Z None 0\n",
    ] {
        assert!(rates.contains(shown), "{shown}: {rates}");
    }
    let times = explain("delivery-time-by-provider", delivery);
    let shown = "datum SES DeliveryTime 2026-11-20T12:34:00Z Milliseconds 565.736\n";
    assert!(times.contains(shown), "{times}");
    let bounce =
        json!({"eventType": "Bounce", "mail": mail, "bounce": {"bounceType": "Transient"}});
    let soft = explain("bounce-rate-by-campaign", bounce);
    let shown = "series HardBounceRate [campaign]: no value: the bounce is not hard\n";
    assert!(soft.contains(shown), "{soft}");
    assert!(soft.contains("destination bounce-rate: counted\n"), "{soft}");
}

#[test]
fn mailbox_providers_of_a_file_are_known_to_count_and_explain() {
    let (_folder, path) = file("providers.toml", "[providers]\nours = [\"Example.com\"]\n");
    let definitions = "config/examples/delays-by-provider.json";
    let event = json!({"eventType": "Delivery", "mail": {"timestamp": "2026-11-20T12:34:56Z",
        "tags": {"ses:configuration-set": "x"}, "destination": ["a@example.com"]}});
    for (command, shown) in [
        (&["count", "--format", "csv"][..], "mailbox_provider=ours"),
        (&["explain"][..], "mailbox_provider = ours"),
    ] {
        let args = ["--definitions", definitions, "--mailbox-providers", &path];
        let (stdout, _) = outcome(&[command, &args].concat(), event.to_string().as_bytes(), 0);
        assert!(stdout.contains(shown), "{stdout}");
        let args = ["--definitions", definitions, "--mailbox-providers", "config/postmeter.toml"];
        let (_, stderr) = outcome(&[command, &args].concat(), b"", 2);
        assert!(stderr.contains("config/postmeter.toml:") && stderr.contains("; "), "{stderr}");
    }
}

#[test]
fn explain_gives_the_origin_of_every_value() {
    for (on_invalid, subject, origin) in [
        ("DEFAULT", "none", "default, because the event's value is invalid"),
        ("SANITIZE", "two_words", "from the event, forbidden characters replaced"),
    ] {
        let (_folder, path) = file("d.json", definitions_of_every_origin(on_invalid));
        let explain = ["explain", "--definitions", &path, "--format", "json"];
        let (stdout, _) = outcome(&explain, event_of_every_origin().as_bytes(), 0);
        let dimension = |name: &str, source: &str, value: &str, origin: &str| json!({"name": name, "source": source, "value": value, "origin": origin});
        assert_eq!(
            json_of(&stdout),
            json!({"kind": "event", "wrappings": [], "event": {
                "event_type": "Send",
                "configuration_set": "prod",
                "routed": true,
                "minute": "2026-11-20T12:34:00Z",
                "minute_from": "mail.timestamp",
                "destinations": [
                    {
                        "name": "all",
                        "verdict": "counted",
                        "dimensions": [
                            dimension("Subject", "email header", subject, origin),
                            dimension("blank", "message tag", "none", "default, because the \
                                                                       event's value is blank"),
                            dimension("campaign", "message tag", "spring", "from the event"),
                            dimension("missing", "link tag", "none", "default, because the event \
                                                                      has none"),
                        ],
                        "datum": {
                            "namespace": "SES",
                            "metric": "Send",
                            "timestamp": "2026-11-20T12:34:00Z",
                            "unit": "Count",
                            "value": 1,
                        },
                    },
                    {"name": "opens", "verdict": "does not match this event type"},
                ],
            }})
        );
    }
}

#[test]
fn explain_says_why_a_value_is_invalid() {
    let (_folder, path) = file("d.json", definitions_of_every_origin("DROP"));
    let explain = ["explain", "--definitions", &path];
    let (stdout, _) = outcome(&explain, event_of_every_origin().as_bytes(), 0);
    assert_eq!(
        stdout.lines().collect::<Vec<_>>(),
        [
            "Send event (bare)",
            "  configuration set prod",
            "  minute 2026-11-20T12:34:00Z (mail.timestamp)",
            "  destination all: dropped: invalid_value",
            "    Subject = two words (email header; not a valid dimension value: use 1 to 255 \
             characters (A-Z a-z 0-9 _ . @ -))",
            "    blank = none (message tag; default, because the event's value is blank)",
            "    campaign = spring (message tag; from the event)",
            "    missing = none (link tag; default, because the event has none)",
            "  destination opens: does not match this event type",
        ]
    );
}

#[test]
fn explain_names_values_that_are_not_events_and_unrouted_events() {
    let unknown = event("x").replace("prod", "b\\u001b[31m");
    let nameless = event("x").replace("ses:configuration-set", "other");
    let input = format!("{{}}{{\"eventType\":\"X\"}}{unknown}{nameless}?");
    let (stdout, _) = outcome(&EXPLAIN, input.as_bytes(), 0);
    let has = |line: &str| assert!(stdout.lines().any(|found| found == line), "{line}\n{stdout}");
    has("foreign (bare): not counted: an empty object, not an SES event; at byte 0 of the text");
    has(
        "unknown_type (bare): not counted: eventType \"X\" is not one of the 10 types; at byte 2 of \
         the text",
    );
    has(&format!(
        "malformed (bare): not counted: not JSON: expected value at its first byte; at byte {} of the \
         text",
        input.len() - 1
    ));
    has("  configuration set b\\u{1b}[31m is unknown: unrouted");
    has("  names no configuration set: unrouted");
}

// === count ===

#[test]
fn csv_has_a_head_and_a_line_for_each_series_and_minute() {
    let (stdout, _) = outcome(&[&COUNT[..], &["--format", "csv", SEND]].concat(), b"", 0);
    assert_eq!(
        stdout.lines().collect::<Vec<_>>(),
        [
            "namespace,metric,timestamp,count,dimensions,value,unit",
            "SES,Send,2026-11-20T08:00:00Z,1,X-Mailer-Pool=bulk-1,1,Count",
            "SES,Send,2026-11-20T08:00:00Z,1,campaign=spring,1,Count",
        ]
    );
    let click = "tests/fixtures/events/click.json";
    let (stdout, _) = outcome(&[&COUNT[..], &["--format", "csv", click]].concat(), b"", 0);
    assert!(stdout.contains(",placement=header;ses:configuration-set=prod,1,Count\n"), "{stdout}");
}

#[test]
fn table_is_aligned_with_counts_to_the_right() {
    let input = [event("a"), event("a-much-longer-campaign").repeat(12)].concat();
    let args = [&COUNT[..], &["--format", "table", "-"]].concat();
    let (stdout, _) = outcome(&args, input.as_bytes(), 0);
    let lines: Vec<_> = stdout.lines().map(str::trim_end).collect();
    assert_eq!(lines.len(), 4, "{stdout}");
    let minute = lines[0].find("minute").expect("a head");
    for line in &lines[1..] {
        assert_eq!(line.find("2026-11-20T12:00:00Z"), Some(minute), "{stdout}");
        assert_eq!(line.len(), lines[0].len(), "{stdout}");
    }
    assert!(
        lines[0].ends_with("count") && lines[2].ends_with("    1") && lines[3].ends_with("   12")
    );
}

#[test]
fn summary_has_exactly_the_promised_keys() {
    let (_folder, path) = file("summary.json", "old");
    let args = [&COUNT[..], &["--summary", &path, "-"]].concat();
    let input =
        [event("a"), event("two words"), event("b").replace("prod", "x"), "{} ?".to_owned()];
    outcome(&args, input.concat().as_bytes(), 0);
    let summary = fs::read_to_string(&path).expect("a summary");
    assert_eq!(
        summary,
        "{\"events\":3,\"matched\":2,\"unmatched\":0,\"unrouted\":1,\"malformed\":1,\"foreign\":1,\
         \"unknown_type\":0,\"control\":0,\"notice\":0,\"no_timestamp\":0,\"destination_matches\":4,\
         \"counts\":3,\"series\":2,\"datums\":2,\"dropped\":{\"invalid_value\":1}}\n"
    );
}

#[test]
fn stdin_is_read_by_a_dash_and_by_default() {
    let by_file = outcome(&[&COUNT[..], &[SEND]].concat(), b"", 0).0;
    let input = fs::read(project_file(SEND)).expect("the event");
    assert_eq!(by_file.lines().count(), 2);
    assert_eq!(outcome(&COUNT, &input, 0).0, by_file);
    assert_eq!(outcome(&[&COUNT[..], &["-"]].concat(), &input, 0).0, by_file);
    assert_eq!(outcome(&COUNT, b"", 0).0, "");
}

#[test]
fn unreadable_input_is_named_and_the_others_are_counted() {
    let twice = outcome(&[&COUNT[..], &[SEND, SEND]].concat(), b"", 0).0;
    assert!(twice.contains("\"Counts\":[2]"), "{twice}");
    for bad in ["tests/no-such-file.json", "tests"] {
        let (stdout, stderr) = outcome(&[&COUNT[..], &[SEND, bad, SEND]].concat(), b"", 1);
        assert_eq!(stdout, twice);
        assert!(stderr.contains(bad), "{stderr}");
    }
}

#[test]
fn malformed_input_fails_only_a_strict_count() {
    let input = format!("{}\n{{\"to\":\"reader@example.net\n{}", event("a"), event("a"));
    let (lines, stderr) = outcome(&COUNT, input.as_bytes(), 0);
    assert!(lines.contains("\"Counts\":[2]"), "{lines}");
    assert!(stderr.contains("1 value could not be read"), "{stderr}");
    let strict = [&COUNT[..], &["--strict"]].concat();
    assert_eq!(outcome(&strict, input.as_bytes(), 1).0, lines);
    outcome(&strict, event("a").as_bytes(), 0);
}

#[test]
fn event_without_a_time_is_counted_at_the_given_arrival_and_named() {
    let (_folder, path) = file("summary.json", "");
    let input = event("a").replace("2026-11-20T12:00:00Z", "yesterday")
        + &event("a").replace("2026-11-20T12:00:00Z", "").replace("prod", "unknown");
    let arrival = ["--arrival", "2026-11-20T23:59:59.9-01:00", "--summary", &path];
    let (stdout, _) = outcome(&[&COUNT[..], &arrival].concat(), input.as_bytes(), 0);
    assert_eq!(stdout.matches("\"Timestamp\":\"2026-11-21T00:59:00Z\"").count(), 2, "{stdout}");
    let summary = json_of(&fs::read_to_string(&path).expect("a summary"));
    assert_eq!((&summary["no_timestamp"], &summary["unrouted"]), (&json!(1), &json!(1)));
    // An event with a time keeps it.
    let (stdout, _) = outcome(&[&COUNT[..], &arrival].concat(), event("a").as_bytes(), 0);
    assert_eq!(stdout.matches("\"Timestamp\":\"2026-11-20T12:00:00Z\"").count(), 2, "{stdout}");
}

#[test]
fn namespace_and_default_set_can_be_given() {
    let nameless = event("a").replace("ses:configuration-set", "other");
    let options = ["--default-set", "prod", "--namespace", "Mail"];
    let (stdout, _) = outcome(&[&COUNT[..], &options].concat(), nameless.as_bytes(), 0);
    assert_eq!(stdout.matches("\"Namespace\":\"Mail\"").count(), 2, "{stdout}");
    assert_eq!(outcome(&COUNT, nameless.as_bytes(), 0).0, "");
    for command in [&COUNT, &EXPLAIN] {
        let (_, stderr) = outcome(&[&command[..], &["--namespace", "AWS/SES"]].concat(), b"", 2);
        assert!(stderr.contains("--namespace"), "{stderr}");
    }
}

#[test]
fn missing_or_invalid_definitions_stop_a_command() {
    for command in ["count", "explain", "check"] {
        let output = run(&[command, "--definitions", "no-such-file.json"]);
        assert!(!output.status.success());
        let stderr = text(&output.stderr);
        assert!(stderr.contains("cannot open no-such-file.json: No such file"), "{stderr}");
    }
    for command in ["count", "explain"] {
        let faulty = "tests/fixtures/faulty/definitions.json";
        let (stdout, stderr) = outcome(&[command, "--definitions", faulty, SEND], b"", 2);
        assert_eq!(stdout, "");
        assert_eq!(findings_in_text(&stderr, faulty).len(), 10);
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    for args in [
        &["count", "--definitions", DEFINITIONS, "--colour"][..],
        &["count", "--definitions", DEFINITIONS, "--format", "xml"],
        &["count", "--definitions", DEFINITIONS, "--arrival", "noon"],
        &["count"],
        &["explain", SEND],
        &["check"],
        &["check", "--definitions", DEFINITIONS, "--config", "config/postmeter.toml"],
        &["import", SEND],
        &["nonsense"],
        &[],
    ] {
        let (stdout, stderr) = outcome(args, b"", 2);
        assert_eq!(stdout, "", "{args:?}");
        assert!(stderr.contains("Usage") || stderr.contains("--help"), "{args:?}: {stderr}");
    }
}

// === all of them ===

/// The exit code and stderr of a command whose stdout is closed.
fn without_reader(args: &[&str], stdin: PathBuf) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let stdin = fs::File::open(stdin).expect("the input");
    let output = postmeter(args)
        .stdin(stdin)
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("the binary runs");
    (output.status.code(), text(&output.stderr).to_owned())
}

#[test]
fn closed_stdout_is_not_a_failure() {
    let faulty = "tests/fixtures/faulty/definitions.json";
    let quiet = |args: &[&str], stdin: &str, code| {
        let expected = (Some(code), String::new());
        assert_eq!(without_reader(args, project_file(stdin)), expected, "{args:?}");
    };
    for format in ["json", "csv", "table"] {
        quiet(&[&COUNT[..], &["--format", format]].concat(), SEND, 0);
    }
    for format in ["json", "text"] {
        quiet(&[&EXPLAIN[..], &["--format", format]].concat(), SEND, 0);
        quiet(&["check", "--definitions", faulty, "--format", format], SEND, 0);
    }
}

#[test]
fn summary_is_written_even_if_stdout_is_closed() {
    let (_folder, path) = file("summary.json", "");
    let args = [&COUNT[..], &["--summary", &path]].concat();
    assert_eq!(without_reader(&args, project_file(SEND)).0, Some(0));
    let summary = json_of(&fs::read_to_string(&path).expect("a summary"));
    assert_eq!(summary["events"], 1);
}

#[test]
fn help_of_every_command_shows_an_example() {
    let (help, _) = outcome(&["--help"], b"", 0);
    assert!(help.contains("postmeter count"), "{help}");
    for command in ["count", "explain", "import", "serve", "demo", "healthcheck"] {
        let (long, _) = outcome(&[command, "--help"], b"", 0);
        assert!(long.contains("Example"), "{long}");
        assert!(long.contains(&format!("postmeter {command} --")), "{long}");
        assert!(!outcome(&[command, "-h"], b"", 0).0.is_empty());
    }
    let (check, _) = outcome(&["check", "--help"], b"", 0);
    assert!(check.contains("FILE:LINE:COL"), "{check}");
}

#[test]
fn version_is_that_of_the_package() {
    let (stdout, _) = outcome(&["--version"], b"", 0);
    let start = concat!("postmeter ", env!("CARGO_PKG_VERSION"), " (commit ");
    assert!(stdout.starts_with(start), "{stdout}");
}
