//! Whether the extensions of a configuration set still fit after a change of something else.

use super::json::to_document;
use super::model::{ConfigurationSet, Definitions, Destination, EventDestination};
use super::validate::read;
use crate::finding::Finding;

/// The first fault of a set whose parts are valid on their own, and its fix. Only extensions can have
/// one: a name that no dimension has, say.
pub(crate) fn fault_of_extensions(set: &ConfigurationSet) -> Option<(String, String)> {
    let is_extended = |destination: &EventDestination| match &destination.destination {
        Destination::CloudWatch(cloudwatch) => cloudwatch.is_extended(),
        Destination::Forward(_) | Destination::Pinpoint { .. } => false,
    };
    if !set.event_destinations.iter().any(is_extended) {
        return None;
    }
    let definitions = Definitions { configuration_sets: vec![set.clone()] };
    // Every value has a JSON form.
    let text = to_document(&definitions).ok()?;
    let fault = read("", &text).findings.into_iter().find(Finding::is_error)?;
    Some((fault.what, fault.fix))
}
