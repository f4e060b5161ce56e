//! What an operation returns.

use serde_json::Value;

use crate::definitions::{ConfigurationSet, EventDestination};

/// The result of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OperationOutput {
    /// Success without a value.
    Done,
    Set(ConfigurationSet),
    Sets {
        names: Vec<String>,
        next: Option<String>,
    },
    Tags(Value),
    SetExtensions(Option<String>),
    Destination(EventDestination),
}
