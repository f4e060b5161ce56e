//! What a CloudWatch destination has that SES does not: namespace, invalid values, dimensions from
//! fields of the event, and several sets of dimensions. [`measures`] and [`value_limits`] read the
//! rest.

use std::collections::HashMap;

use super::dimension::{default_value, dimension_name};
use super::name::UniqueNames;
use super::object::{JsonNode, JsonObject};
use super::report::{Checked, FindingReport, Spot, quote};
use super::value_limits::{self, ReadValueLimits};
use super::{measures, namespace};
use crate::definitions::model::{
    CloudWatchDestination, DIMENSIONS_OF_SET_MAX, DestinationExtensions, EventDimension,
    OnInvalidValue,
};
use crate::ses::{EventField, EventType, EventTypeSet};

/// The most dimensions of a CloudWatch metric.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>,
/// 2026-11-30.
const DIMENSIONS_MAX: usize = 30;

/// How many series one event may make in a destination.
const SETS_MAX: usize = 30;

/// Extensions, and where they stand.
#[derive(Debug, Default)]
pub(super) struct ReadExtensions {
    pub extensions: DestinationExtensions,
    event_spots: Vec<Spot>,
    set_spots: Vec<Spot>,
    measure_spots: Vec<Spot>,
    value_limits: ReadValueLimits,
}

/// The names of a set of dimensions, and its place.
type NamedSet = (Vec<String>, Spot);

/// Reads the extensions among the members of a destination. `names` are those of its dimensions.
pub(super) fn extensions<'t>(
    object: &mut JsonObject<'t>,
    names: &mut UniqueNames<'t>,
    report: &mut FindingReport,
) -> Checked<ReadExtensions> {
    let namespace =
        object.take("Namespace").map(|node| namespace::namespace(&node, report)).transpose();
    let on_invalid_value = object
        .take("OnInvalidValue")
        .map_or(Ok(OnInvalidValue::default()), |node| on_invalid_value(&node, report));
    let event_dimensions = event_dimensions(object, names, report);
    let sets = dimension_sets(object, report);
    let measures = measures::measures(object, report);
    let value_limits = value_limits::value_limits(object, report);
    let (event_dimensions, event_spots) = event_dimensions?.into_iter().unzip();
    let (dimension_sets, set_spots) = unzipped(sets?);
    let (measures, measure_spots) = unzipped(measures?);
    let (namespace, on_invalid_value, value_limits) =
        (namespace?, on_invalid_value?, value_limits?);
    let extensions = DestinationExtensions {
        namespace,
        on_invalid_value,
        event_dimensions,
        dimension_sets,
        measures,
        value_limits: value_limits.limits.clone(),
        keep_values: value_limits.kept.clone(),
    };
    Ok(ReadExtensions { extensions, event_spots, set_spots, measure_spots, value_limits })
}

/// The values of a list that may be absent, and their places.
fn unzipped<T>(list: Option<Vec<(T, Spot)>>) -> (Option<Vec<T>>, Vec<Spot>) {
    list.map_or((None, Vec::new()), |list| {
        let (values, spots) = list.into_iter().unzip();
        (Some(values), spots)
    })
}

fn on_invalid_value(node: &JsonNode, report: &mut FindingReport) -> Checked<OnInvalidValue> {
    let text = node.text("OnInvalidValue", report)?;
    match text.to_ascii_uppercase().as_str() {
        "DROP" => Ok(OnInvalidValue::Drop),
        "DEFAULT" => Ok(OnInvalidValue::Default),
        "SANITIZE" => Ok(OnInvalidValue::Sanitize),
        _ => {
            let what = format!("OnInvalidValue {} is unknown", quote(text));
            Err(report.error(&node.spot, what, "use DROP, DEFAULT or SANITIZE"))
        }
    }
}

fn event_dimensions<'t>(
    object: &mut JsonObject<'t>,
    names: &mut UniqueNames<'t>,
    report: &mut FindingReport,
) -> Checked<Vec<(EventDimension, Spot)>> {
    let Some(node) = object.take("EventDimensions") else { return Ok(Vec::new()) };
    let mut read = Vec::new();
    for node in node.list("EventDimensions", report)?.nodes() {
        let dimension = event_dimension(&node, names, report);
        read.push(dimension.map(|dimension| (dimension, node.spot)));
    }
    read.into_iter().collect()
}

fn event_dimension<'t>(
    node: &JsonNode<'t>,
    names: &mut UniqueNames<'t>,
    report: &mut FindingReport,
) -> Checked<EventDimension> {
    let mut object = node.object("event dimension", report)?;
    let field = object.require("Field", report).and_then(|node| event_field(&node, report));
    let name = match (object.take("DimensionName"), &field) {
        (Some(node), _) => dimension_name(&node, false, names, report).map(Some),
        (None, Ok(field)) => {
            names.insert(field.name(), &node.spot, report).map(|()| Some(field.name().to_owned()))
        }
        (None, Err(_)) => Ok(None),
    };
    let default = object
        .require("DefaultDimensionValue", report)
        .and_then(|node| default_value(&node, report));
    object.report_unknown_keys(report);
    let (field, name, default) = (field?, name?, default?);
    Ok(EventDimension { field, name: name.unwrap_or_else(|| field.name().to_owned()), default })
}

fn event_field(node: &JsonNode, report: &mut FindingReport) -> Checked<EventField> {
    let text = node.text("Field", report)?;
    let Some(field) = EventField::parse(text) else {
        let known: Vec<&str> = EventField::dimensions().map(EventField::name).collect();
        let what = format!("field {} is unknown", quote(text));
        return Err(report.error(&node.spot, what, format!("use one of {}", known.join(", "))));
    };
    Ok(field)
}

fn dimension_sets(
    object: &mut JsonObject,
    report: &mut FindingReport,
) -> Checked<Option<Vec<NamedSet>>> {
    let Some(node) = object.take("DimensionSets") else { return Ok(None) };
    let list = node.list("DimensionSets", report)?;
    if list.len() == 0 {
        let fix = "remove it to count by all dimensions, or write [[]] to count the total alone";
        return Err(report.error(&list.spot, "DimensionSets is empty", fix));
    }
    if list.len() > SETS_MAX {
        let what = format!("destination has {} sets of dimensions", list.len());
        let fix = format!("keep at most {SETS_MAX}: each makes a series of every event");
        return Err(report.error(&list.spot, what, fix));
    }
    let mut read = Vec::new();
    for node in list.nodes() {
        let set = dimension_set(&node, report);
        read.push(set.map(|set| (set, node.spot)));
    }
    read.into_iter().collect::<Checked<_>>().map(Some)
}

fn dimension_set(node: &JsonNode, report: &mut FindingReport) -> Checked<Vec<String>> {
    let list = node.list("set of dimensions", report)?;
    let mut names: Vec<String> = Vec::new();
    let mut checked = Ok(());
    for node in list.nodes() {
        match node.text("dimension name", report) {
            Ok(name) if names.iter().any(|known| known == name) => {
                let what = format!("dimension {} is twice in the set", quote(name));
                checked = Err(report.error(&node.spot, what, "keep one"));
            }
            Ok(name) => names.push(name.to_owned()),
            Err(reported) => checked = Err(reported),
        }
    }
    if names.len() > DIMENSIONS_OF_SET_MAX {
        let what = format!("set has {} dimensions", names.len());
        let fix = format!("keep at most {DIMENSIONS_OF_SET_MAX}, the limit of SES");
        return Err(report.error(&list.spot, what, fix));
    }
    checked.map(|()| names)
}

/// Checks what dimensions and sets mean together. `spot` is the place of the destination.
pub(super) fn check(
    destination: &CloudWatchDestination,
    read: &ReadExtensions,
    types: EventTypeSet,
    spot: &Spot,
    report: &mut FindingReport,
) -> Checked<()> {
    let names: Vec<&str> = destination.names().collect();
    if names.len() > DIMENSIONS_MAX {
        let what = format!("destination has {} dimensions", names.len());
        let fix = format!("keep at most {DIMENSIONS_MAX}, EventDimensions included");
        return Err(report.error(spot, what, fix));
    }
    let sets = destination.sets();
    if read.set_spots.is_empty() && names.len() > DIMENSIONS_OF_SET_MAX {
        let what = format!("destination has {} dimensions on one metric", names.len());
        let fix = format!(
            "add DimensionSets, each of at most {DIMENSIONS_OF_SET_MAX} dimensions, or keep fewer"
        );
        return Err(report.error(spot, what, fix));
    }
    check_names(&names, &sets, &read.set_spots, report)?;
    let measured = measures::check_types(destination, &read.measure_spots, types, report);
    value_limits::check(destination, &read.value_limits, &read.event_spots, report)?;
    measured?;
    warn_of_fields(destination, &read.event_spots, types, report);
    warn_of_sets(destination, &sets, &read.set_spots, types, report);
    warn_of_unused(destination, &sets, &names, spot, report);
    warn_of_types(destination, &sets, types, spot, report);
    measures::warn_of_unused(destination, &sets, &read.measure_spots, types, report);
    Ok(())
}

/// Each name is that of a dimension, and no two sets are equal.
fn check_names(
    names: &[&str],
    sets: &[Vec<&str>],
    spots: &[Spot],
    report: &mut FindingReport,
) -> Checked<()> {
    let mut checked = Ok(());
    let mut seen = HashMap::new();
    for (number, (set, spot)) in sets.iter().zip(spots).enumerate() {
        for name in set.iter().filter(|name| !names.contains(name)) {
            let what = format!("DimensionSets names {}, which is not a dimension", quote(name));
            let fix = "add it to DimensionConfigurations or EventDimensions, or correct the name";
            checked = Err(report.error(spot, what, fix));
        }
        let mut sorted = set.clone();
        sorted.sort_unstable();
        if let Some(first) = seen.insert(sorted, number) {
            let what = format!(
                "DimensionSets[{number}] has the dimensions of DimensionSets[{first}], so one event \
                 would count twice"
            );
            checked = Err(report.error(spot, what, "keep one"));
        }
    }
    checked
}

fn warn_of_fields(
    destination: &CloudWatchDestination,
    spots: &[Spot],
    types: EventTypeSet,
    report: &mut FindingReport,
) {
    for (dimension, spot) in destination.extensions.event_dimensions.iter().zip(spots) {
        let field = dimension.field;
        if types.intersection(field.types()).is_empty() {
            let what = format!(
                "no event of this destination has the field {}: only {} events have it",
                field.name(),
                field.types().api_names()
            );
            report.warning(spot, what, "add their type to MatchingEventTypes, or remove it");
        }
    }
}

fn warn_of_sets(
    destination: &CloudWatchDestination,
    sets: &[Vec<&str>],
    spots: &[Spot],
    types: EventTypeSet,
    report: &mut FindingReport,
) {
    let own = &destination.extensions.event_dimensions;
    for (set, spot) in sets.iter().zip(spots) {
        // Of a field that no event has, there is a warning already.
        let is_told = own.iter().any(|dimension| {
            let types = types.intersection(dimension.field.types());
            set.contains(&&*dimension.name) && types.is_empty()
        });
        if !is_told && !types.iter().any(|event_type| destination.makes_series(set, event_type)) {
            let what = format!("set [{}] makes no series", set.join(", "));
            let fix = "no matching event type has all its fields: put them into different sets, or \
                       match other types";
            report.warning(spot, what, fix);
        }
    }
}

fn warn_of_unused(
    destination: &CloudWatchDestination,
    sets: &[Vec<&str>],
    names: &[&str],
    spot: &Spot,
    report: &mut FindingReport,
) {
    if destination.extensions.dimension_sets.is_none() {
        return;
    }
    for name in names.iter().filter(|name| !sets.iter().any(|set| set.contains(name))) {
        let what = format!("dimension {} is in no set of DimensionSets", quote(name));
        report.warning(spot, what, "add it to a set, or remove it");
    }
}

/// Warns about types of which no set makes a series.
fn warn_of_types(
    destination: &CloudWatchDestination,
    sets: &[Vec<&str>],
    types: EventTypeSet,
    spot: &Spot,
    report: &mut FindingReport,
) {
    let makes_none =
        |event_type: &EventType| !sets.iter().any(|set| destination.makes_series(set, *event_type));
    let without: EventTypeSet = types.iter().filter(makes_none).collect();
    if !without.is_empty() {
        let what = format!(
            "events of {} make no series here: every set has a field that they lack",
            without.api_names()
        );
        let fix = "add a set without such a field, for example [] for the total, or remove the \
                   types from MatchingEventTypes";
        report.warning(spot, what, fix);
    }
}
