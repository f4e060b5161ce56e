//! Values as they were written, each with its place. Not `Debug`, because they may be secrets.

use crate::finding::Place;

/// A key's value as it was written, and where.
pub(super) struct GivenEntry {
    pub raw: GivenValue,
    pub place: Place,
}

/// A value before its type is checked.
pub(super) enum GivenValue {
    /// A variable's text; the key determines its type.
    Environment(String),
    Text(String),
    /// A number as written; None if it is not a `u64`, for example if it is negative.
    Number {
        written: String,
        value: Option<u64>,
    },
    Bool(bool),
    List(Vec<GivenEntry>),
    /// A type that no key has: its name.
    Other(&'static str),
}

// === impl GivenValue ===

impl GivenValue {
    pub(super) fn kind_name(&self) -> &'static str {
        match self {
            Self::Environment(_) | Self::Text(_) => "a string",
            Self::Number { .. } => "a number",
            Self::Bool(_) => "true or false",
            Self::List(_) => "a list",
            Self::Other(name) => name,
        }
    }
}
