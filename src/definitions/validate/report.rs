//! Collects errors by byte offset and finally turns them into findings with line and column.

use crate::finding::{Finding, Place, Severity};
use crate::printable::printable;

/// How many findings of one severity are listed. A document can have a million errors, and each
/// finding costs memory.
const LISTED_MAX: usize = 1_000;

/// The number of characters of an invalid value that are quoted.
const QUOTED_CHARS_MAX: usize = 60;

/// A place in the document.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    /// In bytes from the start of the text.
    pub offset: usize,
    /// Such as `ConfigurationSets[0].EventDestinations[1].Name`.
    pub path: String,
}

/// Proof that an error was reported: only [`FindingReport::error`] creates one, so nothing can be omitted
/// from the definitions without an error.
#[derive(Debug)]
pub(super) struct Reported(());

/// A value, or proof that the report says why there is none.
pub(super) type Checked<T> = Result<T, Reported>;

/// All errors and warnings found so far.
#[derive(Debug, Default)]
pub(super) struct FindingReport {
    errors: FoundFaults,
    warnings: FoundFaults,
}

/// The faults of one severity.
#[derive(Debug, Default)]
struct FoundFaults {
    listed: Vec<FoundFault>,
    unlisted: usize,
}

#[derive(Debug)]
struct FoundFault {
    severity: Severity,
    spot: Spot,
    what: String,
    fix: String,
    /// The message of SES, if it is known.
    wording: Option<String>,
}

// === impl FindingReport ===

impl FindingReport {
    pub(super) fn error(
        &mut self,
        spot: &Spot,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) -> Reported {
        self.errors.add(Severity::Error, spot, what.into(), fix.into(), None);
        Reported(())
    }

    /// An error for which the message of SES is known; clients of the API receive that one.
    pub(super) fn error_as_ses(
        &mut self,
        spot: &Spot,
        what: impl Into<String>,
        fix: impl Into<String>,
        wording: impl Into<String>,
    ) -> Reported {
        let wording = Some(wording.into());
        self.errors.add(Severity::Error, spot, what.into(), fix.into(), wording);
        Reported(())
    }

    pub(super) fn warning(&mut self, spot: &Spot, what: impl Into<String>, fix: impl Into<String>) {
        self.warnings.add(Severity::Warning, spot, what.into(), fix.into(), None);
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.listed.is_empty()
    }

    /// The first error: its path and its message.
    pub(super) fn into_first_error(self) -> Option<(String, String)> {
        let first = self.errors.listed.into_iter().next()?;
        let FoundFault { spot, what, fix, wording, .. } = first;
        let words = wording.unwrap_or_else(|| match spot.path.as_str() {
            "" => format!("{what}; {fix}"),
            path => format!("{path}: {what}; {fix}"),
        });
        Some((spot.path, words))
    }

    /// The findings sorted by place. One pass over the text finds all lines and columns; otherwise
    /// a large document on one line would be scanned again for each finding.
    pub(super) fn into_findings(self, file: &str, text: &str) -> Vec<Finding> {
        let mut faults = self.errors.listed_with_rest("errors");
        faults.extend(self.warnings.listed_with_rest("warnings"));
        faults.sort_by_key(|fault| fault.spot.offset);

        let (mut at, mut line, mut column) = (0, 1, 1);
        let mut findings = Vec::with_capacity(faults.len());
        for FoundFault { severity, spot, what, fix, .. } in faults {
            let offset = text.floor_char_boundary(spot.offset);
            for character in text[at..offset].chars() {
                (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            at = offset;
            let place = Place::File { file: file.to_owned(), line, column };
            findings.push(Finding { severity, place, path: spot.path, what, fix });
        }
        findings
    }
}

// === impl FoundFaults ===

impl FoundFaults {
    fn add(
        &mut self,
        severity: Severity,
        spot: &Spot,
        what: String,
        fix: String,
        wording: Option<String>,
    ) {
        if self.listed.len() == LISTED_MAX {
            self.unlisted += 1;
            return;
        }
        self.listed.push(FoundFault { severity, spot: spot.clone(), what, fix, wording });
    }

    fn listed_with_rest(mut self, noun: &str) -> Vec<FoundFault> {
        if self.unlisted > 0
            && let Some(last) = self.listed.iter().max_by_key(|fault| fault.spot.offset)
        {
            let spot = Spot { offset: last.spot.offset, path: String::new() };
            let what = format!("{} more {noun} are not listed", self.unlisted);
            let fix = "fix the listed ones and check again".to_owned();
            self.listed.push(FoundFault {
                severity: last.severity,
                spot,
                what,
                fix,
                wording: None,
            });
        }
        self.listed
    }
}

// === impl Spot ===

impl Spot {
    /// The spot of a missing member: the enclosing object, with the path of the member.
    pub(super) fn absent_member(&self, key: &str) -> Self {
        Self { offset: self.offset, path: join(&self.path, key) }
    }
}

/// The path of a member of an object.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { shorten(key) } else { format!("{path}.{}", shorten(key)) }
}

/// A text of the document, made safe for a message: quoted, escaped and cut.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", shorten(text))
}

pub(super) fn shorten(text: &str) -> String {
    printable(text, QUOTED_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(offset: usize) -> Spot {
        Spot { offset, path: format!("at{offset}") }
    }

    #[test]
    fn places_equal_those_of_place_in_text() {
        let text = "\u{e9}a\r\nb\n\n\u{1f600}c";
        let mut report = FindingReport::default();
        let offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        for offset in offsets.iter().rev() {
            report.warning(&spot(*offset), "w", "m");
        }
        report.error(&spot(text.len() + 9), "w", "m");

        let findings = report.into_findings("f", text);

        let mut expected: Vec<Place> =
            offsets.iter().map(|offset| Place::in_text("f", text, *offset)).collect();
        expected.push(Place::in_text("f", text, text.len()));
        let places: Vec<Place> = findings.into_iter().map(|finding| finding.place).collect();
        assert_eq!(places, expected);
    }

    #[test]
    fn faults_beyond_the_limit_are_counted_and_warnings_hide_no_error() {
        let mut report = FindingReport::default();
        for offset in 0..LISTED_MAX + 7 {
            report.warning(&spot(offset), "w", "m");
        }
        assert!(!report.has_errors());
        report.error(&spot(5), "the error", "m");
        assert!(report.has_errors());

        let findings = report.into_findings("f", &"x".repeat(2_000));

        assert_eq!(findings.len(), LISTED_MAX + 2);
        assert_eq!(findings.iter().filter(|finding| finding.is_error()).count(), 1);
        assert_eq!(findings[LISTED_MAX + 1].what, "7 more warnings are not listed");
        assert!(!findings[LISTED_MAX + 1].is_error());
    }

    #[test]
    fn quoted_text_is_cut_and_escaped() {
        assert_eq!(quote("a\nb\u{7f}\"\u{202e}"), r#""a\nb\u{7f}\"\u{202e}""#);
        assert_eq!(quote(&"x".repeat(60)).chars().count(), 62);
        assert_eq!(quote(&"x".repeat(61)), format!("\"{}\u{2026}\"", "x".repeat(60)));
        assert!(quote(&"\u{10ffff}".repeat(9_000_000)).len() < 700);
    }
}
