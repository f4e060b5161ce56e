//! Finds keys that appear twice in one object, anywhere in the document.
//!
//! Parsers disagree on which of the two wins, so such a document is rejected.

use std::collections::HashSet;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;

use super::report::{FindingReport, Spot, quote, shorten};

/// The length at which paths are cut. Paths of known keys have about 120 characters; unknown keys
/// can be long, and there can be many.
const PATH_LENGTH_MAX: usize = 300;

/// The path from the root to a value. It is formatted only for an error, because most objects have
/// none.
#[derive(Clone, Copy)]
enum Trail<'a> {
    Root,
    Key(&'a Trail<'a>, &'a str),
    Index(&'a Trail<'a>, usize),
}

pub(super) fn report_duplicate_keys(root: &Value, report: &mut FindingReport) {
    search(root, &Trail::Root, report);
}

fn search(value: &Value, trail: &Trail, report: &mut FindingReport) {
    match value {
        Value::Array(array) => {
            for (index, element) in array.elements.iter().enumerate() {
                search(element, &Trail::Index(trail, index), report);
            }
        }
        Value::Object(object) => {
            let mut seen = HashSet::new();
            for member in &object.properties {
                let name = member.name.as_str();
                let trail = Trail::Key(trail, name);
                if !seen.insert(name) {
                    let spot = Spot { offset: member.name.start(), path: trail.path() };
                    let what = format!("key {} appears twice in the object", quote(name));
                    report.error(&spot, what, "keep one");
                }
                search(&member.value, &trail, report);
            }
        }
        _ => {}
    }
}

// === impl Trail ===

impl Trail<'_> {
    fn path(&self) -> String {
        let mut segments = Vec::new();
        let mut trail = self;
        loop {
            trail = match trail {
                Self::Root => break,
                Self::Key(parent, name) => {
                    segments.push(format!(".{}", shorten(name)));
                    parent
                }
                Self::Index(parent, index) => {
                    segments.push(format!("[{index}]"));
                    parent
                }
            };
        }
        let mut path = String::new();
        for segment in segments.iter().rev() {
            if path.len() + segment.len() > PATH_LENGTH_MAX {
                path.push('\u{2026}');
                break;
            }
            path.push_str(segment);
        }
        path.strip_prefix('.').map(str::to_owned).unwrap_or(path)
    }
}
