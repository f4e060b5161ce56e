//! Reads a definitions document and reports every fault at once, each with its place and mend.
//!
//! In flows the text of a document in the JSON of the SES v2 API; out flow [`Definitions`] and
//! the findings. Invariant: there are definitions exactly when no finding is an error, so a faulty
//! document is refused whole and half of it is never in force.
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
mod overlap;
mod report;
mod set;
mod syntax;

#[cfg(test)]
mod tests;

pub(super) use name::configuration_set_name_fault;
pub use namespace::namespace_fault;
pub(super) use syntax::DOCUMENT_BYTES_MAX;

use self::name::Names;
use self::object::Node;
use self::report::{Checked, Report};
use super::model::Definitions;
use crate::finding::Finding;

/// What came out of a definitions document.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Present exactly when no finding is an error.
    pub definitions: Option<Definitions>,
    /// In the order of their places in the document.
    pub findings: Vec<Finding>,
}

/// Reads and checks a definitions document. `file` is only used to name places.
#[must_use]
pub fn read(file: &str, text: &str) -> Reading {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut report = Report::default();
    let definitions = document(text, &mut report);
    let definitions = if report.has_errors() { None } else { definitions.ok() };
    Reading { definitions, findings: report.into_findings(file, text) }
}

fn document(text: &str, report: &mut Report) -> Checked<Definitions> {
    let root = syntax::parse(text, report)?;
    duplicates::report_duplicate_keys(&root, report);
    let mut root = Node::root(&root).object("document", report)?;
    let sets = root.take("ConfigurationSets");
    let bare = if sets.is_none() { root.take("EventDestinations") } else { None };
    if let Some(bare) = bare {
        let mend = "wrap the document with `postmeter import --configuration-set NAME`";
        return Err(report.error(&bare.spot, "event destinations without a set", mend));
    }
    root.report_unknown_keys(report);
    let Some(sets) = sets else {
        return Err(root.missing("ConfigurationSets", report));
    };
    let sets = sets.list("ConfigurationSets", report)?;
    let mut names = Names::new("configuration set");
    let sets: Vec<_> =
        sets.nodes().map(|node| set::configuration_set(&node, &mut names, report)).collect();
    let configuration_sets = sets.into_iter().collect::<Checked<_>>()?;
    Ok(Definitions { configuration_sets })
}
