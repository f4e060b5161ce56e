//! The spellings of one shape in APIs and tools, turned into those of the SES v2 API.
//!
//! Version 1 of the API writes `TopicARN`, version 2 `TopicArn`, Terraform `topic_arn`. Terraform
//! writes an object as a list with one element; YAML and `CloudFormation` write `true` as text.

use std::borrow::Cow;

use jsonc_parser::ast::{BooleanLit, NumberLit, Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;

use super::tree;

/// What a value is turned into.
pub(super) enum Shape {
    /// Left as it is; an empty text means that there is none.
    Any,
    Text,
    /// An empty text means that there is none.
    OptionalText,
    /// A text in upper case; an empty one means that there is none.
    Constant,
    Flag,
    /// Zero means that there is none.
    Number,
    /// A time; that of [`NO_TIME`] means that there is none.
    Time,
    List(&'static Shape),
    Object(&'static [Key]),
    /// A list of keys and values, or an object.
    Tags,
}

/// What Terraform's provider writes for a time that SES does not return.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// A key of the v2 API, other names of it (lower case, without `_`), and the shape of its value.
pub(super) struct Key(&'static str, &'static [&'static str], Shape);

const DIMENSION: &[Key] = &[
    Key("DimensionName", &[], Shape::Text),
    Key("DimensionValueSource", &["valuesource"], Shape::Text),
    Key("DefaultDimensionValue", &["defaultvalue"], Shape::Text),
];

const EVENT_DIMENSION: &[Key] = &[
    Key("Field", &[], Shape::Text),
    Key("DimensionName", &[], Shape::Text),
    Key("DefaultDimensionValue", &["defaultvalue"], Shape::Text),
];

/// Members of an event destination that forwards events, or did.
pub(super) const TARGETS: [&str; 4] = [
    "KinesisFirehoseDestination",
    "SnsDestination",
    "EventBridgeDestination",
    "PinpointDestination",
];

pub(super) const EVENT_DESTINATION: &[Key] = &[
    Key("Name", &["eventdestinationname"], Shape::Text),
    Key("Enabled", &[], Shape::Flag),
    Key("MatchingEventTypes", &["matchingtypes"], Shape::List(&Shape::Text)),
    Key(
        "CloudWatchDestination",
        &[],
        Shape::Object(&[
            Key("Namespace", &[], Shape::Text),
            Key("OnInvalidValue", &[], Shape::Text),
            Key(
                "DimensionConfigurations",
                &["dimensionconfiguration"],
                Shape::List(&Shape::Object(DIMENSION)),
            ),
            Key("EventDimensions", &[], Shape::List(&Shape::Object(EVENT_DIMENSION))),
            Key("DimensionSets", &[], Shape::List(&Shape::List(&Shape::Text))),
            Key("Measures", &[], Shape::List(&Shape::Text)),
            Key("ValueLimits", &[], Shape::Any),
            Key("KeepValues", &[], Shape::Any),
        ]),
    ),
    Key(
        TARGETS[0],
        &["kinesisdestination"],
        Shape::Object(&[
            Key("IamRoleArn", &["rolearn"], Shape::OptionalText),
            Key("DeliveryStreamArn", &["streamarn"], Shape::Text),
        ]),
    ),
    Key(TARGETS[1], &[], Shape::Object(&[Key("TopicArn", &[], Shape::Text)])),
    Key(TARGETS[2], &[], Shape::Object(&[Key("EventBusArn", &[], Shape::Text)])),
    Key(TARGETS[3], &[], Shape::Object(&[Key("ApplicationArn", &[], Shape::OptionalText)])),
];

const STATUS: &[Key] = &[
    Key("EngagementMetrics", &[], Shape::Constant),
    Key("OptimizedSharedDelivery", &[], Shape::Constant),
];

const TRACKING: &[Key] = &[
    Key("CustomRedirectDomain", &[], Shape::OptionalText),
    Key("HttpsPolicy", &[], Shape::Constant),
];
const DELIVERY: &[Key] = &[
    Key("TlsPolicy", &[], Shape::Constant),
    Key("SendingPoolName", &[], Shape::OptionalText),
    Key("MaxDeliverySeconds", &[], Shape::Number),
];
const REPUTATION: &[Key] =
    &[Key("ReputationMetricsEnabled", &[], Shape::Flag), Key("LastFreshStart", &[], Shape::Time)];
const SENDING: &[Key] = &[Key("SendingEnabled", &[], Shape::Flag)];
const SUPPRESSION: &[Key] = &[
    Key("SuppressedReasons", &[], Shape::List(&Shape::Text)),
    Key("SuppressionScope", &[], Shape::Constant),
    Key("ValidationOptions", &[], Shape::Any),
];
const ARCHIVING: &[Key] = &[Key("ArchiveArn", &[], Shape::OptionalText)];

/// Blocks of options whose members some APIs and tools write without the block, or in another one.
const BLOCKS: [(&str, &[Key]); 6] = [
    ("TrackingOptions", TRACKING),
    ("DeliveryOptions", DELIVERY),
    ("ReputationOptions", REPUTATION),
    ("SendingOptions", SENDING),
    ("SuppressionOptions", SUPPRESSION),
    ("ArchivingOptions", ARCHIVING),
];

const CONFIGURATION_SET: &[Key] = &[
    Key("ConfigurationSetName", &["name"], Shape::Text),
    Key("Namespace", &[], Shape::Text),
    Key(BLOCKS[0].0, &[], Shape::Object(TRACKING)),
    Key(BLOCKS[1].0, &[], Shape::Object(DELIVERY)),
    Key(BLOCKS[2].0, &[], Shape::Object(REPUTATION)),
    Key(BLOCKS[3].0, &[], Shape::Object(SENDING)),
    Key(BLOCKS[4].0, &[], Shape::Object(SUPPRESSION)),
    Key(BLOCKS[5].0, &[], Shape::Object(ARCHIVING)),
    Key(
        "VdmOptions",
        &[],
        Shape::Object(&[
            Key("DashboardOptions", &[], Shape::Object(STATUS)),
            Key("GuardianOptions", &[], Shape::Object(STATUS)),
        ]),
    ),
    Key("Tags", &[], Shape::Tags),
    Key("EventDestinations", &[], Shape::List(&Shape::Object(EVENT_DESTINATION))),
];

/// A configuration set, with or without its event destinations.
pub(super) fn configuration_set<'t>(object: Object<'t>) -> Object<'t> {
    let mut set = members(object, CONFIGURATION_SET);
    let mut astray = Vec::new();
    for (block, keys) in BLOCKS {
        // Version 1 of the API has `SendingEnabled` among the options of reputation.
        let own = set.properties.iter_mut().find(|member| member.name.as_str() == block);
        if let Some(Value::Object(own)) = own.map(|member| &mut member.value) {
            let other = |member: &mut ObjectProp<'t>| {
                key_of(member.name.as_str(), keys).is_none() && home(member.name.as_str()).is_some()
            };
            astray.extend(own.properties.extract_if(.., other));
        }
    }
    astray.extend(set.properties.extract_if(.., |member| home(member.name.as_str()).is_some()));
    for stray in astray {
        let Some((block, Key(name, _, shape))) = home(stray.name.as_str()) else { continue };
        let start = tree::start_of(&stray);
        let Some(value) = fit(stray.value, shape) else { continue };
        let member = tree::member_at(start, *name, value);
        match set.properties.iter_mut().find(|member| member.name.as_str() == block) {
            Some(ObjectProp { value: Value::Object(own), .. }) => own.properties.push(member),
            _ => set.properties.push(tree::member(block, tree::object(start, vec![member]))),
        }
    }
    let is_blank = |member: &ObjectProp<'t>| {
        let is_tracking = member.name.as_str() == BLOCKS[0].0;
        is_tracking && matches!(&member.value, Value::Object(block) if block.properties.is_empty())
    };
    set.properties.retain(|member| !is_blank(member));
    set
}

/// The block of options that a member belongs to.
fn home(name: &str) -> Option<(&'static str, &'static Key)> {
    BLOCKS.iter().find_map(|(block, keys)| Some((*block, key_of(name, keys)?)))
}

/// An object with known keys in the spelling of the v2 API; others stay.
pub(super) fn members<'t>(object: Object<'t>, keys: &'static [Key]) -> Object<'t> {
    let Object { range, properties } = object;
    let mut read = Vec::with_capacity(properties.len());
    for property in properties {
        match key_of(property.name.as_str(), keys) {
            Some(Key(name, _, shape)) => {
                let start = tree::start_of(&property);
                read.extend(
                    fit(property.value, shape).map(|value| tree::member_at(start, *name, value)),
                );
            }
            None => read.push(property),
        }
    }
    Object { range, properties: read }
}

fn key_of(name: &str, keys: &'static [Key]) -> Option<&'static Key> {
    let name = folded(name);
    keys.iter().find(|Key(key, others, _)| folded(key) == name || others.contains(&name.as_str()))
}

fn folded(name: &str) -> String {
    name.chars().filter(|letter| *letter != '_').map(|letter| letter.to_ascii_lowercase()).collect()
}

/// A value in its shape; a value that does not fit is left for the validation. `None`: absent.
pub(super) fn fit<'t>(value: Value<'t>, shape: &'static Shape) -> Option<Value<'t>> {
    Some(match (shape, value) {
        (_, Value::NullKeyword(_)) => return None,
        (Shape::Object(keys), Value::Object(object)) => Value::Object(members(object, keys)),
        (Shape::Object(_), Value::Array(mut array)) if array.elements.len() < 2 => {
            return fit(array.elements.pop()?, shape);
        }
        (Shape::List(shape), Value::Array(mut array)) => {
            let elements = array.elements.drain(..).filter_map(|element| fit(element, shape));
            array.elements = elements.collect();
            Value::Array(array)
        }
        (
            Shape::Any | Shape::OptionalText | Shape::Constant | Shape::Time,
            Value::StringLit(text),
        ) if text.value.is_empty() => return None,
        (Shape::Time, Value::StringLit(text)) if text.value == NO_TIME => return None,
        (Shape::Number, Value::NumberLit(number)) if number.value == "0" => return None,
        (Shape::Constant, Value::StringLit(text)) => {
            tree::text(text.range.start, text.value.to_ascii_uppercase())
        }
        (Shape::Text | Shape::OptionalText, Value::NumberLit(number)) => {
            tree::text(number.range.start, number.value)
        }
        (Shape::Text | Shape::OptionalText, Value::BooleanLit(flag)) => {
            tree::text(flag.range.start, if flag.value { "true" } else { "false" })
        }
        (Shape::Flag, Value::StringLit(text)) => match flag(&text.value) {
            Some(value) => Value::BooleanLit(BooleanLit { range: text.range, value }),
            None => Value::StringLit(text),
        },
        (Shape::Number, Value::StringLit(text)) => match text.value {
            Cow::Borrowed(value) if value.parse::<u64>().is_ok() => {
                Value::NumberLit(NumberLit { range: text.range, value })
            }
            _ => Value::StringLit(text),
        },
        (Shape::Tags, Value::Object(tags)) => tag_list(tags),
        (_, value) => value,
    })
}

/// The texts that YAML 1.1 and `CloudFormation` read as true and false.
fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn tag_list(tags: Object<'_>) -> Value<'_> {
    let start = tags.start();
    let tags = tags.properties.into_iter().map(|tag| {
        let start = tree::start_of(&tag);
        let key = tree::text(start, tag.name.into_string());
        tree::object(start, vec![tree::member("Key", key), tree::member("Value", tag.value)])
    });
    tree::list(start, tags.collect())
}
