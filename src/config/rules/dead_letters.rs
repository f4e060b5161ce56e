//! Rules of dead letters.

use super::{Rule, finding};
use crate::config::Config;
use crate::config::given::Given;
use crate::finding::{Finding, Severity};

pub(super) const RULES: &[Rule] = &[two_places, nothing_kept];

fn two_places(config: &Config, given: &Given) -> Option<Finding> {
    let letters = &config.dead_letters;
    if letters.directory.is_none() || letters.stream.is_none() {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["dead_letters.stream", "dead_letters.directory"],
        "dead letters can go to a directory or to a stream, not to both".to_owned(),
        "leave one of them empty",
    )
}

fn nothing_kept(config: &Config, given: &Given) -> Option<Finding> {
    let letters = &config.dead_letters;
    let has_place = letters.directory.is_some() || letters.stream.is_some();
    if !has_place || !letters.keep.is_empty() {
        return None;
    }
    finding(
        Severity::Warning,
        given,
        &["dead_letters.keep"],
        "a destination for dead letters is set, but nothing is kept".to_owned(),
        "list what to keep, such as [\"malformed\"], or leave dead_letters.directory and .stream \
         empty",
    )
}
