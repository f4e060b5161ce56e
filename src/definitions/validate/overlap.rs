//! Warns about two destinations of one set that count an event twice in the same series.

use super::report::{FindingReport, Spot};
use crate::definitions::model::{CloudWatchDestination, Destination, Dimension, EventDestination};

/// The namespace if neither destination nor set names one. The daemon can be configured with
/// another one; then a set with an explicit `SES` gets a false warning, so the warning says "may".
const DEFAULT_NAMESPACE: &str = "SES";

/// Compares each pair of enabled CloudWatch destinations of a set.
pub(super) fn warn_of_shared_series(
    set_namespace: Option<&str>,
    destinations: &[(Spot, EventDestination)],
    report: &mut FindingReport,
) {
    for (index, (spot, second)) in destinations.iter().enumerate() {
        for (_, first) in &destinations[..index] {
            if let Some(consequence) = shared_series(set_namespace, first, second) {
                let (first, second) = (&first.name, &second.name);
                let what = format!("event destinations {first} and {second} {consequence}");
                let fix =
                    "change the dimensions or Namespace of one, or make their event types disjoint";
                report.warning(spot, what, fix);
            }
        }
    }
}

/// What one event does when both destinations write the same series; `None` when they cannot.
fn shared_series(
    set_namespace: Option<&str>,
    first: &EventDestination,
    second: &EventDestination,
) -> Option<&'static str> {
    let types = first.matching_event_types.intersection(second.matching_event_types);
    if !first.enabled || !second.enabled || types.is_empty() {
        return None;
    }
    let (Destination::CloudWatch(first), Destination::CloudWatch(second)) =
        (&first.destination, &second.destination)
    else {
        return None;
    };
    let first_namespace = first.namespace.as_deref().or(set_namespace);
    let second_namespace = second.namespace.as_deref().or(set_namespace);
    if first_namespace.unwrap_or(DEFAULT_NAMESPACE) != second_namespace.unwrap_or(DEFAULT_NAMESPACE)
    {
        return None;
    }
    let (first_dimensions, second_dimensions) = (by_name(first), by_name(second));
    let names_differ = first_dimensions.len() != second_dimensions.len()
        || first_dimensions.iter().zip(&second_dimensions).any(|(a, b)| a.name != b.name);
    if names_differ {
        return None;
    }
    if first_dimensions == second_dimensions && first_namespace == second_namespace {
        return Some("write the same series, so one event counts twice");
    }
    Some("may write the same series, so one event counts twice if their values are equal")
}

fn by_name(destination: &CloudWatchDestination) -> Vec<&Dimension> {
    let mut dimensions: Vec<&Dimension> = destination.dimensions.iter().collect();
    dimensions.sort_by(|a, b| a.name.cmp(&b.name));
    dimensions
}
