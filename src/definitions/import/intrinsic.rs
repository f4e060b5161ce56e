//! Functions of `CloudFormation` in a template: those with a value in the template are replaced by
//! it; others are named.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>,
//! 2026-11-30.

use std::collections::{HashMap, HashSet};
use std::fmt;

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;

use super::tree;
use crate::definitions::validate::{FindingReport, Spot, quote, shorten};

/// A value that only `CloudFormation` knows.
pub(super) struct Unresolved {
    /// In bytes.
    pub start: usize,
    /// The keys that lead to it.
    pub path: Vec<String>,
    /// The short form, such as `!GetAtt Topic.TopicArn`.
    pub function: String,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.path.last().map_or_else(String::new, |key| shorten(key));
        write!(f, "only CloudFormation knows {key} {}", self.function)
    }
}

/// What names stand for.
pub(super) struct Scope<'a, 't> {
    parameters: HashMap<&'a str, &'a Value<'t>>,
    /// Names of configuration sets by logical id.
    pub sets: HashMap<String, Value<'t>>,
    /// Logical ids of the configuration sets whose name is not in the template.
    pub unnamed: Vec<String>,
    used: HashSet<String>,
    calls: usize,
}

/// How many functions are called for a template, and how long a text they make: nested ones could
/// double each other's work and text.
const CALLS_MAX: usize = 100_000;
const TEXT_BYTES_MAX: usize = 4096;

/// The value of a parameter of this type is looked up when the stack is made.
const LOOKED_UP: &str = "AWS::SSM::";

// === impl Scope ===

impl<'a, 't> Scope<'a, 't> {
    pub(super) fn new(template: &'a Object<'t>) -> Self {
        let mut parameters = HashMap::new();
        if let Some(Value::Object(all)) = tree::get(template, "Parameters") {
            for parameter in &all.properties {
                let Value::Object(definition) = &parameter.value else { continue };
                let kind = tree::get(definition, "Type").and_then(Value::as_string_lit);
                let is_looked_up = kind.is_some_and(|kind| kind.value.starts_with(LOOKED_UP));
                if let Some(default) = tree::get(definition, "Default")
                    && !is_looked_up
                    && is_parameter_value(default)
                {
                    parameters.insert(parameter.name.as_str(), default);
                }
            }
        }
        Self {
            parameters,
            sets: HashMap::new(),
            unnamed: Vec::new(),
            used: HashSet::new(),
            calls: 0,
        }
    }

    /// Replaces the functions in the properties of a resource. Also returns those that stay, and are
    /// absent. `None`: the properties are a function that stays.
    pub(super) fn resolved(
        &mut self,
        properties: Object<'t>,
        report: &mut FindingReport,
    ) -> Option<(Object<'t>, Vec<Unresolved>)> {
        let mut unresolved = Vec::new();
        let resolved =
            self.resolve(Value::Object(properties), &mut Vec::new(), &mut unresolved, report);
        let Some(Value::Object(properties)) = resolved else { return None };
        Some((properties, unresolved))
    }

    /// Replaces the functions in a value; those that stay are added to `unresolved`, and are absent.
    fn resolve(
        &mut self,
        value: Value<'t>,
        path: &mut Vec<String>,
        unresolved: &mut Vec<Unresolved>,
        report: &mut FindingReport,
    ) -> Option<Value<'t>> {
        Some(match value {
            Value::Object(object) if is_function(&object) => {
                let start = object.start();
                match self.call(&object, report) {
                    Ok(value) => return value,
                    Err(function) => {
                        unresolved.push(Unresolved { start, path: path.clone(), function });
                        return None;
                    }
                }
            }
            Value::Object(mut object) => {
                let mut members = Vec::with_capacity(object.properties.len());
                for member in object.properties {
                    let ObjectProp { range, name, value } = member;
                    path.push(name.as_str().to_owned());
                    let value = self.resolve(value, path, unresolved, report);
                    path.pop();
                    members.extend(value.map(|value| ObjectProp { range, name, value }));
                }
                object.properties = members;
                Value::Object(object)
            }
            Value::Array(mut array) => {
                // An element without one of its values is of no use.
                let mut whole = |element| {
                    let known = unresolved.len();
                    let value = self.resolve(element, path, unresolved, report)?;
                    (unresolved.len() == known).then_some(value)
                };
                array.elements = array.elements.into_iter().filter_map(&mut whole).collect();
                Value::Array(array)
            }
            other => other,
        })
    }

    /// The value of a function, or its short form.
    fn call(
        &mut self,
        object: &Object<'t>,
        report: &mut FindingReport,
    ) -> Result<Option<Value<'t>>, String> {
        let unknown = || short_form(object);
        self.calls += 1;
        if self.calls > CALLS_MAX {
            return Err(unknown());
        }
        let Some(ObjectProp { name, value, .. }) = object.properties.first() else {
            return Err(unknown());
        };
        let start = object.start();
        match (name.as_str(), value) {
            ("Ref", Value::StringLit(name)) if name.value == "AWS::NoValue" => Ok(None),
            ("Ref", Value::StringLit(name)) => {
                let value = self.named(&name.value, start, report);
                value.map(Some).ok_or_else(unknown)
            }
            ("Fn::Sub", Value::StringLit(text)) => {
                let text = self.substitute(&text.value, None, start, report);
                text.map(|text| Some(tree::text(start, text))).ok_or_else(unknown)
            }
            ("Fn::Sub", Value::Array(list)) => match list.elements.as_slice() {
                [Value::StringLit(text), Value::Object(own)] => {
                    let text = self.substitute(&text.value, Some(own), start, report);
                    text.map(|text| Some(tree::text(start, text))).ok_or_else(unknown)
                }
                _ => Err(unknown()),
            },
            ("Fn::Join", Value::Array(list)) => match list.elements.as_slice() {
                [Value::StringLit(between), Value::Array(words)] => {
                    let words = words.elements.iter();
                    let words = words.map(|word| self.text_of(word, report));
                    let words = words.collect::<Option<Vec<_>>>().ok_or_else(unknown)?;
                    let text = words.join(&between.value);
                    if text.len() > TEXT_BYTES_MAX {
                        return Err(unknown());
                    }
                    Ok(Some(tree::text(start, text)))
                }
                _ => Err(unknown()),
            },
            _ => Err(unknown()),
        }
    }

    /// What a name stands for: the name of a configuration set, or the default of a parameter.
    fn named(&mut self, name: &str, start: usize, report: &mut FindingReport) -> Option<Value<'t>> {
        let mut value = if let Some(set) = self.sets.get(name) {
            set.clone()
        } else {
            let default = *self.parameters.get(name)?;
            if self.used.insert(name.to_owned()) {
                warn_of_default(name, default, report);
            }
            default.clone()
        };
        // The place of its use.
        if let Value::StringLit(text) = &mut value {
            text.range.start = start;
        }
        Some(value)
    }

    /// The text of a scalar or of a function.
    fn text_of(&mut self, value: &Value<'t>, report: &mut FindingReport) -> Option<String> {
        match value {
            Value::StringLit(text) => Some(text.value.clone().into_owned()),
            Value::NumberLit(number) => Some(number.value.to_owned()),
            Value::BooleanLit(flag) => Some(flag.value.to_string()),
            Value::Object(object) if is_function(object) => {
                let value = self.call(object, report).ok().flatten()?;
                if matches!(value, Value::Object(_)) { None } else { self.text_of(&value, report) }
            }
            _ => None,
        }
    }

    /// A text with its `${…}` replaced; `None` if one has no value here.
    fn substitute(
        &mut self,
        text: &str,
        own: Option<&Object<'t>>,
        start: usize,
        report: &mut FindingReport,
    ) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let (name, after) = after.split_once('}')?;
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                out.extend(["${", literal, "}"]);
                continue;
            }
            let value = match own.and_then(|own| own.get(name)) {
                Some(member) => member.value.clone(),
                None => self.named(name.trim(), start, report)?,
            };
            out.push_str(&self.text_of(&value, report)?);
            if out.len() > TEXT_BYTES_MAX {
                return None;
            }
        }
        out.push_str(rest);
        Some(out)
    }
}

fn warn_of_default(name: &str, default: &Value<'_>, report: &mut FindingReport) {
    let spot = Spot { offset: default.start(), path: String::new() };
    let what = format!("parameter {} is taken as its default", quote(name));
    report.warning(&spot, what, "check that the stack was made with it");
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>,
/// 2026-11-30.
fn is_parameter_value(value: &Value<'_>) -> bool {
    match value {
        Value::StringLit(text) => text.value.len() <= TEXT_BYTES_MAX,
        Value::NumberLit(_) | Value::BooleanLit(_) => true,
        _ => false,
    }
}

fn is_function(object: &Object<'_>) -> bool {
    let [member] = object.properties.as_slice() else { return false };
    let name = member.name.as_str();
    matches!(name, "Ref" | "Condition") || name.starts_with("Fn::")
}

/// A function as YAML writes it.
fn short_form(object: &Object<'_>) -> String {
    let Some(member) = object.properties.first() else { return String::new() };
    let name = member.name.as_str();
    let name = name.strip_prefix("Fn::").unwrap_or(name);
    let argument = match &member.value {
        Value::StringLit(text) => quote(&text.value),
        Value::Array(list) => {
            let words = list.elements.iter().map_while(Value::as_string_lit);
            quote(&words.map(|word| word.value.as_ref()).collect::<Vec<_>>().join("."))
        }
        _ => String::new(),
    };
    match argument.trim_matches('"') {
        "" => format!("!{name}"),
        argument => format!("!{name} {argument}"),
    }
}
