//! Collects errors by byte offset and finally turns them into findings with line and column.

use crate::finding::{Finding, Place, Severity};
use crate::printable::{counted, printable};

/// How many findings of one severity are listed. A document can have a million errors, and each
/// finding costs memory.
const LISTED_MAX: usize = 1_000;

/// The number of characters of an invalid value that are quoted.
const QUOTED_CHARS_MAX: usize = 60;

/// A text and its name in findings.
#[derive(Clone, Copy, Debug)]
pub(in crate::definitions) struct Named<'t> {
    pub name: &'t str,
    pub text: &'t str,
}

/// A place in the document, or in several texts (see [`starts`]).
#[derive(Clone, Debug)]
pub(in crate::definitions) struct Spot {
    /// In bytes from the start of the text.
    pub offset: usize,
    /// Such as `ConfigurationSets[0].EventDestinations[1].Name`.
    pub path: String,
}

/// Proof that an error was reported: only [`FindingReport::error`] creates one, so nothing can be omitted
/// from the definitions without an error.
#[derive(Debug)]
pub(in crate::definitions) struct Reported(());

/// A value, or proof that the report says why there is none.
pub(in crate::definitions) type Checked<T> = Result<T, Reported>;

/// Why the body of a request is rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFault {
    /// The member, such as `EventDestination.CloudWatchDestination.DimensionConfigurations`.
    pub path: String,
    /// The message; in the words of SES if they are known.
    pub words: String,
    /// The body is not JSON, or a value has another JSON type than the member: a string for a
    /// boolean, say.
    pub is_ill_typed: bool,
}

/// All errors and warnings found so far.
#[derive(Debug, Default)]
pub(in crate::definitions) struct FindingReport {
    errors: FoundFaults,
    warnings: FoundFaults,
    is_of_request: bool,
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
    is_ill_typed: bool,
}

// === impl FindingReport ===

impl FindingReport {
    /// The report on the body of a request.
    pub(super) fn of_request() -> Self {
        Self { is_of_request: true, ..Self::default() }
    }

    /// Whether a request is read. As in SES, a `null` in it is not always the same as an absent
    /// value; in a document it is.
    pub(super) const fn is_of_request(&self) -> bool {
        self.is_of_request
    }

    pub(in crate::definitions) fn error(
        &mut self,
        spot: &Spot,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) -> Reported {
        self.errors.add(FoundFault::new(Severity::Error, spot, what.into(), fix.into()));
        Reported(())
    }

    /// An error of the JSON itself, or of the JSON type of a value.
    pub(super) fn type_error(
        &mut self,
        spot: &Spot,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) -> Reported {
        let fault = FoundFault::new(Severity::Error, spot, what.into(), fix.into());
        self.errors.add(FoundFault { is_ill_typed: true, ..fault });
        Reported(())
    }

    /// An error for which the message of SES is known; clients of the API receive that one.
    pub(in crate::definitions) fn error_as_ses(
        &mut self,
        spot: &Spot,
        what: impl Into<String>,
        fix: impl Into<String>,
        wording: impl Into<String>,
    ) -> Reported {
        let fault = FoundFault::new(Severity::Error, spot, what.into(), fix.into());
        self.errors.add(FoundFault { wording: Some(wording.into()), ..fault });
        Reported(())
    }

    pub(in crate::definitions) fn warning(
        &mut self,
        spot: &Spot,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.warnings.add(FoundFault::new(Severity::Warning, spot, what.into(), fix.into()));
    }

    pub(in crate::definitions) fn has_errors(&self) -> bool {
        !self.errors.listed.is_empty()
    }

    /// The first error. Errors of JSON come first, because SES reads all of the JSON before it looks
    /// at a value.
    pub(in crate::definitions) fn into_first_error(self) -> Option<RequestFault> {
        let mut faults = self.errors.listed;
        let first = faults.iter().position(|fault| fault.is_ill_typed).unwrap_or(0);
        if faults.is_empty() {
            return None;
        }
        let FoundFault { spot, what, fix, wording, is_ill_typed, .. } = faults.swap_remove(first);
        let words = wording.unwrap_or_else(|| match spot.path.as_str() {
            "" => format!("{what}; {fix}"),
            path => format!("{path}: {what}; {fix}"),
        });
        Some(RequestFault { path: spot.path, words, is_ill_typed })
    }

    /// The findings sorted by place, in several texts. One pass over the texts finds all lines and
    /// columns; otherwise a large document on one line would be scanned again for each finding.
    pub(in crate::definitions) fn into_findings(self, texts: &[Named]) -> Vec<Finding> {
        let mut faults = self.errors.listed_with_rest("error");
        faults.extend(self.warnings.listed_with_rest("warning"));
        faults.sort_by_key(|fault| fault.spot.offset);

        let mut texts = starts(texts).zip(texts).peekable();
        let mut findings = Vec::with_capacity(faults.len());
        let (mut start, mut file, mut text) = (0, "", "");
        let (mut at, mut line, mut column) = (0, 1, 1);
        for FoundFault { severity, spot, what, fix, .. } in faults {
            while let Some((next, named)) = texts.next_if(|(next, _)| *next <= spot.offset) {
                (start, file, text) = (next, named.name, named.text);
                // A byte order mark takes no column.
                at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
                (line, column) = (1, 1);
            }
            let offset = text.floor_char_boundary(spot.offset - start).max(at);
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

/// Where each text starts if they stand one behind the other, with a byte between them.
pub(in crate::definitions) fn starts(texts: &[Named]) -> impl Iterator<Item = usize> {
    texts.iter().scan(0, |next, named| {
        let start = *next;
        *next += named.text.len() + 1;
        Some(start)
    })
}

// === impl FoundFault ===

impl FoundFault {
    fn new(severity: Severity, spot: &Spot, what: String, fix: String) -> Self {
        Self { severity, spot: spot.clone(), what, fix, wording: None, is_ill_typed: false }
    }
}

// === impl FoundFaults ===

impl FoundFaults {
    fn add(&mut self, fault: FoundFault) {
        if self.listed.len() == LISTED_MAX {
            self.unlisted += 1;
            return;
        }
        self.listed.push(fault);
    }

    fn listed_with_rest(mut self, noun: &str) -> Vec<FoundFault> {
        if self.unlisted > 0
            && let Some(last) = self.listed.iter().max_by_key(|fault| fault.spot.offset)
        {
            let spot = Spot { offset: last.spot.offset, path: String::new() };
            let more = counted(self.unlisted as u64, &format!("more {noun}"));
            let are = if self.unlisted == 1 { "is" } else { "are" };
            let what = format!("{more} {are} not listed");
            let fix = "fix the listed ones and check again".to_owned();
            self.listed.push(FoundFault::new(last.severity, &spot, what, fix));
        }
        self.listed
    }
}

// === impl Spot ===

impl Spot {
    /// The spot of a missing member: the enclosing object, with the path of the member.
    pub(in crate::definitions) fn absent_member(&self, key: &str) -> Self {
        Self { offset: self.offset, path: join(&self.path, key) }
    }
}

/// The path of a member of an object.
pub(in crate::definitions) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { shorten(key) } else { format!("{path}.{}", shorten(key)) }
}

/// A text of the document, made safe for a message: quoted, escaped and cut.
pub(in crate::definitions) fn quote(text: &str) -> String {
    format!("\"{}\"", shorten(text))
}

pub(in crate::definitions) fn shorten(text: &str) -> String {
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

        let findings = report.into_findings(&[Named { name: "f", text }]);

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

        let text = &"x".repeat(2_000);
        let findings = report.into_findings(&[Named { name: "f", text }]);

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
