//! The blocks of an event.

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
}
