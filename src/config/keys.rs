//! Finds keys and sections by their names.

use super::section::{ConfigKey, ConfigSection, SectionTable};
use super::{
    CloudWatchConfig, Config, ConsoleConfig, DeadLettersConfig, DedupeConfig, FirehoseConfig,
    JournalConfig, LimitsConfig, ListenConfig, SesApiConfig, ShutdownConfig, SnsConfig, SqsConfig,
    TelemetryConfig,
};

/// The prefix of every environment variable of postmeter.
pub(super) const PREFIX: &str = "POSTMETER__";

/// All sections, in the order of the shipped file.
pub(super) const SECTIONS: &[SectionTable] = &[
    Config::TABLE,
    ListenConfig::TABLE,
    LimitsConfig::TABLE,
    FirehoseConfig::TABLE,
    SnsConfig::TABLE,
    SqsConfig::TABLE,
    DedupeConfig::TABLE,
    CloudWatchConfig::TABLE,
    JournalConfig::TABLE,
    DeadLettersConfig::TABLE,
    ShutdownConfig::TABLE,
    TelemetryConfig::TABLE,
    SesApiConfig::TABLE,
    ConsoleConfig::TABLE,
];

/// All keys, in the order of the shipped file.
pub(super) fn keys() -> impl Iterator<Item = &'static ConfigKey> {
    SECTIONS.iter().flat_map(|section| section.keys)
}

/// The key with this path.
pub(super) fn find(path: &str) -> Option<&'static ConfigKey> {
    keys().find(|key| key.path == path)
}

fn section(name: &str) -> Option<&'static SectionTable> {
    SECTIONS.iter().find(|section| section.name == name && !name.is_empty())
}

/// Whether this section exists.
pub(super) fn is_section(name: &str) -> bool {
    section(name).is_some()
}

/// Whether the section may be repeated as `[[name]]`.
pub(super) fn is_repeated(name: &str) -> bool {
    section(name).is_some_and(|section| section.is_repeated)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_two_underscores_between_levels() {
        let names: Vec<String> = keys().take(2).map(|key| variable(key.path)).collect();
        assert_eq!(names, ["POSTMETER__DEFINITIONS", "POSTMETER__DEFINITIONS_INTERVAL"]);
        assert_eq!(variable("listen.http"), "POSTMETER__LISTEN__HTTP");
        assert_eq!(variable_at("sqs.queue_url", 3), "POSTMETER__SQS__3__QUEUE_URL");
    }

    #[test]
    fn no_path_stands_twice_and_every_section_is_listed() {
        let mut paths: Vec<&str> = keys().map(|key| key.path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), keys().count());

        // The debug output of the configuration names every section, listed or not.
        let config = format!("{:?}", Config::default());
        assert_eq!(config.matches("Config {").count() + 1, SECTIONS.len(), "{config}");
        for key in keys() {
            assert!(key.section().is_none_or(is_section), "{}", key.path);
        }
    }
}
