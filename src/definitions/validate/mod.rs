//! Reads a definitions document and reports all errors at once, each with its place and fix.
//!
//! In flows the text of a document in the JSON of the SES v2 API; out flow [`Definitions`] and the
//! findings. Invariant: definitions exist exactly when no finding is an error, so a document with
//! errors is never applied in part.
//!
//! The data path: `syntax` (text to tree) -> `object` (members of the tree, with places) ->
//! `set` -> `event_destination` -> `cloudwatch` or `forwarding`; all write to one `report`.

mod cloudwatch;
mod duplicates;
mod event_destination;
mod forwarding;
mod name;
mod namespace;
mod object;
mod options;
mod overlap;
mod report;
mod request;
mod set;
mod syntax;

#[cfg(test)]
mod tests;

pub(super) use name::configuration_set_name_fault;
pub(crate) use name::{event_destination_name_refusal, quote_name};
pub use namespace::namespace_fault;
pub(crate) use request::DestinationExtensions;
pub use request::{
    RequestFault, read_destination, read_destination_extensions, read_object, read_options,
    read_set, read_set_extensions,
};
pub use syntax::DOCUMENT_BYTES_MAX;

use self::name::UniqueNames;
use self::object::JsonNode;
use self::report::{Checked, FindingReport};
use super::model::Definitions;
use crate::finding::Finding;

/// The result of reading a definitions document.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Present exactly when no finding is an error.
    pub definitions: Option<Definitions>,
    /// Sorted by place in the document.
    pub findings: Vec<Finding>,
}

/// Reads and checks a definitions document. `file` is only used to name places.
#[must_use]
pub fn read(file: &str, text: &str) -> Reading {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut report = FindingReport::default();
    let definitions = document(text, &mut report);
    let definitions = if report.has_errors() { None } else { definitions.ok() };
    Reading { definitions, findings: report.into_findings(file, text) }
}

/// The version of the document format, also assumed for a document without a version.
pub(in crate::definitions) const DOCUMENT_VERSION: u64 = 1;

fn version(node: &JsonNode, report: &mut FindingReport) -> Checked<()> {
    let version = node.number("Version", report)?;
    if version.as_u64() == Some(DOCUMENT_VERSION) {
        return Ok(());
    }
    let what = format!("document has version {version}");
    let fix = format!("this postmeter reads version {DOCUMENT_VERSION}; use a newer postmeter");
    Err(report.error(&node.spot, what, fix))
}

fn document(text: &str, report: &mut FindingReport) -> Checked<Definitions> {
    let root = syntax::parse(text, report)?;
    duplicates::report_duplicate_keys(&root, report);
    let mut root = JsonNode::root(&root).object("document", report)?;
    let sets = root.take("ConfigurationSets");
    let bare = if sets.is_none() { root.take("EventDestinations") } else { None };
    if let Some(bare) = bare {
        let fix = "wrap the document with `postmeter import --configuration-set NAME`";
        return Err(report.error(
            &bare.spot,
            "event destinations without a configuration set",
            fix,
        ));
    }
    let version = root.take("Version").map_or(Ok(()), |node| version(&node, report));
    root.report_unknown_keys(report);
    version?;
    let Some(sets) = sets else {
        return Err(root.missing("ConfigurationSets", report));
    };
    let sets = sets.list("ConfigurationSets", report)?;
    let mut names = UniqueNames::new("configuration set");
    let sets: Vec<_> =
        sets.nodes().map(|node| set::configuration_set(&node, &mut names, report)).collect();
    let configuration_sets = sets.into_iter().collect::<Checked<_>>()?;
    Ok(Definitions { configuration_sets })
}
