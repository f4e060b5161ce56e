//! An event destination: its name, its types, and exactly one kind of destination.

use super::name::{self, UniqueNames};
use super::object::{JsonNode, JsonObject};
use super::report::{Checked, FindingReport, Spot, quote};
use super::{cloudwatch, forwarding, warnings};
use crate::definitions::model::{Destination, EventDestination};
use crate::ses::{EventType, EventTypeSet};

/// Reads a destination of one kind, for events of these types.
type ReadKind = fn(&JsonNode, EventTypeSet, &mut FindingReport) -> Checked<Destination>;

const CLOUD_WATCH: &str = "CloudWatchDestination";
const KINESIS_FIREHOSE: &str = "KinesisFirehoseDestination";
const SNS: &str = "SnsDestination";
const EVENT_BRIDGE: &str = "EventBridgeDestination";
const PINPOINT: &str = "PinpointDestination";

/// The message of SES for more than one kind.
const TOO_MANY: &str = "Please provide only one destination with each request. Either a Firehose \
     Destination or a Cloudwatch Destination or an SNS Destination or an EventBridge Destination.";

const KINDS: [(&str, ReadKind); 5] = [
    (CLOUD_WATCH, cloudwatch::cloud_watch),
    (KINESIS_FIREHOSE, |node, _, report| forwarding::kinesis_firehose(node, report)),
    (SNS, |node, _, report| forwarding::sns(node, report)),
    (EVENT_BRIDGE, |node, _, report| forwarding::event_bridge(node, report)),
    (PINPOINT, |node, _, report| forwarding::pinpoint(node, report)),
];

/// Event types that Pinpoint never supported.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-pinpoint.html>,
/// 2026-11-21.
const NOT_FOR_PINPOINT: [EventType; 2] = [EventType::DeliveryDelay, EventType::Subscription];

pub(super) fn event_destination<'t>(
    node: &JsonNode<'t>,
    names: &mut UniqueNames<'t>,
    report: &mut FindingReport,
) -> Checked<EventDestination> {
    let mut object = node.object("event destination", report)?;
    let name = object
        .require("Name", report)
        .and_then(|node| name::event_destination_name(&node, names, report));
    let definition = definition(&mut object, report);
    object.report_unknown_keys(report);
    let Definition { enabled, matching_event_types, destination } = definition?;
    Ok(EventDestination { name: name?, enabled, matching_event_types, destination })
}

/// An event destination without its name.
pub(super) struct Definition {
    pub enabled: bool,
    pub matching_event_types: EventTypeSet,
    pub destination: Destination,
}

/// Reads everything but the name.
pub(super) fn definition(
    object: &mut JsonObject,
    report: &mut FindingReport,
) -> Checked<Definition> {
    let switch = object.spot_of("Enabled");
    let enabled = object.flag("Enabled", report);
    let mut types = Vec::new();
    let matching_event_types = matching_event_types(object, &mut types, report);
    let destination = destination(object, &types, report);
    if let (Ok(enabled), Ok((spot, destination))) = (&enabled, &destination) {
        let is_pinpoint = matches!(destination, Destination::Pinpoint { .. });
        let spot = switch.as_ref().filter(|_| !is_pinpoint).unwrap_or(spot);
        warnings::warn_if_inert(*enabled, destination, spot, report);
    }
    let destination = destination.map(|(_, destination)| destination);
    Ok(Definition {
        enabled: enabled?,
        matching_event_types: matching_event_types?,
        destination: destination?,
    })
}

/// Reads the event types. Known types are also added to `types`, with their spots, even if others
/// are unknown.
fn matching_event_types(
    object: &mut JsonObject,
    types: &mut Vec<(EventType, Spot)>,
    report: &mut FindingReport,
) -> Checked<EventTypeSet> {
    const NONE: &str = "At least one event type must be specified.";
    let fix = "add at least one event type, such as SEND";
    let Some(node) = object.take("MatchingEventTypes") else {
        let spot = object.spot.absent_member("MatchingEventTypes");
        return Err(report.error_as_ses(&spot, "MatchingEventTypes is missing", fix, NONE));
    };
    let list = node.list("MatchingEventTypes", report)?;
    if list.len() == 0 {
        return Err(report.error_as_ses(&list.spot, "MatchingEventTypes is empty", fix, NONE));
    }
    let mut set = EventTypeSet::default();
    let mut checked = Ok(());
    for node in list.nodes() {
        match event_type(&node, report) {
            Ok(event_type) if set.contains(event_type) => {
                let what = format!("event type {} is repeated", event_type.api_name());
                report.warning(&node.spot, what, "remove the repetition");
            }
            Ok(event_type) => {
                set.insert(event_type);
                types.push((event_type, node.spot));
            }
            Err(reported) => checked = Err(reported),
        }
    }
    checked.map(|()| set)
}

fn event_type(node: &JsonNode, report: &mut FindingReport) -> Checked<EventType> {
    let name = node.text("event type", report)?;
    EventType::parse(name.as_bytes()).ok_or_else(|| {
        let known: Vec<&str> = EventType::ALL.iter().map(|known| known.api_name()).collect();
        let known = known.join(", ");
        let what = format!("event type {} is unknown", quote(name));
        let wording = format!(
            "1 validation error detected: Value at 'eventDestination.matchingEventTypes' failed to \
             satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value \
             set: [{known}]]"
        );
        report.error_as_ses(&node.spot, what, format!("use one of {known}"), wording)
    })
}

/// Reads every kind that is given, so that all errors are reported, and returns it if it is the
/// only one.
fn destination(
    object: &mut JsonObject,
    types: &[(EventType, Spot)],
    report: &mut FindingReport,
) -> Checked<(Spot, Destination)> {
    let mut given: Vec<(&str, Spot)> = Vec::new();
    let mut last = None;
    for (kind, read_kind) in KINDS {
        let Some(node) = object.take(kind) else { continue };
        let types = types.iter().map(|(event_type, _)| *event_type).collect();
        last = Some(read_kind(&node, types, report).map(|read| (node.spot.clone(), read)));
        given.push((kind, node.spot));
    }
    if given.iter().any(|(kind, _)| *kind == PINPOINT) {
        report_types_not_for_pinpoint(types, report);
    }
    if let [(_, first_spot), (_, second_spot), ..] = given.as_slice() {
        let spot = if second_spot.offset > first_spot.offset { second_spot } else { first_spot };
        let kinds: Vec<&str> = given.iter().map(|(kind, _)| *kind).collect();
        let what = format!("more than one destination given: {}", kinds.join(" and "));
        let fix = "keep one and move each other one to its own event destination";
        return Err(report.error_as_ses(spot, what, fix, TOO_MANY));
    }
    last.unwrap_or_else(|| {
        let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        let fix = format!("add one of {}", kinds.join(", "));
        let none = "Event destination is not provided.";
        Err(report.error_as_ses(&object.spot, "no destination given", fix, none))
    })
}

fn report_types_not_for_pinpoint(types: &[(EventType, Spot)], report: &mut FindingReport) {
    for (event_type, spot) in types {
        if NOT_FOR_PINPOINT.contains(event_type) {
            let what = format!("a Pinpoint destination does not support {}", event_type.api_name());
            report.error(spot, what, "remove the type, or use another kind of destination");
        }
    }
}
