//! Version 1 of the API: forms and XML.
//! <https://docs.aws.amazon.com/ses/latest/APIReference/Welcome.html>, 2026-11-22.
//!
//! A form is converted to the body of version 2 and then read like one.

mod answer;
mod form;

use axum::http::Method;
use serde_json::{Value, json};

pub(super) use answer::{answer, error};
use form::RequestForm;

use super::error::{ApiError, ErrorKind};
use super::operation::{Operation, PAGE_MAX, Page, PutHow};
use super::request::Request;
use crate::definitions::{quote_name, read_options, read_set};

const VERSION: &str = "2010-12-01";

/// The parts of a set that can be described.
const ATTRIBUTES: [&str; 4] =
    ["eventDestinations", "trackingOptions", "deliveryOptions", "reputationOptions"];

/// A parsed request of version 1.
#[derive(Debug)]
pub(super) struct Asked {
    pub action: String,
    pub operation: Operation,
    /// The requested parts of a set.
    attributes: Vec<String>,
}

/// Parses a request.
///
/// # Errors
/// The action is unknown, or a parameter is invalid.
pub(super) fn operation(request: &Request) -> Result<Asked, ApiError> {
    let form = RequestForm::new(request.form()?);
    let action = form.text("Action").unwrap_or_default().to_owned();
    let mut attributes = Vec::new();
    let operation = match action.as_str() {
        "CreateConfigurationSet" => {
            let name = form.require("ConfigurationSet.Name", "configurationSet.name")?;
            let body = json!({ "ConfigurationSetName": name }).to_string();
            Operation::CreateSet(read_set(&body)?)
        }
        "DescribeConfigurationSet" => {
            attributes = self::attributes(&form)?;
            Operation::GetSet { set: form.set()? }
        }
        "ListConfigurationSets" => {
            let size = form.text("MaxItems").map(str::parse::<usize>).transpose();
            let size = size.map_err(|_| ApiError::bad_request("MaxItems must be a number."))?;
            Operation::ListSets(Page {
                contains: None,
                size: size.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX),
                token: form.text("NextToken").map(str::to_owned),
            })
        }
        "DeleteConfigurationSet" => Operation::DeleteSet { set: form.set()? },
        "CreateConfigurationSetEventDestination" => {
            Operation::CreateDestination { set: form.set()?, destination: form.destination()? }
        }
        "UpdateConfigurationSetEventDestination" => {
            Operation::UpdateDestination { set: form.set()?, destination: form.destination()? }
        }
        "DeleteConfigurationSetEventDestination" => Operation::DeleteDestination {
            set: form.set()?,
            name: form.require("EventDestinationName", "eventDestinationName")?.to_owned(),
        },
        other => put_options(other, &form)?,
    };
    // A link or an image on a web page can send GET, so GET must not change anything.
    let is_allowed =
        request.method == Method::POST || (request.method == Method::GET && operation.only_reads());
    if !is_allowed {
        let message = format!("{} requires the method POST.", operation.name());
        return Err(ApiError::new(ErrorKind::Method, message));
    }
    Ok(Asked { action, operation, attributes })
}

fn attributes(form: &RequestForm) -> Result<Vec<String>, ApiError> {
    let attributes = form.members("ConfigurationSetAttributeNames");
    let is_known = |name: &String| ATTRIBUTES.contains(&name.as_str());
    if attributes.iter().all(is_known) {
        return Ok(attributes);
    }
    Err(ApiError::not_among("configurationSetAttributeNames", &ATTRIBUTES))
}

/// Operations on single options of a set.
fn put_options(action: &str, form: &RequestForm) -> Result<Operation, ApiError> {
    let (member, block, how) = match action {
        "PutConfigurationSetDeliveryOptions" => {
            let policy = form.text("DeliveryOptions.TlsPolicy").unwrap_or("Optional");
            let block = json!({ "TlsPolicy": policy.to_ascii_uppercase() });
            ("DeliveryOptions", block, PutHow::Merge)
        }
        "UpdateConfigurationSetReputationMetricsEnabled" => {
            let block = json!({ "ReputationMetricsEnabled": form.boolean("Enabled")? });
            ("ReputationOptions", block, PutHow::Merge)
        }
        "UpdateConfigurationSetSendingEnabled" => {
            let block = json!({ "SendingEnabled": form.boolean("Enabled")? });
            ("SendingOptions", block, PutHow::Merge)
        }
        "CreateConfigurationSetTrackingOptions" => {
            ("TrackingOptions", tracking(form), PutHow::Create)
        }
        "UpdateConfigurationSetTrackingOptions" => {
            ("TrackingOptions", tracking(form), PutHow::Update)
        }
        "DeleteConfigurationSetTrackingOptions" => ("TrackingOptions", Value::Null, PutHow::Update),
        other => {
            let message =
                format!("Could not find operation {} for version {VERSION}", quote_name(other));
            return Err(ApiError::new(ErrorKind::UnknownOperation, message));
        }
    };
    let options = read_options(&json!({ member: block }).to_string())?;
    Ok(Operation::PutOptions { set: form.set()?, member, options, how })
}

fn tracking(form: &RequestForm) -> Value {
    json!({ "CustomRedirectDomain": form.text("TrackingOptions.CustomRedirectDomain") })
}
