//! Any text as a definitions document, as an input of `import`, and as the body of a request of the
//! SES API: faults are told with places inside the text, shortly, and what is accepted compiles and
//! reads the same when it is written again.

#![no_main]

#[path = "../../../src/definitions/mod.rs"]
mod definitions;
#[path = "../../../src/finding.rs"]
mod finding;
#[path = "../../../src/printable.rs"]
mod printable;
#[path = "../../../src/rules/mod.rs"]
mod rules;
#[path = "../../../src/ses/mod.rs"]
mod ses;

use definitions::{Definitions, ExportFormat, ImportInput, RequestFault, export, import, read, read_destination, read_destination_extensions, read_object, read_options, read_set, read_set_extensions, to_document};
use rules::{Layouts, RuleSet};
use finding::{Finding, Place};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    check(text);
    check_import(text);
    check_request(text);
});

fn check(text: &str) {
    let reading = read("f", text);
    for finding in &reading.findings {
        assert_inside(finding, text);
    }
    assert_ne!(reading.definitions.is_some(), reading.findings.iter().any(Finding::is_error));
    let Some(definitions) = reading.definitions else { return };
    let rules = RuleSet::new(&definitions, "SES", Some("prod"), &Layouts::default());
    let _ = rules.interest();
    assert_same_again(&definitions);
    let sets: Vec<_> = definitions.configuration_sets.iter().collect();
    for format in [ExportFormat::Json, ExportFormat::Cli, ExportFormat::CloudFormation] {
        export(&sets, format).expect("it has a form");
    }
}

/// An import names places in its inputs, and what it makes is a document.
fn check_import(text: &str) {
    let input = |name: &str| ImportInput { name: name.to_owned(), text: text.to_owned() };
    let imported = import(Some("prod"), &[input("f"), input("g")]);
    for finding in &imported.findings {
        assert_inside(finding, text);
    }
    assert_ne!(imported.document.is_some(), imported.findings.iter().any(Finding::is_error));
    if let Some(document) = imported.document {
        check(&document);
    }
}

fn assert_same_again(definitions: &Definitions) {
    let again = to_document(definitions).expect("it has a form");
    let reading = read("f", &again);
    let findings = &reading.findings;
    assert_eq!(reading.definitions.as_ref(), Some(definitions), "{again}\n{findings:#?}");
}

/// Lines and columns count from 1, and the end of the text is a place too.
fn assert_inside(finding: &Finding, text: &str) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Place::File { line, column, .. } = &finding.place else { panic!("{finding}") };
    let at = text.split('\n').nth(line.checked_sub(1).expect("lines begin with 1"));
    let columns = at.unwrap_or_else(|| panic!("{finding}: no such line")).chars().count() + 1;
    assert!((1..=columns).contains(column), "{finding}: no such column");
    assert!(finding.to_string().len() < 4096, "{finding}");
}

/// What a request made of the text would leave behind is a document.
fn check_request(text: &str) {
    let mut set = accepted(read_set(text));
    let destination = accepted(read_destination(text));
    if let (None, Some(_)) = (&set, &destination) {
        set = accepted(read_set("{\"ConfigurationSetName\":\"prod\"}"));
    }
    if let Some(mut set) = set {
        set.event_destinations.extend(destination.map(|one| {
            let name = one.name.clone().unwrap_or_else(|| "d".to_owned());
            one.named(name)
        }));
        assert_same_again(&Definitions { configuration_sets: vec![set] });
    }
    accepted(read_set_extensions(text));
    accepted(read_destination_extensions(text));
    accepted(read_options(text));
    accepted(read_object(text));
}

fn accepted<T>(read: Result<T, RequestFault>) -> Option<T> {
    read.inspect_err(|fault| {
        assert!(!fault.words.is_empty() && fault.words.len() < 4096, "{fault:?}");
    })
    .ok()
}
