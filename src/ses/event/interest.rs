//! The values that the loaded definitions can read from an event; the parser keeps only those.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;

/// The message tag that names an event's configuration set.
pub(crate) const CONFIGURATION_SET_TAG: &str = "ses:configuration-set";

/// Where in an event to look up a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueKind {
    /// `mail.tags`, names case-sensitive.
    MessageTag,
    /// `mail.headers`, ASCII case ignored, the first of a name.
    EmailHeader,
    /// `click.linkTags`, names case-sensitive.
    LinkTag,
}

/// The index of one wanted value in a parsed event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot(u32);

/// Names and their slots.
#[derive(Clone, Debug)]
struct InterestNames {
    /// Bit n is set when some name has n bytes, modulo 64. This check rejects most names.
    lens: u64,
    /// The first names, which are compared one by one: faster than hashing for a few.
    few: Vec<(Box<[u8]>, Slot)>,
    more: HashMap<Box<[u8]>, Slot, RandomState>,
}

const FEW: usize = 8;

/// Every value that some rule can read, each with a slot: message tags first, then headers, then
/// link tags.
#[derive(Clone, Debug)]
pub struct Interest {
    tags: InterestNames,
    headers: InterestNames,
    link_tags: InterestNames,
    configuration_set: Slot,
    identity: bool,
}

/// Collects names; [`InterestBuilder::build`] assigns slots.
#[derive(Debug, Default)]
pub(crate) struct InterestBuilder {
    tags: BTreeSet<String>,
    headers: BTreeSet<String>,
    link_tags: BTreeSet<String>,
}

// === impl Slot ===

impl Slot {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

// === impl InterestBuilder ===

impl InterestBuilder {
    /// Requests a value. A name that is requested twice has one slot.
    pub(crate) fn want(&mut self, kind: ValueKind, name: &str) {
        match kind {
            ValueKind::MessageTag => self.tags.insert(name.to_owned()),
            ValueKind::EmailHeader => self.headers.insert(name.to_ascii_lowercase()),
            ValueKind::LinkTag => self.link_tags.insert(name.to_owned()),
        };
    }

    #[must_use]
    pub(crate) fn build(mut self) -> Interest {
        self.want(ValueKind::MessageTag, CONFIGURATION_SET_TAG);
        let mut slots = (0..).map(Slot);
        let tags = InterestNames::new(self.tags, &mut slots);
        let headers = InterestNames::new(self.headers, &mut slots);
        let link_tags = InterestNames::new(self.link_tags, &mut slots);
        let configuration_set = tags.get(CONFIGURATION_SET_TAG.as_bytes()).unwrap_or(Slot(0));
        Interest { tags, headers, link_tags, configuration_set, identity: false }
    }
}

// === impl InterestNames ===

impl InterestNames {
    fn new(names: BTreeSet<String>, slots: &mut impl Iterator<Item = Slot>) -> Self {
        let lens = names.iter().fold(0, |lens, name| lens | Self::len_bit(name.len()));
        let names = names.into_iter().map(|name| name.into_bytes().into_boxed_slice());
        let mut names = names.zip(slots);
        let few = names.by_ref().take(FEW).collect();
        Self { lens, few, more: names.collect() }
    }

    const fn len_bit(len: usize) -> u64 {
        1 << (len % 64)
    }

    #[inline]
    fn may_have(&self, len: usize) -> bool {
        self.lens & Self::len_bit(len) != 0
    }

    #[inline]
    fn get(&self, name: &[u8]) -> Option<Slot> {
        if !self.may_have(name.len()) {
            return None;
        }
        match self.few.iter().find(|(known, _)| **known == *name) {
            Some((_, slot)) => Some(*slot),
            None if self.more.is_empty() => None,
            None => self.more.get(name).copied(),
        }
    }

    fn len(&self) -> usize {
        self.few.len() + self.more.len()
    }
}

// === impl Interest ===

impl Interest {
    /// Also requests the identity of the event, see [`super::Event::fingerprint`].
    #[must_use]
    pub(crate) fn with_identity(mut self) -> Self {
        self.identity = true;
        self
    }

    #[must_use]
    pub(crate) fn has_identity(&self) -> bool {
        self.identity
    }

    /// The slot of a requested value.
    #[must_use]
    pub fn slot(&self, kind: ValueKind, name: &str) -> Option<Slot> {
        match kind {
            ValueKind::MessageTag => self.tag(name.as_bytes()),
            ValueKind::EmailHeader => self.header(name.as_bytes()),
            ValueKind::LinkTag => self.link_tag(name.as_bytes()),
        }
    }

    /// The slot of the tag `ses:configuration-set`, which is always requested.
    #[must_use]
    pub fn configuration_set(&self) -> Slot {
        self.configuration_set
    }

    pub(crate) fn tag(&self, name: &[u8]) -> Option<Slot> {
        self.tags.get(name)
    }

    pub(crate) fn link_tag(&self, name: &[u8]) -> Option<Slot> {
        self.link_tags.get(name)
    }

    pub(crate) fn header(&self, name: &[u8]) -> Option<Slot> {
        if !self.headers.may_have(name.len()) {
            return None;
        }
        // A dimension name has at most 255 bytes, so a longer header is never wanted.
        let mut lower = [0_u8; 255];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.headers.get(lower)
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn every_slot(&self) -> impl Iterator<Item = Slot> {
        let slots = self.tags.len() + self.headers.len() + self.link_tags.len();
        (0..).map(Slot).take(slots)
    }

    pub(crate) fn has_headers(&self) -> bool {
        self.headers.len() > 0
    }
}
