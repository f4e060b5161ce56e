//! Parts of pages, and whole files, that are generated from the code. `make docs-tables` updates them.

use std::fs;

use super::read;
use crate::support::command::{project_file, run, text};
use crate::support::load::load;

/// The page's part between `<!-- generated: NAME -->` and `<!-- /generated -->` must equal
/// `expected`; with `POSTMETER_WRITE_DOCS=1` it is replaced.
fn assert_generated(page: &str, name: &str, expected: &str) {
    let found = read(page);
    let mark = format!("<!-- generated: {name} -->\n");
    let (before, rest) = found.split_once(&mark).unwrap_or_else(|| panic!("{page}: no {mark}"));
    let (part, after) = rest.split_once(END).unwrap_or_else(|| panic!("{page}: no {END}"));
    assert_written(page, part, expected, || format!("{before}{mark}{expected}{END}{after}"));
}

/// The generated part of a file must equal `expected`; with `POSTMETER_WRITE_DOCS=1` the file is
/// replaced.
fn assert_written(file: &str, part: &str, expected: &str, replaced: impl FnOnce() -> String) {
    if part == expected {
        return;
    }
    if std::env::var_os("POSTMETER_WRITE_DOCS").is_some_and(|value| value == "1") {
        fs::write(project_file(file), replaced()).expect("the file can be written");
        return;
    }
    let difference = first_difference(part, expected);
    panic!("{file} is out of date; run `make docs-tables`\n{difference}");
}

const END: &str = "<!-- /generated -->";

fn first_difference(found: &str, expected: &str) -> String {
    let (found, expected): (Vec<_>, Vec<_>) = (found.lines().collect(), expected.lines().collect());
    let at = found.iter().zip(&expected).position(|(a, b)| a != b);
    let at = at.unwrap_or_else(|| found.len().min(expected.len()));
    let line = |lines: &[&str]| lines.get(at).copied().unwrap_or("(end)").to_owned();
    format!("line {}\n   found: {}\nexpected: {}", at + 1, line(&found), line(&expected))
}

#[test]
fn configuration_page_has_the_table_of_keys() {
    let table = postmeter::config::markdown_table();
    assert_generated("docs/reference/configuration.md", "keys", &table);
}

#[test]
fn shipped_configuration_is_generated() {
    let (file, expected) = ("config/postmeter.toml", postmeter::config::example_file());
    assert_written(file, &read(file), &expected, || expected.clone());
}

#[test]
fn metrics_page_has_the_table_of_metrics() {
    let table = postmeter::telemetry::markdown_table();
    assert_generated("docs/reference/metrics.md", "metrics", &table);
}

#[test]
fn cli_page_has_the_help_of_every_command() {
    for program in ["postmeter", "postmeter-load"] {
        let help = |arguments: &[&str]| {
            let ran = match program {
                "postmeter" => run(arguments),
                _ => load(arguments).output().expect("the harness starts"),
            };
            text(&ran.stdout).trim_end().to_owned()
        };
        let general = help(&["--help"]);
        let mut section = format!("```text\n{general}\n```\n");
        let commands = commands(&general);
        assert!(commands.len() >= 4, "{commands:?}");
        for command in commands {
            let shown = help(&[command, "--help"]);
            let part = format!("\n### {program} {command}\n\n```text\n{shown}\n```\n");
            section.push_str(&part);
        }
        assert_generated("docs/reference/cli.md", program, &section);
    }
}

/// The names in a help text's list of commands.
fn commands(help: &str) -> Vec<&str> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    list.take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}
