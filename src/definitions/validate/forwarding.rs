//! Destinations that forward events unchanged, and Pinpoint, which no longer receives any.

use super::object::{JsonNode, JsonObject};
use super::report::{Checked, FindingReport, quote, shorten};
use crate::definitions::model::Destination;
use crate::definitions::target::{Arn, Target, TargetKind};

/// `arn:partition:service:region:account:resource`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>, 2026-11-21.
const ARN_PARTS_MIN: usize = 6;

const PINPOINT_ARN: &str = "ApplicationArn";

pub(super) fn kinesis_firehose(
    node: &JsonNode,
    report: &mut FindingReport,
) -> Checked<Destination> {
    let mut object = node.object("KinesisFirehoseDestination", report)?;
    // SES requires the role; here it may be the task's own role.
    let role_arn = optional_arn(&mut object, "IamRoleArn", report);
    let arn = target_arn(&mut object, "DeliveryStreamArn", TargetKind::Firehose, report);
    object.report_unknown_keys(report);
    let target = Target { kind: TargetKind::Firehose, arn: arn?, role_arn: role_arn? };
    Ok(Destination::Forward(target))
}

pub(super) fn sns(node: &JsonNode, report: &mut FindingReport) -> Checked<Destination> {
    let mut object = node.object("SnsDestination", report)?;
    let arn = target_arn(&mut object, "TopicArn", TargetKind::Sns, report);
    object.report_unknown_keys(report);
    Ok(Destination::Forward(Target { kind: TargetKind::Sns, arn: arn?, role_arn: None }))
}

pub(super) fn event_bridge(node: &JsonNode, report: &mut FindingReport) -> Checked<Destination> {
    let mut object = node.object("EventBridgeDestination", report)?;
    let arn = target_arn(&mut object, "EventBusArn", TargetKind::EventBridge, report);
    object.report_unknown_keys(report);
    Ok(Destination::Forward(Target { kind: TargetKind::EventBridge, arn: arn?, role_arn: None }))
}

pub(super) fn pinpoint(node: &JsonNode, report: &mut FindingReport) -> Checked<Destination> {
    let mut object = node.object("PinpointDestination", report)?;
    let application_arn = optional_arn(&mut object, PINPOINT_ARN, report);
    object.report_unknown_keys(report);
    Ok(Destination::Pinpoint { application_arn: application_arn? })
}

fn target_arn(
    object: &mut JsonObject,
    key: &'static str,
    kind: TargetKind,
    report: &mut FindingReport,
) -> Checked<Arn> {
    let node = object.require(key, report)?;
    let text = node.text(key, report)?;
    Arn::parse(kind, text).ok_or_else(|| {
        let what = format!("{key} {} is not valid", quote(text));
        let fix = if kind == TargetKind::Sns
            && text.rsplit_once('.').is_some_and(|(_, end)| end == "fifo")
        {
            "choose a standard topic: SES does not support FIFO topics".to_owned()
        } else {
            format!("write {}", kind.arn_shape())
        };
        report.error(&node.spot, what, fix)
    })
}

fn optional_arn(
    object: &mut JsonObject,
    key: &'static str,
    report: &mut FindingReport,
) -> Checked<Option<String>> {
    object.take(key).map(|node| arn(&node, key, report)).transpose()
}

fn arn(node: &JsonNode, key: &str, report: &mut FindingReport) -> Checked<String> {
    let text = node.text(key, report)?;
    let is_odd = |character: char| character.is_control() || character.is_whitespace();
    let parts = text.split(':').count();
    if !text.starts_with("arn:") || parts < ARN_PARTS_MIN || text.contains(is_odd) {
        let what = format!("{key} {} is not an ARN", quote(text));
        let fix = "write arn:partition:service:region:account:resource, without white space";
        if key == PINPOINT_ARN {
            let wording = format!("Invalid Pinpoint application ARN provided: {}.", shorten(text));
            return Err(report.error_as_ses(&node.spot, what, fix, wording));
        }
        return Err(report.error(&node.spot, what, fix));
    }
    Ok(text.to_owned())
}
