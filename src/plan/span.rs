//! The hours that the counted events cover.

use std::collections::BTreeMap;

use super::rules::NO_TIME_MS;
use super::series::SeriesHours;
use crate::ses::Minute;

/// Events further apart than this, in hours, are not of one sample: a wrong clock wrote them.
const GAP_MAX: i64 = 7 * 24;

/// The hour of events without a time.
pub(super) const NO_TIME_HOUR: i64 = NO_TIME_MS / 3_600_000;

/// Whole UTC hours, from the first to the last in which something was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub first: i64,
    pub last: i64,
}

// === impl Span ===

impl Span {
    /// The hours of series. Of hours that are far apart, those around most counts; `None` if nothing
    /// was counted at a known time.
    pub(super) fn of(series: &[SeriesHours]) -> Option<Self> {
        let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
        for hour in series.iter().flat_map(|series| &series.hours) {
            *counts.entry(hour.hour).or_default() += hour.count;
        }
        counts.remove(&NO_TIME_HOUR);
        let hours: Vec<(i64, u64)> = counts.into_iter().collect();
        let parts = hours.chunk_by(|a, b| b.0 - a.0 <= GAP_MAX);
        let largest = parts.max_by_key(|part| part.iter().map(|(_, count)| count).sum::<u64>())?;
        Some(Self { first: largest.first()?.0, last: largest.last()?.0 })
    }

    /// The number of hours.
    #[expect(clippy::cast_precision_loss, reason = "at most the hours of 9,999 years")]
    pub(super) fn hours(self) -> f64 {
        (self.last - self.first + 1) as f64
    }

    pub(super) fn contains(self, hour: i64) -> bool {
        (self.first..=self.last).contains(&hour)
    }
}

/// The start of an hour as text.
pub(super) fn hour_text(hour: i64) -> String {
    Minute(hour * 60).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::series::HourCount;
    use super::*;

    fn span(hours: &[(i64, u64)]) -> Option<(i64, i64)> {
        let hours = hours.iter().map(|(hour, count)| HourCount { hour: *hour, count: *count });
        let series = SeriesHours {
            metric: String::new(),
            dimensions: Vec::new(),
            hours: hours.collect(),
            by_destination: Vec::new(),
        };
        Span::of(&[series]).map(|span| (span.first, span.last))
    }

    #[test]
    fn span_is_around_most_counts_and_without_events_that_have_no_time() {
        assert_eq!(span(&[]), None);
        assert_eq!(span(&[(NO_TIME_HOUR, 7)]), None);
        assert_eq!(span(&[(NO_TIME_HOUR, 900), (1000, 1), (1023, 5)]), Some((1000, 1023)));
        // A weekend belongs to the sample, a clock that is a year off does not.
        assert_eq!(span(&[(1000, 9), (1060, 9), (9000, 1)]), Some((1000, 1060)));
    }
}
