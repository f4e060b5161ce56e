//! Options of a configuration set for sending mail, and its tags.
//!
//! Postmeter does not send mail: it validates the shapes, stores the options and returns them. The
//! shapes are one table, after
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSet.html>,
//! 2026-11-22.

use serde_json::{Map, Value, json};

use super::object::{JsonNode, JsonObject};
use super::report::{Checked, FindingReport, quote};
use crate::definitions::model::SetOptions;

/// The shape of a value.
enum Shape {
    /// A string: minimum and maximum length in characters.
    Text(usize, usize),
    Boolean,
    /// A whole number: minimum and maximum.
    Number(u64, u64),
    /// Seconds since 1970, possibly with a fraction.
    Seconds,
    OneOf(&'static [&'static str]),
    /// A list with this maximum number of entries.
    List(usize, &'static Shape),
    Members(&'static [MemberShape]),
}

/// A member of an object: its name, whether it is required, and its shape.
type MemberShape = (&'static str, bool, Shape);

const STATUS: Shape = Shape::OneOf(&["ENABLED", "DISABLED"]);
/// The year 10000, which clients cannot format.
const SECONDS_END: f64 = 253_402_300_800.0;
/// The maximum length where AWS documents none.
const ANY_TEXT: Shape = Shape::Text(1, 2048);

/// A member of a configuration set: its name and its shape.
const OPTIONS: [(&str, Shape); 9] = [
    (
        "TrackingOptions",
        Shape::Members(&[
            ("CustomRedirectDomain", true, ANY_TEXT),
            ("HttpsPolicy", false, Shape::OneOf(&["REQUIRE", "REQUIRE_OPEN_ONLY", "OPTIONAL"])),
        ]),
    ),
    (
        "DeliveryOptions",
        Shape::Members(&[
            ("TlsPolicy", false, Shape::OneOf(&["REQUIRE", "OPTIONAL"])),
            ("SendingPoolName", false, ANY_TEXT),
            ("MaxDeliverySeconds", false, Shape::Number(300, 50_400)),
        ]),
    ),
    (
        "ReputationOptions",
        Shape::Members(&[
            ("ReputationMetricsEnabled", false, Shape::Boolean),
            ("LastFreshStart", false, Shape::Seconds),
        ]),
    ),
    ("SendingOptions", Shape::Members(&[("SendingEnabled", false, Shape::Boolean)])),
    (
        "SuppressionOptions",
        Shape::Members(&[
            ("SuppressedReasons", false, Shape::List(2, &Shape::OneOf(&["BOUNCE", "COMPLAINT"]))),
            ("SuppressionScope", false, Shape::OneOf(&["ACCOUNT", "TENANT"])),
            (
                "ValidationOptions",
                false,
                Shape::Members(&[(
                    "ConditionThreshold",
                    true,
                    Shape::Members(&[
                        ("ConditionThresholdEnabled", true, STATUS),
                        (
                            "OverallConfidenceThreshold",
                            false,
                            Shape::Members(&[(
                                "ConfidenceVerdictThreshold",
                                true,
                                Shape::OneOf(&["MEDIUM", "HIGH", "MANAGED"]),
                            )]),
                        ),
                    ]),
                )]),
            ),
        ]),
    ),
    (
        "VdmOptions",
        Shape::Members(&[
            ("DashboardOptions", false, Shape::Members(&[("EngagementMetrics", false, STATUS)])),
            (
                "GuardianOptions",
                false,
                Shape::Members(&[("OptimizedSharedDelivery", false, STATUS)]),
            ),
        ]),
    ),
    ("ArchivingOptions", Shape::Members(&[("ArchiveArn", false, Shape::Text(20, 1011))])),
    (
        "MessageSecurityOptions",
        Shape::Members(&[(
            "SigningScheme",
            false,
            Shape::Members(&[
                ("DefaultScheme", false, Shape::Members(&[])),
                (
                    "SmimeScheme",
                    false,
                    Shape::Members(&[("SignatureFormat", false, Shape::OneOf(&["DETACHED"]))]),
                ),
            ]),
        )]),
    ),
    (
        "Tags",
        Shape::List(
            50,
            &Shape::Members(&[
                ("Key", true, Shape::Text(1, 128)),
                ("Value", true, Shape::Text(0, 256)),
            ]),
        ),
    ),
];

/// Reads the options that are present.
pub(super) fn options(object: &mut JsonObject, report: &mut FindingReport) -> Checked<SetOptions> {
    let mut options = SetOptions::default();
    let mut checked = Ok(());
    for (name, shape) in &OPTIONS {
        let Some(node) = object.take(name) else { continue };
        match value(&node, name, shape, report) {
            Ok(value) => _ = options.0.insert(name, value),
            Err(reported) => checked = Err(reported),
        }
    }
    checked.map(|()| options)
}

fn value(node: &JsonNode, name: &str, shape: &Shape, report: &mut FindingReport) -> Checked<Value> {
    match shape {
        Shape::Text(shortest, longest) => text_value(node, name, (*shortest, *longest), report),
        Shape::Boolean => node.boolean(name, report).map(Value::Bool),
        Shape::Number(least, most) => {
            let number = node.number(name, report)?;
            let sound = number.as_u64().is_some_and(|number| (*least..=*most).contains(&number));
            if sound {
                return Ok(Value::Number(number));
            }
            let what = format!("{name} is {number}");
            Err(report.error(
                &node.spot,
                what,
                format!("use a whole number from {least} to {most}"),
            ))
        }
        Shape::Seconds => {
            let number = node.number(name, report)?;
            if number.as_f64().is_some_and(|seconds| (0.0..SECONDS_END).contains(&seconds)) {
                return Ok(Value::Number(number));
            }
            let what = format!("{name} is {number}");
            Err(report.error(&node.spot, what, "use seconds since 1970, before the year 10000"))
        }
        Shape::OneOf(known) => {
            let text = node.text(name, report)?;
            if known.contains(&text) {
                return Ok(json!(text));
            }
            let what = format!("{name} {} is unknown", quote(text));
            Err(report.error(&node.spot, what, format!("use one of {}", known.join(", "))))
        }
        Shape::List(most, element) => {
            let list = node.list(name, report)?;
            if list.len() > *most {
                let what = format!("{name} has {} entries", list.len());
                return Err(report.error(&list.spot, what, format!("keep at most {most}")));
            }
            list.nodes().map(|node| value(&node, name, element, report)).collect()
        }
        Shape::Members(members) => members_value(node, name, members, report),
    }
}

fn text_value(
    node: &JsonNode,
    name: &str,
    (shortest, longest): (usize, usize),
    report: &mut FindingReport,
) -> Checked<Value> {
    let text = node.text(name, report)?;
    let length = text.chars().count();
    if text.contains(char::is_control) {
        let what = format!("{name} {} contains a control character", quote(text));
        return Err(report.error(&node.spot, what, "remove it"));
    }
    if (shortest..=longest).contains(&length) {
        return Ok(json!(text));
    }
    let what = format!("{name} {} has {length} characters", quote(text));
    Err(report.error(&node.spot, what, format!("use {shortest} to {longest}")))
}

fn members_value(
    node: &JsonNode,
    name: &str,
    members: &[MemberShape],
    report: &mut FindingReport,
) -> Checked<Value> {
    let mut object = node.object(name, report)?;
    let mut read = Map::new();
    let mut checked = Ok(());
    for (member, required, shape) in members {
        let taken = match object.take(member) {
            Some(node) => value(&node, member, shape, report),
            None if *required => Err(object.missing(member, report)),
            None => continue,
        };
        match taken {
            Ok(value) => _ = read.insert((*member).to_owned(), value),
            Err(reported) => checked = Err(reported),
        }
    }
    object.report_unknown_keys(report);
    checked.map(|()| Value::Object(read))
}
