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

pub use export::{ExportFormat, Exported, export};
pub use import::{ImportError, import};
pub use json::{EMPTY_DOCUMENT, EventDestinationJson, Extensions, to_document};
pub use model::{
    ANY_CONFIGURATION_SET, CloudWatchDestination, ConfigurationSet, Definitions, Destination,
    Dimension, EVENT_DESTINATIONS_MAX, EventDestination, OnInvalidValue, SetOptions, ValueSource,
    is_dimension_value, is_dimension_value_byte,
};
pub use target::{Arn, Target, TargetKind};
pub use validate::{
    DOCUMENT_BYTES_MAX, DestinationExtensions, Reading, RequestFault, RequestedDestination,
    event_destination_name_refusal, namespace_fault, quote_name, read, read_destination,
    read_destination_extensions, read_object, read_options, read_set, read_set_extensions,
};
