//! The documentation is true: tables are those of the code, commands run, links lead somewhere.
//!
//! `UPDATE_DOCS=1 cargo test --test it docs` writes the generated tables again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::command::{postmeter, project_file, root, run, text};
use crate::support::load::load;

const UPDATE: &str = "UPDATE_DOCS=1 cargo test --test it docs";

/// Text that a line of shown output leaves out.
const ANYTHING: &str = "…";

fn read(path: &str) -> String {
    fs::read_to_string(project_file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The file's text must be `expected`; with `UPDATE_DOCS` it is made so.
fn assert_generated(path: &str, expected: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        fs::write(project_file(path), expected).expect("the file can be written");
    }
    let found = read(path);
    if found == expected {
        return;
    }
    let difference = first_difference(&found, expected);
    panic!("{path} is out of date, regenerate it: {UPDATE}\n{difference}");
}

fn first_difference(found: &str, expected: &str) -> String {
    let (found, expected): (Vec<_>, Vec<_>) = (found.lines().collect(), expected.lines().collect());
    let at = found.iter().zip(&expected).position(|(a, b)| a != b);
    let at = at.unwrap_or_else(|| found.len().min(expected.len()));
    let line = |lines: &[&str]| lines.get(at).copied().unwrap_or("(end)").to_owned();
    format!("line {}\n   found: {}\nexpected: {}", at + 1, line(&found), line(&expected))
}

#[test]
fn the_readme_has_the_table_of_keys() {
    let readme = read("README.md");
    let (before, rest) = readme.split_once("<!-- keys -->\n").expect("README marks its keys");
    let (_, after) = rest.split_once("<!-- /keys -->").expect("README marks the end of its keys");
    let table = postmeter::config::markdown_table();
    assert_generated("README.md", &format!("{before}<!-- keys -->\n{table}<!-- /keys -->{after}"));
}

#[test]
fn the_file_of_metrics_has_the_table_of_metrics() {
    let table = postmeter::telemetry::markdown_table();
    let expected = format!(
        "# Metrics\n\nWhat `GET /metrics` on the admin listener shows, in the text format of \
         Prometheus. Labels come from the closed lists below, never from events.\n\n{table}"
    );
    assert_generated("config/metrics.md", &expected);
}

/// Every file below a folder, by its path from the project's folder.
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

#[test]
fn every_shipped_configuration_and_definitions_document_is_without_findings() {
    let mut checked = 0;
    // Files of a certificate, in place of those that an example names.
    let tls = tls_files();
    for file in files("config") {
        let option = match Path::new(&file).extension().and_then(|extension| extension.to_str()) {
            Some("json") => "--definitions",
            Some("toml") => "--config",
            _ => continue,
        };
        let mut check = postmeter(&["check", "--strict", option, &file]);
        if read(&file).contains("tls_certificate = \"/") {
            check.envs(
                ["CERTIFICATE", "KEY", "CLIENT_CA"]
                    .map(|name| (format!("POSTMETER__LISTEN__TLS_{name}"), tls.path().join(name))),
            );
        }
        let output = check.output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{file}: {}", text(&output.stdout));
        checked += 1;
    }
    assert!(checked >= 8, "only {checked} files were found");
}

/// A directory with a certificate, its key and its authority.
fn tls_files() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    for (name, text) in [("CERTIFICATE", &certificate), ("CLIENT_CA", &certificate), ("KEY", &key)]
    {
        fs::write(directory.path().join(name), text).expect("it is written");
    }
    directory
}

#[test]
fn every_example_says_what_it_shows() {
    let list = read("config/examples/README.md");
    for file in files("config/examples") {
        let name = file.rsplit('/').next().expect("a path has a name");
        if name == "README.md" {
            continue;
        }
        assert!(list.contains(&format!("]({name})")), "config/examples/README.md lacks {name}");
        if Path::new(name).extension().is_some_and(|extension| extension == "toml") {
            assert!(read(&file).starts_with("# "), "{file} begins without a comment");
        }
    }
}

/// A command that a document shows, with what it is said to print.
#[derive(Debug)]
struct Shown {
    command: String,
    output: Vec<String>,
    exit: i32,
}

/// The commands in the blocks that are marked `console`. A line `$ echo $?` and the one after it
/// say the exit code of the command before.
fn shown(document: &str) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    let mut inside = false;
    let mut asks_exit = false;
    for line in document.lines() {
        if line.starts_with("```") {
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

/// Whether a printed line is the shown one, where `…` stands for any text.
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
fn the_commands_of_the_readme_print_what_it_shows() {
    let all = shown(&read("README.md"));
    assert!(all.len() >= 6, "{all:?}");
    for Shown { command, output, exit } in all {
        let mut words = command.split_whitespace();
        let program = words.next();
        let arguments: Vec<_> = words.collect();
        let ran = match program {
            Some("postmeter") => run(&arguments),
            Some("postmeter-load") => load(&arguments).output().expect("the harness starts"),
            _ => panic!("only our own commands are run: {command}"),
        };
        let code = ran.status.code();
        assert_eq!(code, Some(exit), "{command}: {}", text(&ran.stderr));
        let mut printed = text(&ran.stdout).lines().chain(text(&ran.stderr).lines());
        for line in output {
            // Lines may be left out between two, so each is looked for behind the last.
            let found = printed.any(|printed| is_like(printed, &line));
            assert!(found, "{command} does not print (or not in this order): {line}");
        }
    }
}

#[test]
fn a_shown_line_matches_what_it_leaves_out() {
    assert!(is_like("a 1 b 2 c", "a … b … c"));
    assert!(is_like("a 1 b  ", "a …"));
    assert!(is_like("", ""));
    assert!(!is_like("a 1 b", "a 1"));
    assert!(!is_like("a 1 b", "b …"));
}

const DOCUMENTS: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "config/examples/README.md",
    "config/ses-api.md",
    "deploy/README.md",
];

/// The targets of a document's links.
fn links(document: &str) -> impl Iterator<Item = &str> {
    document.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(document: &str) -> BTreeSet<String> {
    let headings = document.lines().filter(|line| line.starts_with('#'));
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|title| title.chars().filter(kept).collect::<String>().replace(' ', "-"))
        .collect()
}

#[test]
fn links_lead_to_files_and_headings_that_exist() {
    let mut checked = 0;
    for name in DOCUMENTS {
        let document = read(name);
        let folder = project_file(name).parent().map(PathBuf::from).expect("it is in a folder");
        for link in links(&document).filter(|link| !link.starts_with("http")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { project_file(name) } else { folder.join(file) };
            assert!(target.exists(), "{name} links to {link}, which is not there");
            if !anchor.is_empty() {
                let target = fs::read_to_string(&target).expect("an anchor is in a text");
                assert!(anchors(&target).contains(anchor), "{name}: no heading for {link}");
            }
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} links were found");
}

/// Every promise names tests, and every test that is named exists.
#[test]
fn promises_are_held_by_tests_that_exist() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("<!-- promises -->\n").expect("README marks its promises");
    let (table, _) = rest.split_once("<!-- /promises -->").expect("README marks their end");
    let mut promises = 0;
    for row in table.lines().skip(2) {
        let (_, held_by) = row.trim_matches('|').split_once('|').expect("a row has two cells");
        let tests: Vec<_> = held_by.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "nothing holds this: {row}");
        for test in tests {
            let (file, name) = test.split_once("::").expect("a test is FILE::NAME");
            let is_test = is_test(&read(file), name);
            assert!(is_test, "README.md: {file} has no test {name}");
        }
        promises += 1;
    }
    assert!(promises > 20, "only {promises} promises were found");
}

/// Whether a source has a function of this name that an attribute or `proptest!` makes a test.
fn is_test(source: &str, name: &str) -> bool {
    let Some((before, _)) = source.split_once(&format!("fn {name}(")) else { return false };
    let attributes = before.rsplit('\n').skip(1).take_while(|line| {
        let line = line.trim_start();
        line.starts_with('#') || line.starts_with("///")
    });
    attributes.into_iter().any(|line| line.contains("#[test]") || line.contains("#[tokio::test"))
}

#[test]
fn a_function_alone_is_no_test() {
    let source =
        "fn a() {}\n\n#[test]\nfn b() {}\n\n#[tokio::test(x)]\nasync fn c() {\nfn d() {}\n";
    assert_eq!(
        ["a", "b", "c", "d", "e"].map(|name| is_test(source, name)),
        [false, true, true, false, false]
    );
}

/// Which top-level module of `src` may name which others as `crate::…`.
///
/// Downward is against the order of the list, but for two oddities, which are allowed and not
/// meant to grow: `telemetry` takes `Tally` from `pipeline`, which reports through `telemetry`;
/// and `intake`, `source`, `sink`, `telemetry` and `dead_letters` take single value types from `config`.
const IMPORTS: [(&str, &[&str]); 32] = [
    ("ses", &[]),
    ("ack", &[]),
    ("aws", &[]),
    ("backoff", &[]),
    ("clock", &[]),
    ("fault", &[]),
    ("finding", &[]),
    ("limits", &[]),
    ("offload", &[]),
    ("printable", &[]),
    ("private", &[]),
    ("destination", &["finding", "printable", "ses"]),
    ("config", &["destination", "finding", "printable"]),
    ("aggregate", &["ack", "clock", "destination", "ses"]),
    (
        "dead_letters",
        &[
            "aws",
            "backoff",
            "clock",
            "config",
            "fault",
            "limits",
            "offload",
            "private",
            "ses",
            "telemetry",
        ],
    ),
    ("telemetry", &["ack", "config", "pipeline"]),
    ("definitions", &["destination", "finding", "offload", "private", "telemetry"]),
    (
        "api",
        &["clock", "config", "definitions", "destination", "http", "offload", "ses", "telemetry"],
    ),
    (
        "forward",
        &[
            "ack",
            "aws",
            "backoff",
            "clock",
            "dead_letters",
            "destination",
            "limits",
            "ses",
            "supervisor",
            "telemetry",
        ],
    ),
    (
        "journal",
        &[
            "ack",
            "aggregate",
            "clock",
            "destination",
            "fault",
            "offload",
            "private",
            "ses",
            "telemetry",
        ],
    ),
    ("pipeline", &["aggregate", "clock", "dead_letters", "destination", "forward", "ses"]),
    (
        "intake",
        &[
            "ack",
            "aggregate",
            "backoff",
            "clock",
            "config",
            "dead_letters",
            "destination",
            "forward",
            "journal",
            "offload",
            "pipeline",
            "ses",
            "telemetry",
        ],
    ),
    (
        "source",
        &[
            "ack",
            "aws",
            "backoff",
            "clock",
            "config",
            "dead_letters",
            "fault",
            "http",
            "intake",
            "limits",
            "offload",
            "pipeline",
            "printable",
            "private",
            "ses",
            "supervisor",
            "telemetry",
        ],
    ),
    (
        "sink",
        &[
            "ack",
            "aggregate",
            "aws",
            "backoff",
            "clock",
            "config",
            "destination",
            "fault",
            "journal",
            "limits",
            "offload",
            "ses",
            "telemetry",
        ],
    ),
    ("replay", &["ack", "aggregate", "backoff", "intake", "limits", "pipeline", "ses", "source"]),
    ("http", &["aggregate", "telemetry"]),
    ("synth", &["ses"]),
    ("trickle", &[]),
    ("supervisor", &["telemetry"]),
    (
        "app",
        &[
            "ack",
            "aggregate",
            "api",
            "aws",
            "backoff",
            "clock",
            "config",
            "dead_letters",
            "definitions",
            "destination",
            "fault",
            "finding",
            "forward",
            "http",
            "intake",
            "journal",
            "limits",
            "offload",
            "pipeline",
            "replay",
            "sink",
            "source",
            "supervisor",
            "telemetry",
        ],
    ),
    (
        "cli",
        &[
            "aggregate",
            "app",
            "clock",
            "config",
            "destination",
            "finding",
            "pipeline",
            "replay",
            "ses",
            "synth",
            "telemetry",
        ],
    ),
    (
        "simulation",
        &[
            "aggregate",
            "app",
            "clock",
            "config",
            "destination",
            "journal",
            "limits",
            "offload",
            "ses",
            "sink",
            "source",
            "supervisor",
            "telemetry",
        ],
    ),
];

/// The top-level module of a source file; `None` for `lib.rs`, binaries, and files of tests, which
/// may import what they like.
fn module_of(file: &str) -> Option<&str> {
    let rest = file.strip_prefix("src/")?;
    if rest.contains("/tests/") || rest.ends_with("/tests.rs") {
        return None;
    }
    let module = rest.split('/').next()?.trim_end_matches(".rs");
    (!matches!(module, "lib" | "main" | "bin")).then_some(module)
}

/// The top-level modules that a source text names, comments and tests at its end left out.
fn imports(source: &str) -> BTreeSet<String> {
    let source = source.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(source);
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let (names, is_list) = rest.strip_prefix('{').map_or((rest, false), |names| (names, true));
        assert!(!is_list, "one `use crate::…` for each module, so that this test can read it");
        let end = names.find(|letter: char| !letter.is_ascii_lowercase() && letter != '_');
        found.insert(names[..end.unwrap_or(names.len())].to_owned());
    }
    found
}

#[test]
fn modules_import_what_the_architecture_allows() {
    let mut real: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files("src") {
        let Some(module) = module_of(&file) else { continue };
        let found = real.entry(module.to_owned()).or_default();
        for import in imports(&read(&file)) {
            if import != module {
                found.insert(import);
            }
        }
    }
    let allowed: BTreeMap<String, BTreeSet<String>> = IMPORTS
        .iter()
        .map(|(module, imports)| {
            ((*module).to_owned(), imports.iter().map(|import| (*import).to_owned()).collect())
        })
        .collect();
    // Equal, not only within: a right that nobody uses is taken back.
    assert_eq!(real, allowed, "left: the code; right: the table here, and in ARCHITECTURE.md");
}

#[test]
fn the_architecture_maps_every_module_with_its_imports() {
    let architecture = read("ARCHITECTURE.md");
    let modules: BTreeSet<_> = IMPORTS.iter().map(|(module, _)| *module).collect();
    for (module, imports) in IMPORTS {
        let names = [format!("`src/{module}`"), format!("`src/{module}.rs`")];
        let row = architecture
            .lines()
            .find(|line| line.starts_with("| ") && names.iter().any(|name| line.contains(name)))
            .unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for src/{module}"));
        let cell = row.trim_end_matches('|').rsplit('|').next().expect("a row has cells").trim();
        let quoted: BTreeSet<&str> = cell.split('`').skip(1).step_by(2).collect();
        let expected: BTreeSet<&str> = imports.iter().copied().collect();
        let stated = if cell.starts_with("everything but ") {
            modules
                .iter()
                .copied()
                .filter(|name| *name != module && !quoted.contains(name))
                .collect()
        } else {
            quoted
        };
        assert_eq!(stated, expected, "ARCHITECTURE.md: imports of {module}");
    }
    for file in files("src") {
        if let Some(module) = module_of(&file) {
            assert!(modules.contains(module), "{file} is in no row of ARCHITECTURE.md");
        }
    }
}

/// `make planted` takes minutes; that its patches still fit is seen at once.
#[test]
fn every_planted_bug_fits_the_code() {
    let patches = files("tests/planted");
    assert!(!patches.is_empty());
    for patch in patches {
        let text = read(&patch);
        assert!(text.lines().next().is_some_and(|why| why.ends_with('.')), "{patch} says why");
        let mut hunks = text.split("\n@@ ");
        let head = hunks.next().expect("there is a first part");
        let file = head.rsplit("+++ b/").next().expect("it names a file").trim();
        let code = read(file);
        let hunks: Vec<_> = hunks.collect();
        assert!(!hunks.is_empty(), "{patch} changes nothing");
        for hunk in hunks {
            let lines = hunk.lines().skip(1).filter(|line| !line.starts_with('+'));
            let lines = lines.filter_map(|line| line.get(1..));
            let old = lines.collect::<Vec<_>>().join("\n");
            assert!(code.contains(&old), "{patch} does not fit {file}:\n{old}");
        }
    }
}
