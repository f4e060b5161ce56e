//! Lists of values of any kind.

use super::kinds::KeyKind;
use super::text;
use super::value::{GivenEntry, GivenValue, KeyReader};
use crate::finding::Severity;

pub(super) struct ListKind<K> {
    item: K,
    /// What separates the items in a variable.
    separator: char,
}

/// A list of values of this kind, each with its own findings.
pub(super) const fn list<K>(item: K) -> ListKind<K> {
    ListKind { item, separator: ',' }
}

/// Like [`list`], for values with commas: spaces separate them in a variable.
pub(super) const fn list_by_spaces<K>(item: K) -> ListKind<K> {
    ListKind { item, separator: ' ' }
}

// === impl ListKind ===

impl<T, K: KeyKind<T>> KeyKind<Vec<T>> for ListKind<K> {
    const IS_LIST: bool = true;

    fn describe(&self) -> String {
        format!("list of {}", self.item.describe())
    }

    fn examples(&self) -> Vec<String> {
        self.item.examples()
    }

    /// The valid items; each invalid one has a finding of its own.
    fn read(&self, mut reader: KeyReader<'_>) -> Option<Vec<T>> {
        let parts: Vec<GivenEntry>;
        let items = match reader.value {
            // In containers, an empty variable commonly means "none".
            GivenValue::Environment(text) if text.trim().is_empty() => &[][..],
            GivenValue::Environment(text) => {
                let part = |text: &str| GivenEntry {
                    raw: GivenValue::Environment(text.trim().to_owned()),
                    place: reader.place.clone(),
                };
                parts = text
                    .split(self.separator)
                    .filter(|part| self.separator == ',' || !part.is_empty())
                    .map(part)
                    .collect();
                &parts
            }
            GivenValue::List(items) => items,
            other => {
                let example = self.item.examples().swap_remove(0);
                let fix = format!("write `[{}]`", text::toml_string(&example));
                reader.add(Severity::Error, other.is_not("a list of strings", &fix));
                return None;
            }
        };
        let mut values = Vec::new();
        for (index, item) in items.iter().enumerate() {
            values.extend(self.item.read(KeyReader {
                value: &item.raw,
                place: &item.place,
                path: format!("{}[{index}]", reader.path),
                findings: reader.findings,
            }));
        }
        Some(values)
    }

    fn write(&self, values: &Vec<T>) -> String {
        let items: Vec<String> = values.iter().map(|value| self.item.write(value)).collect();
        format!("[{}]", items.join(", "))
    }

    fn show(&self, values: &Vec<T>) -> String {
        let items: Vec<String> = values.iter().map(|value| self.item.show(value)).collect();
        format!("[{}]", items.join(", "))
    }
}
