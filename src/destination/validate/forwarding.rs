//! The kinds of destinations that forward events. They are read and kept, so that output of AWS
//! can be pasted in whole, but nothing is forwarded in this version.

use super::object::{Node, Object};
use super::report::{Checked, Report, Spot, quote};
use crate::destination::model::Destination;

/// `arn:partition:service:region:account:resource`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>, 2026-11-21.
const ARN_PARTS_MIN: usize = 6;

pub(super) fn kinesis_firehose(node: &Node, report: &mut Report) -> Checked<Destination> {
    let mut object = node.object("KinesisFirehoseDestination", report)?;
    // SES requires the role; nothing here would use it.
    let iam_role_arn = optional_arn(&mut object, "IamRoleArn", report);
    let delivery_stream_arn = required_arn(&mut object, "DeliveryStreamArn", report);
    object.report_unknown_keys(report);
    Ok(Destination::KinesisFirehose {
        iam_role_arn: iam_role_arn?,
        delivery_stream_arn: delivery_stream_arn?,
    })
}

pub(super) fn sns(node: &Node, report: &mut Report) -> Checked<Destination> {
    let mut object = node.object("SnsDestination", report)?;
    let topic_arn = required_arn(&mut object, "TopicArn", report);
    object.report_unknown_keys(report);
    Ok(Destination::Sns { topic_arn: topic_arn? })
}

pub(super) fn event_bridge(node: &Node, report: &mut Report) -> Checked<Destination> {
    let mut object = node.object("EventBridgeDestination", report)?;
    let event_bus_arn = required_arn(&mut object, "EventBusArn", report);
    object.report_unknown_keys(report);
    Ok(Destination::EventBridge { event_bus_arn: event_bus_arn? })
}

pub(super) fn pinpoint(node: &Node, report: &mut Report) -> Checked<Destination> {
    let mut object = node.object("PinpointDestination", report)?;
    let application_arn = optional_arn(&mut object, "ApplicationArn", report);
    object.report_unknown_keys(report);
    Ok(Destination::Pinpoint { application_arn: application_arn? })
}

/// Warns that nothing will arrive at a destination.
pub(super) fn warn_if_inert(
    destination: &Destination,
    enabled: bool,
    spot: &Spot,
    report: &mut Report,
) {
    let service = match destination {
        Destination::CloudWatch(_) => return,
        Destination::Pinpoint { .. } => {
            // https://docs.aws.amazon.com/pinpoint/latest/userguide/migrate.html, 2026-11-21.
            let what = "Pinpoint destination is inert: AWS ended Pinpoint on 2026-10-30";
            report.warning(spot, what, "remove the destination, or use another kind");
            return;
        }
        Destination::KinesisFirehose { .. } => "Firehose",
        Destination::Sns { .. } => "SNS",
        Destination::EventBridge { .. } => "EventBridge",
    };
    if enabled {
        let what = format!("{service} destination is inert: this version does not forward events");
        report.warning(spot, what, "let SES itself forward, and set Enabled to false here");
    }
}

fn required_arn(object: &mut Object, key: &'static str, report: &mut Report) -> Checked<String> {
    let node = object.require(key, report)?;
    arn(&node, key, report)
}

fn optional_arn(
    object: &mut Object,
    key: &'static str,
    report: &mut Report,
) -> Checked<Option<String>> {
    object.take(key).map(|node| arn(&node, key, report)).transpose()
}

fn arn(node: &Node, key: &str, report: &mut Report) -> Checked<String> {
    let text = node.text(key, report)?;
    let is_odd = |character: char| character.is_control() || character.is_whitespace();
    let parts = text.split(':').count();
    if !text.starts_with("arn:") || parts < ARN_PARTS_MIN || text.contains(is_odd) {
        let what = format!("{key} {} is not an ARN", quote(text));
        let mend = "write arn:partition:service:region:account:resource, without white space";
        return Err(report.error(&node.spot, what, mend));
    }
    Ok(text.to_owned())
}
