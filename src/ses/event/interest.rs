//! The values that the loaded definitions can read from an event; the parser keeps only those.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use fearless_simd::Level;
use foldhash::fast::RandomState;

use super::field::EventField;
use super::field::mailbox_providers::MailboxProviders;

/// The message tag that names an event's configuration set.
pub(crate) const CONFIGURATION_SET_TAG: &str = "ses:configuration-set";

/// The default `source` of events that this program forwards to `EventBridge`.
pub(crate) const FORWARD_SOURCE: &str = "postmeter.ses";

/// Where in an event to look up a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueKind {
    /// `mail.tags`, names case-sensitive.
    MessageTag,
    /// `mail.headers`, ASCII case ignored, the first of a name.
    EmailHeader,
    /// `click.linkTags`, names case-sensitive.
    LinkTag,
    /// A field, whatever the name.
    Field(EventField),
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
/// link tags, then fields.
#[derive(Clone, Debug)]
pub struct Interest {
    tags: InterestNames,
    headers: InterestNames,
    link_tags: InterestNames,
    fields: Vec<(EventField, Slot)>,
    /// Those by which recipients are told apart, if a field asks for it; `None`: the built-in ones.
    mailbox_providers: Option<Arc<MailboxProviders>>,
    configuration_set: Slot,
    identity: bool,
    /// The `source` of events that this program forwards to `EventBridge`.
    forward_source: Box<[u8]>,
    /// The SIMD instructions that the fast reader uses.
    level: Level,
}

/// Collects names; [`InterestBuilder::build`] assigns slots.
#[derive(Debug, Default)]
pub(crate) struct InterestBuilder {
    tags: BTreeSet<String>,
    headers: BTreeSet<String>,
    link_tags: BTreeSet<String>,
    fields: BTreeSet<EventField>,
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
            ValueKind::Field(field) => self.fields.insert(field),
        };
    }

    #[must_use]
    pub(crate) fn build(mut self) -> Interest {
        self.want(ValueKind::MessageTag, CONFIGURATION_SET_TAG);
        let mut slots = (0..).map(Slot);
        let tags = InterestNames::new(self.tags, &mut slots);
        let headers = InterestNames::new(self.headers, &mut slots);
        let link_tags = InterestNames::new(self.link_tags, &mut slots);
        let fields = self.fields.into_iter().zip(slots).collect();
        let configuration_set = tags.get(CONFIGURATION_SET_TAG.as_bytes()).unwrap_or(Slot(0));
        let forward_source = FORWARD_SOURCE.as_bytes().into();
        Interest {
            tags,
            headers,
            link_tags,
            fields,
            mailbox_providers: None,
            configuration_set,
            identity: false,
            forward_source,
            level: Level::new(),
        }
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
    /// Reads events that are forwarded to `EventBridge` under another `source`.
    #[must_use]
    pub(crate) fn with_forward_source(self, source: &str) -> Self {
        Self { forward_source: source.as_bytes().into(), ..self }
    }

    /// Reads with other SIMD instructions than the best ones that the machine has.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    #[inline]
    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// Whether the detail of an envelope with this `source` is an event.
    pub(crate) fn is_event_bridge_source(&self, source: &[u8]) -> bool {
        source == b"aws.ses" || *source == *self.forward_source
    }

    /// Tells recipients apart by other mailbox providers than the built-in ones.
    #[must_use]
    pub(crate) fn with_mailbox_providers(self, providers: Option<Arc<MailboxProviders>>) -> Self {
        Self { mailbox_providers: providers, ..self }
    }

    pub(crate) fn mailbox_providers(&self) -> &MailboxProviders {
        self.mailbox_providers.as_deref().unwrap_or_else(|| MailboxProviders::built_in())
    }

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
            ValueKind::Field(field) => {
                self.fields().find(|(wanted, _)| *wanted == field).map(|(_, slot)| slot)
            }
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

    #[inline]
    pub(crate) fn header(&self, name: &[u8]) -> Option<Slot> {
        // Most headers end here.
        if self.headers.may_have(name.len()) { self.header_of_len(name) } else { None }
    }

    fn header_of_len(&self, name: &[u8]) -> Option<Slot> {
        let InterestNames { few, more, .. } = &self.headers;
        let found = few.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        match found {
            Some((_, slot)) => Some(*slot),
            None if more.is_empty() => None,
            None => more.get(&*name.to_ascii_lowercase()).copied(),
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn every_slot(&self) -> impl Iterator<Item = Slot> {
        let named = self.tags.len() + self.headers.len() + self.link_tags.len();
        let slots = named + self.fields.len();
        (0..).map(Slot).take(slots)
    }

    /// The wanted fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (EventField, Slot)> {
        self.fields.iter().copied()
    }

    #[inline]
    pub(crate) fn has_fields(&self) -> bool {
        !self.fields.is_empty()
    }

    pub(crate) fn has_headers(&self) -> bool {
        self.headers.len() > 0
    }
}
