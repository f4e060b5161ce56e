//! `postmeter import`: converts output of the AWS CLI to a definitions document.

use std::io::Write;
use std::path::Path;

use super::args::ImportArgs;
use super::output::{print_findings, warn_user};
use super::{Exit, input};
use crate::definitions;

/// Runs the command.
///
/// # Errors
/// The output cannot be written.
pub(super) fn run(args: &ImportArgs) -> anyhow::Result<Exit> {
    let path = args.input.as_deref().unwrap_or(Path::new("-"));
    let Some(text) = input::text_or_warn(path) else {
        return Ok(Exit::Usage);
    };
    let document = match definitions::import(&args.configuration_set, &text) {
        Ok(document) => document,
        Err(error) => {
            warn_user(&error.to_string());
            return Ok(Exit::Usage);
        }
    };
    let reading = definitions::read("imported", &document);
    print_findings(&reading.findings);
    if reading.definitions.is_none() {
        return Ok(Exit::Usage);
    }
    std::io::stdout().write_all(document.as_bytes())?;
    Ok(Exit::Done)
}
