//! How operations read and change definitions.

use serde_json::Value;

use super::error::{ApiError, ApiResource, ErrorKind};
use super::put_mode::PutMode;
use crate::definitions::{
    ANY_CONFIGURATION_SET, ConfigurationSet, Definitions, Destination, DestinationExtensions,
    EVENT_DESTINATIONS_MAX, EventDestination, SetOptions, quote_name,
};

/// <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>, 2026-11-22.
const SETS_MAX: usize = 10_000;

/// The member of a configuration set that holds its tags.
pub(super) const TAGS: &str = "Tags";

type ChangeResult<T = ()> = Result<T, ApiError>;

pub(super) fn create_set(definitions: &mut Definitions, set: ConfigurationSet) -> ChangeResult {
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

pub(super) fn delete_set(definitions: &mut Definitions, name: &str) -> ChangeResult {
    set(definitions, name)?;
    definitions.configuration_sets.retain(|set| set.name != name);
    Ok(())
}

pub(super) fn set<'d>(
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

pub(super) fn create_destination(
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
    Ok(())
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
        after.namespace.clone_from(&before.namespace);
        after.on_invalid_value = before.on_invalid_value;
    }
    *known = destination;
    Ok(())
}

pub(super) fn delete_destination(
    definitions: &mut Definitions,
    set_name: &str,
    name: &str,
) -> ChangeResult {
    destination_mut(definitions, set_name, name)?;
    let set = set_mut(definitions, set_name)?;
    set.event_destinations.retain(|destination| destination.name != name);
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
    cloudwatch.namespace = extensions.namespace;
    cloudwatch.on_invalid_value = extensions.on_invalid_value;
    Ok(())
}

pub(super) fn destination<'d>(
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
mod tests {
    use serde_json::json;

    use super::*;
    use crate::definitions::{read, read_destination, read_options};

    fn set_of(name: String) -> ConfigurationSet {
        let (namespace, options) = (None, SetOptions::default());
        ConfigurationSet { name, namespace, options, event_destinations: Vec::new() }
    }

    fn destination_of(name: &str, tag: &str) -> EventDestination {
        let body = json!({"EventDestination": {
            "MatchingEventTypes": ["SEND"],
            "CloudWatchDestination": {"DimensionConfigurations": [{
                "DimensionName": tag,
                "DimensionValueSource": "MESSAGE_TAG",
                "DefaultDimensionValue": "none",
            }]},
        }});
        read_destination(&body.to_string()).expect("it is sound").named(name.to_owned())
    }

    #[test]
    fn account_has_at_most_10_000_sets_and_a_set_10_destinations() {
        let mut definitions = Definitions::default();
        put_set_extensions(&mut definitions, "*", None).expect("it is no set of SES");
        for number in 0..SETS_MAX {
            create_set(&mut definitions, set_of(format!("s{number}"))).expect("there is room");
        }
        let kind = |done: ChangeResult| done.expect_err("it is refused").kind;
        assert_eq!(
            kind(create_set(&mut definitions, set_of("more".to_owned()))),
            ErrorKind::LimitExceeded
        );
        let exists = ErrorKind::AlreadyExists(ApiResource::ConfigurationSet);
        assert_eq!(kind(create_set(&mut definitions, set_of("s7".to_owned()))), exists);
        for number in 0..EVENT_DESTINATIONS_MAX {
            let destination = destination_of(&format!("d{number}"), "a");
            create_destination(&mut definitions, "s7", destination).expect("there is room");
        }
        let eleventh = destination_of("more", "a");
        assert_eq!(
            kind(create_destination(&mut definitions, "s7", eleventh)),
            ErrorKind::LimitExceeded
        );
        // Even the largest document can be read again.
        let text = crate::definitions::to_document(&definitions).expect("JSON");
        assert_eq!(read("d", &text).definitions, Some(definitions));
    }

    #[test]
    fn destination_update_keeps_place_and_extensions_and_another_kind_drops_them() {
        let mut definitions = Definitions::default();
        create_set(&mut definitions, set_of("prod".to_owned())).expect("there is room");
        for name in ["a", "b", "c"] {
            let destination = destination_of(name, "x");
            create_destination(&mut definitions, "prod", destination).expect("there is room");
        }
        let extensions =
            DestinationExtensions { namespace: Some("Mine".to_owned()), ..Default::default() };
        put_destination_extensions(&mut definitions, "prod", "b", extensions).expect("it counts");
        update_destination(&mut definitions, "prod", destination_of("b", "y"))
            .expect("it is there");
        let names: Vec<&str> =
            definitions.configuration_sets[0].event_destinations.iter().map(|d| &*d.name).collect();
        assert_eq!(names, ["a", "b", "c"]);
        let namespace = |definitions: &Definitions| match &destination(definitions, "prod", "b")
            .expect("it is there")
            .destination
        {
            Destination::CloudWatch(cloudwatch) => cloudwatch.namespace.clone(),
            _ => None,
        };
        assert_eq!(namespace(&definitions), Some("Mine".to_owned()));
        let mut pinpoint = destination_of("b", "x");
        pinpoint.destination = Destination::Pinpoint { application_arn: None };
        update_destination(&mut definitions, "prod", pinpoint).expect("it is there");
        update_destination(&mut definitions, "prod", destination_of("b", "x"))
            .expect("it is there");
        assert_eq!(namespace(&definitions), None);
    }

    #[test]
    fn options_are_replaced_merged_and_removed() {
        let mut definitions = Definitions::default();
        create_set(&mut definitions, set_of("prod".to_owned())).expect("there is room");
        let member = "DeliveryOptions";
        let options = |block: &Value| {
            read_options(&json!({ member: block }).to_string()).expect("they are sound")
        };
        let mut put = |mode, block: &Value| {
            put_options(&mut definitions, "prod", member, options(block), mode)?;
            let block = definitions.configuration_sets[0].options.0.get(member).cloned();
            Ok::<_, ApiError>(block)
        };
        let (tls, pool) = (json!({ "TlsPolicy": "REQUIRE" }), json!({ "SendingPoolName": "p" }));
        let both = json!({ "TlsPolicy": "REQUIRE", "SendingPoolName": "p" });
        assert!(put(PutMode::Update, &tls).is_err());
        assert_eq!(put(PutMode::Create, &tls), Ok(Some(tls.clone())));
        assert!(put(PutMode::Create, &tls).is_err());
        assert_eq!(put(PutMode::Merge, &pool), Ok(Some(both.clone())));
        assert_eq!(put(PutMode::Merge, &Value::Null), Ok(Some(both)));
        assert_eq!(put(PutMode::Replace, &pool), Ok(Some(pool)));
        assert_eq!(put(PutMode::Update, &Value::Null), Ok(None));
    }
}
