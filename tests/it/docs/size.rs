//! Pages stay short.

use super::{pages_of_docs, read};

/// Maximum number of lines of a page, without generated ones.
const PAGE_LINES_MAX: usize = 250;

#[test]
fn readme_and_architecture_stay_short() {
    let readme = read("README.md");
    let (lines, words) = (readme.lines().count(), readme.split_whitespace().count());
    assert!(lines <= 200, "README.md has {lines} lines, at most 200 are allowed");
    assert!(words <= 1300, "README.md has {words} words, at most 1,300 are allowed");
    let lines = read("ARCHITECTURE.md").lines().count();
    assert!(lines <= 120, "ARCHITECTURE.md has {lines} lines, at most 120 are allowed");
}

#[test]
fn pages_of_docs_stay_short() {
    for page in pages_of_docs() {
        let lines = written_lines(&read(&page));
        assert!(lines <= PAGE_LINES_MAX, "{page} has {lines} lines, split it");
    }
}

/// The number of lines that are not generated.
fn written_lines(page: &str) -> usize {
    let mut generated = false;
    let mut lines = 0;
    for line in page.lines() {
        generated =
            (generated || line.starts_with("<!-- generated:")) && line != "<!-- /generated -->";
        lines += usize::from(!generated);
    }
    lines
}

#[test]
fn generated_lines_are_not_counted() {
    assert_eq!(written_lines("a\n<!-- generated: t -->\nb\nc\n<!-- /generated -->\nd\n"), 3);
}
