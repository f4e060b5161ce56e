//! Versions of what a form changes, so that two editors cannot overwrite each other.

use sha2::{Digest, Sha256};

use crate::api::hex;
use crate::definitions::{
    ConfigurationSet, Definitions, EventDestination, EventDestinationJson, Extensions, to_document,
};

/// The version of an event destination.
pub(super) fn of_destination(destination: &EventDestination) -> String {
    let json = EventDestinationJson::new(destination, Extensions::Shown);
    // Every value has a JSON form.
    of_text(&serde_json::to_string(&json).unwrap_or_default())
}

/// The version of a configuration set without its event destinations.
pub(super) fn of_settings(set: &ConfigurationSet) -> String {
    of_set(&ConfigurationSet { event_destinations: Vec::new(), ..set.clone() })
}

/// The version of a configuration set with all it has.
pub(super) fn of_set(set: &ConfigurationSet) -> String {
    let definitions = Definitions { configuration_sets: vec![set.clone()] };
    of_text(&to_document(&definitions).unwrap_or_default())
}

fn of_text(text: &str) -> String {
    hex(&Sha256::digest(text)[..8])
}
