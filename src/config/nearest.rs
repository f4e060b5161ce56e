//! Suggests a known key for an unknown one.

use strsim::levenshtein;

use super::keys::{SECTIONS, keys};
use super::section::ConfigKey;

/// Longer names are not compared, because the comparison is quadratic. No key is half as long.
const NAME_BYTES_MAX: usize = 64;

/// Suggests, for example, `flush_interval` for `cloudwatch.flush_intervall`; includes the section
/// if that was wrong too.
pub(super) fn nearest(path: &str) -> Option<&'static str> {
    if path.len() > NAME_BYTES_MAX {
        return None;
    }
    let path = path.to_lowercase().replace('-', "_");
    let (section, name) =
        path.split_once('.').map_or((None, path.as_str()), |(section, name)| (Some(section), name));

    let near = |key: &&ConfigKey| levenshtein(key.name(), name) <= allowed(name);
    let mut candidates: Vec<&ConfigKey> = keys().filter(near).collect();
    // Prefer the same section: a typo is more likely than a wrong section.
    candidates.sort_by_key(|key| (levenshtein(key.name(), name), key.section() != section));
    let in_section = candidates.iter().find(|key| key.section() == section);
    match (in_section, candidates.first()) {
        (Some(key), _) => Some(key.name()),
        (None, Some(key)) => Some(key.path),
        (None, None) => None,
    }
}

/// The section that was probably meant.
pub(super) fn nearest_section(name: &str) -> Option<&'static str> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let name = name.to_lowercase().replace('-', "_");
    let sections = SECTIONS.iter().map(|section| section.name).filter(|name| !name.is_empty());
    sections
        .filter(|section| levenshtein(section, &name) <= allowed(&name))
        .min_by_key(|section| levenshtein(section, &name))
}

/// One edit per three characters is allowed.
fn allowed(name: &str) -> usize {
    (name.chars().count() / 3).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typo_is_corrected_within_its_section() {
        assert_eq!(nearest("cloudwatch.flush_intervall"), Some("flush_interval"));
        assert_eq!(nearest("cloudwatch.Flush-Interval"), Some("flush_interval"));
        assert_eq!(nearest("definition"), Some("definitions"));
        assert_eq!(nearest_section("cloud_watch"), Some("cloudwatch"));
    }

    #[test]
    fn a_key_in_the_wrong_section_is_found_with_its_section() {
        assert_eq!(nearest("flush_interval"), Some("cloudwatch.flush_interval"));
        assert_eq!(nearest("firehose.settle_deadline"), Some("cloudwatch.settle_deadline"));
    }

    #[test]
    fn a_word_that_is_near_nothing_has_no_suggestion() {
        assert_eq!(nearest("colour"), None);
        assert_eq!(nearest(&"x".repeat(10_000)), None);
        assert_eq!(nearest_section("database"), None);
    }
}
