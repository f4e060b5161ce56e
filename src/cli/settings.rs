//! The configuration of a command: a file if one is named, the environment always.

use std::path::Path;

use super::input;
use super::output::{complain, print_findings};
use crate::config::{self, Loaded};

/// Loads the configuration; complains about its faults. `None`: it is faulty.
///
/// # Errors
/// The file cannot be read.
pub fn load(file: Option<&Path>) -> anyhow::Result<Option<Loaded>> {
    let text = match file.map(input::read_text).transpose()? {
        Some(Err(problem)) => {
            complain(&problem);
            return Ok(None);
        }
        Some(Ok(text)) => Some(text),
        None => None,
    };
    let name = file.map(|file| file.display().to_string()).unwrap_or_default();
    let loaded = config::load(text.as_deref().map(|text| (name.as_str(), text)), environment());
    print_findings(&loaded.findings);
    Ok(loaded.config.is_some().then_some(loaded))
}

/// The environment. `std::env::vars` panics on a variable that is no UTF-8, though it may be none
/// of ours.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    })
}
