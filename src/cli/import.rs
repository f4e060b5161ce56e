//! `postmeter import`: makes a definitions document of what people have.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::args::ImportArgs;
use super::output::{print_findings, warn_user};
use super::{Exit, input};
use crate::definitions::{self, ImportInput, Imported, configuration_set_name_fault};

/// Runs the command.
///
/// # Errors
/// The output cannot be written.
pub(super) fn run(args: &ImportArgs) -> anyhow::Result<Exit> {
    let name = args.configuration_set.as_deref();
    if let Some((what, fix)) = name.and_then(configuration_set_name_fault) {
        warn_user(&format!("--configuration-set: {what}; {fix}"));
        return Ok(Exit::Usage);
    }
    let stdin = [PathBuf::from("-")];
    let paths = if args.inputs.is_empty() { &stdin[..] } else { &args.inputs };
    let Some(inputs) = paths.iter().map(|path| read(path)).collect::<Option<Vec<_>>>() else {
        return Ok(Exit::Usage);
    };
    let Imported { document, findings } = definitions::import(name, &inputs);
    print_findings(&findings);
    let Some(document) = document else {
        return Ok(Exit::Usage);
    };
    std::io::stdout().write_all(document.as_bytes())?;
    Ok(Exit::Done)
}

fn read(path: &Path) -> Option<ImportInput> {
    let text = input::text_or_warn(path)?;
    Some(ImportInput { name: input::name(path), text })
}
