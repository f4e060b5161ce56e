//! An error or a warning about a file that a person wrote, with its place and its fix.

use std::fmt;

use serde::Serialize;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The document is rejected.
    Error,
    /// The document is valid, but perhaps not as intended.
    Warning,
}

/// The place of a finding: a file with line and column (both from 1), or an environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Place {
    File { file: String, line: usize, column: usize },
    Environment { variable: String },
}

/// One error or warning. Prints as `PLACE: PATH: what is wrong; how to fix it`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    #[serde(flatten)]
    pub place: Place,
    /// The key in the document, such as `ConfigurationSets[0].EventDestinations[1].Name`.
    pub path: String,
    pub what: String,
    pub fix: String,
}

// === impl Finding ===

impl Finding {
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}; {}", self.what, self.fix)
    }
}

// === impl Place ===

impl Place {
    /// The place of a byte offset in a text.
    #[must_use]
    pub(crate) fn in_text(file: &str, text: &str, offset: usize) -> Self {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        Self::File { file: file.to_owned(), line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Environment { variable } => f.write_str(variable),
        }
    }
}
