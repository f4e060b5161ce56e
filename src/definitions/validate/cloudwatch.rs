//! A CloudWatch destination and its dimensions.

use super::name::{UniqueNames, text_fault};
use super::namespace;
use super::object::{JsonNode, JsonObject};
use super::report::{Checked, FindingReport, quote};
use crate::definitions::model::{
    CloudWatchDestination, DIMENSION_LENGTH_MAX, Destination, Dimension, OnInvalidValue,
    ValueSource, is_dimension_value, is_dimension_value_byte,
};

/// <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>, 2026-11-21.
const DIMENSIONS_MAX: usize = 10;

/// Headers that SES does not allow as dimensions.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-cloudwatch.html>,
/// 2026-11-21.
const REFUSED_HEADERS: [&str; 7] =
    ["Received", "To", "From", "DKIM-Signature", "CC", "message-id", "Return-Path"];

pub(super) fn cloud_watch(node: &JsonNode, report: &mut FindingReport) -> Checked<Destination> {
    let mut object = node.object("CloudWatchDestination", report)?;
    let namespace =
        object.take("Namespace").map(|node| namespace::namespace(&node, report)).transpose();
    let on_invalid_value = object
        .take("OnInvalidValue")
        .map_or(Ok(OnInvalidValue::default()), |node| on_invalid_value(&node, report));
    let dimensions = dimensions(&mut object, report);
    object.report_unknown_keys(report);

    Ok(Destination::CloudWatch(CloudWatchDestination {
        namespace: namespace?,
        on_invalid_value: on_invalid_value?,
        dimensions: dimensions?,
    }))
}

pub(super) fn on_invalid_value(
    node: &JsonNode,
    report: &mut FindingReport,
) -> Checked<OnInvalidValue> {
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

fn dimensions(object: &mut JsonObject, report: &mut FindingReport) -> Checked<Vec<Dimension>> {
    let list = object
        .require("DimensionConfigurations", report)
        .and_then(|node| node.list("DimensionConfigurations", report))?;
    if list.len() == 0 {
        let fix = "add 1 to 10 dimensions; SES requires at least one";
        let wording = "CloudWatch metrics dimension configuration list cannot be empty.";
        let what = "DimensionConfigurations is empty";
        return Err(report.error_as_ses(&list.spot, what, fix, wording));
    }
    let mut names = UniqueNames::new("dimension");
    let read: Vec<_> = list.nodes().map(|node| dimension(&node, &mut names, report)).collect();
    if read.len() > DIMENSIONS_MAX {
        let what = format!("CloudWatch destination has {} dimensions", read.len());
        return Err(report.error(&list.spot, what, "keep at most 10, the limit of SES"));
    }
    read.into_iter().collect()
}

fn dimension<'t>(
    node: &JsonNode<'t>,
    names: &mut UniqueNames<'t>,
    report: &mut FindingReport,
) -> Checked<Dimension> {
    let mut object = node.object("dimension", report)?;
    let source =
        object.require("DimensionValueSource", report).and_then(|node| value_source(&node, report));
    let is_header = matches!(source, Ok(ValueSource::EmailHeader));
    let name = object
        .require("DimensionName", report)
        .and_then(|node| dimension_name(&node, is_header, names, report));
    let default = object
        .require("DefaultDimensionValue", report)
        .and_then(|node| default_value(&node, report));
    object.report_unknown_keys(report);
    Ok(Dimension { name: name?, source: source?, default: default? })
}

fn dimension_name<'t>(
    node: &JsonNode<'t>,
    is_header: bool,
    names: &mut UniqueNames<'t>,
    report: &mut FindingReport,
) -> Checked<String> {
    let noun = "dimension name";
    let name = node.text(noun, report)?;
    if let Some(what) = text_fault(noun, name, DIMENSION_LENGTH_MAX, is_dimension_name_byte) {
        return Err(report.error(
            &node.spot,
            what,
            "use 1 to 255 characters (A-Z a-z 0-9 _ : . @ -)",
        ));
    }
    // CloudWatch reserves names that start with a colon.
    if name.starts_with(':') {
        let what = format!("dimension name {} starts with a colon", quote(name));
        return Err(report.error(&node.spot, what, "start it with another character"));
    }
    if is_header && REFUSED_HEADERS.iter().any(|refused| refused.eq_ignore_ascii_case(name)) {
        let what = format!("header {} is not allowed as a dimension in SES", quote(name));
        return Err(report.error(&node.spot, what, "use another header, or a message tag"));
    }
    names.insert(name, &node.spot, report)?;
    Ok(name.to_owned())
}

/// Reads the v2 spelling (`MESSAGE_TAG`) and the v1 spelling (`messageTag`).
fn value_source(node: &JsonNode, report: &mut FindingReport) -> Checked<ValueSource> {
    let text = node.text("DimensionValueSource", report)?;
    let folded: String = text.chars().filter(|character| *character != '_').collect();
    match folded.to_ascii_lowercase().as_str() {
        "messagetag" => Ok(ValueSource::MessageTag),
        "emailheader" => Ok(ValueSource::EmailHeader),
        "linktag" => Ok(ValueSource::LinkTag),
        _ => {
            let what = format!("DimensionValueSource {} is unknown", quote(text));
            Err(report.error(&node.spot, what, "use MESSAGE_TAG, EMAIL_HEADER or LINK_TAG"))
        }
    }
}

fn default_value(node: &JsonNode, report: &mut FindingReport) -> Checked<String> {
    let noun = "DefaultDimensionValue";
    let value = node.text(noun, report)?;
    if is_dimension_value(value.as_bytes()) {
        return Ok(value.to_owned());
    }
    let what = text_fault(noun, value, DIMENSION_LENGTH_MAX, is_dimension_value_byte)
        .unwrap_or_else(|| format!("{noun} {} is not allowed", quote(value)));
    Err(report.error(&node.spot, what, "use 1 to 255 characters (A-Z a-z 0-9 _ . @ -)"))
}

fn is_dimension_name_byte(byte: u8) -> bool {
    byte == b':' || is_dimension_value_byte(byte)
}
