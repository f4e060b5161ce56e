//! Fields of events that are dimensions without a tag: the class of a bounce, the provider of the
//! recipients, and so on. Others decide what a measure adds: how long a delivery took. An extension:
//! SES has no such dimensions and measures.
//!
//! [`reader`] reads the wanted fields of an event. Addresses and links do not leave this folder:
//! only their domains do, and only if a definition wants them. Values are texts as they are found
//! or made here; the rules replace what a dimension does not allow.

mod bounce_class;
mod complaint_kind;
mod domain;
pub(crate) mod mailbox_providers;
pub(super) mod minimal;
pub(crate) mod provider_table;
pub(super) mod reader;
mod recipients;
mod smtp_status;

#[cfg(test)]
mod tests;

use super::event_type::{EventType, EventTypeSet};

/// A field of an event that can be a dimension or decides what a measure adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventField {
    BounceClass,
    BounceSubType,
    DelayType,
    SmtpStatus,
    Actor,
    LinkDomain,
    RecipientDomain,
    MailboxProvider,
    Account,
    Region,
    /// What a complaint is to a rate of complaints. No dimension.
    ComplaintKind,
    /// How long a delivery took, in milliseconds. No dimension.
    ProcessingTime,
}

// === impl EventField ===

impl EventField {
    pub(crate) const ALL: [Self; 12] = [
        Self::BounceClass,
        Self::BounceSubType,
        Self::DelayType,
        Self::SmtpStatus,
        Self::Actor,
        Self::LinkDomain,
        Self::RecipientDomain,
        Self::MailboxProvider,
        Self::Account,
        Self::Region,
        Self::ComplaintKind,
        Self::ProcessingTime,
    ];

    /// The name in definitions, such as `bounce_class`.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::BounceClass => "bounce_class",
            Self::BounceSubType => "bounce_sub_type",
            Self::DelayType => "delay_type",
            Self::SmtpStatus => "smtp_status",
            Self::Actor => "actor",
            Self::LinkDomain => "link_domain",
            Self::RecipientDomain => "recipient_domain",
            Self::MailboxProvider => "mailbox_provider",
            Self::Account => "account",
            Self::Region => "region",
            Self::ComplaintKind => "complaint_kind",
            Self::ProcessingTime => "processing_time",
        }
    }

    /// The fields that can be dimensions.
    pub(crate) fn dimensions() -> impl Iterator<Item = Self> {
        let measured = [Self::ComplaintKind, Self::ProcessingTime];
        Self::ALL.into_iter().filter(move |field| !measured.contains(field))
    }

    /// The field of a dimension by its name, whose ASCII case is ignored.
    #[must_use]
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::dimensions().find(|field| field.name().eq_ignore_ascii_case(name))
    }

    /// Whether events of a type have the field. The value of one of them may still be missing.
    #[must_use]
    pub(crate) const fn is_of(self, event_type: EventType) -> bool {
        match self {
            Self::BounceClass | Self::BounceSubType => matches!(event_type, EventType::Bounce),
            Self::DelayType => matches!(event_type, EventType::DeliveryDelay),
            Self::SmtpStatus => matches!(
                event_type,
                EventType::Bounce | EventType::DeliveryDelay | EventType::Delivery
            ),
            Self::Actor => matches!(event_type, EventType::Open | EventType::Click),
            Self::LinkDomain => matches!(event_type, EventType::Click),
            Self::RecipientDomain | Self::MailboxProvider | Self::Account | Self::Region => true,
            Self::ComplaintKind => matches!(event_type, EventType::Complaint),
            Self::ProcessingTime => matches!(event_type, EventType::Delivery),
        }
    }

    /// The types of events that have the field.
    #[must_use]
    pub(crate) fn types(self) -> EventTypeSet {
        EventType::ALL.into_iter().filter(|event_type| self.is_of(*event_type)).collect()
    }

    /// Whether the values have no bound, because senders or recipients choose them.
    #[must_use]
    pub(crate) const fn has_any_number_of_values(self) -> bool {
        matches!(self, Self::LinkDomain | Self::RecipientDomain)
    }
}
