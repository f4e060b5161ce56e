//! The loop that every event goes through: match, resolve, count.

use std::sync::Arc;

use super::tally::Tally;
use crate::aggregate::{Delta, KeyBuilder};
use crate::destination::{Metrics, Route, RuleSet};
use crate::ses::{Event, Minute, Other, Path, Visit};

/// What a datum's time is taken from.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Unix milliseconds at which the batch arrived.
    pub arrival_ms: i64,
    /// Count every event at its arrival, whatever its own time.
    pub use_arrival: bool,
}

/// The counts and the tally of one request.
#[derive(Clone, Debug)]
pub struct Batch {
    rules: Arc<RuleSet>,
    times: Times,
    key: KeyBuilder,
    pub delta: Delta,
    pub tally: Tally,
    /// Where the first value that could not be read stands, as the reader gives it.
    pub first_malformed: Option<u64>,
}

// === impl Batch ===

impl Batch {
    #[must_use]
    pub fn new(rules: Arc<RuleSet>, times: Times) -> Self {
        Self {
            rules,
            times,
            key: KeyBuilder::default(),
            delta: Delta::default(),
            tally: Tally::default(),
            first_malformed: None,
        }
    }

    /// Forgets what was counted and keeps the memory, for another request.
    pub fn reset(&mut self, rules: Arc<RuleSet>, times: Times) {
        self.rules = rules;
        self.times = times;
        self.delta.clear();
        self.tally = Tally::default();
        self.first_malformed = None;
    }

    /// The version of the rules that judges this batch.
    #[must_use]
    pub fn rules(&self) -> Arc<RuleSet> {
        Arc::clone(&self.rules)
    }
}

/// What one count is made of.
struct Counter<'b> {
    key: &'b mut KeyBuilder,
    delta: &'b mut Delta,
    tally: &'b mut Tally,
}

impl Counter<'_> {
    fn count(&mut self, metrics: &Metrics, event: &Event<'_>, minute: Minute) {
        self.tally.destination_matches += 1;
        let Some(layout) = metrics.layout(event.event_type) else { return };
        self.key.start(layout);
        for dimension in &metrics.dimensions {
            if let Ok((value, _)) = metrics.resolve(dimension, event) {
                self.key.push(&value);
            } else {
                self.tally.invalid_value += 1;
                return;
            }
        }
        self.delta.add(self.key.finish(minute), 1);
        self.tally.counts += 1;
    }
}

impl Visit for Batch {
    fn event(&mut self, event: &Event<'_>, _: &Path) {
        let Self { rules, times, key, delta, tally, .. } = self;
        let Route::Set(set) = rules.route(event) else {
            tally.unrouted += 1;
            return;
        };
        let own_ms = event.time_ms().map(|(ms, _)| ms);
        match own_ms {
            #[expect(clippy::cast_precision_loss, reason = "years of milliseconds fit in 2^52")]
            Some(ms) => tally.lateness.add((times.arrival_ms - ms) as f64 / 1000.0),
            None => tally.no_timestamp += 1,
        }
        let ms = own_ms.filter(|_| !times.use_arrival).unwrap_or(times.arrival_ms);
        let minute = Minute::of_ms(ms);
        let mut matched = false;
        let mut counter = Counter { key, delta, tally };
        for rule in set.matching(event.event_type) {
            matched = true;
            if let Some(metrics) = &rule.metrics {
                counter.count(metrics, event, minute);
            }
        }
        if matched {
            tally.matched += 1;
        } else {
            tally.unmatched += 1;
        }
    }

    fn other(&mut self, other: Other, _: &Path, at: u64) {
        self.tally.other(other);
        if other == Other::Malformed {
            self.first_malformed.get_or_insert(at);
        }
    }
}
