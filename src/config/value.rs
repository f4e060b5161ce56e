//! Values as they were written, each with its place, and the findings of reading them. Values are
//! not `Debug`, because they may be secrets.

use super::text::Fault;
use crate::finding::{Finding, Place, Severity};

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

/// A value to be read: its place, its path, and where its findings go.
pub(super) struct KeyReader<'r> {
    pub value: &'r GivenValue,
    pub place: &'r Place,
    pub path: String,
    pub findings: &'r mut Vec<Finding>,
}

// === impl GivenValue ===

impl GivenValue {
    fn kind_name(&self) -> &'static str {
        match self {
            Self::Environment(_) | Self::Text(_) => "a string",
            Self::Number { .. } => "a number",
            Self::Bool(_) => "true or false",
            Self::List(_) => "a list",
            Self::Other(name) => name,
        }
    }

    /// The fault of a value of another type than expected.
    pub(super) fn is_not(&self, expected: &str, fix: &str) -> Fault {
        (format!("expected {expected}, found {}", self.kind_name()), fix.to_owned())
    }
}

// === impl KeyReader ===

impl<'r> KeyReader<'r> {
    /// The value as text; a fault if it is of another type.
    pub(super) fn text(&self, expected: &str, fix: &str) -> Result<&'r str, Fault> {
        match self.value {
            GivenValue::Text(text) | GivenValue::Environment(text) => Ok(text),
            other => Err(other.is_not(expected, fix)),
        }
    }

    pub(super) fn add(&mut self, severity: Severity, (what, fix): Fault) {
        let (place, path) = (self.place.clone(), self.path.clone());
        self.findings.push(Finding { severity, place, path, what, fix });
    }

    /// The value; a fault becomes a finding.
    pub(super) fn take<T>(mut self, read: Result<T, Fault>) -> Option<T> {
        read.map_err(|fault| self.add(Severity::Error, fault)).ok()
    }
}
