//! What the inputs say about configuration sets, joined by name.

use std::collections::HashMap;

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;

use super::{keys, tree};
use crate::definitions::validate::{self, FindingReport, Spot};

const NAME: &str = "ConfigurationSetName";
const DESTINATIONS: &str = "EventDestinations";

/// What the inputs said so far.
pub(super) struct Parts<'t> {
    /// The set of event destinations that do not name theirs.
    fallback: Option<&'t str>,
    /// The set that the value before has named, in the same input.
    before: Option<Value<'t>>,
    sets: Vec<SetParts<'t>>,
    by_name: HashMap<String, usize>,
}

/// A configuration set, with the members of all its parts.
struct SetParts<'t> {
    name: Value<'t>,
    members: Vec<ObjectProp<'t>>,
    destinations: Vec<Value<'t>>,
}

// === impl Parts ===

impl<'t> Parts<'t> {
    pub(super) fn new(fallback: Option<&'t str>) -> Self {
        Self { fallback, before: None, sets: Vec::new(), by_name: HashMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// The name that a set has where the input cannot say it.
    pub(super) fn fallback(&self) -> Option<&'t str> {
        self.fallback
    }

    pub(super) fn start_input(&mut self) {
        self.before = None;
    }

    /// Adds what an object says: its name, options and event destinations, in any spelling.
    pub(super) fn add_set(&mut self, object: Object<'t>, report: &mut FindingReport) {
        let start = object.start();
        let mut members = keys::configuration_set(object).properties;
        let destinations = match tree::take(&mut members, DESTINATIONS) {
            None => Vec::new(),
            Some(Value::Array(list)) => list.elements,
            Some(other) => {
                let spot = Spot { offset: other.start(), path: String::new() };
                report.error(&spot, "EventDestinations is not a list", "write a list");
                return;
            }
        };
        let Some(name) = self.name(tree::take(&mut members, NAME), start, report) else { return };
        let set = self.set(name, start);
        for member in members {
            set.join(member, report);
        }
        set.destinations.extend(destinations);
    }

    /// Adds one event destination, in any spelling.
    pub(super) fn add_destination(
        &mut self,
        set: Option<Value<'t>>,
        destination: Object<'t>,
        report: &mut FindingReport,
    ) {
        let start = destination.start();
        let destination = Value::Object(keys::members(destination, keys::EVENT_DESTINATION));
        let Some(name) = self.name(set, start, report) else { return };
        self.set(name, start).destinations.push(destination);
    }

    /// The given name; without one, that of the command line, or of the value before.
    fn name(
        &mut self,
        given: Option<Value<'t>>,
        start: usize,
        report: &mut FindingReport,
    ) -> Option<Value<'t>> {
        if given.is_some() {
            self.before.clone_from(&given);
            return given;
        }
        if let Some(name) = self.fallback {
            return Some(tree::text(start, name));
        }
        if self.before.is_none() {
            let spot = Spot { offset: start, path: String::new() };
            let fix = "name it with --configuration-set";
            report.error(&spot, "event destinations without a configuration set", fix);
        }
        self.before.clone()
    }

    fn set(&mut self, name: Value<'t>, start: usize) -> &mut SetParts<'t> {
        let key = match &name {
            Value::StringLit(text) => text.value.clone().into_owned(),
            // The validation rejects it where it stands.
            _ => format!("\0{start}"),
        };
        let at = *self.by_name.entry(key).or_insert(self.sets.len());
        if at == self.sets.len() {
            self.sets.push(SetParts { name, members: Vec::new(), destinations: Vec::new() });
        }
        &mut self.sets[at]
    }

    /// The document.
    pub(super) fn into_document(self) -> Value<'t> {
        let sets = self.sets.into_iter().map(SetParts::into_object);
        tree::object(0, vec![tree::member("ConfigurationSets", tree::list(0, sets.collect()))])
    }
}

// === impl SetParts ===

impl<'t> SetParts<'t> {
    /// Adds a member. Blocks of options are joined; of two different values the later is kept.
    fn join(&mut self, member: ObjectProp<'t>, report: &mut FindingReport) {
        let same = |known: &&mut ObjectProp<'t>| known.name.as_str() == member.name.as_str();
        let Some(known) = self.members.iter_mut().find(same) else {
            self.members.push(member);
            return;
        };
        match (&mut known.value, member.value) {
            (Value::Object(known), Value::Object(block)) => {
                for member in block.properties {
                    let name = member.name.as_str();
                    let at = known.properties.iter().position(|one| one.name.as_str() == name);
                    match at {
                        None => known.properties.push(member),
                        Some(at) => replace(&mut known.properties[at], member, report),
                    }
                }
            }
            (_, value) => replace(known, ObjectProp { value, ..member }, report),
        }
    }

    fn into_object(self) -> Value<'t> {
        let Self { name, mut members, mut destinations } = self;
        let start = name.start();
        drop_repeated(&mut destinations);
        members.insert(0, tree::member(NAME, name));
        members.push(tree::member(DESTINATIONS, tree::list(start, destinations)));
        tree::object(start, members)
    }
}

fn replace<'t>(known: &mut ObjectProp<'t>, member: ObjectProp<'t>, report: &mut FindingReport) {
    if !tree::equal(&known.value, &member.value) {
        let name = validate::quote(member.name.as_str());
        let spot = Spot { offset: tree::start_of(&member), path: String::new() };
        let what = format!("{name} of the configuration set is given twice; the later is used");
        report.warning(&spot, what, "remove the one that is wrong");
    }
    *known = member;
}

/// Drops an event destination that means the same as an earlier one of its name. Different ones
/// stay, and the validation rejects them.
fn drop_repeated(destinations: &mut Vec<Value<'_>>) {
    let mut first_of_name: HashMap<String, usize> = HashMap::new();
    let mut repeated = Vec::new();
    for (at, destination) in destinations.iter().enumerate() {
        let Value::Object(object) = destination else { continue };
        let Some(Value::StringLit(name)) = tree::get(object, "Name") else { continue };
        let first = *first_of_name.entry(name.value.clone().into_owned()).or_insert(at);
        if first != at && validate::mean_the_same(&destinations[first], destination) {
            repeated.push(at);
        }
    }
    let mut at = 0;
    destinations.retain(|_| {
        let keep = repeated.binary_search(&at).is_err();
        at += 1;
        keep
    });
}
