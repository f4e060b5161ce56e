//! Names of sets and destinations, and rules for all texts of a limited alphabet.

use std::collections::HashSet;

use super::object::JsonNode;
use super::report::{Checked, FindingReport, Spot, quote, shorten};
use crate::definitions::model::ANY_CONFIGURATION_SET;

/// The longest name of a configuration set or an event destination.
/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_EventDestination.html>, 2026-11-21.
const NAME_LENGTH_MAX: usize = 64;

/// Names that must be unique, such as the names of destinations of one set.
pub(super) struct UniqueNames<'t> {
    noun: &'static str,
    seen: HashSet<&'t str>,
}

impl<'t> UniqueNames<'t> {
    pub(super) fn new(noun: &'static str) -> Self {
        Self { noun, seen: HashSet::new() }
    }

    /// Adds a name; a repeated name is an error at its second place.
    pub(super) fn insert(
        &mut self,
        name: &'t str,
        spot: &Spot,
        report: &mut FindingReport,
    ) -> Checked<()> {
        if self.seen.insert(name) {
            return Ok(());
        }
        let what = format!("{} name {} is used twice", self.noun, quote(name));
        Err(report.error(spot, what, format!("choose a different name for each {}", self.noun)))
    }
}

pub(super) fn configuration_set_name<'t>(
    node: &JsonNode<'t>,
    names: &mut UniqueNames<'t>,
    report: &mut FindingReport,
) -> Checked<String> {
    let name = node.text("configuration set name", report)?;
    if let Some((what, fix)) = configuration_set_name_fault(name) {
        let wording = wording("configuration set name", name);
        return Err(report.error_as_ses(&node.spot, what, fix, wording));
    }
    names.insert(name, &node.spot, report)?;
    Ok(name.to_owned())
}

pub(super) fn event_destination_name<'t>(
    node: &JsonNode<'t>,
    names: &mut UniqueNames<'t>,
    report: &mut FindingReport,
) -> Checked<String> {
    let name = node.text("event destination name", report)?;
    if let Some(what) = text_fault("event destination name", name, NAME_LENGTH_MAX, is_name_byte) {
        let fix = "use 1 to 64 characters (A-Z a-z 0-9 _ -)";
        let wording = wording("event destination name", name);
        return Err(report.error_as_ses(&node.spot, what, fix, wording));
    }
    names.insert(name, &node.spot, report)?;
    Ok(name.to_owned())
}

/// The fault of the name of a configuration set, and how to fix it.
pub(crate) fn configuration_set_name_fault(name: &str) -> Option<(String, String)> {
    if name == ANY_CONFIGURATION_SET {
        return None;
    }
    let what = text_fault("configuration set name", name, NAME_LENGTH_MAX, is_name_byte)?;
    Some((what, "use 1 to 64 characters (A-Z a-z 0-9 _ -), or * for every other set".to_owned()))
}

/// The message of SES for an invalid name of an event destination.
#[must_use]
pub(crate) fn event_destination_name_refusal(name: &str) -> Option<String> {
    let noun = "event destination name";
    text_fault(noun, name, NAME_LENGTH_MAX, is_name_byte).map(|_| wording(noun, name))
}

/// An arbitrary name, made safe for a message.
#[must_use]
pub(crate) fn quote_name(name: &str) -> String {
    // Quotes and backslashes have no meaning between angle brackets.
    let is_plain = name.chars().all(|letter| letter == ' ' || letter.is_ascii_graphic());
    if is_plain && name.len() <= NAME_LENGTH_MAX { name.to_owned() } else { shorten(name) }
}

/// The name of a set that SES allows, so not `*`.
pub(super) fn ses_configuration_set_name(
    node: &JsonNode,
    report: &mut FindingReport,
) -> Checked<String> {
    let noun = "configuration set name";
    let name = configuration_set_name(node, &mut UniqueNames::new("configuration set"), report)?;
    if name == ANY_CONFIGURATION_SET {
        let what = "* is not a configuration set of SES";
        let fix = "create it by putting its extensions";
        return Err(report.error_as_ses(&node.spot, what, fix, wording(noun, &name)));
    }
    Ok(name)
}

/// The message of SES for an invalid name.
fn wording(noun: &str, name: &str) -> String {
    if name.is_empty() || !name.bytes().all(is_name_byte) {
        return format!(
            "Invalid {noun} <{}>: only alphanumeric ASCII characters, '_', and '-' are allowed.",
            quote_name(name)
        );
    }
    let (first, rest) = noun.split_at(1);
    format!("{}{rest} cannot exceed {NAME_LENGTH_MAX} characters.", first.to_ascii_uppercase())
}

/// The fault of a text that must have 1 to `length_max` characters of an ASCII alphabet.
pub(super) fn text_fault(
    noun: &str,
    text: &str,
    length_max: usize,
    is_allowed: fn(u8) -> bool,
) -> Option<String> {
    if text.is_empty() {
        return Some(format!("{noun} is empty"));
    }
    let is_allowed = |character: char| u8::try_from(character).is_ok_and(is_allowed);
    if let Some(character) = text.chars().find(|character| !is_allowed(*character)) {
        return Some(format!(
            "{noun} {} contains {character:?}, which is not allowed",
            quote(text)
        ));
    }
    if text.len() > length_max {
        return Some(format!("{noun} {} has {} characters", quote(text), text.len()));
    }
    None
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}
