//! Reads and validates configuration sets and event destinations.
//!
//! In flows a definitions document (the JSON of the SES v2 API, see [`read`]) or what people have
//! instead (see [`import()`]); out flow valid [`Definitions`], or all errors of the document at once.

mod export;
mod fault_of_extensions;
mod import;
mod json;
mod measure;
mod metric_names;
mod model;
mod target;
mod validate;

pub(crate) use export::Exported;
pub use export::{ExportFormat, export};
pub(crate) use fault_of_extensions::fault_of_extensions;

pub use import::{ImportInput, Imported, import};
pub use json::to_document;
pub(crate) use json::{
    DestinationExtensionsJson, EMPTY_DOCUMENT, EventDestinationJson, Extensions,
};
pub use measure::Measure;
pub(crate) use metric_names::{DestinationMetrics, MetricNames};
pub(crate) use model::{
    ANY_CONFIGURATION_SET, EVENT_DESTINATIONS_MAX, OTHER_VALUES, SetOptions, ValueSource,
    is_dimension_value,
};
pub use model::{
    CloudWatchDestination, ConfigurationSet, Definitions, Destination, DestinationExtensions,
    Dimension, EventDestination, EventDimension, OnInvalidValue,
};
pub use target::Arn;
pub(crate) use target::{Target, TargetKind};
pub use validate::{
    DOCUMENT_BYTES_MAX, Reading, RequestFault, namespace_fault, read, read_destination,
    read_destination_extensions, read_object, read_options, read_set, read_set_extensions,
};
pub(crate) use validate::{
    configuration_set_name_fault, event_destination_name_refusal, quote_name,
};
