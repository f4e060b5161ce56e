//! `postmeter check`: lists all errors of a configuration or a definitions document.

use std::io::Write;
use std::path::Path;

use super::args::{CheckArgs, TextFormat};
use super::output::warn_user;
use super::{Exit, input, settings};
use crate::app::check_tls;
use crate::config::{self, Config, DefinitionsSource};
use crate::definitions;
use crate::finding::Finding;
use crate::mailbox_providers;

/// Runs the command.
///
/// # Errors
/// The output cannot be written.
pub(super) fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let mut findings = Vec::new();
    let mut readable = true;
    if let Some(path) = &args.config {
        readable &= check_config(path, &mut findings);
    }
    if let Some(path) = &args.definitions {
        readable &= check_definitions(path, &mut findings);
    }
    let mut out = std::io::stdout().lock();
    match args.format {
        TextFormat::Text => {
            for finding in &findings {
                writeln!(out, "{finding}")?;
            }
        }
        TextFormat::Json => {
            writeln!(out, "{}", serde_json::to_string(&findings)?)?;
        }
    }
    let refused = input::has_errors(&findings) || (args.strict && !findings.is_empty());
    Ok(if refused || !readable { Exit::Usage } else { Exit::Done })
}

/// Returns false if something could not be read.
fn check_config(path: &Path, findings: &mut Vec<Finding>) -> bool {
    let Some(text) = input::text_or_warn(path) else { return false };
    let name = path.display().to_string();
    let loaded = config::load(Some((&name, &text)), settings::environment());
    findings.extend(loaded.findings);
    let Some(config) = loaded.config else { return true };
    let tls = check_tls(&config);
    if let Err(error) = &tls {
        warn_user(&error.to_string());
    }
    let providers = mailbox_providers::load(config.mailbox_providers.as_deref());
    if let Err(error) = &providers {
        warn_user(error);
    }
    tls.is_ok() & providers.is_ok() & check_definitions_of(config, findings)
}

/// Returns false if they could not be read.
fn check_definitions_of(config: Config, findings: &mut Vec<Finding>) -> bool {
    match config.definitions {
        // The SES API creates the file.
        Some(DefinitionsSource::Path(path))
            if config.ses_api.listen.is_some() && !path.exists() =>
        {
            true
        }
        Some(DefinitionsSource::Path(path)) => check_definitions(&path, findings),
        Some(DefinitionsSource::Env(name)) => match std::env::var(&name) {
            Ok(text) => {
                findings.extend(definitions::read(&format!("env:{name}"), &text).findings);
                true
            }
            Err(error) => {
                warn_user(&format!("cannot read the definitions in env:{name}: {error}"));
                false
            }
        },
        Some(source @ DefinitionsSource::S3 { .. }) => {
            warn_user(&format!("the definitions in {source} were not checked; check a local copy"));
            true
        }
        None => true,
    }
}

fn check_definitions(path: &Path, findings: &mut Vec<Finding>) -> bool {
    let Some(text) = input::text_or_warn(path) else { return false };
    findings.extend(definitions::read(&path.display().to_string(), &text).findings);
    true
}
