//! Parses text to a tree with places: strict JSON (RFC 8259) without extensions.
//!
//! Two parsers: `serde_json` is strict but keeps no places; `jsonc-parser` keeps places but accepts
//! more than JSON. A text reaches the second parser only if the first accepts it.

use jsonc_parser::ast::Value;
use jsonc_parser::errors::ParseErrorKind;
use jsonc_parser::{CollectOptions, ParseOptions, ParseStringErrorKind, parse_to_ast};
use serde::de::IgnoredAny;

use super::report::{Checked, FindingReport, Reported, Spot};

/// The largest allowed document. 10,000 configuration sets, the quota of an account
/// (<https://docs.aws.amazon.com/ses/latest/dg/quotas.html>, 2026-11-21), have more than 1,600
/// bytes each.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How deep values may be nested. Definitions need 8 levels; the limit exists because reading is
/// recursive.
pub(in crate::definitions) const LEVELS_MAX: usize = 128;

/// How to fix a syntax error.
const FIX: &str = "fix the syntax here; comments and trailing commas are not allowed";

/// Disables everything that `jsonc-parser` accepts beyond JSON.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Parses a document. A syntax error is the only finding, because nothing after it can be trusted.
pub(super) fn parse<'t>(text: &'t str, report: &mut FindingReport) -> Checked<Value<'t>> {
    if text.len() > DOCUMENT_BYTES_MAX {
        let what = format!("document has {} bytes", text.len());
        let fix = format!("the limit is {DOCUMENT_BYTES_MAX}; split the document");
        return Err(report.type_error(&at(0), what, fix));
    }
    if text.trim().is_empty() {
        let fix = "write at least {\"ConfigurationSets\":[]}";
        return Err(report.type_error(&at(0), "document is empty", fix));
    }
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Err(not_json(text, 0, &error, report));
    }
    json_tree(text, 0, report)
}

/// The range of the first JSON value behind `from` in a text with several; `None` at the end, or
/// after a syntax error. `base`: the offset of the text.
pub(in crate::definitions) fn next_json(
    text: &str,
    from: usize,
    base: usize,
    report: &mut FindingReport,
) -> Option<(usize, usize)> {
    let rest = text[from..].trim_start();
    let start = text.len() - rest.len();
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
    match values.next()? {
        Ok(_) => Some((start, start + values.byte_offset())),
        Err(error) => {
            not_json(rest, base + start, &error, report);
            None
        }
    }
}

/// Parses a text that is JSON. `base`: its offset, added to the places of errors only.
pub(in crate::definitions) fn json_tree<'t>(
    text: &'t str,
    base: usize,
    report: &mut FindingReport,
) -> Checked<Value<'t>> {
    if let Some(offset) = too_deep(text) {
        let what = format!("document is nested deeper than {LEVELS_MAX} levels");
        let fix = "definitions need 8; remove the inner levels";
        return Err(report.type_error(&at(base + offset), what, fix));
    }
    match parse_to_ast(text, &CollectOptions::default(), &STRICT) {
        Ok(parsed) => parsed.value.ok_or_else(|| {
            report.type_error(&at(base), "document is empty", "write a JSON object")
        }),
        Err(error) => {
            let what = match error.kind() {
                ParseErrorKind::String(ParseStringErrorKind::InvalidUnicodeEscapeSequence(_)) => {
                    "not JSON text: a \\u escape is half of a surrogate pair".to_owned()
                }
                kind => format!("not JSON: {}", kind.to_string().to_lowercase()),
            };
            Err(report.type_error(&at(base + error.range().start), what, FIX))
        }
    }
}

fn not_json(
    text: &str,
    base: usize,
    error: &serde_json::Error,
    report: &mut FindingReport,
) -> Reported {
    if error.is_eof() {
        let end = at(base + text.trim_end().len());
        let what = "not JSON: the text ends inside a value";
        return report.type_error(&end, what, "close the open values; the file may be truncated");
    }
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
    let what = match message {
        "expected ident" => "not JSON: expected true, false or null".to_owned(),
        "key must be a string" => "not JSON: expected a key in double quotes".to_owned(),
        other => format!("not JSON: {other}"),
    };
    report.type_error(&at(base + offset_of(text, error.line(), error.column())), what, FIX)
}

/// The byte offset of a place as `serde_json` reports it: lines from 1, columns in bytes from 1,
/// and column 0 for the line break before the line.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let before = text.split_inclusive('\n').take(line.saturating_sub(1));
    let line_start: usize = before.map(str::len).sum();
    (line_start + column).saturating_sub(1)
}

/// The offset at which valid JSON exceeds the allowed depth.
fn too_deep(text: &str) -> Option<usize> {
    let mut levels = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for (offset, byte) in text.bytes().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                levels += 1;
                if levels > LEVELS_MAX {
                    return Some(offset);
                }
            }
            b'}' | b']' => levels = levels.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn at(offset: usize) -> Spot {
    Spot { offset, path: String::new() }
}
