//! The blocks of an event.

use super::event_type::EventType;

/// The blocks of an event that have a time of their own, and `mail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventBlock {
    Mail,
    Bounce,
    Complaint,
    Delivery,
    DeliveryDelay,
    Open,
    Click,
    Subscription,
}

impl EventBlock {
    /// The member of an event that holds the block.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
            Self::Delivery => "delivery",
            Self::DeliveryDelay => "deliveryDelay",
            Self::Open => "open",
            Self::Click => "click",
            Self::Subscription => "subscription",
        }
    }

    /// Every block, in the order of the enum.
    pub(crate) const ALL: [Self; 8] = [
        Self::Mail,
        Self::Bounce,
        Self::Complaint,
        Self::Delivery,
        Self::DeliveryDelay,
        Self::Open,
        Self::Click,
        Self::Subscription,
    ];

    /// The block of a type that has its own time; `None` for types whose only time is that of the
    /// mail.
    pub(crate) const fn of(event_type: EventType) -> Option<Self> {
        Some(match event_type {
            EventType::Send | EventType::Reject | EventType::RenderingFailure => return None,
            EventType::Bounce => Self::Bounce,
            EventType::Complaint => Self::Complaint,
            EventType::Delivery => Self::Delivery,
            EventType::Open => Self::Open,
            EventType::Click => Self::Click,
            EventType::DeliveryDelay => Self::DeliveryDelay,
            EventType::Subscription => Self::Subscription,
        })
    }
}
