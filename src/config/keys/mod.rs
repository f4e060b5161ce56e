//! The table of all keys. It drives both the reading of the configuration and its documentation.
//!
//! A row has the path of a key, its type, its default as TOML and a help text. Invariant, checked
//! by tests: the default written here equals the one in `Config::default()`.

mod table;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use self::table::KEYS;
use super::text::{self, Fault};
use super::{AccessKey, ApiKey, Config, SignatureVersion, TopicArn, Unread};

/// The prefix of every environment variable of postmeter.
pub(super) const PREFIX: &str = "POSTMETER__";

/// One key of the configuration.
pub struct KeyDoc {
    /// Section and name, such as `cloudwatch.flush_interval`.
    pub path: &'static str,
    /// As written in TOML.
    pub default: &'static str,
    /// One line.
    pub help: &'static str,
    pub(super) kind: KeyKind,
}

/// The type of a key's value, and how the value is stored.
pub(super) enum KeyKind {
    Text { is: &'static str, read: fn(&mut Config, &str) -> Result<(), Fault> },
    Address { set: fn(&mut Config, SocketAddr) },
    Duration { least: Duration, most: Duration, set: fn(&mut Config, Duration) },
    Number { least: u32, most: u32, set: fn(&mut Config, u32) },
    Switch { set: fn(&mut Config, bool) },
    Choice { options: &'static [Choice] },
    AccessKeys { set: fn(&mut Config, Vec<AccessKey>) },
    Credentials { set: fn(&mut Config, Vec<AccessKey>) },
    ApiKeys { set: fn(&mut Config, Vec<ApiKey>) },
    Topics { set: fn(&mut Config, Vec<TopicArn>) },
    Unread { set: fn(&mut Config, Vec<Unread>) },
    SignatureVersions { set: fn(&mut Config, Vec<SignatureVersion>) },
    Buckets { set: fn(&mut Config, Vec<String>) },
}

/// An allowed word, and the function that stores it.
pub(super) type Choice = (&'static str, fn(&mut Config));

/// All keys, in the order of the shipped file.
pub fn keys() -> &'static [KeyDoc] {
    KEYS
}

/// The key with this path.
pub(super) fn find(path: &str) -> Option<&'static KeyDoc> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether this section exists.
pub(super) fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.section() == Some(name))
}

/// Whether the section may be repeated as `[[name]]`.
pub(super) fn is_repeated(name: &str) -> bool {
    name == "sqs"
}

/// The keys as a Markdown table, for docs/reference/configuration.md.
pub fn markdown_table() -> String {
    let mut table = String::from("| key | type | default | what it does |\n|---|---|---|---|\n");
    for key in KEYS {
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            table,
            "| `{}` | {} | `{}` | {} |",
            key.path,
            key.type_text(),
            key.default,
            key.help
        );
    }
    table
}

/// The environment variable of a path; in a repeated section, the variable of its first instance.
pub(super) fn variable(path: &str) -> String {
    variable_at(path, 0)
}

/// Like [`variable`], for the instance of a repeated section with this number, from 0.
pub(super) fn variable_at(path: &str, number: usize) -> String {
    let levels = match path.split_once('.') {
        Some((section, name)) if is_repeated(section) => format!("{section}__{number}__{name}"),
        _ => path.replace('.', "__"),
    };
    format!("{PREFIX}{}", levels.to_uppercase())
}

// === impl KeyDoc ===

impl KeyDoc {
    /// The section; `None` for a key at the top level.
    pub fn section(&self) -> Option<&'static str> {
        self.path.split_once('.').map(|(section, _)| section)
    }

    /// The name within its section.
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The environment variable that overrides the key.
    pub fn variable(&self) -> String {
        variable(self.path)
    }

    pub(super) fn is_list(&self) -> bool {
        match self.kind {
            KeyKind::AccessKeys { .. }
            | KeyKind::Credentials { .. }
            | KeyKind::ApiKeys { .. }
            | KeyKind::Topics { .. }
            | KeyKind::Unread { .. }
            | KeyKind::SignatureVersions { .. }
            | KeyKind::Buckets { .. } => true,
            KeyKind::Text { .. }
            | KeyKind::Address { .. }
            | KeyKind::Duration { .. }
            | KeyKind::Number { .. }
            | KeyKind::Switch { .. }
            | KeyKind::Choice { .. } => false,
        }
    }

    /// The type of the value, for readers of the documentation.
    pub fn type_text(&self) -> String {
        match &self.kind {
            KeyKind::Text { is, .. } => (*is).to_owned(),
            KeyKind::Address { .. } => "address:port".to_owned(),
            KeyKind::Duration { least, most, .. } => {
                format!("duration, {} to {}", text::duration(*least), text::duration(*most))
            }
            KeyKind::Number { least, most, .. } => format!("number, {least} to {most}"),
            KeyKind::Switch { .. } => "`true` or `false`".to_owned(),
            KeyKind::Choice { options } => {
                options.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
            }
            KeyKind::AccessKeys { .. } => "list of strings".to_owned(),
            KeyKind::Credentials { .. } => "list of `user:password`".to_owned(),
            KeyKind::ApiKeys { .. } => "list of `id:secret`".to_owned(),
            KeyKind::Topics { .. } => "list of topic ARNs".to_owned(),
            KeyKind::SignatureVersions { .. } => "list of 1, 2".to_owned(),
            KeyKind::Buckets { .. } => "list of bucket names".to_owned(),
            KeyKind::Unread { .. } => {
                let words = Unread::ALL.map(|unread| format!("`{}`", unread.word()));
                format!("list of {}", words.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_two_underscores_between_levels() {
        let names: Vec<String> = keys().iter().take(3).map(KeyDoc::variable).collect();
        assert_eq!(
            names,
            [
                "POSTMETER__DEFINITIONS",
                "POSTMETER__DEFINITIONS_INTERVAL",
                "POSTMETER__DEFAULT_CONFIGURATION_SET"
            ]
        );
    }

    #[test]
    fn no_path_stands_twice_and_sections_stay_together() {
        let mut paths: Vec<&str> = keys().iter().map(|key| key.path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), keys().len());

        let mut sections: Vec<Option<&str>> = keys().iter().map(KeyDoc::section).collect();
        sections.dedup();
        assert_eq!(sections.len(), 13, "top level and twelve sections: {sections:?}");
    }

    #[test]
    fn the_table_has_a_row_of_four_cells_for_every_key() {
        let table = markdown_table();
        assert_eq!(table.lines().count(), keys().len() + 2);
        for line in table.lines() {
            assert_eq!(line.matches('|').count(), 5, "{line}");
        }
        assert!(
            table.contains(
                "| `cloudwatch.flush_interval` | duration, 50ms to 5m | `\"10s\"` | time between"
            ),
            "{table}"
        );
    }
}
