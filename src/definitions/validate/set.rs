//! A configuration set.

use super::name::{self, UniqueNames};
use super::namespace;
use super::object::{JsonNode, JsonObject};
use super::report::{Checked, FindingReport, Spot};
use super::{event_destination, options, overlap};
use crate::definitions::model::{ConfigurationSet, EVENT_DESTINATIONS_MAX, EventDestination};

/// Reads a configuration set; also returns the places of its event destinations.
pub(super) fn configuration_set<'t>(
    node: &JsonNode<'t>,
    names: &mut UniqueNames<'t>,
    report: &mut FindingReport,
) -> Checked<(ConfigurationSet, Vec<Spot>)> {
    let mut object = node.object("configuration set", report)?;
    let name = object
        .require("ConfigurationSetName", report)
        .and_then(|node| name::configuration_set_name(&node, names, report));
    let namespace =
        object.take("Namespace").map(|node| namespace::namespace(&node, report)).transpose();
    let options = options::options(&mut object, report);
    let destinations = event_destinations(&mut object, report);
    object.report_unknown_keys(report);

    let (name, namespace, options) = (name?, namespace?, options?);
    let destinations = destinations?;
    overlap::check_shared_series(namespace.as_deref(), &destinations, report)?;
    let (spots, event_destinations) = destinations.into_iter().unzip();
    Ok((ConfigurationSet { name, namespace, options, event_destinations }, spots))
}

fn event_destinations(
    object: &mut JsonObject,
    report: &mut FindingReport,
) -> Checked<Vec<(Spot, EventDestination)>> {
    let node = object.take("EventDestinations");
    let list = node.map(|node| node.list("EventDestinations", report)).transpose()?;
    let Some(list) = list.filter(|list| list.len() > 0) else {
        let spot = object.spot.absent_member("EventDestinations");
        let fix = "add an event destination, or remove the set";
        report.warning(&spot, "configuration set has no event destinations", fix);
        return Ok(Vec::new());
    };
    let mut names = UniqueNames::new("event destination");
    let mut read = Vec::new();
    for node in list.nodes() {
        let destination = event_destination::event_destination(&node, &mut names, report);
        read.push(destination.map(|destination| (node.spot, destination)));
    }
    if read.len() > EVENT_DESTINATIONS_MAX {
        let what = format!("configuration set has {} event destinations", read.len());
        return Err(report.error(&list.spot, what, "keep at most 10, the limit of SES"));
    }
    read.into_iter().collect()
}
