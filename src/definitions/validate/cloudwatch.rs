//! A CloudWatch destination.

use super::dimension::dimension;
use super::extensions::{self, ReadExtensions};
use super::name::UniqueNames;
use super::object::{JsonNode, JsonObject};
use super::report::{Checked, FindingReport, Spot};
use super::warnings;
use crate::definitions::model::{
    CloudWatchDestination, DIMENSIONS_OF_SET_MAX, Destination, Dimension,
};
use crate::ses::EventTypeSet;

pub(super) fn cloud_watch(
    node: &JsonNode,
    types: EventTypeSet,
    report: &mut FindingReport,
) -> Checked<Destination> {
    let mut object = node.object("CloudWatchDestination", report)?;
    let mut names = UniqueNames::new("dimension");
    let has_others = !report.is_of_request() && object.has_elements("EventDimensions");
    let dimensions = dimensions(&mut object, has_others, &mut names, report);
    // Like SES, an operation of SES ignores members that it does not know.
    let read = if report.is_of_request() {
        Ok(ReadExtensions::default())
    } else {
        extensions::extensions(&mut object, &mut names, report)
    };
    object.report_unknown_keys(report);

    let (dimensions, read) = (dimensions?, read?);
    let on_invalid_value = read.extensions.on_invalid_value;
    for (spot, dimension) in &dimensions {
        warnings::warn_of_missing_values(dimension, types, on_invalid_value, spot, report);
    }
    let dimensions = dimensions.into_iter().map(|(_, dimension)| dimension).collect();
    let destination = CloudWatchDestination { dimensions, extensions: read.extensions.clone() };
    extensions::check(&destination, &read, types, &node.spot, report)?;
    Ok(Destination::CloudWatch(destination))
}

/// Reads the dimensions of SES. `has_others`: there may be none, because there are others.
fn dimensions<'t>(
    object: &mut JsonObject<'t>,
    has_others: bool,
    names: &mut UniqueNames<'t>,
    report: &mut FindingReport,
) -> Checked<Vec<(Spot, Dimension)>> {
    let list = match object.take("DimensionConfigurations") {
        None if has_others => return Ok(Vec::new()),
        None => return Err(object.missing("DimensionConfigurations", report)),
        Some(node) => node.list("DimensionConfigurations", report)?,
    };
    if list.len() == 0 && !has_others {
        let fix = "add 1 to 10 dimensions; SES requires at least one";
        let wording = "CloudWatch metrics dimension configuration list cannot be empty.";
        let what = "DimensionConfigurations is empty";
        return Err(report.error_as_ses(&list.spot, what, fix, wording));
    }
    let mut read = Vec::new();
    for node in list.nodes() {
        let dimension = dimension(&node, names, report);
        read.push(dimension.map(|dimension| (node.spot, dimension)));
    }
    if read.len() > DIMENSIONS_OF_SET_MAX {
        let what = format!("CloudWatch destination has {} dimensions", read.len());
        return Err(report.error(&list.spot, what, "keep at most 10, the limit of SES"));
    }
    read.into_iter().collect()
}
