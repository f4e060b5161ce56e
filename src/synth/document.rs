//! A definitions document as plain JSON.

use serde_json::Value;

/// The elements of a list, none of anything else.
pub(super) fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}
