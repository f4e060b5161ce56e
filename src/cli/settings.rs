//! Loads the configuration of a command: an optional file, and always the environment.

use std::path::Path;

use super::input;
use super::output::print_findings;
use crate::config::{self, Loaded};

/// Loads the configuration and prints its errors. `None`: it is invalid or cannot be read.
#[must_use]
pub(super) fn load(file: Option<&Path>) -> Option<Loaded> {
    let text = match file {
        Some(file) => Some((file.display().to_string(), input::text_or_warn(file)?)),
        None => None,
    };
    let text = text.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    let loaded = config::load(text, environment());
    print_findings(&loaded.findings);
    loaded.config.is_some().then_some(loaded)
}

/// The environment. `std::env::vars` would panic on any variable that is not UTF-8, even if
/// postmeter does not use it.
pub(super) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    })
}
