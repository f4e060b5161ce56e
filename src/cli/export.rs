//! `postmeter export`: converts a definitions document to a form that SES accepts.

use std::io::Write;

use super::args::{ExportArgs, ExportFormatArg};
use super::output::warn_user;
use super::{Exit, input};
use crate::definitions;
use crate::definitions::{ConfigurationSet, Exported};

/// Runs the command.
///
/// # Errors
/// The output cannot be written.
pub(super) fn run(args: &ExportArgs) -> anyhow::Result<Exit> {
    let Some(definitions) = input::read_definitions(&args.definitions) else {
        return Ok(Exit::Usage);
    };
    let sets = &definitions.configuration_sets;
    let wanted = |set: &&ConfigurationSet| {
        args.configuration_set.as_ref().is_none_or(|name| *name == set.name)
    };
    let chosen: Vec<&ConfigurationSet> = sets.iter().filter(wanted).collect();
    if let Some(name) = args.configuration_set.as_ref().filter(|_| chosen.is_empty()) {
        warn_user(&format!("configuration set {name} does not exist; there are: {}", names(sets)));
        return Ok(Exit::Usage);
    }
    let format = match args.format {
        ExportFormatArg::Json => definitions::ExportFormat::Json,
        ExportFormatArg::Cli => definitions::ExportFormat::Cli,
        ExportFormatArg::Cloudformation => definitions::ExportFormat::CloudFormation,
    };
    if format == definitions::ExportFormat::Json && chosen.len() != 1 {
        warn_user(&format!("choose one set with --configuration-set; there are: {}", names(sets)));
        return Ok(Exit::Usage);
    }
    let Exported { text, left_out } = definitions::export(&chosen, format)?;
    for line in left_out {
        warn_user(&line);
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

fn names(sets: &[ConfigurationSet]) -> String {
    let names: Vec<&str> = sets.iter().take(20).map(|set| set.name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
