//! Parses requests of version 1.

use axum::http::Method;
use serde_json::{Value, json};

use super::form::RequestForm;
use crate::api::error::{ApiError, ErrorKind};
use crate::api::operation::Operation;
use crate::api::page::{PAGE_MAX, SetsPage};
use crate::api::put_mode::PutMode;
use crate::api::request::ApiRequest;
use crate::definitions::{quote_name, read_options, read_set};

const VERSION: &str = "2010-12-01";

/// The parts of a set that can be described.
const ATTRIBUTES: [&str; 4] =
    ["eventDestinations", "trackingOptions", "deliveryOptions", "reputationOptions"];

/// A parsed request of version 1.
#[derive(Debug)]
pub(crate) struct V1Request {
    pub action: String,
    pub operation: Operation,
    /// The requested parts of a set.
    pub(super) attributes: Vec<String>,
}

/// Parses a request.
///
/// # Errors
/// The action is unknown, or a parameter is invalid.
pub(crate) fn parse(request: &ApiRequest) -> Result<V1Request, ApiError> {
    let form = RequestForm::new(request.form()?);
    let action = form.text("Action").unwrap_or_default().to_owned();
    let mut attributes = Vec::new();
    let operation = match action.as_str() {
        "CreateConfigurationSet" => {
            let name = form.require("ConfigurationSet.Name", "configurationSet.name")?;
            // Unlike version 2, it does not enable the metrics.
            let reputation = json!({ "ReputationMetricsEnabled": false });
            let body = json!({ "ConfigurationSetName": name, "ReputationOptions": reputation });
            Operation::CreateSet(read_set(&body.to_string())?)
        }
        "DescribeConfigurationSet" => {
            attributes = attributes_of(&form)?;
            Operation::GetSet { set: form.set()? }
        }
        "ListConfigurationSets" => Operation::ListSets(SetsPage {
            contains: None,
            size: max_items(&form)?,
            token: form.text("NextToken").map(str::to_owned),
        }),
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
    Ok(V1Request { action, operation, attributes })
}

fn attributes_of(form: &RequestForm) -> Result<Vec<String>, ApiError> {
    let attributes = form.members("ConfigurationSetAttributeNames");
    let is_known = |name: &String| ATTRIBUTES.contains(&name.as_str());
    if attributes.iter().all(is_known) {
        return Ok(attributes);
    }
    Err(ApiError::not_among("configurationSetAttributeNames", &ATTRIBUTES))
}

fn max_items(form: &RequestForm) -> Result<usize, ApiError> {
    let Some(text) = form.text("MaxItems") else { return Ok(PAGE_MAX) };
    let size: i64 =
        text.parse().map_err(|_| ApiError::ill_typed("MaxItems must be a whole number."))?;
    let size = usize::try_from(size)
        .map_err(|_| ApiError::bad_request("MaxItems must not be negative."))?;
    Ok(size.clamp(1, PAGE_MAX))
}

/// Operations on single options of a set.
fn put_options(action: &str, form: &RequestForm) -> Result<Operation, ApiError> {
    let (member, block, mode) = match action {
        "PutConfigurationSetDeliveryOptions" => {
            // Without a policy it removes the block, as in version 2.
            let policy = form.text("DeliveryOptions.TlsPolicy");
            let mode = if policy.is_some() { PutMode::Merge } else { PutMode::Replace };
            let block = json!({ "TlsPolicy": policy.map(str::to_ascii_uppercase) });
            ("DeliveryOptions", block, mode)
        }
        "UpdateConfigurationSetReputationMetricsEnabled" => {
            let block = json!({ "ReputationMetricsEnabled": form.boolean("Enabled")? });
            ("ReputationOptions", block, PutMode::Merge)
        }
        "UpdateConfigurationSetSendingEnabled" => {
            let block = json!({ "SendingEnabled": form.boolean("Enabled")? });
            ("SendingOptions", block, PutMode::Merge)
        }
        "CreateConfigurationSetTrackingOptions" => {
            ("TrackingOptions", tracking(form)?, PutMode::Create)
        }
        "UpdateConfigurationSetTrackingOptions" => {
            ("TrackingOptions", tracking(form)?, PutMode::Update)
        }
        "DeleteConfigurationSetTrackingOptions" => {
            ("TrackingOptions", Value::Null, PutMode::Update)
        }
        other => {
            let message =
                format!("Could not find operation {} for version {VERSION}", quote_name(other));
            return Err(ApiError::new(ErrorKind::UnknownOperation, message));
        }
    };
    let options = read_options(&json!({ member: block }).to_string())?;
    Ok(Operation::PutOptions { set: form.set()?, member, options, mode })
}

fn tracking(form: &RequestForm) -> Result<Value, ApiError> {
    let domain = form.require("TrackingOptions.CustomRedirectDomain", "trackingOptions")?;
    Ok(json!({ "CustomRedirectDomain": domain }))
}
