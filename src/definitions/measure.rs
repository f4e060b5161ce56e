//! Measures: what an event adds to a metric. An extension: SES counts, and nothing else.

use crate::ses::{EventType, EventTypeSet};

/// What becomes of an event in a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// 1 for each event, in the metric of its type.
    Count,
    /// 0 for a delivery, 1 for a hard bounce: the average is the share of hard bounces.
    HardBounceRate,
    /// 0 for a delivery, 1 for a complaint: the average is the share of complaints.
    ComplaintRate,
    /// How long SES took to deliver, in milliseconds.
    DeliveryTime,
}

// === impl Measure ===

impl Measure {
    pub(crate) const ALL: [Self; 4] =
        [Self::Count, Self::HardBounceRate, Self::ComplaintRate, Self::DeliveryTime];

    /// The name in definitions, such as `HARD_BOUNCE_RATE`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::HardBounceRate => "HARD_BOUNCE_RATE",
            Self::ComplaintRate => "COMPLAINT_RATE",
            Self::DeliveryTime => "DELIVERY_TIME",
        }
    }

    /// The measure of a name, whose ASCII case is ignored.
    #[must_use]
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name().eq_ignore_ascii_case(name))
    }

    /// The name of the metric that gets the value of an event of this type.
    #[must_use]
    pub const fn metric_name(self, event_type: EventType) -> &'static str {
        match self {
            Self::Count => event_type.metric_name(),
            Self::HardBounceRate => "HardBounceRate",
            Self::ComplaintRate => "ComplaintRate",
            Self::DeliveryTime => "DeliveryTime",
        }
    }

    /// The unit of the metric, as CloudWatch names it.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::HardBounceRate | Self::ComplaintRate => "None",
            Self::DeliveryTime => "Milliseconds",
        }
    }

    /// Whether events of a type may have a value. One of them may still have none: a soft bounce is
    /// not part of a rate of hard bounces.
    #[must_use]
    pub(crate) const fn is_of(self, event_type: EventType) -> bool {
        match self {
            Self::Count => true,
            Self::HardBounceRate => matches!(event_type, EventType::Delivery | EventType::Bounce),
            Self::ComplaintRate => matches!(event_type, EventType::Delivery | EventType::Complaint),
            Self::DeliveryTime => matches!(event_type, EventType::Delivery),
        }
    }

    /// The types of events that may have a value.
    #[must_use]
    pub(crate) fn types(self) -> EventTypeSet {
        EventType::ALL.into_iter().filter(|event_type| self.is_of(*event_type)).collect()
    }

    /// The types that a destination with this measure must match: without one of them the values
    /// would mean something else. A count means the same whatever its type.
    #[must_use]
    pub(crate) fn needed_types(self) -> EventTypeSet {
        match self {
            Self::Count => EventTypeSet::default(),
            Self::HardBounceRate | Self::ComplaintRate | Self::DeliveryTime => self.types(),
        }
    }
}
