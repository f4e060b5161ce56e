//! What an event adds to a measure that is not a count.

use super::delivery_time;
use super::value_index::ValueIndex;
use crate::definitions::Measure;
use crate::ses::{Event, EventField, EventType, Interest, Slot, ValueKind};

/// A measure of a destination that is not a count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeasureRule {
    pub measure: Measure,
    /// Where the field is that decides.
    slot: Option<Slot>,
}

/// Why an event has no value of a measure, although others of its type have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoValue {
    /// A bounce that is not hard, or that SES suppressed.
    NotHard,
    /// A complaint for an address that a suppression list has.
    Suppressed,
    /// A report that a message is not spam.
    NotSpam,
    /// A delivery without a readable time.
    NoProcessingTime,
}

// === impl NoValue ===

impl NoValue {
    pub(crate) const ALL: [Self; 4] =
        [Self::NotHard, Self::Suppressed, Self::NotSpam, Self::NoProcessingTime];

    /// The name in `--summary` and in metrics.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NotHard => "not_hard",
            Self::Suppressed => "suppressed",
            Self::NotSpam => "not_spam",
            Self::NoProcessingTime => "no_processing_time",
        }
    }
}

/// The field that decides the value of a measure.
#[must_use]
pub(super) const fn field_of(measure: Measure) -> Option<EventField> {
    match measure {
        Measure::Count => None,
        Measure::HardBounceRate => Some(EventField::BounceClass),
        Measure::ComplaintRate => Some(EventField::ComplaintKind),
        Measure::DeliveryTime => Some(EventField::ProcessingTime),
    }
}

// === impl MeasureRule ===

impl MeasureRule {
    pub(super) fn new(measure: Measure, interest: &Interest) -> Self {
        let slot = field_of(measure)
            .and_then(|field| interest.slot(ValueKind::Field(field), field.name()));
        Self { measure, slot }
    }

    /// The value of an event of one of the measure's types.
    ///
    /// # Errors
    /// Why it has none.
    pub(crate) fn value(self, event: &Event<'_>) -> Result<ValueIndex, NoValue> {
        let text = || self.slot.and_then(|slot| event.get(slot)).unwrap_or_default();
        match (self.measure, event.event_type) {
            (Measure::DeliveryTime, _) => {
                let ms = std::str::from_utf8(text()).ok().and_then(|text| text.parse().ok());
                ms.and_then(delivery_time::bucket).ok_or(NoValue::NoProcessingTime)
            }
            (Measure::HardBounceRate, EventType::Bounce) => match text() {
                b"hard" => Ok(ValueIndex(1)),
                _ => Err(NoValue::NotHard),
            },
            (Measure::ComplaintRate, EventType::Complaint) => match text() {
                b"suppressed" => Err(NoValue::Suppressed),
                b"not-spam" => Err(NoValue::NotSpam),
                _ => Ok(ValueIndex(1)),
            },
            // Deliveries.
            _ => Ok(ValueIndex(0)),
        }
    }
}
