//! Bodies that are one JSON object.

use serde::Deserialize;

/// Reads a JSON object; `None` for anything else. A derived reader alone would take a list's elements
/// for the fields in their order, where another parser finds no field at all.
pub(crate) fn read_object<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Option<T> {
    let is_object = body.trim_ascii_start().first() == Some(&b'{');
    if is_object { serde_json::from_slice(body).ok() } else { None }
}
