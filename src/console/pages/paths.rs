//! The addresses of pages that others link to.

use crate::console::html::segment;

/// The list of configuration sets.
pub(super) const SETS: &str = "/configuration-sets";

/// A configuration set.
pub(super) fn set_path(set: &str) -> String {
    format!("{SETS}/{}", segment(set))
}

/// A destination.
pub(super) fn destination_path(set: &str, name: &str) -> String {
    format!("{}/event-destinations/{}", set_path(set), segment(name))
}

/// The wizard that adds a destination.
pub(super) fn wizard_path(set: &str) -> String {
    format!("{}/add-destination", set_path(set))
}
