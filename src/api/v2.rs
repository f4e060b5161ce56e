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

/// The default of an option that is missing in the body of a Put.
const LEFT_OUT: [(&str, &str); 2] =
    [("SendingOptions", "SendingEnabled"), ("ReputationOptions", "ReputationMetricsEnabled")];

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
            let size = request.queries("PageSize").next().map(str::parse).transpose();
            let page_size = size.map_err(|_| page_size_refusal())?;
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
            let keys = request.queries("TagKeys").map(str::to_owned).collect();
            Ok(Operation::Untag { set: tagged(request)?, keys })
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

fn put_options(set: &str, member: &'static str, body: &str) -> Result<Operation, ApiError> {
    let mut block = read_object(body)?;
    // All operations but one have the members of the block in the body.
    let options = if member == "VdmOptions" {
        Value::Object(block)
    } else if let Some((_, left_out)) = LEFT_OUT.iter().find(|(known, _)| *known == member) {
        block.entry(*left_out).or_insert(json!(false));
        json!({ member: block })
    } else if block.is_empty() {
        json!({})
    } else {
        json!({ member: block })
    };
    let options = read_options(&options.to_string())?;
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
    Ok(Operation::Tag { set, options })
}

fn tagged(request: &ApiRequest) -> Result<String, ApiError> {
    set_of(request.queries("ResourceArn").next().unwrap_or_default())
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
    let text = body.get(name).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| ApiError::missing(member))
}

fn deserialize<T: DeserializeOwned>(body: Map<String, Value>) -> Result<T, ApiError> {
    serde_json::from_value(Value::Object(body))
        .map_err(|error| ApiError::bad_request(format!("Invalid body: {error}.")))
}

fn list(list: ListPage) -> Result<Operation, ApiError> {
    let mut contains = None;
    if let Some(value) = list.filter.unwrap_or_default().remove(FILTER) {
        let text = value
            .as_str()
            .ok_or_else(|| ApiError::bad_request(format!("Filter.{FILTER} must be a string.")))?;
        contains = Some(text.to_owned());
    }
    let size = match list.page_size {
        None => PAGE,
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| (1..=PAGE_MAX).contains(size))
            .ok_or_else(page_size_refusal)?,
    };
    Ok(Operation::ListSets(SetsPage { contains, size, token: list.next_token }))
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

/// A set, with the defaults of SES for missing options.
fn set(set: &ConfigurationSet) -> Value {
    let mut body = json!({
        "ConfigurationSetName": set.name,
        "DeliveryOptions": {"TlsPolicy": "OPTIONAL"},
        "ReputationOptions": {"ReputationMetricsEnabled": false},
        "SendingOptions": {"SendingEnabled": true},
        "Tags": [],
    });
    for (member, value) in &set.options.0 {
        match (&mut body[*member], value) {
            // Options of the set override the defaults, member by member.
            (Value::Object(known), Value::Object(own)) => known.extend(own.clone()),
            (known, own) => *known = own.clone(),
        }
    }
    body
}

/// The body of an error, and its status and type.
pub(super) fn error(error: &ApiError) -> (StatusCode, &'static str, Value) {
    let (status, code) = error.v2_code();
    (status, code, json!({ "message": error.message }))
}
