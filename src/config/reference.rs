//! Prints the keys for people: the table of the reference, and the shipped file.

use std::fmt::Write as _;

use super::keys::{self, SECTIONS};
use super::section::ConfigKey;

/// Lines of the shipped file are no longer.
const COLUMNS: usize = 100;

const HEADER: &str = "\
The configuration of `postmeter serve`: every key, and except for `definitions` its default.

An environment variable overrides a key: `POSTMETER__CLOUDWATCH__FLUSH_INTERVAL=30s`, that is
POSTMETER, section and key in capitals with two underscores between them; lists are separated by
commas. An unknown key is an error. `postmeter check --config FILE` lists all errors at once.
Durations have a unit: \"500ms\", \"10s\", \"2m\", \"1h\". Prices are list prices of us-east-1 in US
dollars.";

/// The keys as a Markdown table, for docs/reference/configuration.md.
pub fn markdown_table() -> String {
    let mut table = String::from("| key | type | default | what it does |\n|---|---|---|---|\n");
    for key in keys::keys() {
        let summary = paragraphs(key.help).swap_remove(0);
        let (kind, default) = (key.field.describe(), key.field.default());
        // Writing to a `String` cannot fail.
        let _ = writeln!(table, "| `{}` | {kind} | `{default}` | {summary} |", key.path);
    }
    table
}

/// The shipped file, config/postmeter.toml: every key with its help text and its default.
pub fn example_file() -> String {
    let mut file = comment(HEADER);
    for section in SECTIONS {
        // A repeated section is an example, so it is commented out.
        let (mark, header) = match (section.name, section.is_repeated) {
            ("", _) => ("", String::new()),
            (name, false) => ("", format!("[{name}]\n")),
            (name, true) => ("#", format!("#[[{name}]]\n")),
        };
        if !header.is_empty() {
            file.push('\n');
            file.push_str(&comment(section.help));
            file.push_str(&header);
        }
        for (index, key) in section.keys.iter().enumerate() {
            if index > 0 || header.is_empty() {
                file.push('\n');
            }
            file.push_str(&comment(key.help));
            file.push_str(&comment(&type_line(key)));
            let _ = writeln!(file, "{mark}{} = {}", key.name(), shipped_value(key));
        }
    }
    file
}

/// The type of a key; with an example if the default does not show how a value looks.
fn type_line(key: &ConfigKey) -> String {
    let kind = key.field.describe();
    match (key.field.examples().first(), key.field.default().as_str()) {
        (Some(example), "\"\"" | "[]") if !kind.contains(example.as_str()) => {
            format!("Type: {kind}, such as `{example}`.")
        }
        _ => format!("Type: {kind}."),
    }
}

/// The default, but for the definitions: without any, nothing could be published.
fn shipped_value(key: &ConfigKey) -> String {
    match key.path {
        "definitions" => "\"config/definitions.json\"".to_owned(),
        _ => key.field.default(),
    }
}

/// The paragraphs of a help text, each on one line. A line that starts with `- ` starts another.
fn paragraphs(help: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in help.trim().lines().map(str::trim) {
        if line.is_empty() || line.starts_with("- ") {
            paragraphs.push(String::new());
        }
        if let Some(last) = paragraphs.last_mut().filter(|_| !line.is_empty()) {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(line);
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

/// A help text as a comment in TOML: its paragraphs follow each other without empty lines.
fn comment(help: &str) -> String {
    let mut blocks: Vec<String> = Vec::new();
    for paragraph in paragraphs(help) {
        match blocks.last_mut().filter(|last| !last.starts_with("- ")) {
            Some(last) if !paragraph.starts_with("- ") => {
                last.push(' ');
                last.push_str(&paragraph);
            }
            _ => blocks.push(paragraph),
        }
    }
    blocks.iter().map(|block| wrapped(block)).collect()
}

/// Lines of a comment. In a list, those after an item's first are indented.
fn wrapped(block: &str) -> String {
    let start = if block.starts_with("- ") { "#  " } else { "#" };
    let mut comment = String::new();
    let mut line = "#".to_owned();
    for word in block.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > COLUMNS {
            comment.push_str(&line);
            comment.push('\n');
            start.clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    comment + &line + "\n"
}
