//! Output and input of the AWS CLI, versions 1 and 2 of the SES API; other documents; and which kind
//! of input a value is.
//!
//! Shapes after the command reference,
//! <https://docs.aws.amazon.com/cli/latest/reference/ses/describe-configuration-set.html> and
//! <https://docs.aws.amazon.com/cli/latest/reference/sesv2/>, 2026-11-30.

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged;

use super::parts::Parts;
use super::{cloudformation, terraform, tree};
use crate::definitions::validate::{self, FindingReport, Spot};

const SET: &str = "ConfigurationSet";
const SETS: &str = "ConfigurationSets";
const SET_NAME: &str = "ConfigurationSetName";
const DESTINATION: &str = "EventDestination";
const DESTINATION_NAME: &str = "EventDestinationName";
const DESTINATIONS: &str = "EventDestinations";
const TEMPLATE: &str = "TemplateBody";
const EVENT_TYPES: &str = "MatchingEventTypes";

/// Adds what a value says about configuration sets.
pub(super) fn add<'t>(value: Value<'t>, parts: &mut Parts<'t>, report: &mut FindingReport) {
    let object = match value {
        Value::Object(object) => object,
        // Several outputs in a list, as `jq --slurp` makes it.
        Value::Array(list) => {
            list.elements.into_iter().for_each(|element| add(element, parts, report));
            return;
        }
        other => {
            let fix = "pass JSON or YAML with configuration sets; the AWS CLI prints it with \
                       `--output json`, Terraform with `terraform show -json`";
            report.error(&spot(other.start()), "input is not an object", fix);
            return;
        }
    };
    let has = |name| tree::get(&object, name).is_some();
    if has("Resources") {
        cloudformation::add(&object, parts, report);
    } else if has("values") || has("planned_values") {
        terraform::add(object, parts, report);
    } else if has(SETS) {
        document(object, parts, report);
    } else if has(DESTINATION) {
        creation(object, parts, report);
    } else if has(SET) || has(SET_NAME) || has(DESTINATIONS) {
        output(object, parts, report);
    } else if has(TEMPLATE) {
        template_body(object, parts, report);
    } else if has(EVENT_TYPES) {
        // As `--query EventDestinations` prints them.
        parts.add_destination(None, object, report);
    } else {
        unknown(&object, report);
    }
}

fn spot(offset: usize) -> Spot {
    Spot { offset, path: String::new() }
}

/// A definitions document.
fn document<'t>(object: Object<'t>, parts: &mut Parts<'t>, report: &mut FindingReport) {
    let mut members = object.properties;
    let Some(Value::Array(sets)) = tree::take(&mut members, SETS) else {
        report.error(&spot(object.range.start), "ConfigurationSets is not a list", "write a list");
        return;
    };
    validate::check_document(&tree::object(object.range.start, members), report);
    for set in sets.elements {
        match set {
            Value::Object(set) if !is_only_a_name(&set) => parts.add_set(set, report),
            other => {
                let what = "this lists names of configuration sets only";
                let fix = "pass the output of `aws sesv2 get-configuration-set-event-destinations` \
                           for each name";
                report.error(&spot(other.start()), what, fix);
                return;
            }
        }
    }
}

/// As `aws ses list-configuration-sets` prints it.
fn is_only_a_name(set: &Object<'_>) -> bool {
    matches!(set.properties.as_slice(), [member] if member.name.as_str() == "Name")
}

/// Input of `create-configuration-set-event-destination`; version 1 has the name inside.
fn creation<'t>(object: Object<'t>, parts: &mut Parts<'t>, report: &mut FindingReport) {
    let mut members = object.properties;
    let set = tree::take(&mut members, SET_NAME);
    let name = tree::take(&mut members, DESTINATION_NAME);
    if let Some(Value::Object(mut destination)) = tree::take(&mut members, DESTINATION) {
        destination.properties.extend(name.map(|name| tree::member("Name", name)));
        parts.add_destination(set, destination, report);
    } else {
        let what = "EventDestination is not an object";
        report.error(&spot(object.range.start), what, "write an object");
    }
}

/// Output of `get-configuration-set-event-destinations`, `get-configuration-set` or
/// `describe-configuration-set`; input of `create-configuration-set` or of a `put-…-options`.
fn output<'t>(mut object: Object<'t>, parts: &mut Parts<'t>, report: &mut FindingReport) {
    let members = &mut object.properties;
    match tree::take(members, SET) {
        Some(Value::Object(set)) => {
            members.extend(set.properties);
            leave_out_unknown_kinds(members, report);
        }
        Some(other) => {
            let what = "ConfigurationSet is not an object";
            report.error(&spot(other.start()), what, "write an object");
            return;
        }
        None => {}
    }
    parts.add_set(object, report);
}

/// Version 1 of the API does not show destinations of kinds that it does not have.
fn leave_out_unknown_kinds(set: &mut tree::Members<'_>, report: &mut FindingReport) {
    let Some(list) = set.iter_mut().find(|member| member.name.as_str() == DESTINATIONS) else {
        return;
    };
    let Value::Array(list) = &mut list.value else { return };
    list.elements.retain(|element| {
        let Value::Object(destination) = element else { return true };
        let is_shown =
            destination.properties.iter().any(|one| one.name.as_str().ends_with("Destination"));
        if !is_shown {
            let what = "event destination is left out: version 1 of the API does not show its kind";
            let fix = "pass the output of `aws sesv2 get-configuration-set-event-destinations`";
            report.warning(&spot(element.start()), what, fix);
        }
        is_shown
    });
}

/// Output of `aws cloudformation get-template`.
fn template_body<'t>(object: Object<'t>, parts: &mut Parts<'t>, report: &mut FindingReport) {
    let mut members = object.properties;
    if let Some(body @ Value::Object(_)) = tree::take(&mut members, TEMPLATE) {
        add(body, parts, report);
    } else {
        let what = "the template is a text inside JSON";
        let fix =
            "print it with `aws cloudformation get-template --query TemplateBody --output text`";
        report.error(&spot(object.range.start), what, fix);
    }
}

fn unknown(object: &Object<'_>, report: &mut FindingReport) {
    if tree::get(object, "terraform_version").is_some() {
        let what = "this is a state file of Terraform, or has no values";
        report.error(&spot(object.start()), what, "pass the output of `terraform show -json`");
        return;
    }
    if tree::get(object, "format_version").is_some() {
        let what = "this output of `terraform show -json` has no values";
        report.error(&spot(object.start()), what, "apply the configuration first");
        return;
    }
    let keys = object.properties.iter().map(|member| member.name.as_str());
    let keys: Vec<String> = keys.take(5).map(validate::quote).collect();
    let what = match keys.as_slice() {
        [] => "an empty object has no configuration set".to_owned(),
        keys => format!("an object with {} has no configuration set", keys.join(", ")),
    };
    let fix = "`postmeter import --help` lists what is read";
    report.error(&spot(object.start()), what, fix);
}
