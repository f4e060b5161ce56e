//! The ten types of SES sending events, and sets of them.
//!
//! One type has up to four spellings in AWS's own services (`Rendering Failure` in event JSON,
//! `RENDERING_FAILURE` in the v2 API, `renderingFailure` in v1, `RenderingFailure` as a metric).
//! Names are therefore compared without regard to case, spaces, `_` and `-`.

/// One of the ten SES sending event types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EventType {
    Send,
    Reject,
    Bounce,
    Complaint,
    Delivery,
    Open,
    Click,
    RenderingFailure,
    DeliveryDelay,
    Subscription,
}

/// A set of event types, as in `MatchingEventTypes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct EventTypeSet(u16);

/// Every type, ordered by name: the same order in every spelling.
const BY_NAME: [EventType; 10] = [
    EventType::Bounce,
    EventType::Click,
    EventType::Complaint,
    EventType::Delivery,
    EventType::DeliveryDelay,
    EventType::Open,
    EventType::Reject,
    EventType::RenderingFailure,
    EventType::Send,
    EventType::Subscription,
];

// === impl EventType ===

impl EventType {
    /// Every type, in the order of the SES API reference.
    pub const ALL: [Self; 10] = [
        Self::Send,
        Self::Reject,
        Self::Bounce,
        Self::Complaint,
        Self::Delivery,
        Self::Open,
        Self::Click,
        Self::RenderingFailure,
        Self::DeliveryDelay,
        Self::Subscription,
    ];

    /// Reads any spelling of a type; `None` when it is not one of the ten.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        // The longest name has 16 letters; the extra byte detects longer names.
        let mut folded = [0_u8; 17];
        let mut len = 0;
        for byte in name {
            if matches!(byte, b' ' | b'_' | b'-') {
                continue;
            }
            *folded.get_mut(len)? = byte.to_ascii_lowercase();
            len += 1;
        }
        Some(match &folded[..len] {
            b"send" => Self::Send,
            b"reject" => Self::Reject,
            b"bounce" => Self::Bounce,
            b"complaint" => Self::Complaint,
            b"delivery" => Self::Delivery,
            b"open" => Self::Open,
            b"click" => Self::Click,
            b"renderingfailure" => Self::RenderingFailure,
            b"deliverydelay" => Self::DeliveryDelay,
            b"subscription" => Self::Subscription,
            _ => return None,
        })
    }

    /// The CloudWatch metric name, such as `RenderingFailure`.
    #[must_use]
    pub const fn metric_name(self) -> &'static str {
        match self {
            Self::Send => "Send",
            Self::Reject => "Reject",
            Self::Bounce => "Bounce",
            Self::Complaint => "Complaint",
            Self::Delivery => "Delivery",
            Self::Open => "Open",
            Self::Click => "Click",
            Self::RenderingFailure => "RenderingFailure",
            Self::DeliveryDelay => "DeliveryDelay",
            Self::Subscription => "Subscription",
        }
    }

    /// The spelling of the SES v2 API, such as `RENDERING_FAILURE`.
    #[must_use]
    pub const fn api_name(self) -> &'static str {
        match self {
            Self::Send => "SEND",
            Self::Reject => "REJECT",
            Self::Bounce => "BOUNCE",
            Self::Complaint => "COMPLAINT",
            Self::Delivery => "DELIVERY",
            Self::Open => "OPEN",
            Self::Click => "CLICK",
            Self::RenderingFailure => "RENDERING_FAILURE",
            Self::DeliveryDelay => "DELIVERY_DELAY",
            Self::Subscription => "SUBSCRIPTION",
        }
    }

    /// The spelling of the SES v1 API and of `CloudFormation`, such as `renderingFailure`.
    #[must_use]
    pub(crate) const fn v1_name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Reject => "reject",
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
            Self::Delivery => "delivery",
            Self::Open => "open",
            Self::Click => "click",
            Self::RenderingFailure => "renderingFailure",
            Self::DeliveryDelay => "deliveryDelay",
            Self::Subscription => "subscription",
        }
    }
}

// === impl EventTypeSet ===

impl EventTypeSet {
    /// Adds a type; adding it twice has no effect.
    pub fn insert(&mut self, event_type: EventType) {
        self.0 |= 1 << event_type as u16;
    }

    #[must_use]
    pub const fn contains(self, event_type: EventType) -> bool {
        self.0 & (1 << event_type as u16) != 0
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The types that are in both sets.
    #[must_use]
    pub(crate) const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The types of the set, in the order in which SES returns them: that of their names.
    pub fn iter(self) -> impl Iterator<Item = EventType> {
        BY_NAME.into_iter().filter(move |event_type| self.contains(*event_type))
    }

    /// The names of the types in the API of SES, for a text.
    pub(crate) fn api_names(self) -> String {
        self.iter().map(EventType::api_name).collect::<Vec<_>>().join(", ")
    }
}

impl FromIterator<EventType> for EventTypeSet {
    fn from_iter<I: IntoIterator<Item = EventType>>(types: I) -> Self {
        let mut set = Self::default();
        for event_type in types {
            set.insert(event_type);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_is_read_in_every_spelling() {
        for event_type in EventType::ALL {
            for name in [event_type.metric_name(), event_type.api_name()] {
                assert_eq!(EventType::parse(name.as_bytes()), Some(event_type), "{name}");
                assert_eq!(EventType::parse(name.to_lowercase().as_bytes()), Some(event_type));
            }
        }
        assert_eq!(EventType::parse(b"Rendering Failure"), Some(EventType::RenderingFailure));
        assert_eq!(EventType::parse(b"rendering-failure"), Some(EventType::RenderingFailure));
    }

    #[test]
    fn other_names_are_not_a_type() {
        for name in ["", "TEXT_DELIVERED", "Received", "Sendx", "RenderingFailures", "S\u{e9}nd"] {
            assert_eq!(EventType::parse(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn set_contains_what_was_inserted() {
        let set: EventTypeSet = [EventType::Send, EventType::Subscription].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [EventType::Send, EventType::Subscription]);
        assert!(!set.contains(EventType::Click));
        assert!(EventTypeSet::default().is_empty());
    }

    #[test]
    fn types_of_a_set_are_ordered_by_name_in_both_spellings() {
        let all: EventTypeSet = EventType::ALL.into_iter().collect();
        for spelling in [EventType::api_name, EventType::v1_name] {
            let names: Vec<&str> = all.iter().map(spelling).collect();
            assert_eq!(names.len(), EventType::ALL.len());
            assert!(names.is_sorted(), "{names:?}");
        }
    }
}
