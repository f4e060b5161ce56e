//! Reads and validates configuration sets and event destinations.
//!
//! In flows a definitions document (the JSON of the SES v2 API, see [`read`]) or output of the AWS
//! CLI (see [`import()`]); out flow valid [`Definitions`], or all errors of the document at once.

mod export;
mod import;
mod json;
mod model;
mod target;
mod validate;

pub(crate) use export::Exported;
pub use export::{ExportFormat, export};

pub use import::import;
pub use json::to_document;
pub(crate) use json::{EMPTY_DOCUMENT, EventDestinationJson, Extensions};
pub(crate) use model::{
    ANY_CONFIGURATION_SET, EVENT_DESTINATIONS_MAX, SetOptions, ValueSource, is_dimension_value,
};
pub use model::{
    CloudWatchDestination, ConfigurationSet, Definitions, Destination, Dimension, EventDestination,
    OnInvalidValue,
};
pub use target::Arn;
pub(crate) use target::{Target, TargetKind};
pub use validate::{
    DOCUMENT_BYTES_MAX, Reading, RequestFault, namespace_fault, read, read_destination,
    read_destination_extensions, read_object, read_options, read_set, read_set_extensions,
};
pub(crate) use validate::{DestinationExtensions, event_destination_name_refusal, quote_name};
