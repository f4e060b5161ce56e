//! What the loaded definitions can read from an event, so that parsing keeps only that.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

/// The message tag that names an event's configuration set.
pub const CONFIGURATION_SET_TAG: &str = "ses:configuration-set";

/// Where in an event a value is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueKind {
    /// `mail.tags`, names case-sensitive.
    MessageTag,
    /// `mail.headers`, ASCII case ignored, the first of a name.
    EmailHeader,
    /// `click.linkTags`, names case-sensitive.
    LinkTag,
}

/// The place of one wanted value in a parsed event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot(u32);

type Names = HashMap<Box<[u8]>, u32, RandomState>;

/// Every value that some rule can read, each with its slot: message tags first, then headers,
/// then link tags.
#[derive(Clone, Debug)]
pub struct Interest {
    tags: Names,
    headers: Names,
    link_tags: Names,
}

/// Collects names; [`InterestBuilder::build`] gives them slots.
#[derive(Debug, Default)]
pub struct InterestBuilder {
    tags: Names,
    headers: Names,
    link_tags: Names,
}

// === impl Slot ===

impl Slot {
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

// === impl InterestBuilder ===

impl InterestBuilder {
    /// Asks for a value. Names asked for twice share a slot.
    pub fn want(&mut self, kind: ValueKind, name: &str) {
        let (names, name) = match kind {
            ValueKind::MessageTag => (&mut self.tags, name.to_owned()),
            ValueKind::EmailHeader => (&mut self.headers, name.to_ascii_lowercase()),
            ValueKind::LinkTag => (&mut self.link_tags, name.to_owned()),
        };
        names.insert(name.into_bytes().into_boxed_slice(), 0);
    }

    #[must_use]
    pub fn build(mut self) -> Interest {
        self.want(ValueKind::MessageTag, CONFIGURATION_SET_TAG);
        let all = [&mut self.tags, &mut self.headers, &mut self.link_tags];
        for (slot, at) in all.into_iter().flat_map(HashMap::values_mut).zip(0..) {
            *slot = at;
        }
        Interest { tags: self.tags, headers: self.headers, link_tags: self.link_tags }
    }
}

// === impl Interest ===

impl Interest {
    /// The slot of a value that was asked for.
    #[must_use]
    pub fn slot(&self, kind: ValueKind, name: &str) -> Option<Slot> {
        match kind {
            ValueKind::MessageTag => self.tag(name.as_bytes()),
            ValueKind::EmailHeader => self.header(name.as_bytes()),
            ValueKind::LinkTag => self.link_tag(name.as_bytes()),
        }
    }

    /// The slot of the tag `ses:configuration-set`, which is always asked for.
    #[must_use]
    pub fn configuration_set(&self) -> Slot {
        self.tag(CONFIGURATION_SET_TAG.as_bytes()).unwrap_or(Slot(0))
    }

    pub(super) fn tag(&self, name: &[u8]) -> Option<Slot> {
        self.tags.get(name).copied().map(Slot)
    }

    pub(super) fn link_tag(&self, name: &[u8]) -> Option<Slot> {
        self.link_tags.get(name).copied().map(Slot)
    }

    pub(super) fn header(&self, name: &[u8]) -> Option<Slot> {
        // A dimension's name has at most 255 bytes, so a longer header is never wanted.
        let mut lower = [0_u8; 255];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.headers.get(&*lower).copied().map(Slot)
    }

    pub(super) fn slots(&self) -> usize {
        self.tags.len() + self.headers.len() + self.link_tags.len()
    }

    pub(super) fn tag_slots(&self) -> Range<usize> {
        0..self.tags.len()
    }

    pub(super) fn header_slots(&self) -> Range<usize> {
        self.tags.len()..self.tags.len() + self.headers.len()
    }

    pub(super) fn link_tag_slots(&self) -> Range<usize> {
        self.tags.len() + self.headers.len()..self.slots()
    }
}
