//! Templates of `CloudFormation`.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SES.html>, 2026-11-30.

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;

use super::intrinsic::{Scope, Unresolved};
use super::parts::Parts;
use super::{keys, tree};
use crate::definitions::validate::{FindingReport, Spot, quote};

const SET: &str = "AWS::SES::ConfigurationSet";
const EVENT_DESTINATION: &str = "AWS::SES::ConfigurationSetEventDestination";

/// A resource of SES.
struct Resource<'t> {
    id: String,
    start: usize,
    properties: Object<'t>,
}

/// Adds the configuration sets and event destinations of a template.
pub(super) fn add<'t>(template: &Object<'t>, parts: &mut Parts<'t>, report: &mut FindingReport) {
    let (mut sets, mut destinations) = (Vec::new(), Vec::new());
    if let Some(Value::Object(resources)) = tree::get(template, "Resources") {
        for resource in &resources.properties {
            warn_of_loops(resource, report);
            let Value::Object(definition) = &resource.value else { continue };
            let kind = tree::get(definition, "Type").and_then(Value::as_string_lit);
            let list = match kind.map(|kind| kind.value.as_ref()) {
                Some(SET) => &mut sets,
                Some(EVENT_DESTINATION) => &mut destinations,
                _ => continue,
            };
            list.push(Resource::new(resource, definition, report));
        }
    }
    let mut scope = Scope::new(template);
    for Resource { id, start, properties } in sets {
        configuration_set(id, start, properties, &mut scope, parts, report);
    }
    for Resource { id, start, properties } in destinations {
        event_destination(&id, start, properties, &mut scope, parts, report);
    }
}

fn spot(offset: usize) -> Spot {
    Spot { offset, path: String::new() }
}

fn warn_of_loops(resource: &ObjectProp<'_>, report: &mut FindingReport) {
    let id = resource.name.as_str();
    if id.starts_with("Fn::") {
        let what = format!("{} is left out: loops are not read", quote(id));
        let fix = "pass the template of the stack, as `aws cloudformation get-template \
                   --template-stage Processed` prints it";
        report.warning(&spot(tree::start_of(resource)), what, fix);
    }
}

fn configuration_set<'t>(
    id: String,
    start: usize,
    properties: Object<'t>,
    scope: &mut Scope<'_, 't>,
    parts: &mut Parts<'t>,
    report: &mut FindingReport,
) {
    let Some((mut set, unresolved)) = scope.resolved(properties, report) else { return };
    let (names, others): (Vec<_>, Vec<_>) =
        unresolved.into_iter().partition(|one| one.path.as_slice() == ["Name"]);
    for one in others {
        let what = format!("an option of {} is left out: {one}", quote(&id));
        report.warning(&spot(one.start), what, "add it to the document if you need it");
        // A block that is empty without it would mean that the option is off.
        let is_blank = |member: &ObjectProp<'_>| {
            one.path.first().is_some_and(|block| block == member.name.as_str())
                && matches!(&member.value, Value::Object(block) if block.properties.is_empty())
        };
        set.properties.retain(|member| !is_blank(member));
    }
    if tree::get(&set, "Name").is_none() {
        scope.unnamed.push(id.clone());
        let name = parts.fallback().filter(|_| scope.unnamed.len() == 1);
        let Some(name) = name else {
            let (start, what) = match names.first() {
                Some(name) => (name.start, name.to_string()),
                None => (start, "it has no Name, so CloudFormation makes one".to_owned()),
            };
            let what = format!("configuration set {}: {what}", quote(&id));
            let fix = if parts.fallback().is_some() {
                "write its name into the template: --configuration-set names another one"
            } else {
                "pass its name with --configuration-set"
            };
            report.error(&spot(start), what, fix);
            return;
        };
        set.properties.push(tree::member("Name", tree::text(start, name)));
    }
    if let Some(name) = tree::get(&set, "Name") {
        scope.sets.insert(id, name.clone());
    }
    parts.add_set(set, report);
}

fn event_destination<'t>(
    id: &str,
    start: usize,
    properties: Object<'t>,
    scope: &mut Scope<'_, 't>,
    parts: &mut Parts<'t>,
    report: &mut FindingReport,
) {
    let resolved = scope.resolved(properties, report);
    let Some((mut properties, mut unresolved)) = resolved else { return };
    let of_set =
        |one: &Unresolved| one.path.first().is_some_and(|key| key == "ConfigurationSetName");
    unresolved.retain(|one| !(of_set(one) && parts.fallback().is_some()));
    let is_target =
        |one: &Unresolved| one.path.get(1).is_some_and(|key| keys::TARGETS.contains(&key.as_str()));
    // An error at the set says so already.
    let is_said = |one: &Unresolved| {
        of_set(one) && scope.unnamed.iter().any(|id| one.function == format!("!Ref {id}"))
    };
    if unresolved.iter().any(is_said) {
        return;
    }
    if let Some(one) = unresolved.iter().find(|one| !is_target(one)) {
        let what = format!("event destination {}: {one}", quote(id));
        let fix = if of_set(one) {
            "write the name of the set into the template, or pass it with --configuration-set"
        } else {
            "write its value into the template"
        };
        report.error(&spot(one.start), what, fix);
        return;
    }
    if let Some(one) = unresolved.first() {
        let what = format!("event destination {} is left out: {one}", quote(id));
        report.warning(&spot(one.start), what, "write its value into the template to import it");
        return;
    }
    let set = tree::take(&mut properties.properties, "ConfigurationSetName");
    let definition = tree::take(&mut properties.properties, "EventDestination");
    let Some(Value::Object(mut destination)) = definition else {
        let what = format!("event destination {} has no EventDestination", quote(id));
        report.error(&spot(start), what, "add it to the resource");
        return;
    };
    if tree::get(&destination, "Name").is_none() {
        let name = tree::text(start, id.to_owned());
        destination.properties.push(tree::member("Name", name));
    }
    parts.add_destination(set, destination, report);
}

// === impl Resource ===

impl<'t> Resource<'t> {
    fn new(resource: &ObjectProp<'t>, definition: &Object<'t>, report: &mut FindingReport) -> Self {
        let (id, start) = (resource.name.as_str(), tree::start_of(resource));
        if let Some(condition) = tree::get(definition, "Condition") {
            let what = format!("{} is made under a condition only; it is imported", quote(id));
            report.warning(&spot(condition.start()), what, "remove it if the stack lacks it");
        }
        let properties = match tree::get(definition, "Properties") {
            Some(Value::Object(properties)) => properties.clone(),
            _ => Object { range: definition.range, properties: Vec::new() },
        };
        Self { id: id.to_owned(), start, properties }
    }
}
