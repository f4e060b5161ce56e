//! Plain counters that are updated while a batch is read, and applied to the metrics once.

use crate::ses::NonEvent;
use crate::telemetry::{DropReason, LATENESS_BOUNDS, Metrics, Routing, ValueClass};

/// What happened to the values of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Events that at least one enabled destination of their configuration set matches.
    pub matched: u64,
    pub unmatched: u64,
    pub unrouted: u64,
    pub unknown_type: u64,
    pub malformed: u64,
    pub foreign: u64,
    pub control: u64,
    pub notice: u64,
    /// Events skipped as duplicates; in none of the others.
    pub duplicates: u64,
    /// Routed events without a readable time.
    pub no_timestamp: u64,
    /// Pairs of an event and a CloudWatch destination that counts it.
    pub destination_matches: u64,
    /// Sum of all counts.
    pub counts: u64,
    /// Counts dropped because a dimension has no valid value.
    pub invalid_value: u64,
    /// Counts dropped because their series exceed the hour's limit.
    pub series_limit: u64,
    pub lateness: Lateness,
}

/// How late events are (arrival minus event time), by bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lateness {
    /// Number and sum in milliseconds; integers, so that the order of additions does not matter.
    buckets: [(u64, i64); LATENESS_BOUNDS.len() + 1],
}

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
            foreign,
            control,
            notice,
            duplicates,
            no_timestamp,
            destination_matches,
            counts,
            invalid_value,
            series_limit,
            lateness,
        } = other;
        self.matched += matched;
        self.unmatched += unmatched;
        self.unrouted += unrouted;
        self.unknown_type += unknown_type;
        self.malformed += malformed;
        self.foreign += foreign;
        self.control += control;
        self.notice += notice;
        self.duplicates += duplicates;
        self.no_timestamp += no_timestamp;
        self.destination_matches += destination_matches;
        self.counts += counts;
        self.invalid_value += invalid_value;
        self.series_limit += series_limit;
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
        metrics.dropped.add(DropReason::InvalidValue, self.invalid_value);
        metrics.dropped.add(DropReason::SeriesLimit, self.series_limit + series_limit);
        for (seconds, count) in self.lateness.means() {
            metrics.lateness.record_many(seconds, count);
        }
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

// === impl Lateness ===

impl Lateness {
    /// Adds an event that arrived this many milliseconds after its own time.
    pub fn add(&mut self, ms: i64) {
        #[expect(clippy::cast_precision_loss, reason = "years of milliseconds fit in 2^52")]
        let seconds = ms as f64 / 1000.0;
        let at = LATENESS_BOUNDS.partition_point(|bound| *bound < seconds);
        let (count, sum) = &mut self.buckets[at];
        *count += 1;
        *sum = sum.saturating_add(ms);
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
