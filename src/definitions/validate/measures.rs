//! The measures of a CloudWatch destination.

use super::object::JsonObject;
use super::report::{Checked, FindingReport, Spot, quote};
use crate::definitions::measure::Measure;
use crate::definitions::model::CloudWatchDestination;
use crate::ses::EventTypeSet;

/// Reads `Measures`: each with its place.
pub(super) fn measures(
    object: &mut JsonObject,
    report: &mut FindingReport,
) -> Checked<Option<Vec<(Measure, Spot)>>> {
    let Some(node) = object.take("Measures") else { return Ok(None) };
    let list = node.list("Measures", report)?;
    if list.len() == 0 {
        let fix = "remove it to count, or name a measure, such as COUNT";
        return Err(report.error(&list.spot, "Measures is empty", fix));
    }
    let mut read: Vec<(Measure, Spot)> = Vec::new();
    let mut checked = Ok(());
    for node in list.nodes() {
        let name = match node.text("measure", report) {
            Ok(name) => name,
            Err(reported) => {
                checked = Err(reported);
                continue;
            }
        };
        let Some(measure) = Measure::parse(name) else {
            let known = Measure::ALL.map(Measure::name).join(", ");
            let what = format!("measure {} is unknown", quote(name));
            checked = Err(report.error(&node.spot, what, format!("use one of {known}")));
            continue;
        };
        if read.iter().any(|(known, _)| *known == measure) {
            let what = format!("measure {} is twice in the list", measure.name());
            checked = Err(report.error(&node.spot, what, "keep one"));
            continue;
        }
        read.push((measure, node.spot));
    }
    checked.map(|()| Some(read))
}

/// Checks that a destination matches what its measures need. `types`: those that it matches, as far
/// as they are valid.
pub(super) fn check_types(
    destination: &CloudWatchDestination,
    spots: &[Spot],
    types: EventTypeSet,
    report: &mut FindingReport,
) -> Checked<()> {
    let mut checked = Ok(());
    for (measure, spot) in destination.measures().iter().zip(spots) {
        let needed = measure.needed_types();
        // Of a destination without valid types there is an error already.
        if types.is_empty() || types.intersection(needed) == needed {
            continue;
        }
        let missing = needed.iter().filter(|needed| !types.contains(*needed));
        let missing = missing.collect::<EventTypeSet>().api_names();
        let what = format!("{} needs events of {}", measure.name(), needed.api_names());
        let fix = format!("add {missing} to MatchingEventTypes, or remove the measure");
        checked = Err(report.error(spot, what, fix));
    }
    checked
}

/// Warns about measures that have a value in no set of dimensions.
pub(super) fn warn_of_unused(
    destination: &CloudWatchDestination,
    sets: &[Vec<&str>],
    spots: &[Spot],
    types: EventTypeSet,
    report: &mut FindingReport,
) {
    for (measure, spot) in destination.measures().iter().zip(spots) {
        let has_value = |set: &Vec<&str>| {
            types.iter().any(|event_type| destination.measures_in(set, *measure, event_type))
        };
        // Counts without a series have warnings of their own.
        if *measure == Measure::Count || sets.iter().any(has_value) {
            continue;
        }
        let what = format!(
            "{} has no series: every set of dimensions has a field that {} events lack",
            measure.name(),
            measure.needed_types().api_names()
        );
        let fix = "add a set without such a field, for example [] for the total, or remove the \
                   measure";
        report.warning(spot, what, fix);
    }
}
