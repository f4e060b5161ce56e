//! Plain counters that are updated while a batch is read, and applied to the metrics once.

use serde::Serialize;

use super::request_values::ValueFold;
use crate::rules::NoValue;
use crate::ses::NonEvent;
use crate::telemetry::{
    DropReason, LATE_SECONDS, LATENESS_BOUNDS, LimitOutcome, Metrics, NoValueReason, Routing,
    ValueClass,
};

/// What happened to the values of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Events that at least one enabled destination of their configuration set matches.
    pub matched: u64,
    pub unmatched: u64,
    pub unrouted: u64,
    pub unknown_type: u64,
    pub malformed: u64,
    /// Bytes behind faults that were not read because no newline follows.
    pub lost_bytes: u64,
    pub foreign: u64,
    pub control: u64,
    pub notice: u64,
    /// Events skipped as duplicates; in none of the others.
    pub duplicates: u64,
    /// Routed events without a readable time.
    pub no_timestamp: u64,
    /// Pairs of an event and a CloudWatch destination in which its type makes series.
    pub destination_matches: u64,
    /// Those pairs of which something is counted.
    pub counts: u64,
    /// Those of which nothing is counted, because a dimension of each series has no valid value.
    pub invalid_value: u64,
    /// Those of which nothing is counted, because of the hour's limit on series.
    pub series_limit: u64,
    pub values: ValueTally,
    /// What became of values of limited dimensions, once for each event and destination.
    pub limited: [u64; ValueFold::ALL.len()],
    pub lateness: Lateness,
}

/// What was read, as reports show it. `events = matched + unmatched + unrouted`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ReadTotals {
    pub events: u64,
    pub matched: u64,
    pub unmatched: u64,
    pub unrouted: u64,
    pub malformed: u64,
    pub foreign: u64,
    pub unknown_type: u64,
    pub control: u64,
    pub notice: u64,
    pub no_timestamp: u64,
}

/// What happened to the values that events make: one for each series and measure of a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueTally {
    /// All of them. Equals the sum of the others.
    pub matches: u64,
    /// Sum of all counts.
    pub counts: u64,
    /// Dropped because a dimension has no valid value.
    pub invalid_value: u64,
    /// Dropped because their series exceed the hour's limit.
    pub series_limit: u64,
    /// Not made, because the event has no value of the measure, by reason.
    pub no_value: [u64; NoValue::ALL.len()],
}

/// How late events are (arrival minus event time), by bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lateness {
    /// Number and sum in milliseconds; integers, so that the order of additions does not matter.
    buckets: [(u64, i64); LATENESS_BOUNDS.len() + 1],
}

/// [`LATENESS_BOUNDS`] in milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "weeks in milliseconds are whole numbers")]
const LATENESS_BOUNDS_MS: [i64; LATENESS_BOUNDS.len()] = {
    let mut bounds = [0; LATENESS_BOUNDS.len()];
    let mut at = 0;
    while at < bounds.len() {
        bounds[at] = (LATENESS_BOUNDS[at] * 1000.0) as i64;
        at += 1;
    }
    bounds
};

// === impl Tally ===

impl Tally {
    /// All events, whatever their result.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.matched + self.unmatched + self.unrouted
    }

    /// Adds the tally of another batch.
    pub fn add(&mut self, other: &Self) {
        // Exhaustive: a new field must be added here.
        let Self {
            matched,
            unmatched,
            unrouted,
            unknown_type,
            malformed,
            lost_bytes,
            foreign,
            control,
            notice,
            duplicates,
            no_timestamp,
            destination_matches,
            counts,
            invalid_value,
            series_limit,
            values,
            limited,
            lateness,
        } = other;
        self.matched += matched;
        self.unmatched += unmatched;
        self.unrouted += unrouted;
        self.unknown_type += unknown_type;
        self.malformed += malformed;
        self.lost_bytes += lost_bytes;
        self.foreign += foreign;
        self.control += control;
        self.notice += notice;
        self.duplicates += duplicates;
        self.no_timestamp += no_timestamp;
        self.destination_matches += destination_matches;
        self.counts += counts;
        self.invalid_value += invalid_value;
        self.series_limit += series_limit;
        self.values.add(*values);
        self.limited(*limited);
        for ((count, sum), (more, ms)) in self.lateness.buckets.iter_mut().zip(lateness.buckets) {
            *count += more;
            *sum = sum.saturating_add(ms);
        }
    }

    /// Applies a merged batch to the metrics. `series_limit`: counts that the merge itself dropped.
    pub fn record(&self, metrics: &Metrics, series_limit: u64) {
        for (class, count) in [
            (ValueClass::Event, self.events()),
            (ValueClass::UnknownType, self.unknown_type),
            (ValueClass::Malformed, self.malformed),
            (ValueClass::Foreign, self.foreign),
            (ValueClass::Control, self.control),
            (ValueClass::Notice, self.notice),
        ] {
            metrics.values.add(class, count);
        }
        metrics.events.add(Routing::Matched, self.matched);
        metrics.events.add(Routing::Unmatched, self.unmatched);
        metrics.events.add(Routing::Unrouted, self.unrouted);
        metrics.duplicates_removed.add(self.duplicates);
        metrics.no_timestamp.add(self.no_timestamp);
        metrics.destination_matches.add(self.destination_matches);
        metrics.series_matches.add(self.values.matches);
        for (reason, count) in NoValue::ALL.into_iter().zip(self.values.no_value) {
            metrics.no_value.add(label_of(reason), count);
        }
        for (fold, count) in ValueFold::ALL.into_iter().zip(self.limited) {
            let outcome = match fold {
                ValueFold::Own => LimitOutcome::Own,
                ValueFold::Kept => LimitOutcome::Kept,
                ValueFold::Folded => LimitOutcome::Folded,
            };
            metrics.limited_values.add(outcome, count);
        }
        metrics.dropped.add(DropReason::InvalidValue, self.values.invalid_value);
        metrics.dropped.add(DropReason::SeriesLimit, self.values.series_limit + series_limit);
        metrics.late_events.add(self.lateness.late());
        for (seconds, count) in self.lateness.means() {
            metrics.lateness.record_many(seconds, count);
        }
    }

    pub(super) fn limited(&mut self, counts: [u64; ValueFold::ALL.len()]) {
        for (sum, more) in self.limited.iter_mut().zip(counts) {
            *sum += more;
        }
    }

    /// An event of a CloudWatch destination was read, whose values were tallied since `before`.
    pub(super) fn destination(&mut self, before: ValueTally) {
        let after = self.values;
        if after.made() == before.made() {
            // Its type makes no series, or it has no value of any measure.
            return;
        }
        self.destination_matches += 1;
        *if after.counts > before.counts {
            &mut self.counts
        } else if after.series_limit > before.series_limit {
            &mut self.series_limit
        } else {
            &mut self.invalid_value
        } += 1;
    }

    pub fn non_event(&mut self, other: NonEvent) {
        *match other {
            NonEvent::UnknownType => &mut self.unknown_type,
            NonEvent::Malformed => &mut self.malformed,
            NonEvent::Foreign => &mut self.foreign,
            NonEvent::Control => &mut self.control,
            NonEvent::Notice => &mut self.notice,
        } += 1;
    }
}

// === impl ReadTotals ===

impl From<&Tally> for ReadTotals {
    fn from(tally: &Tally) -> Self {
        Self {
            events: tally.events(),
            matched: tally.matched,
            unmatched: tally.unmatched,
            unrouted: tally.unrouted,
            malformed: tally.malformed,
            foreign: tally.foreign,
            unknown_type: tally.unknown_type,
            control: tally.control,
            notice: tally.notice,
            no_timestamp: tally.no_timestamp,
        }
    }
}

// === impl ValueTally ===

impl ValueTally {
    /// Those that the event has.
    #[must_use]
    pub(crate) fn made(&self) -> u64 {
        self.matches - self.no_value.iter().sum::<u64>()
    }

    pub(super) fn no_value(&mut self, reason: NoValue) {
        self.no_value[reason as usize] += 1;
    }

    fn add(&mut self, other: Self) {
        let Self { matches, counts, invalid_value, series_limit, no_value } = other;
        self.matches += matches;
        self.counts += counts;
        self.invalid_value += invalid_value;
        self.series_limit += series_limit;
        for (sum, more) in self.no_value.iter_mut().zip(no_value) {
            *sum += more;
        }
    }
}

fn label_of(reason: NoValue) -> NoValueReason {
    match reason {
        NoValue::NotHard => NoValueReason::NotHard,
        NoValue::Suppressed => NoValueReason::Suppressed,
        NoValue::NotSpam => NoValueReason::NotSpam,
        NoValue::NoProcessingTime => NoValueReason::NoProcessingTime,
    }
}

// === impl Lateness ===

impl Lateness {
    /// Adds an event that arrived this many milliseconds after its own time.
    pub fn add(&mut self, ms: i64) {
        let at = LATENESS_BOUNDS_MS.partition_point(|bound| *bound < ms);
        let (count, sum) = &mut self.buckets[at];
        *count += 1;
        *sum = sum.saturating_add(ms);
    }

    /// The mean of all events in milliseconds; 0 without events.
    pub(crate) fn mean_ms(&self) -> i64 {
        let sum = self.buckets.iter().fold(0_i64, |sum, (_, ms)| sum.saturating_add(*ms));
        let count: u64 = self.buckets.iter().map(|(count, _)| count).sum();
        sum / i64::try_from(count).unwrap_or(i64::MAX).max(1)
    }

    /// The number of events that are late.
    #[must_use]
    pub fn late(&self) -> u64 {
        let first = LATENESS_BOUNDS.partition_point(|bound| *bound <= LATE_SECONDS);
        self.buckets[first..].iter().map(|(count, _)| count).sum()
    }

    /// The mean and the number of events of each non-empty bucket.
    pub fn means(&self) -> impl Iterator<Item = (f64, usize)> {
        let filled = self.buckets.iter().filter(|(count, _)| *count > 0);
        filled.map(|(count, sum)| {
            #[expect(clippy::cast_precision_loss, reason = "precision beyond 2^52 is irrelevant")]
            let mean = *sum as f64 / 1000.0 / *count as f64;
            (mean, usize::try_from(*count).unwrap_or(usize::MAX))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_late_above_15_minutes() {
        let mut lateness = Lateness::default();
        for ms in [-5_000, 0, 60_000, 900_000, 900_001, 86_400_000, 9_000_000_000] {
            lateness.add(ms);
        }
        assert_eq!(lateness.late(), 3);
    }
}
