//! Merges file and environment into one value per key, with its place.
//!
//! TOML text and variables flow in; raw values flow out, with the findings that do not depend on a
//! value: broken syntax, unknown keys, unknown sections. The environment overrides the file.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{self, PREFIX};
use super::nearest::{nearest, nearest_section};
use super::section::ConfigKey;
use super::text::quoted;
use super::value::{GivenEntry, GivenValue};
use crate::finding::{Finding, Place, Severity};

/// Section numbers in variables are below this.
const REPEATED_MAX: usize = 100;

/// How many lines with broken syntax are reported: a file of another format has many.
const BROKEN_LINES_MAX: usize = 20;

/// Values by path of the key.
pub(super) type Entries = BTreeMap<&'static str, GivenEntry>;

/// Everything that was given.
pub(super) struct GivenSource {
    pub entries: Entries,
    /// Values of repeated sections, by number of the section.
    pub repeated: BTreeMap<usize, Entries>,
    pub findings: Vec<Finding>,
    /// No line was lost to broken syntax, so a missing key is really missing.
    pub whole: bool,
    /// The place where a missing key would be written; None: its variable.
    pub home: Option<Place>,
    /// There was neither a file nor a variable.
    pub is_nothing: bool,
}

/// Name and text of a file, for places, and its lines that are not valid TOML.
#[derive(Clone, Copy)]
struct ConfigFile<'t> {
    name: &'t str,
    text: &'t str,
    broken: &'t BTreeSet<usize>,
}

// === impl GivenSource ===

impl GivenSource {
    pub(super) fn read(
        file: Option<(&str, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut source = Self {
            entries: BTreeMap::new(),
            repeated: BTreeMap::new(),
            findings: Vec::new(),
            whole: true,
            home: None,
            is_nothing: file.is_none(),
        };
        if let Some((name, text)) = file {
            source.home = Some(Place::in_text(name, text, 0));
            source.read_file(name, text);
        }
        for (variable, text) in environment {
            if variable.starts_with(PREFIX) {
                source.is_nothing = false;
                source.read_variable(variable, text);
            }
        }
        source
    }

    fn read_file(&mut self, name: &str, text: &str) {
        if text.trim_start().starts_with('{') {
            let fix = "pass a TOML file; definitions go into a file that its key `definitions` \
                       names, and `check --definitions` checks it";
            self.error(Place::in_text(name, text, 0), "", "this is JSON, not TOML".to_owned(), fix);
            self.whole = false;
            return;
        }
        let (table, faults) = DeTable::parse_recoverable(text);
        let mut broken = BTreeSet::new();
        for fault in &faults {
            let place = Place::in_text(name, text, fault.span().map_or(0, |span| span.start));
            // One typo can cause several errors on its line; the first is the most useful.
            if broken.insert(line(&place)) && broken.len() <= BROKEN_LINES_MAX {
                let what = fault.message().trim_end_matches(", expected nothing").to_owned();
                self.error(
                    place,
                    "",
                    what,
                    "correct this line; see https://toml.io for the syntax",
                );
            }
        }
        self.whole = faults.is_empty();
        self.read_top(ConfigFile { name, text, broken: &broken }, table.get_ref());
    }

    fn read_top(&mut self, file: ConfigFile<'_>, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if let Some(known) = keys::find(name) {
                file.take(known, value, &mut self.entries);
            } else if keys::is_repeated(name) {
                self.read_repeated(file, name, value);
            } else if keys::is_section(name) {
                self.read_section(file, name, value);
            } else {
                let is_section = matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_));
                self.unknown(file, key.span().start, name, is_section);
            }
        }
    }

    fn read_section(&mut self, file: ConfigFile<'_>, section: &str, value: &Spanned<DeValue<'_>>) {
        let DeValue::Table(table) = value.get_ref() else {
            return self.no_section(file, section, value, &format!("[{section}]"));
        };
        let mut entries = std::mem::take(&mut self.entries);
        self.read_keys(file, section, table, &mut entries);
        self.entries = entries;
    }

    /// Reads each table of a list of tables.
    fn read_repeated(&mut self, file: ConfigFile<'_>, section: &str, value: &Spanned<DeValue<'_>>) {
        let fix = format!("[[{section}]]");
        let DeValue::Array(tables) = value.get_ref() else {
            return self.no_section(file, section, value, &fix);
        };
        for (number, value) in tables.iter().enumerate() {
            let mut entries = BTreeMap::new();
            match value.get_ref() {
                DeValue::Table(table) => self.read_keys(file, section, table, &mut entries),
                _ => self.no_section(file, section, value, &fix),
            }
            self.repeated.insert(number, entries);
        }
    }

    fn no_section(
        &mut self,
        file: ConfigFile<'_>,
        section: &str,
        value: &Spanned<DeValue<'_>>,
        header: &str,
    ) {
        if !file.is_broken(value.span()) {
            let what = format!("expected a section, found {}", kind_name(value.get_ref()));
            let fix = format!("write `{header}` with its keys below");
            self.error(file.place(value.span().start), section, what, &fix);
        }
    }

    fn read_keys(
        &mut self,
        file: ConfigFile<'_>,
        section: &str,
        table: &DeTable<'_>,
        entries: &mut Entries,
    ) {
        for (key, value) in table {
            let path = format!("{section}.{}", key.get_ref());
            match keys::find(&path) {
                Some(known) => file.take(known, value, entries),
                None => self.unknown(file, key.span().start, &path, false),
            }
        }
    }

    fn unknown(&mut self, file: ConfigFile<'_>, offset: usize, path: &str, is_section: bool) {
        let place = file.place(offset);
        // After a broken line, a name may be a misread value, even an access key: with `access_keys
        // =` on one line and `["..."]` on the next, the key is parsed as the name of a section.
        if file.broken.first().is_some_and(|broken| *broken <= line(&place)) {
            return;
        }
        let (what, fix) = if is_section {
            let near = nearest_section(path).map(|section| format!("did you mean `[{section}]`?"));
            ("unknown section", near.unwrap_or_else(|| "remove the section".to_owned()))
        } else {
            let near = nearest(path).map(|key| format!("did you mean `{key}`?"));
            ("unknown key", near.unwrap_or_else(|| "remove it".to_owned()))
        };
        self.error(place, &shown(path), what.to_owned(), &fix);
    }

    fn read_variable(&mut self, variable: String, text: String) {
        let levels = variable[PREFIX.len()..].to_owned();
        let known = known_variable(&variable);
        let place = Place::Environment { variable };
        if let Some((known, number)) = known {
            let entries = match number {
                None => &mut self.entries,
                Some(number) => self.repeated.entry(number).or_default(),
            };
            entries.insert(known.path, GivenEntry { raw: GivenValue::Environment(text), place });
        } else {
            self.error(place, "", "unknown variable".to_owned(), &variable_fix(&levels));
        }
    }

    fn error(&mut self, place: Place, path: &str, what: String, fix: &str) {
        let (path, fix) = (path.to_owned(), fix.to_owned());
        self.findings.push(Finding { severity: Severity::Error, place, path, what, fix });
    }
}

/// The key of a variable, and the number of its section if the section is repeated.
fn known_variable(variable: &str) -> Option<(&'static ConfigKey, Option<usize>)> {
    let (section, number) = match variable.strip_prefix(PREFIX)?.split("__").collect::<Vec<_>>()[..]
    {
        [section, number, _] => (section.to_lowercase(), number.parse().ok()),
        _ => (String::new(), None),
    };
    let number = number.filter(|number| *number < REPEATED_MAX && keys::is_repeated(&section));
    let name = |key: &&ConfigKey| keys::variable_at(key.path, number.unwrap_or(0));
    let known = keys::keys().find(|key| name(key) == variable)?;
    Some((known, number))
}

// === impl ConfigFile ===

impl ConfigFile<'_> {
    /// Stores a value unless its line is broken: a broken line may be parsed as something else.
    fn take(self, key: &ConfigKey, value: &Spanned<DeValue<'_>>, entries: &mut Entries) {
        if !self.is_broken(value.span()) {
            entries.insert(key.path, self.entry(value));
        }
    }

    fn place(self, offset: usize) -> Place {
        Place::in_text(self.name, self.text, offset)
    }

    /// Whether a line of the span is broken.
    fn is_broken(self, span: Range<usize>) -> bool {
        let (first, last) = (line(&self.place(span.start)), line(&self.place(span.end)));
        self.broken.range(first..=last.max(first)).next().is_some()
    }

    fn entry(self, value: &Spanned<DeValue<'_>>) -> GivenEntry {
        let span = value.span();
        let raw = match value.get_ref() {
            DeValue::String(text) => GivenValue::Text(text.clone().into_owned()),
            DeValue::Integer(number) => GivenValue::Number {
                written: self.text.get(span.clone()).unwrap_or_default().to_owned(),
                value: u64::from_str_radix(number.as_str(), number.radix()).ok(),
            },
            DeValue::Array(items) => {
                GivenValue::List(items.iter().map(|item| self.entry(item)).collect())
            }
            DeValue::Boolean(on) => GivenValue::Bool(*on),
            other => GivenValue::Other(kind_name(other)),
        };
        GivenEntry { raw, place: self.place(span.start) }
    }
}

fn kind_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn variable_fix(levels: &str) -> String {
    let path = levels.to_lowercase().replacen("__", ".", 1);
    let above = path.rsplit_once("__").and_then(|(above, _)| keys::find(above));
    // `nearest` omits the section if it was correct.
    let in_section = |name| path.split_once('.').map(|(section, _)| format!("{section}.{name}"));
    let near = nearest(&path)
        .and_then(|near| in_section(near).and_then(|path| keys::find(&path)).or(keys::find(near)));
    match (above, near) {
        (Some(list), _) if list.field.is_list() => {
            format!("separate the values of `{}` with commas", keys::variable(list.path))
        }
        (Some(key), _) | (None, Some(key)) => {
            format!("did you mean `{}`?", keys::variable(key.path))
        }
        (None, None) => "remove it, or rename it if another program needs it".to_owned(),
    }
}

/// A path in a finding: unchanged if it is plain, else quoted.
fn shown(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !path.is_empty() && path.len() <= 64 && path.chars().all(plain) {
        path.to_owned()
    } else {
        quoted(path)
    }
}

fn line(place: &Place) -> usize {
    match place {
        Place::File { line, .. } => *line,
        Place::Environment { .. } => 0,
    }
}
