//! Prints messages for people to stderr, one line at a time.

use std::io::Write;

use crate::finding::Finding;

/// Prints a line to stderr. A failure to print must not stop the work.
pub(super) fn warn_user(line: &str) {
    let _ = writeln!(std::io::stderr(), "postmeter: {line}");
}

/// Prints lines to stderr, without trailing white space.
pub(super) fn print_lines(text: &str) {
    let mut stderr = std::io::stderr().lock();
    for line in text.lines() {
        let _ = writeln!(stderr, "{}", line.trim_end());
    }
}

/// Prints findings to stderr.
pub(super) fn print_findings(findings: &[Finding]) {
    let mut stderr = std::io::stderr().lock();
    for finding in findings {
        let _ = writeln!(stderr, "{finding}");
    }
}
