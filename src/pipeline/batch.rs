//! The loop that processes every event: match, resolve, count.

use std::sync::Arc;

use super::dedupe::{DuplicateSample, Duplicates, RequestFilter};
use super::tally::Tally;
use crate::aggregate::{Delta, KeyBuilder, SeriesGuard};
use crate::dead_letters::DeadLetterBatch;
use crate::forward::Forwards;
use crate::rules::{Action, MetricRule, Route, RuleSet};
use crate::ses::{Event, Fingerprint, Minute, NonEvent, Path, Visitor};

/// Determines the time under which an event counts.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Unix milliseconds at which the batch arrived.
    pub arrival_ms: i64,
    /// Count every event at its arrival, whatever its own time.
    pub use_arrival: bool,
}

/// The counts and the tally of one request.
#[derive(Debug)]
pub struct Batch {
    rules: Arc<RuleSet>,
    times: Times,
    key: KeyBuilder,
    /// Removes duplicates, if enabled.
    filter: Option<Box<RequestFilter>>,
    /// Drops series above the hour's limit. Absent offline.
    guard: Option<Box<SeriesGuard>>,
    pub delta: Delta,
    pub tally: Tally,
    /// The position of the first unreadable value, as reported by the reader.
    pub first_malformed: Option<u64>,
    /// Unreadable values, if they are kept. Files keep none.
    pub letters: Option<DeadLetterBatch>,
    /// Events to forward, if any.
    pub forwards: Option<Forwards>,
}

// === impl Batch ===

impl Batch {
    #[must_use]
    pub fn new(rules: Arc<RuleSet>, times: Times) -> Self {
        let filter = rules.interest().has_identity().then(Box::default);
        Self {
            rules,
            times,
            filter,
            guard: None,
            key: KeyBuilder::default(),
            delta: Delta::default(),
            tally: Tally::default(),
            first_malformed: None,
            letters: None,
            forwards: None,
        }
    }

    /// Collects the events that these rules forward.
    #[must_use]
    pub fn forwarding(mut self) -> Self {
        self.forwards = (!self.rules.targets().is_empty()).then(Forwards::default);
        self
    }

    /// Drops series that the merge would drop because of the hour's limit.
    #[must_use]
    pub(crate) fn guarded(mut self, guard: Option<SeriesGuard>) -> Self {
        self.guard = guard.map(Box::new);
        self
    }

    /// Whether each event needs memory, even if its key is known.
    #[must_use]
    pub(crate) fn keeps_events(&self) -> bool {
        self.filter.is_some() || self.forwards.is_some()
    }

    /// Memory used by counts, events to forward and fingerprints, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.delta.bytes()
            + self.guard.as_ref().map_or(0, |guard| guard.bytes())
            + self.filter.as_ref().map_or(0, |filter| filter.bytes())
            + self.forwards.as_ref().map_or(0, Forwards::memory)
    }

    /// An empty batch with the same rules, times and removed events. It collects dead letters into
    /// `letters`, and events to forward if this batch does.
    #[must_use]
    pub fn blank(&self, letters: Option<DeadLetterBatch>) -> Self {
        let filter = self.filter.clone().map(|mut filter| {
            filter.clear();
            filter
        });
        let forwards = self.forwards.as_ref().map(|_| Forwards::default());
        let guard = self.guard.as_ref().map(|guard| Box::new(guard.fresh()));
        Self { filter, guard, letters, forwards, ..Self::new(self.rules(), self.times) }
    }

    /// The version of the rules for this batch.
    #[must_use]
    pub fn rules(&self) -> Arc<RuleSet> {
        Arc::clone(&self.rules)
    }

    /// The counted events, if duplicates are removed.
    #[must_use]
    pub fn fingerprints(&self) -> &[Fingerprint] {
        self.filter.as_ref().map_or(&[], |filter| filter.fingerprints())
    }

    /// The first duplicate that was removed.
    #[must_use]
    pub(crate) fn duplicate_sample(&self) -> Option<&DuplicateSample> {
        self.filter.as_ref()?.sample()
    }

    /// Clears the batch, to read the request again without some events.
    pub(crate) fn leave_out(&mut self, duplicates: Duplicates) {
        self.clear();
        self.letters = None;
        self.forwards = self.forwards.take().map(|_| Forwards::default());
        if let Some(filter) = &mut self.filter {
            filter.leave_out(duplicates);
        }
    }

    /// Adds the counts of a batch that follows this one, with the same rules. Both must read files,
    /// in which no duplicates are removed. The other batch is emptied and keeps its memory.
    pub(crate) fn absorb(&mut self, other: &mut Self) {
        if self.delta.is_empty() {
            std::mem::swap(&mut self.delta, &mut other.delta);
        }
        for (key, count) in other.delta.iter() {
            self.delta.add(key, count);
        }
        self.tally.add(&other.tally);
        self.first_malformed = self.first_malformed.or(other.first_malformed);
        other.clear();
    }

    /// Clears the counts but keeps the memory.
    pub fn clear(&mut self) {
        self.delta.clear();
        self.tally = Tally::default();
        self.first_malformed = None;
        if let Some(filter) = &mut self.filter {
            filter.clear();
        }
    }
}

/// The key for an event; `None` when a dimension has no value.
fn key<'k>(
    builder: &'k mut KeyBuilder,
    metrics: &MetricRule,
    event: &Event<'_>,
    minute: Minute,
) -> Option<&'k [u8]> {
    builder.start(metrics.layout(event.event_type)?);
    for dimension in &metrics.dimensions {
        let (value, _) = metrics.resolve(dimension, event).ok()?;
        builder.push(&value);
    }
    Some(builder.finish(minute))
}

impl Visitor for Batch {
    fn event(&mut self, event: &Event<'_>, _: &Path, raw: &[u8]) {
        // The rules are borrowed: a reference count per event would make all reading cores contend
        // for it.
        let Self { rules, times, key: builder, filter, guard, delta, tally, forwards, .. } = self;
        if filter.as_mut().is_some_and(|filter| filter.is_duplicate(event)) {
            tally.duplicates += 1;
            return;
        }
        let Route::Set(set) = rules.route(event) else {
            tally.unrouted += 1;
            return;
        };
        let own_ms = event.time_ms().map(|(ms, _)| ms);
        match own_ms {
            Some(ms) => tally.lateness.add(times.arrival_ms - ms),
            None => tally.no_timestamp += 1,
        }
        let ms = own_ms.filter(|_| !times.use_arrival).unwrap_or(times.arrival_ms);
        let minute = Minute::of_ms(ms);
        let mut matched = false;
        for rule in set.matching(event.event_type) {
            matched = true;
            let metrics = match &rule.action {
                Action::Count(metrics) => metrics,
                Action::Forward(place) => {
                    if let Some(forwards) = forwards {
                        forwards.take(*place, event.event_type, own_ms, raw);
                    }
                    continue;
                }
                Action::Nothing => continue,
            };
            tally.destination_matches += 1;
            let Some(key) = key(builder, metrics, event, minute) else {
                tally.invalid_value += 1;
                continue;
            };
            let mut admit =
                |delta: &Delta| guard.as_mut().is_none_or(|guard| guard.admits(key, delta));
            if delta.add_if(key, 1, &mut admit) {
                tally.counts += 1;
            } else {
                tally.series_limit += 1;
            }
        }
        if matched {
            tally.matched += 1;
        } else {
            tally.unmatched += 1;
        }
    }

    fn non_event(&mut self, other: NonEvent, path: &Path, at: u64, raw: &[u8]) {
        self.tally.non_event(other);
        if let Some(letters) = &mut self.letters {
            letters.take(other, path, at, raw);
        }
        if other == NonEvent::Malformed {
            self.first_malformed.get_or_insert(at);
        }
    }

    fn keeps(&self) -> bool {
        self.letters.is_some() || self.forwards.is_some()
    }
}
