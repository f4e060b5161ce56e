//! Rules across keys: combinations that do not work although each key is valid by itself.
//!
//! A rule is skipped if one of its keys could not be read, because the configuration then contains
//! the default and not what the operator meant.

mod console;
mod dead_letters;
mod journal;
mod listeners;
mod publishing;
mod ses_api;
mod sources;
mod times;

use super::Config;
use super::given::Given;
use crate::finding::{Finding, Severity};

/// Checks one rule.
type Rule = fn(&Config, &Given) -> Option<Finding>;

/// Adds the findings of all rules.
pub(super) fn check(config: &Config, given: &Given, findings: &mut Vec<Finding>) {
    let topics = [
        publishing::RULES,
        listeners::RULES,
        journal::RULES,
        times::RULES,
        sources::RULES,
        dead_letters::RULES,
        ses_api::RULES,
        console::RULES,
    ];
    findings.extend(topics.into_iter().flatten().filter_map(|rule| rule(config, given)));
}

/// A finding at the place of the first of the keys that was given.
fn finding(
    severity: Severity,
    given: &Given,
    paths: &[&'static str],
    what: String,
    fix: &str,
) -> Option<Finding> {
    if !given.sound(paths) {
        return None;
    }
    let (place, path) = given.place(paths);
    Some(Finding { severity, place, path, what, fix: fix.to_owned() })
}
