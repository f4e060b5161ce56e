//! Version 2 of the API: paths and JSON.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/Welcome.html>, 2026-11-22.

use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::changes::TAGS;
use super::error::{ApiError, ErrorKind};
use super::operation::Operation;
use super::output::OperationOutput;
use super::page::{PAGE_MAX, SetsPage};
use super::put_mode::PutMode;
use super::request::ApiRequest;
use crate::definitions::{
    ConfigurationSet, EventDestinationJson, Extensions, SetOptions, event_destination_name_refusal,
    quote_name, read_destination, read_object, read_options, read_set,
};

/// The prefix of the paths of version 2.
pub(super) const PREFIX: &str = "/v2/email/";

/// Default number of names on a page.
const PAGE: usize = 50;

const FILTER: &str = "CONFIGURATION_SET_NAME_CONTAINS";

/// The last segment of a path, and the member of a configuration set that it changes.
const OPTIONS: [(&str, &str); 7] = [
    ("archiving-options", "ArchivingOptions"),
    ("delivery-options", "DeliveryOptions"),
    ("reputation-options", "ReputationOptions"),
    ("sending", "SendingOptions"),
    ("suppression-options", "SuppressionOptions"),
    ("tracking-options", "TrackingOptions"),
    ("vdm-options", "VdmOptions"),
];

/// The body of `ListConfigurationSets`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ListPage {
    filter: Option<Map<String, Value>>,
    next_token: Option<String>,
    page_size: Option<i64>,
}

/// Parses a request.
///
/// # Errors
/// No operation has this path and method, or the body is invalid.
pub(super) fn parse(request: &ApiRequest) -> Result<Operation, ApiError> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match (&request.method, &path[..]) {
        (&Method::POST, ["configuration-sets"]) => {
            Ok(Operation::CreateSet(read_set(request.json())?))
        }
        (&Method::GET, ["configuration-sets"]) => {
            let size = request.queries("PageSize").next();
            let page_size = size.map(page_size).transpose()?;
            let next_token = request.queries("NextToken").next().map(str::to_owned);
            list(ListPage { filter: None, next_token, page_size })
        }
        (&Method::POST, ["list-configuration-sets"]) => {
            list(deserialize(read_object(request.json())?)?)
        }
        (&Method::POST, ["update-configuration-sets"]) => update_set(request.json()),
        (&Method::GET, ["tags"]) => Ok(Operation::ListTags { set: tagged(request)? }),
        (&Method::POST, ["tags"]) => tag(request.json()),
        (&Method::DELETE, ["tags"]) => {
            let set = tagged(request)?;
            let keys: Vec<String> = request.queries("TagKeys").map(str::to_owned).collect();
            if keys.is_empty() {
                return Err(ApiError::empty_list("tagKeys"));
            }
            Ok(Operation::Untag { set, keys })
        }
        (&Method::GET, ["configuration-sets", set]) => Ok(Operation::GetSet { set: owned(set) }),
        (&Method::DELETE, ["configuration-sets", set]) => {
            Ok(Operation::DeleteSet { set: owned(set) })
        }
        (&Method::PUT, ["configuration-sets", set, options]) => {
            let known = OPTIONS.iter().find(|(segment, _)| segment == options);
            let (_, member) = known.ok_or_else(unknown_operation)?;
            put_options(set, member, request.json())
        }
        (&Method::GET, ["configuration-sets", set, "event-destinations"]) => {
            Ok(Operation::GetDestinations { set: owned(set) })
        }
        (&Method::POST, ["configuration-sets", set, "event-destinations"]) => {
            let mut requested = read_destination(request.json())?;
            let name = requested.name.take();
            let name = name.ok_or_else(|| ApiError::missing("eventDestinationName"))?;
            Ok(Operation::CreateDestination { set: owned(set), destination: requested.named(name) })
        }
        (&Method::PUT, ["configuration-sets", set, "event-destinations", name]) => {
            refuse_name(name)?;
            let destination = read_destination(request.json())?.named(owned(name));
            Ok(Operation::UpdateDestination { set: owned(set), destination })
        }
        (&Method::DELETE, ["configuration-sets", set, "event-destinations", name]) => {
            refuse_name(name)?;
            Ok(Operation::DeleteDestination { set: owned(set), name: owned(name) })
        }
        _ => Err(unknown_operation()),
    }
}

/// Options that are not named are removed; an empty body removes the block.
fn put_options(set: &str, member: &'static str, body: &str) -> Result<Operation, ApiError> {
    let mut block = read_object(body)?;
    // All operations but one have the members of the block in the body.
    let block = if member == "VdmOptions" {
        block.remove(member).unwrap_or_default()
    } else {
        Value::Object(block)
    };
    let options = read_options(&json!({ member: block }).to_string())?;
    // Keep the member that no Put can set: the last fresh start of the reputation.
    let mode = if member == "ReputationOptions" { PutMode::Merge } else { PutMode::Replace };
    Ok(Operation::PutOptions { set: owned(set), member, options, mode })
}

/// Members that are not named are kept; only one member can be set.
fn update_set(body: &str) -> Result<Operation, ApiError> {
    const MEMBER: &str = "MessageSecurityOptions";
    let body = read_object(body)?;
    let set = required(&body, "ConfigurationSetName", "configurationSetName")?;
    let mut options = SetOptions::default();
    if body.contains_key(MEMBER) {
        options = read_options(&json!({ MEMBER: body[MEMBER] }).to_string())?;
    }
    Ok(Operation::PutOptions { set, member: MEMBER, options, mode: PutMode::Merge })
}

fn tag(body: &str) -> Result<Operation, ApiError> {
    let body = read_object(body)?;
    let set = set_of(&required(&body, "ResourceArn", "resourceArn")?)?;
    let options = read_options(&json!({ TAGS: body.get(TAGS) }).to_string())?;
    match body.get(TAGS) {
        None | Some(Value::Null) => Err(ApiError::missing("tags")),
        Some(_) if options.0.is_empty() => Err(ApiError::empty_list("tags")),
        Some(_) => Ok(Operation::Tag { set, options }),
    }
}

fn tagged(request: &ApiRequest) -> Result<String, ApiError> {
    let arn = request.queries("ResourceArn").next();
    set_of(arn.ok_or_else(|| ApiError::missing("resourceArn"))?)
}

/// The configuration set of an ARN, in any region and account.
fn set_of(arn: &str) -> Result<String, ApiError> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let name = match parts[..] {
        ["arn", _, "ses", _, _, resource] => resource.strip_prefix("configuration-set/"),
        _ => None,
    };
    name.map(str::to_owned).ok_or_else(|| {
        let message = format!(
            "Invalid resource ARN <{}>: use arn:aws:ses:REGION:ACCOUNT:configuration-set/NAME.",
            quote_name(arn)
        );
        ApiError::bad_request(message)
    })
}

fn required(body: &Map<String, Value>, name: &str, member: &str) -> Result<String, ApiError> {
    match body.get(name) {
        None | Some(Value::Null) => Err(ApiError::missing(member)),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(ApiError::ill_typed(format!("{name} must be a string."))),
    }
}

fn deserialize<T: DeserializeOwned>(body: Map<String, Value>) -> Result<T, ApiError> {
    serde_json::from_value(Value::Object(body))
        .map_err(|error| ApiError::ill_typed(format!("Invalid body: {error}.")))
}

fn list(list: ListPage) -> Result<Operation, ApiError> {
    let contains = match list.filter.unwrap_or_default().remove(FILTER) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(_) => return Err(ApiError::ill_typed(format!("Filter.{FILTER} must be a string."))),
    };
    let size = match list.page_size {
        None => PAGE,
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| (1..=PAGE_MAX).contains(size))
            .ok_or_else(page_size_refusal)?,
    };
    Ok(Operation::ListSets(SetsPage { contains, size, token: list.next_token }))
}

fn page_size(text: &str) -> Result<i64, ApiError> {
    text.parse().map_err(|_| ApiError::ill_typed("PageSize must be a whole number."))
}

fn page_size_refusal() -> ApiError {
    ApiError::bad_request(format!("PageSize must be a number from 1 to {PAGE_MAX}."))
}

fn refuse_name(name: &str) -> Result<(), ApiError> {
    event_destination_name_refusal(name).map_or(Ok(()), |words| Err(ApiError::bad_request(words)))
}

fn unknown_operation() -> ApiError {
    let message = "postmeter does not support this operation; it supports operations on \
                   configuration sets and their event destinations.";
    ApiError::new(ErrorKind::UnknownOperation, message)
}

fn owned(text: &str) -> String {
    text.to_owned()
}

/// The body of a response.
pub(super) fn response(operation: &Operation, output: &OperationOutput) -> Value {
    match (operation, output) {
        (Operation::GetDestinations { .. }, OperationOutput::Set(set)) => {
            let destinations = set.event_destinations.iter();
            let shown = destinations.map(|one| EventDestinationJson::new(one, Extensions::Hidden));
            json!({ "EventDestinations": shown.collect::<Vec<_>>() })
        }
        (_, OperationOutput::Set(set)) => self::set(set),
        (_, OperationOutput::Sets { names, next }) => {
            let mut body = json!({ "ConfigurationSets": names });
            if let Some(next) = next {
                body["NextToken"] = json!(next);
            }
            body
        }
        (_, OperationOutput::Tags(tags)) => json!({ TAGS: tags }),
        (
            _,
            OperationOutput::Done
            | OperationOutput::SetExtensions(_)
            | OperationOutput::Destination(_),
        ) => json!({}),
    }
}

/// A set, with what SES returns for every set. Options without a default are returned as they were
/// given.
fn set(set: &ConfigurationSet) -> Value {
    let mut body = Map::new();
    body.insert("ConfigurationSetName".to_owned(), json!(set.name));
    body.insert("SendingOptions".to_owned(), json!({ "SendingEnabled": true }));
    body.insert("ReputationOptions".to_owned(), json!({ "ReputationMetricsEnabled": true }));
    body.insert(TAGS.to_owned(), json!([]));
    body.extend(set.options.0.iter().map(|(member, value)| ((*member).to_owned(), value.clone())));
    Value::Object(body)
}

/// The body of an error, and its status and type.
pub(super) fn error(error: &ApiError) -> (StatusCode, &'static str, Value) {
    let (status, code) = error.v2_code();
    (status, code, json!({ "message": error.message }))
}
