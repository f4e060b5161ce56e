//! Options of a configuration set for sending mail, and its tags.
//!
//! Postmeter does not send mail: it validates the shapes, stores the options and returns them. The
//! shapes are one table, after
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSet.html>,
//! 2026-11-22. What is stored says what SES takes it for: a boolean that is absent from its block is
//! false, and a block that says nothing is absent.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::object::{JsonNode, JsonObject};
use super::report::{Checked, FindingReport, Spot, quote};
use crate::definitions::model::SetOptions;
use crate::ses::time::parse_ms;

/// The shape of a value.
enum Shape {
    /// A string: minimum and maximum length in characters.
    Text(usize, usize),
    /// A string that is not blank, and the message of SES for one that is.
    Name(&'static str),
    ArchiveArn,
    /// False if it is absent from its block.
    Boolean,
    /// A whole number: minimum and maximum.
    Number(u64, u64),
    /// Seconds since 1970, possibly with a fraction; or a time in text, as the AWS CLI prints it.
    Seconds,
    OneOf(&'static [&'static str]),
    /// A list with this maximum number of entries.
    List(usize, &'static Shape),
    /// An object. Without members it is the same as absent.
    Members(&'static [MemberShape]),
    /// An object that chooses something even without members.
    Choice(&'static [MemberShape]),
}

/// A member of an object: its name, whether it is required, and its shape.
type MemberShape = (&'static str, bool, Shape);

const STATUS: Shape = Shape::OneOf(&["ENABLED", "DISABLED"]);
/// The year 10000, which clients cannot format.
const SECONDS_END: f64 = 253_402_300_800.0;
/// The maximum length where AWS documents none.
const NAME_LENGTH_MAX: usize = 2048;

const DOMAIN: &str = "CustomRedirectDomain";
const NO_DOMAIN: &str = "CustomRedirectDomain must be specified.";
const REASONS: &str = "SuppressedReasons";

/// A member of a configuration set: its name and its shape.
const OPTIONS: [(&str, Shape); 9] = [
    (
        "TrackingOptions",
        Shape::Members(&[
            (DOMAIN, false, Shape::Name(NO_DOMAIN)),
            ("HttpsPolicy", false, Shape::OneOf(&["REQUIRE", "REQUIRE_OPEN_ONLY", "OPTIONAL"])),
        ]),
    ),
    (
        "DeliveryOptions",
        Shape::Members(&[
            ("TlsPolicy", false, Shape::OneOf(&["REQUIRE", "OPTIONAL"])),
            ("SendingPoolName", false, Shape::Name("sendingPoolName can't be blank.")),
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
            (REASONS, false, Shape::List(2, &Shape::OneOf(&["BOUNCE", "COMPLAINT"]))),
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
    ("ArchivingOptions", Shape::Members(&[("ArchiveArn", false, Shape::ArchiveArn)])),
    (
        "MessageSecurityOptions",
        Shape::Members(&[(
            "SigningScheme",
            false,
            Shape::Members(&[
                ("DefaultScheme", false, Shape::Choice(&[])),
                (
                    "SmimeScheme",
                    false,
                    Shape::Choice(&[("SignatureFormat", false, Shape::OneOf(&["DETACHED"]))]),
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
        let read = value(&node, name, shape, report)
            .and_then(|value| meaning(name, value, &node.spot, report));
        match read {
            Ok(Some(value)) => _ = options.0.insert(name, value),
            Ok(None) => {}
            Err(reported) => checked = Err(reported),
        }
    }
    checked.map(|()| options)
}

/// What a block says; nothing if it is empty. An empty list of reasons says something: the set does
/// not use the account's suppression list.
fn meaning(
    name: &str,
    value: Value,
    spot: &Spot,
    report: &mut FindingReport,
) -> Checked<Option<Value>> {
    match &value {
        Value::Object(block) if block.is_empty() => {
            let is_suppression = name == "SuppressionOptions";
            return Ok(is_suppression.then(|| json!({ REASONS: [] })));
        }
        Value::Object(block) if name == "TrackingOptions" && !block.contains_key(DOMAIN) => {
            let (what, fix) =
                (format!("{DOMAIN} is missing"), format!("add {DOMAIN} to the object"));
            return Err(report.error_as_ses(&spot.absent_member(DOMAIN), what, fix, NO_DOMAIN));
        }
        Value::Array(tags) if tags.is_empty() => return Ok(None),
        Value::Array(tags) if report.is_of_request() => refuse_repeated_keys(tags, spot, report)?,
        _ => {}
    }
    Ok(Some(value))
}

fn refuse_repeated_keys(tags: &[Value], spot: &Spot, report: &mut FindingReport) -> Checked<()> {
    let mut keys = HashSet::new();
    let Some(repeated) =
        tags.iter().filter_map(|tag| tag["Key"].as_str()).find(|key| !keys.insert(*key))
    else {
        return Ok(());
    };
    let what = format!("tag key {} is used twice", quote(repeated));
    let wording = "Cannot provide multiple tags with the same key";
    Err(report.error_as_ses(spot, what, "keep one", wording))
}

fn value(node: &JsonNode, name: &str, shape: &Shape, report: &mut FindingReport) -> Checked<Value> {
    match shape {
        Shape::Text(shortest, longest) => text_value(node, name, (*shortest, *longest), report),
        Shape::Name(if_blank) => {
            let text = node.text(name, report)?;
            if text.trim().is_empty() {
                let what = format!("{name} is blank");
                return Err(report.error_as_ses(&node.spot, what, "write a name", *if_blank));
            }
            text_value(node, name, (1, NAME_LENGTH_MAX), report)
        }
        Shape::ArchiveArn => {
            let text = node.text(name, report)?;
            if is_archive_arn(text) {
                return Ok(json!(text));
            }
            let what = format!("{name} {} is not the ARN of an archive", quote(text));
            let fix = "write arn:aws:ses:REGION:ACCOUNT:mailmanager-archive/a-ID, with an ID of 24 to \
                       62 characters (a-z 0-9)";
            Err(report.error(&node.spot, what, fix))
        }
        Shape::Boolean => node.boolean(name, report).map(Value::Bool),
        Shape::Number(least, most) => {
            let number = node.number(name, report)?;
            let is_whole = number.is_u64() || number.is_i64();
            if number.as_u64().is_some_and(|number| (*least..=*most).contains(&number)) {
                return Ok(Value::Number(number));
            }
            let what = format!("{name} is {number}");
            let fix = format!("use a whole number from {least} to {most}");
            Err(if is_whole {
                report.error(&node.spot, what, fix)
            } else {
                report.type_error(&node.spot, what, fix)
            })
        }
        Shape::Seconds => {
            if let Some(text) = node.text_value().filter(|_| !report.is_of_request())
                && let Some(milliseconds) = parse_ms(text.as_bytes())
                && let Ok(milliseconds @ 0..) = u64::try_from(milliseconds)
            {
                return Ok(json!(milliseconds / 1000));
            }
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
            let read: Vec<_> =
                list.nodes().map(|node| value(&node, name, element, report)).collect();
            if list.len() > *most {
                let what = format!("{name} has {} entries", list.len());
                return Err(report.error(&list.spot, what, format!("keep at most {most}")));
            }
            read.into_iter().collect()
        }
        Shape::Members(members) | Shape::Choice(members) => {
            members_value(node, name, members, report)
        }
    }
}

/// As the pattern in the model of the API, except that a region has any name.
fn is_archive_arn(text: &str) -> bool {
    let is_word = |text: &str, also: &[u8]| {
        !text.is_empty()
            && text.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || also.contains(&byte)
            })
    };
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "ses", region, account, resource] = parts[..] else { return false };
    let id = resource.strip_prefix("mailmanager-archive/a-").unwrap_or_default();
    partition.starts_with("aws")
        && is_word(partition, b"-")
        && is_word(region, b"-")
        && (1..=20).contains(&account.len())
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && (24..=62).contains(&id.len())
        && is_word(id, b"")
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
        let taken = match shape {
            Shape::Boolean => object.flag(member, report).map(Value::Bool),
            _ => match object.take(member) {
                Some(node) => value(&node, member, shape, report),
                None if *required => Err(object.missing(member, report)),
                None => continue,
            },
        };
        match taken {
            Ok(Value::Object(empty)) if empty.is_empty() && matches!(shape, Shape::Members(_)) => {}
            Ok(value) => _ = read.insert((*member).to_owned(), value),
            Err(reported) => checked = Err(reported),
        }
    }
    object.report_unknown_keys(report);
    checked.map(|()| Value::Object(read))
}
