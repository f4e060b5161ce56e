//! From the hours that were counted to a month.
//!
//! Hours scale with time; distinct values do not scale with the volume of events, because no one can
//! know how many more there are. So there are three figures. *At this rate*: each hour of the month
//! is like the counted ones. *Low*: the counted hours as they are, all others as the one with the
//! fewest series. *High*: as many series as the limits allow, in every hour.

use std::collections::HashMap;

use serde::Serialize;

use super::series::HourCount;
use super::span::Span;

/// A figure of a month, from the least to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct MonthRange {
    pub low: f64,
    pub at_this_rate: f64,
    pub high: f64,
}

/// How counted hours become a month.
#[derive(Clone, Copy, Debug)]
pub(super) struct Projection {
    pub span: Option<Span>,
    /// The hours of a month.
    pub hours: f64,
    /// Events of the month for each event at the rate that was counted.
    pub volume: f64,
}

// === impl MonthRange ===

impl MonthRange {
    /// The same figure of each, rounded.
    #[must_use]
    pub(super) fn map(self, figure: impl Fn(f64) -> f64) -> Self {
        let Self { low, at_this_rate, high } = self;
        Self { low: figure(low), at_this_rate: figure(at_this_rate), high: figure(high) }
    }

    #[must_use]
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            low: self.low + other.low,
            at_this_rate: self.at_this_rate + other.at_this_rate,
            high: self.high + other.high,
        }
    }
}

/// Rounded to cents.
pub(super) fn cents(dollars: f64) -> f64 {
    (dollars * 100.0).round() / 100.0
}

// === impl Projection ===

impl Projection {
    /// The factor from the counted hours to the month.
    pub(super) fn time(self) -> f64 {
        self.span.map_or(0.0, |span| self.hours / span.hours())
    }

    /// The factor on what fewer events can only make fewer of in proportion.
    pub(super) fn fewer(self) -> f64 {
        self.volume.min(1.0)
    }

    /// The hours of series in a month. `series_max`: the most series of an hour.
    pub(super) fn series_hours<'h>(
        self,
        series: impl Iterator<Item = &'h [HourCount]>,
        series_max: f64,
    ) -> MonthRange {
        let Some(span) = self.span else {
            return MonthRange { high: series_max * self.hours, ..MonthRange::default() };
        };
        let mut in_hour: HashMap<i64, f64> = HashMap::new();
        let mut expected = 0.0;
        for hours in series {
            for HourCount { hour, count } in hours {
                expected += self.chance(*count);
                if span.contains(*hour) {
                    *in_hour.entry(*hour).or_default() += 1.0;
                }
            }
        }
        let at_this_rate = expected * self.time();
        let counted: f64 = in_hour.values().sum();
        let hours: Vec<i64> = (span.first..=span.last).collect();
        let fewest = hours.iter().map(|hour| in_hour.get(hour).copied().unwrap_or_default());
        let fewest = fewest.fold(f64::INFINITY, f64::min);
        let others = (self.hours - span.hours()).max(0.0);
        let low = (counted + others * fewest) * self.fewer();
        MonthRange {
            low: low.min(at_this_rate),
            at_this_rate,
            high: (series_max * self.hours).max(at_this_rate),
        }
    }

    /// The chance that an hour of a series with this many counts has data when there are fewer
    /// events. More events are assumed to fall into the same hours.
    fn chance(self, count: u64) -> f64 {
        if self.volume >= 1.0 {
            return 1.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 the chance is 1 anyway")]
        let count = count as f64;
        1.0 - (1.0 - self.volume).powf(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: &[i64]) -> Vec<HourCount> {
        hours.iter().map(|hour| HourCount { hour: *hour, count: 2 }).collect()
    }

    #[test]
    fn hours_scale_with_time_and_the_quietest_hour_is_the_least() {
        let span = Some(Span { first: 0, last: 3 });
        let projection = Projection { span, hours: 40.0, volume: 1.0 };
        let series = [hours(&[0, 1, 2, 3]), hours(&[0, 1])];
        let month = projection.series_hours(series.iter().map(Vec::as_slice), 5.0);
        // 6 in 4 hours; 36 other hours with one series; five series in each of 40 hours.
        assert_eq!(month, MonthRange { low: 42.0, at_this_rate: 60.0, high: 200.0 });
        // Half of the events: an hour with two counts has data in three of four cases.
        let half = Projection { volume: 0.5, ..projection };
        let month = half.series_hours(series.iter().map(Vec::as_slice), 5.0);
        assert_eq!(month, MonthRange { low: 21.0, at_this_rate: 45.0, high: 200.0 });
        let more = Projection { volume: 9.0, ..projection };
        let month = more.series_hours(series.iter().map(Vec::as_slice), 5.0);
        // Distinct values do not scale with volume.
        assert_eq!(month, MonthRange { low: 42.0, at_this_rate: 60.0, high: 200.0 });
    }
}
