//! The loop that processes every event: match, resolve, count.

use std::sync::Arc;

use super::dedupe::{DuplicateSample, Duplicates, RequestFilter};
use super::not_counted::{NotCounted, NotCountedKind};
use super::request_values::RequestValues;
use super::survey::Survey;
use super::tally::Tally;
use super::value_counter::ValueCounter;
use crate::aggregate::{Delta, KeyBuilder, SeriesGuard};
use crate::dead_letters::DeadLetterBatch;
use crate::forward::Forwards;
use crate::rules::{Action, Route, RuleSet};
use crate::sample::Draw;
use crate::ses::{Event, Fingerprint, Minute, NonEventReason, Path, Visitor};

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
    /// The values of limited dimensions, if there are any such dimensions.
    values: Option<Box<RequestValues>>,
    /// Samples events for previews, if any.
    draw: Option<Box<Draw>>,
    pub delta: Delta,
    pub tally: Tally,
    /// What is not counted, if anything.
    pub(crate) not_counted: Option<Box<NotCounted>>,
    /// The values of dimensions, if a plan is made of them.
    pub(crate) survey: Option<Box<Survey>>,
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
        let values = rules.limits_values().then(|| RequestValues::new(times.arrival_ms).into());
        Self {
            rules,
            times,
            filter,
            guard: None,
            values,
            draw: None,
            key: KeyBuilder::default(),
            delta: Delta::default(),
            tally: Tally::default(),
            not_counted: None,
            survey: None,
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

    /// Also notes the values of dimensions.
    #[must_use]
    pub(crate) fn surveying(mut self) -> Self {
        self.survey = Some(Box::default());
        self
    }

    /// Drops series that the merge would drop because of the hour's limit.
    #[must_use]
    pub(crate) fn guarded(mut self, guard: Option<SeriesGuard>) -> Self {
        self.guard = guard.map(Box::new);
        self
    }

    /// Samples events for previews.
    #[must_use]
    pub(crate) fn sampling(mut self, draw: Option<Draw>) -> Self {
        self.draw = draw.map(Box::new);
        self
    }

    /// The sampled events, once.
    #[must_use]
    pub(crate) fn take_draw(&mut self) -> Option<Draw> {
        self.draw.take().map(|draw| *draw)
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
            + self.values.as_ref().map_or(0, |values| values.bytes())
            + self.filter.as_ref().map_or(0, |filter| filter.bytes())
            + self.forwards.as_ref().map_or(0, Forwards::memory)
            + self.sampled_bytes()
    }

    /// Memory of sampled events, in bytes.
    #[must_use]
    pub(crate) fn sampled_bytes(&self) -> usize {
        self.draw.as_ref().map_or(0, |draw| draw.bytes())
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
        let draw = self.draw.as_ref().map(|draw| Box::new(draw.blank()));
        Self { filter, guard, draw, letters, forwards, ..Self::new(self.rules(), self.times) }
    }

    /// The batch is merged: its values of limited dimensions keep their places for this hour.
    pub(crate) fn counted(&self) {
        if let Some(values) = &self.values {
            values.counted();
        }
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
        append(&mut self.not_counted, other.not_counted.take());
        if let (Some(survey), Some(other)) = (&mut self.survey, &other.survey) {
            survey.add(other);
        }
        other.counted();
        other.clear();
    }

    /// Clears the counts but keeps the memory.
    pub fn clear(&mut self) {
        self.delta.clear();
        self.tally = Tally::default();
        self.not_counted = None;
        if let Some(draw) = &mut self.draw {
            **draw = draw.blank();
        }
        if let Some(survey) = &mut self.survey {
            survey.clear();
        }
        if let Some(values) = &mut self.values {
            values.clear();
        }
        if let Some(filter) = &mut self.filter {
            filter.clear();
        }
    }
}

/// Adds what was not counted later in the same text.
pub(super) fn append(all: &mut Option<Box<NotCounted>>, later: Option<Box<NotCounted>>) {
    match (all, later) {
        (Some(all), Some(later)) => all.append(&later),
        (all @ None, later) => *all = later,
        (Some(_), None) => {}
    }
}

impl Visitor for Batch {
    fn event(&mut self, event: &Event<'_>, _: &Path, at: u64, raw: &[u8]) {
        // The rules are borrowed: a reference count per event would make all reading cores contend
        // for it.
        let Self {
            rules,
            times,
            key: builder,
            filter,
            guard,
            values,
            draw,
            delta,
            tally,
            not_counted,
            survey,
            forwards,
            ..
        } = self;
        if filter.as_mut().is_some_and(|filter| filter.is_duplicate(event)) {
            tally.duplicates += 1;
            return;
        }
        if let Some(draw) = draw {
            draw.event(event, raw, rules.interest());
        }
        let Route::Set(set) = rules.route(event) else {
            tally.unrouted += 1;
            not_counted.get_or_insert_default().unrouted(rules.configuration_set(event), at);
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
            if let Some(survey) = survey {
                survey.event(metrics, event);
            }
            let (guard, values) = (guard.as_deref_mut(), values.as_deref_mut());
            let mut counter = ValueCounter { builder, guard, values, delta, tally, minute };
            for _ in 0..counter.event(metrics, event) {
                let kind = NotCountedKind::InvalidValue;
                not_counted.get_or_insert_default().add(kind, at, &set.name, &rule.name);
            }
        }
        if matched {
            tally.matched += 1;
        } else {
            tally.unmatched += 1;
            let (kind, event_type) = (NotCountedKind::Unmatched, event.event_type.metric_name());
            not_counted.get_or_insert_default().add(kind, at, &set.name, event_type);
        }
    }

    fn non_event(&mut self, why: NonEventReason<'_>, path: &Path, at: u64, raw: &[u8]) {
        let kind = why.kind();
        self.tally.non_event(kind);
        if let Some(letters) = &mut self.letters {
            letters.take(kind, path, at, raw);
        }
        self.not_counted.get_or_insert_default().non_event(why, at);
    }

    fn lost(&mut self, bytes: u64) {
        self.tally.lost_bytes += bytes;
    }

    fn keeps(&self) -> bool {
        self.letters.is_some() || self.forwards.is_some()
    }
}
