//! The commands on pages print the output that the pages show.

use std::collections::BTreeMap;
use std::process::Output;

use super::{pages, read};
use crate::support::command::{run, text};
use crate::support::load::load;

/// Replaces text that a line of shown output omits.
const ANYTHING: &str = "…";

/// A command on a page, and the lines that it must print.
#[derive(Debug)]
struct Shown {
    command: String,
    output: Vec<String>,
    exit: i32,
}

/// The commands in blocks marked `console`. A line `$ echo $?` and the one after it give the exit
/// code of the previous command.
fn shown(page: &str) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    let mut inside = false;
    let mut asks_exit = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = line == "```console";
            continue;
        }
        if !inside {
            continue;
        }
        if line == "$ echo $?" {
            asks_exit = true;
        } else if let Some(command) = line.strip_prefix("$ ") {
            all.push(Shown { command: command.to_owned(), output: Vec::new(), exit: 0 });
        } else {
            let last = all.last_mut().expect("output comes after a command");
            if std::mem::take(&mut asks_exit) {
                last.exit = line.parse().expect("an exit code");
            } else {
                last.output.push(line.to_owned());
            }
        }
    }
    all
}

/// Whether a printed line matches the shown one, where `…` stands for any text.
fn is_like(printed: &str, shown: &str) -> bool {
    let mut rest = printed.trim_end();
    for (at, part) in shown.trim_end().split(ANYTHING).enumerate() {
        let found = if at == 0 { rest.starts_with(part).then_some(0) } else { rest.find(part) };
        let Some(start) = found else { return false };
        rest = &rest[start + part.len()..];
    }
    rest.is_empty() || shown.trim_end().ends_with(ANYTHING)
}

#[test]
fn console_blocks_print_what_they_show() {
    // Several pages may show one command; it runs once.
    let mut ran: BTreeMap<String, Output> = BTreeMap::new();
    let mut blocks = 0;
    for page in pages() {
        for Shown { command, output, exit } in shown(&read(&page)) {
            blocks += 1;
            let Output { status, stdout, stderr } =
                ran.entry(command.clone()).or_insert_with(|| run_shown(&page, &command));
            let (stdout, stderr) = (text(stdout), text(stderr));
            assert_eq!(status.code(), Some(exit), "{page}: {command}: {stderr}");
            let mut printed = stdout.lines().chain(stderr.lines());
            for line in output {
                // Lines may be omitted in between, so each is searched after the previous one.
                let found = printed.any(|printed| is_like(printed, &line));
                assert!(
                    found,
                    "{page}: {command} does not print this line, or not in this order: {line}"
                );
            }
        }
    }
    assert!(blocks >= 12, "only {blocks} commands were found");
}

/// Runs a command of a page; only the project's own programs are run.
fn run_shown(page: &str, command: &str) -> Output {
    let mut words = command.split_whitespace();
    let program = words.next();
    let arguments: Vec<_> = words.collect();
    match program {
        Some("postmeter") => run(&arguments),
        Some("postmeter-load") => load(&arguments).output().expect("the harness starts"),
        _ => panic!("{page}: mark a block that others run as `sh`, not `console`: {command}"),
    }
}

#[test]
fn shown_line_matches_what_it_leaves_out() {
    assert!(is_like("a 1 b 2 c", "a … b … c"));
    assert!(is_like("a 1 b  ", "a …"));
    assert!(is_like("", ""));
    assert!(!is_like("a 1 b", "a 1"));
    assert!(!is_like("a 1 b", "b …"));
}
