//! A dimension of SES: its name, source and default.

use super::name::{UniqueNames, text_fault};
use super::object::JsonNode;
use super::report::{Checked, FindingReport, quote};
use crate::definitions::model::{
    DIMENSION_LENGTH_MAX, Dimension, ValueSource, is_dimension_value, is_dimension_value_byte,
};

/// Headers that SES does not allow as dimensions.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-cloudwatch.html>,
/// 2026-11-21.
const REFUSED_HEADERS: [&str; 7] =
    ["Received", "To", "From", "DKIM-Signature", "CC", "message-id", "Return-Path"];

pub(super) fn dimension<'t>(
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

pub(super) fn dimension_name<'t>(
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

pub(super) fn default_value(node: &JsonNode, report: &mut FindingReport) -> Checked<String> {
    let noun = "DefaultDimensionValue";
    let value = node.text(noun, report)?;
    let Some(what) = value_fault(noun, value) else { return Ok(value.to_owned()) };
    Err(report.error(&node.spot, what, "use 1 to 255 characters (A-Z a-z 0-9 _ . @ -)"))
}

/// The fault of a text as the value of a dimension.
pub(super) fn value_fault(noun: &str, value: &str) -> Option<String> {
    let not_allowed = || format!("{noun} {} is not allowed", quote(value));
    (!is_dimension_value(value.as_bytes())).then(|| {
        text_fault(noun, value, DIMENSION_LENGTH_MAX, is_dimension_value_byte)
            .unwrap_or_else(not_allowed)
    })
}

fn is_dimension_name_byte(byte: u8) -> bool {
    byte == b':' || is_dimension_value_byte(byte)
}
