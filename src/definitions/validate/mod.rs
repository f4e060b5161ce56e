//! Reads a definitions document and reports all errors at once, each with its place and fix.
//!
//! In flows the text of a document in the JSON of the SES v2 API; out flow [`Definitions`] and the
//! findings. Invariant: definitions exist exactly when no finding is an error, so a document with
//! errors is never applied in part.
//!
//! The data path: `syntax` (text to tree) -> `object` (members of the tree, with places) ->
//! `set` -> `event_destination` -> `cloudwatch` (with `extensions`) or `forwarding`; all write to one `report`.

mod cloudwatch;
mod dimension;
mod duplicates;
mod event_destination;
mod extensions;
mod forwarding;
mod measures;
mod name;
mod namespace;
mod object;
mod options;
mod overlap;
mod report;
mod request;
mod set;
mod syntax;
mod value_limits;
mod warnings;

#[cfg(test)]
mod tests;

pub(crate) use name::configuration_set_name_fault;
pub(crate) use name::{event_destination_name_refusal, quote_name};
pub use namespace::namespace_fault;
pub(super) use report::{FindingReport, Named, Spot, quote, shorten, starts};
pub use request::{
    RequestFault, read_destination, read_destination_extensions, read_object, read_options,
    read_set, read_set_extensions,
};
pub use syntax::DOCUMENT_BYTES_MAX;
pub(super) use syntax::{LEVELS_MAX, json_tree, next_json};

use jsonc_parser::ast::Value;

use self::name::UniqueNames;
use self::object::{JsonNode, JsonObject};
use self::report::Checked;
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
    Reading { definitions, findings: report.into_findings(&[Named { name: file, text }]) }
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
    document_tree(&syntax::parse(text, report)?, report)
}

/// Reads a document that is a tree already; its places are those of the report.
pub(super) fn read_tree(root: &Value, report: &mut FindingReport) -> Option<Definitions> {
    let definitions = document_tree(root, report);
    if report.has_errors() { None } else { definitions.ok() }
}

/// Whether two event destinations are valid and mean the same.
pub(super) fn mean_the_same(first: &Value, second: &Value) -> bool {
    let read = |value| {
        let (node, mut names) = (JsonNode::root(value), UniqueNames::new("event destination"));
        let mut report = FindingReport::default();
        event_destination::event_destination(&node, &mut names, &mut report).ok()
    };
    read(first).is_some_and(|first| read(second) == Some(first))
}

/// Checks the members of a document besides its sets.
pub(super) fn check_document(root: &Value, report: &mut FindingReport) {
    if let Ok(mut root) = JsonNode::root(root).object("document", report) {
        let _ = document_members(&mut root, report);
    }
}

fn document_members(root: &mut JsonObject, report: &mut FindingReport) -> Checked<()> {
    let version = root.take("Version").map_or(Ok(()), |node| version(&node, report));
    root.report_unknown_keys(report);
    version
}

fn document_tree(root: &Value, report: &mut FindingReport) -> Checked<Definitions> {
    duplicates::report_duplicate_keys(root, report);
    let mut root = JsonNode::root(root).object("document", report)?;
    let sets = root.take("ConfigurationSets");
    if sets.is_none() {
        let mut importable = ["EventDestinations", "ConfigurationSetName", "Resources"].into_iter();
        if let Some(found) = importable.find_map(|key| root.take(key)) {
            let what = "this has configuration sets or event destinations in another form";
            let fix = "make a document of it with `postmeter import --configuration-set NAME`";
            return Err(report.error(&found.spot, what, fix));
        }
    }
    document_members(&mut root, report)?;
    let Some(sets) = sets else {
        return Err(root.missing("ConfigurationSets", report));
    };
    let sets = sets.list("ConfigurationSets", report)?;
    let mut names = UniqueNames::new("configuration set");
    let sets: Vec<_> =
        sets.nodes().map(|node| set::configuration_set(&node, &mut names, report)).collect();
    let sets = sets.into_iter().collect::<Checked<Vec<_>>>()?;
    overlap::warn_of_series_of_several_sets(&sets, report);
    let configuration_sets = sets.into_iter().map(|(set, _)| set).collect();
    Ok(Definitions { configuration_sets })
}
