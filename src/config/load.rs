//! Reads file and environment into a [`Config`], or into a list of all errors.
//!
//! Reading continues after an error, so that one run shows all of them. Invariant: a configuration
//! exists exactly when no finding is an error, and no finding contains an access key.

use super::given::Given;
use super::section::ConfigKey;
use super::source::{Entries, GivenSource};
use super::value::KeyReader;
use super::{Config, Publish, SqsConfig, keys, rules};
use crate::finding::{Finding, Place, Severity};

/// The result of [`load`].
#[derive(Debug)]
pub struct Loaded {
    /// Present exactly when no finding is an error.
    pub config: Option<Config>,
    /// Sorted by position in the file, then by variable.
    pub findings: Vec<Finding>,
    /// There was neither a file nor a `POSTMETER__` variable; counts are then published to memory.
    pub from_nothing: bool,
}

/// Reads the configuration from a file (name and text) and the environment, which overrides the
/// file.
pub fn load(
    file: Option<(&str, &str)>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Loaded {
    let source = GivenSource::read(file, environment);
    let from_nothing = source.is_nothing;
    let (mut config, given, mut findings) = read(source);
    if from_nothing {
        // A first try must not publish to an AWS account.
        config.cloudwatch.publish = Publish::Memory;
    }
    rules::check(&config, &given, &mut findings);

    findings.sort_by(|one, other| order(&one.place).cmp(&order(&other.place)));
    let config = (!findings.iter().any(Finding::is_error)).then_some(config);
    Loaded { config, findings, from_nothing }
}

/// Reads every value, without the rules across keys.
pub(super) fn read(source: GivenSource) -> (Config, Given, Vec<Finding>) {
    let mut config = Config::default();
    let mut findings = source.findings;
    let mut given = Given::new(source.whole, source.home);
    let path = |key: &ConfigKey| key.path.to_owned();
    read_keys(&source.entries, path, &mut config, &mut given, &mut findings);
    for (number, entries) in &source.repeated {
        config.sqs.push(SqsConfig::default());
        let path = |key: &ConfigKey| format!("sqs[{number}].{}", key.name());
        read_keys(entries, path, &mut config, &mut given, &mut findings);
        if !entries.contains_key("sqs.queue_url") && source.whole {
            findings.push(no_queue_url(*number, entries, &given));
        }
    }
    (config, given, findings)
}

fn no_queue_url(number: usize, entries: &Entries, given: &Given) -> Finding {
    // The place of another key of the section, if there is one.
    let place = entries.values().map(|entry| entry.place.clone()).next();
    let variable = keys::variable_at("sqs.queue_url", number);
    let home = || given.home().cloned().unwrap_or(Place::Environment { variable });
    Finding {
        severity: Severity::Error,
        place: place.unwrap_or_else(home),
        path: format!("sqs[{number}]"),
        what: "queue_url is missing".to_owned(),
        fix: "add queue_url = \"https://sqs.REGION.amazonaws.com/ACCOUNT/NAME\"".to_owned(),
    }
}

/// Files by line and column, then variables by name.
fn order(place: &Place) -> (bool, usize, usize, &str) {
    match place {
        Place::File { line, column, .. } => (false, *line, *column, ""),
        Place::Environment { variable } => (true, 0, 0, variable),
    }
}

/// Reads every key that was given; `path` returns its name in findings.
fn read_keys(
    entries: &Entries,
    path: impl Fn(&ConfigKey) -> String,
    config: &mut Config,
    given: &mut Given,
    findings: &mut Vec<Finding>,
) {
    for key in keys::keys() {
        let Some(entry) = entries.get(key.path) else {
            continue;
        };
        let before = findings.len();
        let reader =
            KeyReader { value: &entry.raw, place: &entry.place, path: path(key), findings };
        key.field.read(reader, config);
        let is_faulty = findings[before..].iter().any(Finding::is_error);
        given.add(key.path, &entry.place, is_faulty);
    }
}
