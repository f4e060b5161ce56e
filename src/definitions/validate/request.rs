//! Validates bodies of SES API requests by the rules of the document.
//!
//! Like SES, this ignores unknown members: an extension in the body of an SES operation is not
//! read. The first error is the response.

use serde_json::{Map, Value};

use super::event_destination::{self, Definition};
use super::name::UniqueNames;
use super::object::{JsonNode, JsonObject};
pub use super::report::RequestFault;
use super::report::{Checked, FindingReport};
use super::{duplicates, extensions, name, namespace, options, syntax};
use crate::definitions::model::{
    ConfigurationSet, DestinationExtensions, EventDestination, SetOptions,
};

/// An event destination in the body of a request; its name may be in the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedDestination {
    pub name: Option<String>,
    definition: EventDestination,
}

// === impl RequestedDestination ===

impl RequestedDestination {
    /// Builds the destination with this name.
    #[must_use]
    pub fn named(self, name: String) -> EventDestination {
        EventDestination { name, ..self.definition }
    }
}

/// Reads `{"ConfigurationSetName": …}` with its options and tags.
///
/// # Errors
/// The first fault.
pub fn read_set(text: &str) -> Result<ConfigurationSet, RequestFault> {
    read(text, |object, report| {
        let name = object
            .require("ConfigurationSetName", report)
            .and_then(|node| name::ses_configuration_set_name(&node, report));
        let options = options::options(object, report);
        Ok(ConfigurationSet {
            name: name?,
            namespace: None,
            options: options?,
            event_destinations: Vec::new(),
        })
    })
}

/// Reads `{"EventDestinationName": …, "EventDestination": {…}}`.
///
/// # Errors
/// The first fault.
pub fn read_destination(text: &str) -> Result<RequestedDestination, RequestFault> {
    read(text, |object, report| {
        let mut names = UniqueNames::new("event destination");
        let name = object
            .take("EventDestinationName")
            .map(|node| name::event_destination_name(&node, &mut names, report))
            .transpose();
        let definition = object.require("EventDestination", report).and_then(|node| {
            let mut object = node.object("EventDestination", report)?;
            event_destination::definition(&mut object, report)
        });
        let (name, definition) = (name?, definition?);
        let Definition { enabled, matching_event_types, destination } = definition;
        let definition =
            EventDestination { name: String::new(), enabled, matching_event_types, destination };
        Ok(RequestedDestination { name, definition })
    })
}

/// Reads `{"Namespace": …}` of a configuration set.
///
/// # Errors
/// The first fault; a member that is not known is one.
pub fn read_set_extensions(text: &str) -> Result<Option<String>, RequestFault> {
    read(text, |object, report| {
        let namespace = namespace(object, report);
        refuse_unknown_keys(object, report)?;
        namespace
    })
}

/// Reads the extensions of an event destination, such as `{"Namespace": …, "OnInvalidValue": …}`.
/// Whether they fit the destination is not checked.
///
/// # Errors
/// The first fault; a member that is not known is one.
pub fn read_destination_extensions(text: &str) -> Result<DestinationExtensions, RequestFault> {
    read(text, |object, report| {
        let mut names = UniqueNames::new("dimension");
        let read = extensions::extensions(object, &mut names, report);
        refuse_unknown_keys(object, report)?;
        read.map(|read| read.extensions)
    })
}

/// Reads the members of one block of options, or the tags, of a configuration set.
///
/// # Errors
/// The first fault.
pub fn read_options(text: &str) -> Result<SetOptions, RequestFault> {
    read(text, options::options)
}

/// Reads any object without duplicate keys.
///
/// # Errors
/// The first fault.
pub fn read_object(text: &str) -> Result<Map<String, Value>, RequestFault> {
    read(text, |_, _| Ok(()))?;
    // The first reader has accepted it.
    serde_json::from_str(text).map_err(|error| RequestFault {
        path: String::new(),
        words: format!("Invalid body: {error}."),
        is_ill_typed: true,
    })
}

fn read<T>(
    text: &str,
    take: impl FnOnce(&mut JsonObject, &mut FindingReport) -> Checked<T>,
) -> Result<T, RequestFault> {
    let mut report = FindingReport::of_request();
    let read = members(text, take, &mut report);
    match (read, report.into_first_error()) {
        (Ok(read), None) => Ok(read),
        (_, Some(fault)) => Err(fault),
        // Only the report creates an error.
        (Err(_), None) => Err(RequestFault::default()),
    }
}

fn members<T>(
    text: &str,
    take: impl FnOnce(&mut JsonObject, &mut FindingReport) -> Checked<T>,
    report: &mut FindingReport,
) -> Checked<T> {
    let root = syntax::parse(text, report)?;
    duplicates::report_duplicate_keys(&root, report);
    let mut object = JsonNode::root(&root).object("body", report)?;
    take(&mut object, report)
}

fn namespace(object: &mut JsonObject, report: &mut FindingReport) -> Checked<Option<String>> {
    object.take("Namespace").map(|node| namespace::namespace(&node, report)).transpose()
}

fn refuse_unknown_keys(object: &JsonObject, report: &mut FindingReport) -> Checked<()> {
    object.first_unknown_key().map_or(Ok(()), |(spot, what)| {
        Err(report.error(&spot, what, "remove it, or correct its spelling"))
    })
}
