//! What the demo counts: the example definitions, and rates and opens beside them.

use serde_json::Value;

use crate::app::EXAMPLE_DEFINITIONS;

/// Rates, delivery times, and who opens.
const HEALTH: &str = include_str!("../../../config/examples/campaign-health.json");
/// The set that gets the destinations of [`HEALTH`].
const SET: &str = "prod";

/// The document.
///
/// # Errors
/// An example is not JSON.
pub(super) fn document() -> serde_json::Result<Value> {
    let mut document: Value = serde_json::from_str(EXAMPLE_DEFINITIONS)?;
    let health: Value = serde_json::from_str(HEALTH)?;
    let of_set = health["ConfigurationSets"][0]["EventDestinations"].as_array();
    let sets = document["ConfigurationSets"].as_array_mut().into_iter().flatten();
    for set in sets.filter(|set| set["ConfigurationSetName"] == SET) {
        if let Some(destinations) = set["EventDestinations"].as_array_mut() {
            destinations.extend(of_set.into_iter().flatten().cloned());
        }
    }
    Ok(document)
}
