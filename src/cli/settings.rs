//! The configuration of a command: a file if one is named, the environment always.

use std::path::Path;

use super::input;
use super::output::print_findings;
use crate::config::{self, Loaded};

/// Loads the configuration; complains about its faults. `None`: it is faulty or cannot be read.
#[must_use]
pub fn load(file: Option<&Path>) -> Option<Loaded> {
    let text = match file {
        Some(file) => Some((file.display().to_string(), input::text_or_complain(file)?)),
        None => None,
    };
    let text = text.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    let loaded = config::load(text, environment());
    print_findings(&loaded.findings);
    loaded.config.is_some().then_some(loaded)
}

/// The environment. `std::env::vars` panics on a variable that is no UTF-8, though it may be none
/// of ours.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    })
}
