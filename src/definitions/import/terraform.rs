//! What `terraform show -json` prints: a state, or a plan.
//!
//! <https://developer.hashicorp.com/terraform/internals/json-format>, and the resources of
//! <https://registry.terraform.io/providers/hashicorp/aws/latest/docs>, 2026-11-30.

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged;

use super::parts::Parts;
use super::{keys, tree};
use crate::definitions::validate::{FindingReport, Spot, quote};

/// Attributes that the provider computes, or that mean nothing to SES.
const COMPUTED: [&str; 6] = ["arn", "id", "identity", "region", "tags_all", "timeouts"];

/// Attributes of a destination that must be known to forward to it.
const TARGET_ARNS: [&str; 4] = ["DeliveryStreamArn", "TopicArn", "EventBusArn", "ApplicationArn"];

/// Adds the resources of all modules.
pub(super) fn add<'t>(mut output: Object<'t>, parts: &mut Parts<'t>, report: &mut FindingReport) {
    let members = &mut output.properties;
    let values = tree::take(members, "planned_values").or_else(|| tree::take(members, "values"));
    if let Some(Value::Object(mut values)) = values
        && let Some(Value::Object(root)) = tree::take(&mut values.properties, "root_module")
    {
        module(root, parts, report);
    }
}

fn module<'t>(mut module: Object<'t>, parts: &mut Parts<'t>, report: &mut FindingReport) {
    let mut list = |name| match tree::take(&mut module.properties, name) {
        Some(Value::Array(list)) => list.elements,
        _ => Vec::new(),
    };
    for value in list("resources") {
        if let Value::Object(found) = value {
            resource(found, parts, report);
        }
    }
    for value in list("child_modules") {
        if let Value::Object(child) = value {
            self::module(child, parts, report);
        }
    }
}

fn resource<'t>(mut resource: Object<'t>, parts: &mut Parts<'t>, report: &mut FindingReport) {
    let text = |name| tree::get(&resource, name).and_then(Value::as_string_lit);
    if text("mode").is_some_and(|mode| mode.value == "data") {
        return;
    }
    let Some(kind) = text("type").map(|kind| kind.value.clone()) else { return };
    let address = text("address").map_or_else(String::new, |address| quote(&address.value));
    let Some(Value::Object(mut values)) = tree::take(&mut resource.properties, "values") else {
        return;
    };
    values.properties.retain(|member| !COMPUTED.contains(&member.name.as_str()));
    match kind.as_ref() {
        "aws_sesv2_configuration_set" | "aws_ses_configuration_set" => {
            parts.add_set(values, report);
        }
        "aws_sesv2_configuration_set_event_destination" => {
            let name = tree::take(&mut values.properties, "event_destination_name");
            let set = tree::take(&mut values.properties, "configuration_set_name");
            let Some(Value::Array(mut blocks)) =
                tree::take(&mut values.properties, "event_destination")
            else {
                return;
            };
            if let Some(Value::Object(mut destination)) = blocks.elements.pop() {
                destination.properties.extend(name.map(|name| tree::member("Name", name)));
                event_destination(set, destination, &address, parts, report);
            }
        }
        "aws_ses_event_destination" => {
            let set = tree::take(&mut values.properties, "configuration_set_name");
            // Here its list is that of the dimensions.
            let dimensions = tree::take(&mut values.properties, "cloudwatch_destination");
            if let Some(Value::Array(dimensions)) = dimensions
                && !dimensions.elements.is_empty()
            {
                let start = dimensions.start();
                let dimensions = tree::member("DimensionConfigurations", Value::Array(dimensions));
                let destination = tree::object(start, vec![dimensions]);
                values.properties.push(tree::member("CloudWatchDestination", destination));
            }
            event_destination(set, values, &address, parts, report);
        }
        _ => {}
    }
}

/// Adds an event destination, unless its target is known only after the plan is applied.
fn event_destination<'t>(
    set: Option<Value<'t>>,
    destination: Object<'t>,
    address: &str,
    parts: &mut Parts<'t>,
    report: &mut FindingReport,
) {
    let destination = keys::members(destination, keys::EVENT_DESTINATION);
    for kind in keys::TARGETS {
        let Some(Value::Object(target)) = tree::get(&destination, kind) else { continue };
        if !TARGET_ARNS.iter().any(|arn| tree::get(target, arn).is_some()) {
            let spot = Spot { offset: target.start(), path: String::new() };
            let what = format!("{address} is left out: the ARN of its {kind} is not known yet");
            report.warning(&spot, what, "apply the plan, and import the state");
            return;
        }
    }
    parts.add_destination(set, destination, report);
}
