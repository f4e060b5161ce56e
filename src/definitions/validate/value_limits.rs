//! Limits on the values of a dimension, and values that are kept beside them.

use std::collections::{BTreeMap, HashSet};

use super::dimension::value_fault;
use super::object::{JsonNode, JsonObject};
use super::report::{Checked, FindingReport, Spot, quote};
use crate::definitions::model::{CloudWatchDestination, OTHER_VALUES};

/// The most values of a dimension that can stand for themselves. Each makes at least one metric of
/// CloudWatch, which has a price, and the daemon remembers them.
const VALUES_MAX: u32 = 10_000;

/// The most values of a dimension that can be kept.
const KEPT_MAX: usize = 1_000;

/// A number or list for each dimension, by its name, with the place of each.
type ByDimension<T> = (BTreeMap<String, T>, BTreeMap<String, Spot>);

/// Limits and kept values, and where they stand.
#[derive(Debug, Default)]
pub(super) struct ReadValueLimits {
    pub limits: BTreeMap<String, u32>,
    pub kept: BTreeMap<String, Vec<String>>,
    limit_spots: BTreeMap<String, Spot>,
    kept_spots: BTreeMap<String, Spot>,
}

/// Reads `ValueLimits` and `KeepValues`.
pub(super) fn value_limits(
    object: &mut JsonObject,
    report: &mut FindingReport,
) -> Checked<ReadValueLimits> {
    let limits = by_dimension(object, "ValueLimits", limit, report);
    let kept = by_dimension(object, "KeepValues", kept, report);
    let ((limits, limit_spots), (kept, kept_spots)) = (limits?, kept?);
    Ok(ReadValueLimits { limits, kept, limit_spots, kept_spots })
}

fn by_dimension<T>(
    object: &mut JsonObject,
    key: &'static str,
    read: impl Fn(&JsonNode, &mut FindingReport) -> Checked<T>,
    report: &mut FindingReport,
) -> Checked<ByDimension<T>> {
    let (mut all, mut spots) = (BTreeMap::new(), BTreeMap::new());
    let Some(node) = object.take(key) else { return Ok((all, spots)) };
    let mut checked = Ok(());
    for (name, node) in node.object(key, report)?.into_members() {
        match read(&node, report) {
            Ok(value) => _ = all.insert(name.to_owned(), value),
            Err(reported) => checked = Err(reported),
        }
        spots.insert(name.to_owned(), node.spot);
    }
    checked.map(|()| (all, spots))
}

fn limit(node: &JsonNode, report: &mut FindingReport) -> Checked<u32> {
    let number = node.number("limit of values", report)?;
    let limit = number.as_u64().and_then(|limit| u32::try_from(limit).ok());
    limit.filter(|limit| *limit <= VALUES_MAX).ok_or_else(|| {
        let what = format!("limit of values is {number}");
        let fix = format!("use a whole number from 1 to {VALUES_MAX}, or 0 with KeepValues");
        report.error(&node.spot, what, fix)
    })
}

fn kept(node: &JsonNode, report: &mut FindingReport) -> Checked<Vec<String>> {
    let list = node.list("values to keep", report)?;
    if list.len() > KEPT_MAX {
        let what = format!("dimension has {} values to keep", list.len());
        return Err(report.error(&list.spot, what, format!("keep at most {KEPT_MAX}")));
    }
    let (mut values, mut seen) = (Vec::new(), HashSet::new());
    let mut checked = Ok(());
    for node in list.nodes() {
        match kept_value(&node, report) {
            Ok(value) if seen.insert(value) => values.push(value.to_owned()),
            Ok(value) => {
                let what = format!("value {} is twice in the list", quote(value));
                checked = Err(report.error(&node.spot, what, "keep one"));
            }
            Err(reported) => checked = Err(reported),
        }
    }
    checked.map(|()| values)
}

fn kept_value<'t>(node: &JsonNode<'t>, report: &mut FindingReport) -> Checked<&'t str> {
    let value = node.text("value to keep", report)?;
    if let Some(what) = value_fault("value to keep", value) {
        let fix = "use 1 to 255 characters (A-Z a-z 0-9 _ . @ -)";
        return Err(report.error(&node.spot, what, fix));
    }
    if value == OTHER_VALUES {
        let what = format!("{OTHER_VALUES} stands for all values beyond the limit");
        return Err(report.error(&node.spot, what, "remove it"));
    }
    Ok(value)
}

/// Checks limits and kept values against the dimensions of their destination. `event_spots`: the
/// places of its event dimensions.
pub(super) fn check(
    destination: &CloudWatchDestination,
    read: &ReadValueLimits,
    event_spots: &[Spot],
    report: &mut FindingReport,
) -> Checked<()> {
    let names: Vec<&str> = destination.names().collect();
    let mut checked = Ok(());
    for (key, spots) in [("ValueLimits", &read.limit_spots), ("KeepValues", &read.kept_spots)] {
        for (name, spot) in spots.iter().filter(|(name, _)| !names.contains(&&***name)) {
            let what = format!("{key} names {}, which is not a dimension", quote(name));
            let fix = "add it to DimensionConfigurations or EventDimensions, or correct the name";
            checked = Err(report.error(spot, what, fix));
        }
    }
    for (name, spot) in &read.kept_spots {
        if names.contains(&&**name) && !read.limits.contains_key(name) {
            let what = format!("KeepValues names {}, which has no limit", quote(name));
            let fix = "add it to ValueLimits, or remove it: all values stand for themselves";
            checked = Err(report.error(spot, what, fix));
        }
    }
    for (name, spot) in &read.limit_spots {
        let is_kept = read.kept.get(name).is_some_and(|values| !values.is_empty());
        if read.limits.get(name) == Some(&0) && !is_kept {
            let what = format!("no value of {} can stand for itself", quote(name));
            let fix = "raise the limit, or name the values in KeepValues";
            checked = Err(report.error(spot, what, fix));
        }
    }
    let own = destination.extensions.event_dimensions.iter();
    for (dimension, spot) in own.zip(event_spots) {
        let (field, name) = (dimension.field, &dimension.name);
        if field.has_any_number_of_values() && !read.limits.contains_key(name) {
            let what =
                format!("field {} can have any number of values, each with a price", field.name());
            let fix =
                format!("limit them, for example by \"ValueLimits\": {{{}: 50}}", quote(name));
            checked = Err(report.error(spot, what, fix));
        }
    }
    checked
}
