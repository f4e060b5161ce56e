//! Reads file and environment into a [`Config`], or into a list of all errors.
//!
//! Reading continues after an error, so that one run shows all of them. Invariant: a configuration
//! exists exactly when no finding is an error, and no finding contains an access key.

use super::given::Given;
use super::keys::{self, Choice, KeyDoc, KeyKind};
use super::source::{Entries, GivenEntry, GivenSource, GivenValue};
use super::text::{self, Fault, quoted};
use super::{
    AccessKey, ApiKey, Config, Publish, SignatureVersion, SqsConfig, TopicArn, Unread, rules,
};
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
    let mut config = Config::default();
    let mut findings = source.findings;
    let mut given = Given::new(source.whole, source.home);

    read_keys(&source.entries, key_path, &mut config, &mut given, &mut findings);
    for (number, entries) in &source.repeated {
        config.sqs.push(SqsConfig::default());
        let path = |key: &KeyDoc| format!("sqs[{number}].{}", key.name());
        read_keys(entries, path, &mut config, &mut given, &mut findings);
        if !entries.contains_key("sqs.queue_url") && source.whole {
            // The place of another key of the section, if there is one.
            let place = entries.values().map(|entry| entry.place.clone()).next();
            let variable = keys::variable_at("sqs.queue_url", *number);
            let home = || given.home().cloned().unwrap_or(Place::Environment { variable });
            findings.push(Finding {
                severity: Severity::Error,
                place: place.unwrap_or_else(home),
                path: format!("sqs[{number}]"),
                what: "queue_url is missing".to_owned(),
                fix: "add queue_url = \"https://sqs.REGION.amazonaws.com/ACCOUNT/NAME\"".to_owned(),
            });
        }
    }

    if source.is_nothing {
        // A first try must not publish to an AWS account.
        config.cloudwatch.publish = Publish::Memory;
    }
    rules::check(&config, &given, &mut findings);

    findings.sort_by(|one, other| order(&one.place).cmp(&order(&other.place)));
    let config = (!findings.iter().any(Finding::is_error)).then_some(config);
    Loaded { config, findings, from_nothing: source.is_nothing }
}

/// Files by line and column, then variables by name.
fn order(place: &Place) -> (bool, usize, usize, &str) {
    match place {
        Place::File { line, column, .. } => (false, *line, *column, ""),
        Place::Environment { variable } => (true, 0, 0, variable),
    }
}

fn key_path(key: &KeyDoc) -> String {
    key.path.to_owned()
}

/// Reads every key that was given; `path` returns its name in findings.
fn read_keys(
    entries: &Entries,
    path: impl Fn(&KeyDoc) -> String,
    config: &mut Config,
    given: &mut Given,
    findings: &mut Vec<Finding>,
) {
    for key in keys::keys() {
        let Some(entry) = entries.get(key.path) else {
            continue;
        };
        let before = findings.len();
        read_key(key, path(key), entry, config, findings);
        let is_faulty = findings[before..].iter().any(Finding::is_error);
        given.add(key.path, &entry.place, is_faulty);
    }
}

fn read_key(
    key: &KeyDoc,
    path: String,
    entry: &GivenEntry,
    config: &mut Config,
    findings: &mut Vec<Finding>,
) {
    match &key.kind {
        KeyKind::AccessKeys { set } => return set(config, access_keys(key, entry, findings)),
        KeyKind::Credentials { set } => return set(config, credentials(key, entry, findings)),
        KeyKind::ApiKeys { set } => return set(config, api_keys(key, entry, findings)),
        KeyKind::Topics { set } => return set(config, topics(key, entry, findings)),
        KeyKind::Unread { set } => return set(config, unread(key, entry, findings)),
        KeyKind::SignatureVersions { set } => {
            return set(config, signature_versions(key, entry, findings));
        }
        KeyKind::Buckets { set } => return set(config, buckets(key, entry, findings)),
        _ => {}
    }
    if let Err((what, fix)) = read_single(key, &entry.raw, config) {
        let place = entry.place.clone();
        findings.push(Finding { severity: Severity::Error, place, path, what, fix });
    }
}

/// All kinds except lists.
fn read_single(key: &KeyDoc, raw: &GivenValue, config: &mut Config) -> Result<(), Fault> {
    match &key.kind {
        KeyKind::Text { read, .. } => read(config, text_of(raw, "a string", "put it in quotes")?),
        KeyKind::Address { set } => {
            let fix = "write an IP address and a port, such as \"127.0.0.1:8127\"";
            set(config, text::parse_address(text_of(raw, "an address", fix)?)?);
            Ok(())
        }
        KeyKind::Duration { least, most, set } => {
            let fix = "write a number with a unit, in quotes, such as \"500ms\", \"10s\" or \"2m\"";
            let text = text_of(raw, "a duration", fix)?;
            set(config, text::parse_duration(text, *least, *most)?);
            Ok(())
        }
        KeyKind::Number { least, most, set } => {
            set(config, number(raw, *least, *most)?);
            Ok(())
        }
        KeyKind::Switch { set } => {
            set(config, switch(raw)?);
            Ok(())
        }
        KeyKind::Choice { options } => {
            let fix = one_of(options);
            let choose = choice(text_of(raw, "a word", &fix)?, options)?;
            choose(config);
            Ok(())
        }
        KeyKind::AccessKeys { .. }
        | KeyKind::Credentials { .. }
        | KeyKind::ApiKeys { .. }
        | KeyKind::Topics { .. }
        | KeyKind::Unread { .. }
        | KeyKind::SignatureVersions { .. }
        | KeyKind::Buckets { .. } => Ok(()),
    }
}

fn text_of<'r>(raw: &'r GivenValue, expected: &str, fix: &str) -> Result<&'r str, Fault> {
    match raw {
        GivenValue::Text(text) | GivenValue::Environment(text) => Ok(text),
        other => Err(wrong_kind(expected, other, fix)),
    }
}

/// A list item as written.
fn item_of<'r>(key: &KeyDoc, raw: &'r GivenValue, fix: &str) -> Result<&'r str, Fault> {
    match (&key.kind, raw) {
        (KeyKind::SignatureVersions { .. }, GivenValue::Number { written, .. }) => Ok(written),
        _ => text_of(raw, "a string", fix),
    }
}

fn wrong_kind(expected: &str, raw: &GivenValue, fix: &str) -> Fault {
    (format!("expected {expected}, found {}", raw.kind_name()), fix.to_owned())
}

fn number(raw: &GivenValue, least: u32, most: u32) -> Result<u32, Fault> {
    let fix = format!("write a whole number from {least} to {most}");
    let (written, value) = match raw {
        GivenValue::Number { written, value } => (written.as_str(), *value),
        GivenValue::Environment(text) => {
            let text = text.trim();
            let digits = text.strip_prefix('-').unwrap_or(text);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err((format!("{} is not a whole number", quoted(text)), fix));
            }
            (text, text.parse().ok())
        }
        other => return Err(wrong_kind("a whole number", other, &fix)),
    };
    let in_range = value
        .and_then(|value| u32::try_from(value).ok())
        .filter(|value| (least..=most).contains(value));
    in_range.ok_or_else(|| (format!("{} is outside {least} to {most}", quoted(written)), fix))
}

fn switch(raw: &GivenValue) -> Result<bool, Fault> {
    let fix = "write true or false, without quotes in a file";
    match raw {
        GivenValue::Bool(on) => Ok(*on),
        GivenValue::Environment(text) => match text.trim() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err((format!("{} is not true or false", quoted(other)), fix.to_owned())),
        },
        other => Err(wrong_kind("true or false", other, fix)),
    }
}

fn choice(text: &str, options: &'static [Choice]) -> Result<fn(&mut Config), Fault> {
    if let Some((_, choose)) = options.iter().find(|(word, _)| *word == text) {
        return Ok(*choose);
    }
    Err((format!("{} is not a choice", quoted(text)), one_of(options)))
}

fn one_of(options: &[Choice]) -> String {
    let words: Vec<String> = options.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    format!("write {}", words.join(" or "))
}

/// Reads the valid keys; every invalid one gets its own finding.
fn access_keys(key: &KeyDoc, entry: &GivenEntry, findings: &mut Vec<Finding>) -> Vec<AccessKey> {
    let warning = |access_key: &AccessKey| {
        if access_key.as_bytes().len() >= text::ACCESS_KEY_BYTES_WEAK {
            return None;
        }
        let what = format!("the key is shorter than {} bytes", text::ACCESS_KEY_BYTES_WEAK);
        Some((
            what,
            "generate a long random key, for example with `openssl rand -hex 32`".to_owned(),
        ))
    };
    let like = ["put the key in quotes", "write `[\"key\"]`"];
    list(key, entry, like, text::access_key, warning, findings)
}

fn credentials(key: &KeyDoc, entry: &GivenEntry, findings: &mut Vec<Finding>) -> Vec<AccessKey> {
    let like = ["put user and password in quotes", "write `[\"user:password\"]`"];
    list(key, entry, like, text::credential, |_| None, findings)
}

fn api_keys(key: &KeyDoc, entry: &GivenEntry, findings: &mut Vec<Finding>) -> Vec<ApiKey> {
    let like = ["put id and secret in quotes", "write `[\"id:secret\"]`"];
    list(key, entry, like, text::api_key, |_| None, findings)
}

fn topics(key: &KeyDoc, entry: &GivenEntry, findings: &mut Vec<Finding>) -> Vec<TopicArn> {
    let like = ["put the ARN in quotes", "write `[\"arn:aws:sns:REGION:ACCOUNT:NAME\"]`"];
    list(key, entry, like, text::topic_arn, |_| None, findings)
}

fn unread(key: &KeyDoc, entry: &GivenEntry, findings: &mut Vec<Finding>) -> Vec<Unread> {
    let like = ["put the word in quotes", "write `[\"malformed\"]`"];
    list(key, entry, like, text::unread, |_| None, findings)
}

fn signature_versions(
    key: &KeyDoc,
    entry: &GivenEntry,
    findings: &mut Vec<Finding>,
) -> Vec<SignatureVersion> {
    let like = ["write 1 or 2", "write `[1, 2]` or `[2]`"];
    list(key, entry, like, text::signature_version, |_| None, findings)
}

fn buckets(key: &KeyDoc, entry: &GivenEntry, findings: &mut Vec<Finding>) -> Vec<String> {
    let like = ["put the name in quotes", "write `[\"NAME\"]`"];
    list(key, entry, like, text::bucket, |_| None, findings)
}

/// The valid items of a list. `like` has an example of an item and of a list, for findings.
fn list<T>(
    key: &KeyDoc,
    entry: &GivenEntry,
    like: [&str; 2],
    read: fn(&str) -> Result<T, Fault>,
    warning: impl Fn(&T) -> Option<Fault>,
    findings: &mut Vec<Finding>,
) -> Vec<T> {
    let mut found = Vec::new();
    let mut take = |index: usize, place: &Place, read: Result<T, Fault>| {
        let (severity, fault) = match read {
            Err(fault) => (Severity::Error, Some(fault)),
            Ok(item) => {
                let warning = warning(&item);
                found.push(item);
                (Severity::Warning, warning)
            }
        };
        let path = format!("{}[{index}]", key.path);
        let place = place.clone();
        findings.extend(fault.map(|(what, fix)| Finding { severity, place, path, what, fix }));
    };
    match &entry.raw {
        // In containers, an empty variable commonly means "none".
        GivenValue::Environment(text) if text.trim().is_empty() => {}
        GivenValue::Environment(text) => {
            for (index, part) in text.split(',').enumerate() {
                take(index, &entry.place, read(part.trim()));
            }
        }
        GivenValue::List(items) => {
            for (index, item) in items.iter().enumerate() {
                take(index, &item.place, item_of(key, &item.raw, like[0]).and_then(read));
            }
        }
        other => {
            let (what, fix) = wrong_kind("a list of strings", other, like[1]);
            let (place, path) = (entry.place.clone(), key.path.to_owned());
            findings.push(Finding { severity: Severity::Error, place, path, what, fix });
        }
    }
    found
}
