//! The extensions of postmeter, at paths that SES does not have.
//!
//! `/postmeter/v1/configuration-sets/SET` holds `{"Namespace": …}`, and
//! `/postmeter/v1/configuration-sets/SET/event-destinations/NAME` holds `{"Namespace": …,
//! "OnInvalidValue": …, "EventDimensions": […], "DimensionSets": […], "Measures": […],
//! "ValueLimits": {…}, "KeepValues": {…}}`: GET returns it, PUT replaces it, and a PUT of the set
//! `*` creates it. Everything else is as in version 2.

use axum::http::Method;
use serde_json::{Value, json};

use super::error::{ApiError, ErrorKind};
use super::operation::Operation;
use super::output::OperationOutput;
use super::request::ApiRequest;
use crate::definitions::{
    Destination, DestinationExtensionsJson, read_destination_extensions, read_set_extensions,
};

/// The prefix of their paths.
pub(super) const PREFIX: &str = "/postmeter/v1/";

/// Parses a request.
///
/// # Errors
/// The path and method are unknown, or the body is invalid.
pub(super) fn parse(request: &ApiRequest) -> Result<Operation, ApiError> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let (set, name) = match path[..] {
        ["configuration-sets", set] => (set.to_owned(), None),
        ["configuration-sets", set, "event-destinations", name] => {
            (set.to_owned(), Some(name.to_owned()))
        }
        _ => return Err(unknown_operation()),
    };
    match (&request.method, name) {
        (&Method::GET, None) => Ok(Operation::GetSetExtensions { set }),
        (&Method::PUT, None) => {
            let namespace = read_set_extensions(request.json())?;
            Ok(Operation::PutSetExtensions { set, namespace })
        }
        (&Method::GET, Some(name)) => Ok(Operation::GetDestinationExtensions { set, name }),
        (&Method::PUT, Some(name)) => {
            let extensions = read_destination_extensions(request.json())?;
            Ok(Operation::PutDestinationExtensions { set, name, extensions })
        }
        _ => Err(unknown_operation()),
    }
}

fn unknown_operation() -> ApiError {
    let message = "Only GET and PUT of configuration-sets/SET and \
                   configuration-sets/SET/event-destinations/NAME are supported.";
    ApiError::new(ErrorKind::UnknownOperation, message)
}

/// The body of a response.
pub(super) fn response(output: &OperationOutput) -> Value {
    match output {
        OperationOutput::SetExtensions(namespace) => json!({ "Namespace": namespace }),
        OperationOutput::Destination(destination) => match &destination.destination {
            Destination::CloudWatch(cloudwatch) => {
                json!(DestinationExtensionsJson::new(&cloudwatch.extensions))
            }
            Destination::Forward(_) | Destination::Pinpoint { .. } => json!({}),
        },
        OperationOutput::Done
        | OperationOutput::Set(_)
        | OperationOutput::Sets { .. }
        | OperationOutput::Tags(_) => json!({}),
    }
}
