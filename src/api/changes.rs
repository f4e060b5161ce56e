//! How operations read and change definitions.

use serde_json::Value;

use super::error::{ApiError, ApiResource, ErrorKind};
use super::put_mode::PutMode;
use crate::definitions::{
    ANY_CONFIGURATION_SET, ConfigurationSet, Definitions, Destination, DestinationExtensions,
    EVENT_DESTINATIONS_MAX, EventDestination, SetOptions, fault_of_extensions, quote_name,
};

/// <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>, 2026-11-22.
const SETS_MAX: usize = 10_000;

/// The member of a configuration set that holds its tags.
pub(crate) const TAGS: &str = "Tags";

type ChangeResult<T = ()> = Result<T, ApiError>;

pub(crate) fn create_set(definitions: &mut Definitions, set: ConfigurationSet) -> ChangeResult {
    let sets = &mut definitions.configuration_sets;
    if sets.iter().any(|known| known.name == set.name) {
        let message = format!("Configuration set <{}> already exists.", set.name);
        return Err(ApiError::new(
            ErrorKind::AlreadyExists(ApiResource::ConfigurationSet),
            message,
        ));
    }
    if sets.iter().filter(|set| set.name != ANY_CONFIGURATION_SET).count() >= SETS_MAX {
        let message = format!("An account can have at most {SETS_MAX} configuration sets.");
        return Err(ApiError::new(ErrorKind::LimitExceeded, message));
    }
    sets.push(set);
    Ok(())
}

pub(crate) fn delete_set(definitions: &mut Definitions, name: &str) -> ChangeResult {
    set(definitions, name)?;
    definitions.configuration_sets.retain(|set| set.name != name);
    Ok(())
}

pub(crate) fn set<'d>(
    definitions: &'d Definitions,
    name: &str,
) -> ChangeResult<&'d ConfigurationSet> {
    let found = definitions.configuration_sets.iter().find(|set| set.name == name);
    found.ok_or_else(|| no_set(name))
}

fn set_mut<'d>(
    definitions: &'d mut Definitions,
    name: &str,
) -> ChangeResult<&'d mut ConfigurationSet> {
    let found = definitions.configuration_sets.iter_mut().find(|set| set.name == name);
    found.ok_or_else(|| no_set(name))
}

/// Replaces options, or removes them if there are no new ones.
pub(super) fn put_options(
    definitions: &mut Definitions,
    name: &str,
    member: &'static str,
    mut options: SetOptions,
    mode: PutMode,
) -> ChangeResult {
    let set = set_mut(definitions, name)?;
    let known = set.options.0.get_mut(member);
    let noun = ApiResource::TrackingOptions;
    match (mode, known.is_some()) {
        (PutMode::Create, true) => {
            let message = format!("Configuration set <{name}> already has {member}.");
            return Err(ApiError::new(ErrorKind::AlreadyExists(noun), message));
        }
        (PutMode::Update, false) => {
            let message = format!("Configuration set <{name}> has no {member}.");
            return Err(ApiError::new(ErrorKind::NotFound(noun), message));
        }
        _ => {}
    }
    match (mode, known, options.0.remove(member)) {
        (PutMode::Merge, Some(Value::Object(known)), Some(Value::Object(own))) => known.extend(own),
        (PutMode::Merge, _, None) => {}
        (_, _, Some(value)) => _ = set.options.0.insert(member, value),
        (_, _, None) => _ = set.options.0.remove(member),
    }
    Ok(())
}

/// Adds tags; a tag with an existing key replaces the old one.
pub(super) fn tag(
    definitions: &mut Definitions,
    name: &str,
    mut options: SetOptions,
) -> ChangeResult {
    let set = set_mut(definitions, name)?;
    let Some(Value::Array(new)) = options.0.remove(TAGS) else { return Ok(()) };
    let mut tags = tags(set);
    tags.retain(|tag| new.iter().all(|new| new["Key"] != tag["Key"]));
    tags.extend(new);
    put_tags(set, tags);
    Ok(())
}

/// Removes tags with these keys, if they exist.
pub(super) fn untag(definitions: &mut Definitions, name: &str, keys: &[String]) -> ChangeResult {
    let set = set_mut(definitions, name)?;
    let mut tags = tags(set);
    tags.retain(|tag| keys.iter().all(|key| tag["Key"] != **key));
    put_tags(set, tags);
    Ok(())
}

fn tags(set: &ConfigurationSet) -> Vec<Value> {
    set.options.0.get(TAGS).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn put_tags(set: &mut ConfigurationSet, tags: Vec<Value>) {
    if tags.is_empty() {
        set.options.0.remove(TAGS);
    } else {
        set.options.0.insert(TAGS, Value::Array(tags));
    }
}

pub(crate) fn create_destination(
    definitions: &mut Definitions,
    set_name: &str,
    destination: EventDestination,
) -> ChangeResult {
    let set = set_mut(definitions, set_name)?;
    let name = &destination.name;
    if set.event_destinations.iter().any(|known| known.name == *name) {
        let message = format!(
            "An event destination with name <{name}> already exists for configuration set \
             <{set_name}>."
        );
        return Err(ApiError::new(
            ErrorKind::AlreadyExists(ApiResource::EventDestination),
            message,
        ));
    }
    if set.event_destinations.len() >= EVENT_DESTINATIONS_MAX {
        let message = format!(
            "Configuration set <{set_name}> has {EVENT_DESTINATIONS_MAX} event destinations, which \
             is the maximum."
        );
        return Err(ApiError::new(ErrorKind::LimitExceeded, message));
    }
    set.event_destinations.push(destination);
    fits_extensions(set, None)
}

/// Replaces a destination at its position and keeps its extensions.
pub(super) fn update_destination(
    definitions: &mut Definitions,
    set_name: &str,
    mut destination: EventDestination,
) -> ChangeResult {
    let known = destination_mut(definitions, set_name, &destination.name)?;
    if let (Destination::CloudWatch(before), Destination::CloudWatch(after)) =
        (&known.destination, &mut destination.destination)
    {
        after.extensions.clone_from(&before.extensions);
    }
    let name = destination.name.clone();
    *known = destination;
    fits_extensions(set(definitions, set_name)?, Some(&name))
}

pub(crate) fn delete_destination(
    definitions: &mut Definitions,
    set_name: &str,
    name: &str,
) -> ChangeResult {
    destination_mut(definitions, set_name, name)?;
    let set = set_mut(definitions, set_name)?;
    set.event_destinations.retain(|destination| destination.name != name);
    Ok(())
}

/// Replaces a destination at its position, with its extensions.
pub(crate) fn replace_destination(
    definitions: &mut Definitions,
    set_name: &str,
    destination: EventDestination,
) -> ChangeResult {
    let known = destination_mut(definitions, set_name, &destination.name)?;
    *known = destination;
    fits_extensions(set(definitions, set_name)?, None)
}

/// Enables or disables a destination.
pub(crate) fn switch_destination(
    definitions: &mut Definitions,
    set_name: &str,
    name: &str,
    enabled: bool,
) -> ChangeResult {
    destination_mut(definitions, set_name, name)?.enabled = enabled;
    Ok(())
}

/// Replaces namespace and options, tags included.
pub(crate) fn replace_settings(
    definitions: &mut Definitions,
    name: &str,
    namespace: Option<String>,
    options: SetOptions,
) -> ChangeResult {
    let set = set_mut(definitions, name)?;
    set.namespace = namespace;
    set.options = options;
    Ok(())
}

/// Sets the namespace of a set. For `*`, this creates the set.
pub(super) fn put_set_extensions(
    definitions: &mut Definitions,
    name: &str,
    namespace: Option<String>,
) -> ChangeResult {
    if name == ANY_CONFIGURATION_SET && set(definitions, name).is_err() {
        let set = ConfigurationSet {
            name: name.to_owned(),
            namespace: None,
            options: SetOptions::default(),
            event_destinations: Vec::new(),
        };
        definitions.configuration_sets.push(set);
    }
    set_mut(definitions, name)?.namespace = namespace;
    Ok(())
}

pub(super) fn put_destination_extensions(
    definitions: &mut Definitions,
    set_name: &str,
    name: &str,
    extensions: DestinationExtensions,
) -> ChangeResult {
    let destination = destination_mut(definitions, set_name, name)?;
    let Destination::CloudWatch(cloudwatch) = &mut destination.destination else {
        let message = format!("Event destination {name} is not a CloudWatch destination.");
        return Err(ApiError::bad_request(message));
    };
    cloudwatch.extensions = extensions;
    fits_extensions(set(definitions, set_name)?, None)
}

/// Whether the event destinations of a set are still valid with their extensions. An operation of SES
/// does not show those, so the message names them. `updated`: the destination that keeps its
/// extensions.
fn fits_extensions(set: &ConfigurationSet, updated: Option<&str>) -> ChangeResult {
    let Some((what, fix)) = fault_of_extensions(set) else { return Ok(()) };
    let kept = updated.map_or(String::new(), |name| {
        format!(
            " Event destination <{name}> keeps its extensions; change them first with PUT \
             /postmeter/v1/configuration-sets/{}/event-destinations/{name}.",
            set.name
        )
    });
    Err(ApiError::bad_request(format!("{what}; {fix}.{kept}")))
}

pub(crate) fn destination<'d>(
    definitions: &'d Definitions,
    set_name: &str,
    name: &str,
) -> ChangeResult<&'d EventDestination> {
    let mut destinations = set(definitions, set_name)?.event_destinations.iter();
    let found = destinations.find(|destination| destination.name == name);
    found.ok_or_else(|| no_destination(set_name, name))
}

fn destination_mut<'d>(
    definitions: &'d mut Definitions,
    set_name: &str,
    name: &str,
) -> ChangeResult<&'d mut EventDestination> {
    let mut destinations = set_mut(definitions, set_name)?.event_destinations.iter_mut();
    let found = destinations.find(|destination| destination.name == name);
    found.ok_or_else(|| no_destination(set_name, name))
}

fn no_set(name: &str) -> ApiError {
    let message = format!("Configuration set <{}> does not exist.", quote_name(name));
    ApiError::new(ErrorKind::NotFound(ApiResource::ConfigurationSet), message)
}

fn no_destination(set_name: &str, name: &str) -> ApiError {
    let message = format!(
        "An event destination with name <{}> does not exist for configuration set <{set_name}>.",
        quote_name(name)
    );
    ApiError::new(ErrorKind::NotFound(ApiResource::EventDestination), message)
}

#[cfg(test)]
mod tests;
