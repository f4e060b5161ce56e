//! Metrics of CloudWatch, and the values that a key of counts can name.
//!
//! A count has one value, 1, which its key does not name. The key of any other metric ends with a
//! [`ValueIndex`]: a number for each value that the metric can have, in ascending order. So what is
//! added up, merged and journaled is always how often a value occurred.

use super::delivery_time;
use super::value_index::ValueIndex;
use crate::definitions::Measure;
use crate::ses::EventType;

/// A metric: its name, its unit and its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SeriesMetric {
    /// How many events of a type there were.
    Count(EventType),
    HardBounceRate,
    ComplaintRate,
    DeliveryTime,
}

impl From<EventType> for SeriesMetric {
    fn from(event_type: EventType) -> Self {
        Self::Count(event_type)
    }
}

// === impl SeriesMetric ===

impl SeriesMetric {
    /// The metrics that are not counts.
    const MEASURED: [Self; 3] = [Self::HardBounceRate, Self::ComplaintRate, Self::DeliveryTime];

    /// The metric that gets the value of an event of this type.
    #[must_use]
    pub(crate) const fn of(measure: Measure, event_type: EventType) -> Self {
        match measure {
            Measure::Count => Self::Count(event_type),
            Measure::HardBounceRate => Self::HardBounceRate,
            Measure::ComplaintRate => Self::ComplaintRate,
            Measure::DeliveryTime => Self::DeliveryTime,
        }
    }

    /// The measure, and a type of events that may have a value.
    const fn measure(self) -> (Measure, EventType) {
        match self {
            Self::Count(event_type) => (Measure::Count, event_type),
            Self::HardBounceRate => (Measure::HardBounceRate, EventType::Delivery),
            Self::ComplaintRate => (Measure::ComplaintRate, EventType::Delivery),
            Self::DeliveryTime => (Measure::DeliveryTime, EventType::Delivery),
        }
    }

    /// The name in CloudWatch.
    #[must_use]
    pub const fn name(self) -> &'static str {
        let (measure, event_type) = self.measure();
        measure.metric_name(event_type)
    }

    /// The unit, as CloudWatch names it.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        self.measure().0.unit()
    }

    /// The metric of a name; of a count, any spelling of the type.
    #[must_use]
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let measured = Self::MEASURED.into_iter().find(|metric| metric.name() == name);
        measured.or_else(|| EventType::parse(name.as_bytes()).map(Self::Count))
    }

    /// Whether its keys name a value.
    #[must_use]
    pub(crate) const fn has_values(self) -> bool {
        !matches!(self, Self::Count(_))
    }

    /// The value of an index; `None` if the metric has no such value.
    #[must_use]
    pub(crate) fn value(self, index: ValueIndex) -> Option<f64> {
        match self {
            Self::Count(_) => None,
            Self::HardBounceRate | Self::ComplaintRate => {
                (index.0 <= 1).then_some(f64::from(index.0))
            }
            Self::DeliveryTime => delivery_time::value(index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_is_read_by_its_name() {
        let counts = EventType::ALL.map(SeriesMetric::Count);
        for metric in counts.into_iter().chain(SeriesMetric::MEASURED) {
            assert_eq!(SeriesMetric::parse(metric.name()), Some(metric));
            assert_eq!(metric.has_values(), metric.unit() != "Count", "{metric:?}");
        }
        assert_eq!(SeriesMetric::parse("OpenRate"), None);
    }

    #[test]
    fn rate_has_two_values_and_a_count_none() {
        for rate in [SeriesMetric::HardBounceRate, SeriesMetric::ComplaintRate] {
            let values = [0, 1, 2, u16::MAX].map(|index| rate.value(ValueIndex(index)));
            assert_eq!(values, [Some(0.0), Some(1.0), None, None]);
        }
        assert_eq!(SeriesMetric::Count(EventType::Send).value(ValueIndex(0)), None);
    }
}
