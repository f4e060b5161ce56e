//! Texts as values: JSON values in a row, YAML documents, or commands of the AWS CLI.

use std::borrow::Cow;

use jsonc_parser::ast::Value;

use super::{shell, tree, yaml};
use crate::definitions::validate::{self, FindingReport, Named};

/// A text, and the place of its first byte among all inputs.
pub(super) struct SourceText<'t> {
    pub starts_input: bool,
    pub base: usize,
    pub text: Cow<'t, str>,
}

/// The texts with values: whole inputs, or the quoted JSON of each command.
pub(super) fn texts<'t>(inputs: &[Named<'t>]) -> Vec<SourceText<'t>> {
    let mut texts = Vec::new();
    for (start, Named { text, .. }) in validate::starts(inputs).zip(inputs) {
        let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let (base, text) = (start + mark, &text[mark..]);
        let mut starts_input = true;
        let mut add = |offset: usize, text: Cow<'t, str>| {
            texts.push(SourceText { starts_input, base: base + offset, text });
            starts_input = false;
        };
        if shell::has_commands(text) {
            shell::inputs(text).for_each(|(offset, text)| add(offset, text));
        } else {
            add(0, Cow::Borrowed(text));
        }
    }
    texts
}

/// The values of a text. After a syntax error, those before it.
pub(super) fn values<'t>(text: &'t str, base: usize, report: &mut FindingReport) -> Vec<Value<'t>> {
    if !text.trim_start().starts_with(['{', '[']) {
        return yaml::documents(text, base, report);
    }
    let mut values = Vec::new();
    let mut from = 0;
    while let Some((at, end)) = validate::next_json(text, from, base, report) {
        let Ok(mut value) = validate::json_tree(&text[at..end], base + at, report) else { break };
        tree::shift(&mut value, base + at);
        values.push(value);
        from = end;
    }
    values
}
