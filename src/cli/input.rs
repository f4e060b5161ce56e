//! Opens the inputs of a command: files or stdin, plain or gzip.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::Exit;
use super::args::RuleArgs;
use super::output::{print_findings, warn_user};
use crate::definitions::{self, Definitions, namespace_fault};
use crate::finding::Finding;
use crate::mailbox_providers;
use crate::pipeline::bulk::TextSource;
use crate::rules::{Layouts, RuleSet};
use crate::ses::{self, Interest, MailboxProviders, Visitor};

/// Whether a path means stdin.
#[must_use]
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What a command says of an input that holds nothing.
pub(super) const NO_VALUES: &str = "the input is empty: it has no events and no other values";

/// The name of an input in messages.
#[must_use]
pub(super) fn name(path: &Path) -> String {
    if is_stdin(path) { "stdin".to_owned() } else { path.display().to_string() }
}

/// Opens a file, or stdin for `-`.
///
/// # Errors
/// The file cannot be opened; the message names it.
pub(super) fn open(path: &Path) -> anyhow::Result<Box<dyn Read + Send>> {
    if is_stdin(path) {
        return Ok(Box::new(std::io::stdin()));
    }
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let is_folder = file.metadata().is_ok_and(|metadata| metadata.is_dir());
    anyhow::ensure!(!is_folder, "cannot read {}: it is a directory; pass files", path.display());
    Ok(Box::new(file))
}

/// Reads every event of an input.
///
/// # Errors
/// Reading fails; events before the failure were visited.
pub(super) fn read_events(
    input: impl Read + Send + 'static,
    interest: &Interest,
    visitor: &mut impl Visitor,
) -> std::io::Result<()> {
    let TextSource { bytes, gzips } = TextSource::new(input)?;
    ses::Reader::new(bytes).read(gzips, interest, visitor)
}

/// Compiles the definitions of a command; prints errors. `None`: wrong usage, or an invalid file.
#[must_use]
pub(super) fn rules(
    definitions: &Path,
    args: &RuleArgs,
    layouts: &Layouts,
) -> Option<Arc<RuleSet>> {
    check_namespace(&args.namespace)?;
    let definitions = read_definitions(definitions)?;
    let default_set = args.default_set.as_deref();
    let rules = RuleSet::new(&definitions, &args.namespace, default_set, layouts);
    Some(Arc::new(rules.with_mailbox_providers(providers(args).ok()?)))
}

/// The mailbox providers of a command, if it names a file.
///
/// # Errors
/// The file cannot be read or is invalid, which is printed: how the command exits.
pub(super) fn providers(args: &RuleArgs) -> Result<Option<Arc<MailboxProviders>>, Exit> {
    let file = args.mailbox_providers.as_deref();
    mailbox_providers::load(file).map_err(|why| {
        warn_user(&why);
        Exit::Usage
    })
}

/// Checks `--namespace`; `None`: an error was printed.
pub(super) fn check_namespace(namespace: &str) -> Option<()> {
    let Some((what, fix)) = namespace_fault(namespace) else { return Some(()) };
    warn_user(&format!("--namespace: {what}; {fix}"));
    None
}

/// Reads a definitions document for a command; prints its errors, and an error if it cannot be
/// read.
pub(super) fn read_definitions(path: &Path) -> Option<Definitions> {
    let text = text_or_warn(path)?;
    let reading = definitions::read(&path.display().to_string(), &text);
    print_findings(&reading.findings);
    reading.definitions
}

/// Reads a whole file as text; prints an error if it cannot be read.
#[must_use]
pub(super) fn text_or_warn(path: &Path) -> Option<String> {
    read_text(path).map_err(|error| warn_user(&format!("{error:#}"))).ok()
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    open(path)?
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        anyhow::anyhow!("{}: not UTF-8 at byte {at}; save the file as UTF-8", path.display())
    })
}

/// Whether any finding is an error.
#[must_use]
pub(super) fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(Finding::is_error)
}
