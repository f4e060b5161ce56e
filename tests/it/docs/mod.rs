//! The documentation is correct: tables match the code, commands run, links are valid.

mod commands;
mod examples;
mod links;
mod modules;
mod patches;
mod planted;
mod promises;
mod size;
mod tables;

use std::fs;
use std::path::Path;

use crate::support::command::{project_file, root};

/// Pages outside of `docs/`.
const PAGES_OUTSIDE: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "benches/README.md",
    "config/examples/README.md",
    "deploy/README.md",
    "tests/PROMISES.md",
];

fn read(path: &str) -> String {
    fs::read_to_string(project_file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a folder, as a path relative to the project.
fn files(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![project_file(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path.strip_prefix(root()).expect("it is below the project's folder");
                files.push(path.to_str().expect("a name in UTF-8").to_owned());
            }
        }
    }
    files.sort();
    files
}

/// The pages below `docs/`, including the table of contents.
fn pages_of_docs() -> Vec<String> {
    let is_page = |file: &String| Path::new(file).extension().is_some_and(|end| end == "md");
    files("docs").into_iter().filter(is_page).collect()
}

/// Every page of the documentation.
fn pages() -> Vec<String> {
    PAGES_OUTSIDE.into_iter().map(str::to_owned).chain(pages_of_docs()).collect()
}

/// The lines of a page that are not in fenced blocks.
fn prose(page: &str) -> String {
    let mut inside = false;
    let mut prose = String::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}
