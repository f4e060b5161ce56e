//! YAML documents as trees, with the short form of `CloudFormation`'s functions in the long one.

use std::borrow::Cow;

use jsonc_parser::ast::{BooleanLit, NullKeyword, NumberLit, ObjectProp, Value};
use jsonc_parser::common::Range;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::tree;
use crate::definitions::validate::{FindingReport, LEVELS_MAX, Spot, shorten};

/// A list or an object that is being read.
enum Open<'t> {
    List {
        start: usize,
        function: Option<Cow<'t, str>>,
        elements: Vec<Value<'t>>,
    },
    Object {
        start: usize,
        function: Option<Cow<'t, str>>,
        members: Vec<ObjectProp<'t>>,
        key: Option<(usize, Cow<'t, str>)>,
    },
}

/// Turns places in characters into places in bytes. Both only grow, or go back a little.
struct ByteCursor<'t> {
    text: &'t str,
    characters: usize,
    bytes: usize,
}

/// Why a text is not read further: its place in bytes, what is wrong, and how to fix it.
struct Fault(usize, String, &'static str);

/// The documents of a text. After a fault, those before it.
pub(super) fn documents<'t>(
    text: &'t str,
    base: usize,
    report: &mut FindingReport,
) -> Vec<Value<'t>> {
    let mut documents = Vec::new();
    if let Err(Fault(offset, what, fix)) = read(text, base, &mut documents) {
        report.error(&Spot { offset: base + offset, path: String::new() }, what, fix);
    }
    documents
}

fn read<'t>(text: &'t str, base: usize, documents: &mut Vec<Value<'t>>) -> Result<(), Fault> {
    let mut cursor = ByteCursor { text, characters: 0, bytes: 0 };
    let mut open: Vec<Open<'t>> = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| not_yaml(&error, &mut cursor))?;
        let offset = cursor.byte_of(span.start.index());
        let start = base + offset;
        let value = match event {
            Event::SequenceStart(_, tag) => {
                let function = tag.as_deref().and_then(function_of);
                open.push(Open::List { start, function, elements: Vec::new() });
                None
            }
            Event::MappingStart(_, tag) => {
                let function = tag.as_deref().and_then(function_of);
                open.push(Open::Object { start, function, members: Vec::new(), key: None });
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(Open::into_value),
            Event::Scalar(text, style, _, tag) => {
                let source = cursor.source(&span);
                Some(scalar(text, style, tag, source, start))
            }
            Event::Alias(_) => {
                let fix = "write the value itself";
                return Err(Fault(offset, "YAML aliases are not read".to_owned(), fix));
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => None,
        };
        if open.len() > LEVELS_MAX {
            let what = format!("input is nested deeper than {LEVELS_MAX} levels");
            return Err(Fault(offset, what, "remove the inner levels"));
        }
        let Some(value) = value else { continue };
        match open.last_mut() {
            Some(parent) => parent.add(start, value),
            None if tree::is_null(&value) => {}
            None => documents.push(value),
        }
    }
    Ok(())
}

fn not_yaml(error: &ScanError, cursor: &mut ByteCursor) -> Fault {
    let offset = cursor.byte_of(error.marker().index());
    Fault(
        offset,
        format!("neither JSON nor YAML: {}", shorten(error.info())),
        "fix the syntax here",
    )
}

/// A scalar by the rules of the core schema, as far as JSON has its values; quoted ones are text.
fn scalar<'t>(
    text: Cow<'t, str>,
    style: ScalarStyle,
    tag: Option<Cow<'t, Tag>>,
    source: &'t str,
    start: usize,
) -> Value<'t> {
    let range = Range::from_byte_index(start);
    if let Some(function) = tag.as_deref().and_then(function_of) {
        let value = tree::text(start, text);
        return tree::object(start, vec![tree::member(function, value)]);
    }
    if style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str") {
        return tree::text(start, text);
    }
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => Value::NullKeyword(NullKeyword { range }),
        "true" | "True" | "TRUE" => Value::BooleanLit(BooleanLit { range, value: true }),
        "false" | "False" | "FALSE" => Value::BooleanLit(BooleanLit { range, value: false }),
        number if number == source && is_json_number(number) => {
            Value::NumberLit(NumberLit { range, value: source })
        }
        _ => tree::text(start, text),
    }
}

fn is_json_number(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

/// The long form of a short function: `Ref` for `!Ref`, `Fn::Sub` for `!Sub`.
fn function_of(tag: &Tag) -> Option<Cow<'static, str>> {
    if tag.is_yaml_core_schema() {
        return None;
    }
    Some(match tag.suffix.as_str() {
        "Ref" => Cow::Borrowed("Ref"),
        "Condition" => Cow::Borrowed("Condition"),
        other => Cow::Owned(format!("Fn::{other}")),
    })
}

// === impl Open ===

impl<'t> Open<'t> {
    fn add(&mut self, start: usize, value: Value<'t>) {
        match self {
            Self::List { elements, .. } => elements.push(value),
            Self::Object { members, key, .. } => match key.take() {
                Some((start, name)) => members.push(tree::member_at(start, name, value)),
                None => *key = Some((start, key_text(value))),
            },
        }
    }

    fn into_value(self) -> Value<'t> {
        let (start, function, value) = match self {
            Self::List { start, function, elements } => {
                (start, function, tree::list(start, elements))
            }
            Self::Object { start, function, members, .. } => {
                (start, function, tree::object(start, members))
            }
        };
        match function {
            Some(function) => tree::object(start, vec![tree::member(function, value)]),
            None => value,
        }
    }
}

/// A key of a mapping; one that is not a scalar is unknown anyway.
fn key_text(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::StringLit(text) => text.value,
        Value::NumberLit(number) => Cow::Borrowed(number.value),
        Value::BooleanLit(flag) => Cow::Borrowed(if flag.value { "true" } else { "false" }),
        Value::NullKeyword(_) => Cow::Borrowed("null"),
        Value::Array(_) | Value::Object(_) => Cow::Borrowed("?"),
    }
}

// === impl ByteCursor ===

impl<'t> ByteCursor<'t> {
    fn byte_of(&mut self, character: usize) -> usize {
        while self.characters < character
            && let Some(next) = self.text[self.bytes..].chars().next()
        {
            self.characters += 1;
            self.bytes += next.len_utf8();
        }
        while self.characters > character
            && let Some(last) = self.text[..self.bytes].chars().next_back()
        {
            self.characters -= 1;
            self.bytes -= last.len_utf8();
        }
        self.bytes
    }

    /// The text of a span.
    fn source(&mut self, span: &Span) -> &'t str {
        let end = self.byte_of(span.end.index());
        let start = self.byte_of(span.start.index());
        self.text.get(start..end).unwrap_or_default()
    }
}
