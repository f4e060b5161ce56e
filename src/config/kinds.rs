//! The kinds of values that keys have: how each is described, read and printed.
//!
//! A key names its kind in its section, such as `number(1, 64)` or `list(text(…))`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::text::{self, Fault, quoted};
use super::value::{GivenValue, KeyReader};
use super::words::Words;
use crate::finding::Severity;

/// Stands for a secret.
const REDACTED: &str = "[redacted]";

/// How the value of a key is described, read and printed.
pub(super) trait KeyKind<T> {
    /// Whether a variable separates several values with commas.
    const IS_LIST: bool = false;

    /// The type, for readers of the documentation.
    fn describe(&self) -> String;

    /// Some valid values, as in a variable.
    fn examples(&self) -> Vec<String>;

    /// Reads a value; everything wrong with it becomes a finding.
    fn read(&self, reader: KeyReader<'_>) -> Option<T>;

    /// The value as written in TOML.
    fn write(&self, value: &T) -> String;

    /// Like [`KeyKind::write`], without secrets.
    fn show(&self, value: &T) -> String {
        self.write(value)
    }
}

pub(super) struct NumberKind {
    least: u32,
    most: u32,
}

pub(super) struct DurationKind {
    least: Duration,
    most: Duration,
}

pub(super) struct SwitchKind;

/// One word of an enum.
pub(super) struct ChoiceKind;

/// A text with a form of its own.
pub(super) struct TextKind<T> {
    is: &'static str,
    example: &'static str,
    parse: fn(&str) -> Result<T, Fault>,
    print: fn(&T) -> String,
    warn: fn(&T) -> Option<Fault>,
    expected: &'static str,
    /// The fix for a value of another type.
    fix: &'static str,
    /// Whether it is written without quotes, as a number.
    is_bare: bool,
    is_secret: bool,
}

/// An empty text is `None`.
pub(super) struct OptionalKind<K>(K);

/// A whole number within these bounds.
pub(super) const fn number(least: u32, most: u32) -> NumberKind {
    NumberKind { least, most }
}

pub(super) const fn duration(least: Duration, most: Duration) -> DurationKind {
    DurationKind { least, most }
}

/// `true` or `false`.
pub(super) const fn switch() -> SwitchKind {
    SwitchKind
}

pub(super) const fn choice() -> ChoiceKind {
    ChoiceKind
}

pub(super) const fn address() -> TextKind<SocketAddr> {
    TextKind {
        expected: "an address",
        fix: text::ADDRESS_FIX,
        ..text("address:port", "127.0.0.1:8128", text::address, SocketAddr::to_string)
    }
}

/// The path of a file or directory. Any text can be one.
pub(super) const fn path(is: &'static str, example: &'static str) -> TextKind<PathBuf> {
    text(is, example, |text| Ok(text.into()), |path| path.display().to_string())
}

/// `is`: what the documentation calls it; in the plural if it is an item of a list. `example`: a
/// valid value.
pub(super) const fn text<T>(
    is: &'static str,
    example: &'static str,
    parse: fn(&str) -> Result<T, Fault>,
    print: fn(&T) -> String,
) -> TextKind<T> {
    let (expected, fix) = ("a string", "put it in quotes");
    TextKind {
        is,
        example,
        parse,
        print,
        warn: |_| None,
        expected,
        fix,
        is_bare: false,
        is_secret: false,
    }
}

pub(super) const fn optional<K>(kind: K) -> OptionalKind<K> {
    OptionalKind(kind)
}

// === impl NumberKind ===

impl NumberKind {
    fn parse(&self, value: &GivenValue) -> Result<u32, Fault> {
        let Self { least, most } = *self;
        let fix = format!("write a whole number from {least} to {most}");
        let (written, value) = match value {
            GivenValue::Number { written, value } => (written.as_str(), *value),
            GivenValue::Environment(text) => {
                let text = text.trim();
                let digits = text.strip_prefix('-').unwrap_or(text);
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err((format!("{} is not a whole number", quoted(text)), fix));
                }
                (text, text.parse().ok())
            }
            other => return Err(other.is_not("a whole number", &fix)),
        };
        let in_range = value
            .and_then(|value| u32::try_from(value).ok())
            .filter(|value| (least..=most).contains(value));
        in_range.ok_or_else(|| (format!("{} is outside {least} to {most}", quoted(written)), fix))
    }
}

/// Every `u32` fits in the types of numbers.
impl<T: TryFrom<u32> + fmt::Display> KeyKind<T> for NumberKind {
    fn describe(&self) -> String {
        format!("number, {} to {}", bound(self.least), bound(self.most))
    }

    fn examples(&self) -> Vec<String> {
        vec![self.least.to_string(), self.most.to_string()]
    }

    fn read(&self, reader: KeyReader<'_>) -> Option<T> {
        let read = self.parse(reader.value);
        reader.take(read).and_then(|number| T::try_from(number).ok())
    }

    fn write(&self, value: &T) -> String {
        value.to_string()
    }
}

/// A bound, also in a larger unit if it is a number of bytes.
fn bound(number: u32) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.into_iter().find(|(bits, _)| number != 0 && number.trailing_zeros() >= *bits);
    unit.map_or_else(
        || number.to_string(),
        |(bits, unit)| format!("{number} ({} {unit})", number >> bits),
    )
}

// === impl DurationKind ===

impl KeyKind<Duration> for DurationKind {
    fn describe(&self) -> String {
        format!("duration, {} to {}", text::duration(self.least), text::duration(self.most))
    }

    fn examples(&self) -> Vec<String> {
        vec![text::duration(self.least), text::duration(self.most)]
    }

    fn read(&self, reader: KeyReader<'_>) -> Option<Duration> {
        let fix = "write a number with a unit, in quotes, such as \"500ms\", \"10s\" or \"2m\"";
        let text = reader.text("a duration", fix);
        reader.take(text.and_then(|text| text::parse_duration(text, self.least, self.most)))
    }

    fn write(&self, value: &Duration) -> String {
        text::toml_string(&text::duration(*value))
    }
}

// === impl SwitchKind ===

impl KeyKind<bool> for SwitchKind {
    fn describe(&self) -> String {
        "`true` or `false`".to_owned()
    }

    fn examples(&self) -> Vec<String> {
        vec!["true".to_owned(), "false".to_owned()]
    }

    fn read(&self, reader: KeyReader<'_>) -> Option<bool> {
        let fix = "write true or false, without quotes in a file";
        let read = match reader.value {
            GivenValue::Bool(on) => Ok(*on),
            GivenValue::Environment(text) => text.trim().parse().map_err(|_| {
                (format!("{} is not true or false", quoted(text.trim())), fix.to_owned())
            }),
            other => Err(other.is_not("true or false", fix)),
        };
        reader.take(read)
    }

    fn write(&self, value: &bool) -> String {
        value.to_string()
    }
}

// === impl ChoiceKind ===

impl<T: Words> KeyKind<T> for ChoiceKind {
    fn describe(&self) -> String {
        joined::<T>('`')
    }

    fn examples(&self) -> Vec<String> {
        T::WORDS.iter().map(|(word, _)| (*word).to_owned()).collect()
    }

    fn read(&self, reader: KeyReader<'_>) -> Option<T> {
        let fix = format!("write {}", joined::<T>('"'));
        let read = reader.text("a word", &fix).and_then(|text| {
            let found = T::WORDS.iter().find(|(word, _)| *word == text);
            let fault = || (format!("{} is not a choice", quoted(text)), fix);
            found.map(|(_, value)| *value).ok_or_else(fault)
        });
        reader.take(read)
    }

    fn write(&self, value: &T) -> String {
        let found = T::WORDS.iter().find(|(_, one)| one == value);
        text::toml_string(found.map_or("", |(word, _)| word))
    }
}

/// All words, each between two marks.
fn joined<T: Words>(mark: char) -> String {
    let words = T::WORDS.iter().map(|(word, _)| format!("{mark}{word}{mark}"));
    words.collect::<Vec<_>>().join(" or ")
}

// === impl TextKind ===

impl<T> TextKind<T> {
    /// Also warns of some valid values.
    pub(super) const fn warns(self, warn: fn(&T) -> Option<Fault>) -> Self {
        Self { warn, ..self }
    }

    /// Written as a number, without quotes; quotes are allowed.
    pub(super) const fn bare(self, fix: &'static str) -> Self {
        Self { is_bare: true, fix, ..self }
    }

    /// Never shown.
    pub(super) const fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }
}

impl<T> KeyKind<T> for TextKind<T> {
    fn describe(&self) -> String {
        self.is.to_owned()
    }

    fn examples(&self) -> Vec<String> {
        vec![self.example.to_owned()]
    }

    fn read(&self, mut reader: KeyReader<'_>) -> Option<T> {
        let text = match reader.value {
            GivenValue::Number { written, .. } if self.is_bare => Ok(written.as_str()),
            _ => reader.text(self.expected, self.fix),
        };
        let read = text.and_then(self.parse);
        if let Some(fault) = read.as_ref().ok().and_then(self.warn) {
            reader.add(Severity::Warning, fault);
        }
        reader.take(read)
    }

    fn write(&self, value: &T) -> String {
        let text = (self.print)(value);
        if self.is_bare { text } else { text::toml_string(&text) }
    }

    fn show(&self, value: &T) -> String {
        if self.is_secret { REDACTED.to_owned() } else { self.write(value) }
    }
}

// === impl OptionalKind ===

impl<T, K: KeyKind<T>> KeyKind<Option<T>> for OptionalKind<K> {
    fn describe(&self) -> String {
        self.0.describe()
    }

    fn examples(&self) -> Vec<String> {
        self.0.examples()
    }

    fn read(&self, reader: KeyReader<'_>) -> Option<Option<T>> {
        match reader.text("", "") {
            Ok("") => Some(None),
            _ => self.0.read(reader).map(Some),
        }
    }

    fn write(&self, value: &Option<T>) -> String {
        value.as_ref().map_or_else(|| "\"\"".to_owned(), |value| self.0.write(value))
    }

    fn show(&self, value: &Option<T>) -> String {
        value.as_ref().map_or_else(|| "\"\"".to_owned(), |value| self.0.show(value))
    }
}
