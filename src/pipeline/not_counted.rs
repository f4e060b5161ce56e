//! What a batch does not count, for messages: where each kind was seen first, and the names that
//! explain it. How much of it there is stands in the [`Tally`](super::Tally).
//!
//! Names are those of configuration sets, event destinations and event types, never another text of
//! an event; for malformed values they are what is wrong. They are bounded in number and length.

use super::tally::Tally;
use crate::ses::{Compression, NonEvent, NonEventReason};

/// A kind of values, events or counts that are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotCountedKind {
    Malformed,
    Foreign,
    UnknownType,
    Unrouted,
    Unmatched,
    InvalidValue,
}

/// What a batch does not count.
#[derive(Clone, Debug, Default)]
pub(crate) struct NotCounted {
    kinds: [Option<Sample>; NotCountedKind::ALL.len()],
    /// The first compression that is not read. Its text is one of the malformed values.
    compression: Option<Compression>,
}

/// The first of a kind, and the names of all.
#[derive(Clone, Debug, Default)]
struct Sample {
    /// The place of the first, as reported by the reader.
    at: u64,
    names: Names,
}

/// Names, and how often each was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    names: Vec<Name>,
    /// How often other names were seen.
    others: u64,
}

#[derive(Clone, Debug)]
struct Name {
    text: Box<str>,
    /// Not an empty text: where the processor has AVX-512, glibc takes a hundred nanoseconds to compare
    /// nothing at an address that is not mapped.
    detail: Option<Box<str>>,
    count: u64,
}

/// How many names are remembered, and how many of them are shown.
const NAMES_MAX: usize = 64;
const SHOWN_MAX: usize = 8;
/// The longest name: that of a configuration set.
const NAME_BYTES_MAX: usize = 64;

const NO_SET: &str = "no configuration set";
const NOT_A_NAME: &str = "an invalid name";

// === impl NotCountedKind ===

impl NotCountedKind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Malformed,
        Self::Foreign,
        Self::UnknownType,
        Self::Unrouted,
        Self::Unmatched,
        Self::InvalidValue,
    ];

    /// The name in summaries.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Foreign => "foreign",
            Self::UnknownType => "unknown_type",
            Self::Unrouted => "unrouted",
            Self::Unmatched => "unmatched",
            Self::InvalidValue => "invalid_value",
        }
    }

    /// How many there are.
    #[must_use]
    pub(crate) fn count(self, tally: &Tally) -> u64 {
        match self {
            Self::Malformed => tally.malformed,
            Self::Foreign => tally.foreign,
            Self::UnknownType => tally.unknown_type,
            Self::Unrouted => tally.unrouted,
            Self::Unmatched => tally.unmatched,
            Self::InvalidValue => tally.values.invalid_value,
        }
    }
}

// === impl NotCounted ===

impl NotCounted {
    /// A value that is not an event.
    pub(crate) fn non_event(&mut self, why: NonEventReason<'_>, at: u64) {
        let (kind, name, detail) = match why {
            NonEventReason::UnknownEventType(name)
            | NonEventReason::UnknownNotificationType(name) => {
                (NotCountedKind::UnknownType, printable_name(name), "")
            }
            NonEventReason::WithoutMail(_) => (NotCountedKind::UnknownType, "without mail", ""),
            NonEventReason::Compressed(compression) => {
                self.compression.get_or_insert(compression);
                (NotCountedKind::Malformed, "compression", "")
            }
            NonEventReason::NotJson(_) => (NotCountedKind::Malformed, "not JSON", ""),
            NonEventReason::NotBase64 => (NotCountedKind::Malformed, "not Base64", ""),
            NonEventReason::TornGzip => (NotCountedKind::Malformed, "torn gzip", ""),
            NonEventReason::OpenList => (NotCountedKind::Malformed, "open list", ""),
            _ => match why.kind() {
                NonEvent::Malformed => (NotCountedKind::Malformed, "", ""),
                NonEvent::Foreign => (NotCountedKind::Foreign, "", ""),
                NonEvent::UnknownType => (NotCountedKind::UnknownType, "", ""),
                NonEvent::Control | NonEvent::Notice => return,
            },
        };
        self.add(kind, at, name, detail);
    }

    /// An event whose configuration set has no rules.
    pub(crate) fn unrouted(&mut self, set: Option<&[u8]>, at: u64) {
        self.add(NotCountedKind::Unrouted, at, set.map_or(NO_SET, printable_name), "");
    }

    /// One more of a kind, with its name in two parts; without one if both are empty.
    pub(crate) fn add(&mut self, kind: NotCountedKind, at: u64, name: &str, detail: &str) {
        let sample =
            self.kinds[kind as usize].get_or_insert_with(|| Sample { at, ..Sample::default() });
        if !name.is_empty() {
            sample.names.add(name, Some(detail).filter(|detail| !detail.is_empty()), 1);
        }
    }

    /// Adds what was found behind this, in the same text.
    pub(crate) fn append(&mut self, later: &Self) {
        for (kind, later) in self.kinds.iter_mut().zip(&later.kinds) {
            match (kind, later) {
                (Some(kind), Some(later)) => kind.names.append(&later.names),
                (kind @ None, later) => kind.clone_from(later),
                (Some(_), None) => {}
            }
        }
        self.compression = self.compression.or(later.compression);
    }

    /// The kinds that were seen: where first, and their names.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (NotCountedKind, u64, &Names)> {
        let kinds = NotCountedKind::ALL.into_iter().zip(&self.kinds);
        kinds.filter_map(|(kind, sample)| {
            sample.as_ref().map(|sample| (kind, sample.at, &sample.names))
        })
    }

    /// The place of the first of a kind.
    #[must_use]
    pub(crate) fn first(&self, kind: NotCountedKind) -> Option<u64> {
        self.kinds[kind as usize].as_ref().map(|sample| sample.at)
    }

    #[must_use]
    pub(crate) fn compression(&self) -> Option<Compression> {
        self.compression
    }
}

/// A name as it may be shown: one that could be something else, such as an address, is not.
fn printable_name(name: &[u8]) -> &str {
    let is_of_a_name = |byte: &u8| byte.is_ascii_alphanumeric() || b" _-".contains(byte);
    let is_name = !name.trim_ascii().is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.iter().all(is_of_a_name);
    std::str::from_utf8(name).ok().filter(|_| is_name).unwrap_or(NOT_A_NAME)
}

// === impl Names ===

impl Names {
    fn add(&mut self, name: &str, detail: Option<&str>, count: u64) {
        let same = |known: &&mut Name| *known.text == *name && known.detail.as_deref() == detail;
        if let Some(known) = self.names.iter_mut().find(same) {
            known.count += count;
        } else if self.names.len() < NAMES_MAX {
            self.names.push(Name { text: name.into(), detail: detail.map(Into::into), count });
        } else {
            self.others += count;
        }
    }

    pub(crate) fn append(&mut self, later: &Self) {
        for Name { text, detail, count } in &later.names {
            self.add(text, detail.as_deref(), *count);
        }
        self.others += later.others;
    }

    /// The most frequent names, each with its count; `None` without names.
    #[must_use]
    pub(crate) fn shown(&self) -> Option<String> {
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.count));
        let others = names.iter().skip(SHOWN_MAX).map(|name| name.count).sum::<u64>() + self.others;
        let shown = names.iter().take(SHOWN_MAX).map(|Name { text, detail, count }| match detail {
            Some(detail) => format!("{text}/{detail} {count}"),
            None => format!("{text} {count}"),
        });
        let others = (others > 0).then(|| format!("others {others}"));
        let shown = shown.chain(others).collect::<Vec<_>>().join(", ");
        (!shown.is_empty()).then_some(shown)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(of: impl IntoIterator<Item = impl AsRef<str>>) -> Names {
        let mut names = Names::default();
        of.into_iter().for_each(|name| names.add(name.as_ref(), None, 1));
        names
    }

    #[test]
    fn most_frequent_names_are_shown_first_and_the_others_added_up() {
        assert_eq!(names([""; 0]).shown(), None);
        assert_eq!(names(["b", "a", "a"]).shown().as_deref(), Some("a 2, b 1"));
        let many = (0..NAMES_MAX + 10).map(|number| format!("n{number}"));
        let shown = names(many.chain(["n9".to_owned()])).shown().expect("names");
        assert_eq!(shown, "n9 2, n0 1, n1 1, n2 1, n3 1, n4 1, n5 1, n6 1, others 66");
    }

    #[test]
    fn name_that_could_be_something_else_is_not_shown() {
        for name in ["prod", "Rendering Failure", "a_b-c", &"x".repeat(64)] {
            assert_eq!(printable_name(name.as_bytes()), name);
        }
        for name in ["", " ", "person@example.com", "a.b", "a\nb", "\u{e9}", &"x".repeat(65)] {
            assert_eq!(printable_name(name.as_bytes()), NOT_A_NAME, "{name}");
        }
    }

    proptest! {
        /// However a text is cut, its parts together say what the whole says.
        #[test]
        fn parts_add_up_to_the_whole(
            found in prop::collection::vec((0..4_usize, 0..9_u8), 0..40),
            cut in any::<prop::sample::Index>(),
        ) {
            let read = |found: &[(usize, u8)], start: usize| {
                let mut read = NotCounted::default();
                for (at, (kind, name)) in found.iter().enumerate() {
                    let kind = NotCountedKind::ALL[*kind];
                    read.add(kind, (start + at) as u64, &name.to_string(), "");
                }
                read
            };
            let say = |read: &NotCounted| -> Vec<_> {
                read.kinds().map(|(kind, at, names)| (kind, at, names.shown())).collect()
            };
            let (before, after) = found.split_at(cut.index(found.len() + 1));
            let mut parts = read(before, 0);
            parts.append(&read(after, before.len()));
            prop_assert_eq!(say(&parts), say(&read(&found, 0)));
        }
    }
}
