//! The figures of one moment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::aggregate::Aggregator;
use crate::clock::Clock;
use crate::intake::SourceActivity;
use crate::label::Label;
use crate::plan::prices::Prices;
use crate::telemetry::{CallOutcome, DoubtCause, DropReason, Gauges, Metrics, Routing, ValueClass};

/// What figures are read from.
pub(crate) struct LiveDeps {
    pub metrics: Arc<Metrics>,
    /// Reads the gauges.
    pub gauges: Arc<dyn Fn() -> Gauges + Send + Sync>,
    pub aggregator: Arc<Aggregator>,
    /// The sources by name.
    pub sources: Vec<(String, Arc<SourceActivity>)>,
    /// `limits.series`; `None` where series cost nothing.
    pub series_limit: Option<usize>,
    pub flush_interval: Duration,
    pub clock: Clock,
}

/// Reads figures.
pub(super) struct FigureReader {
    deps: LiveDeps,
    started_ms: i64,
}

/// What this task has done since its start, and how it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// Unix milliseconds.
    pub at_ms: i64,
    pub started_ms: i64,
    pub events_per_second: f64,
    pub events: u64,
    /// Events that no destination matched, and those of an unknown configuration set.
    pub unmatched: u64,
    pub unrouted: u64,
    pub duplicates: u64,
    /// Values that are not events, by kind.
    pub non_events: BTreeMap<&'static str, u64>,
    /// Counts made of events.
    pub counts: u64,
    pub accepted: u64,
    pub pending: u64,
    pub dropped: u64,
    pub dropped_by_reason: BTreeMap<&'static str, u64>,
    pub in_doubt: u64,
    pub doubtful_by_cause: BTreeMap<&'static str, u64>,
    /// Age of the oldest epoch that is not settled.
    pub backlog_seconds: f64,
    pub flushes: u64,
    /// Unix milliseconds of the last flush, if any.
    pub last_flush_ms: Option<i64>,
    pub calls: BTreeMap<&'static str, u64>,
    pub publish_state: PublishState,
    /// Series of this UTC hour, where they are limited.
    pub series: u64,
    pub series_limit: Option<u64>,
    /// Series with counts in the last three hours.
    pub recent_series: u64,
    pub dollars_a_month: f64,
    pub sources: Vec<SourceLine>,
}

/// What a source has brought.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct SourceLine {
    pub name: String,
    pub requests: u64,
    pub events: u64,
    pub last_ms: Option<i64>,
    pub lag_seconds: f64,
}

/// How CloudWatch responds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PublishState {
    /// Nothing was sent yet.
    #[default]
    Unknown,
    Accepts,
    /// It rejects the credentials or permissions.
    Denies,
    /// It rejects calls for another reason.
    Rejects,
    /// It cannot be reached, or is throttling.
    Unavailable,
}

// === impl FigureReader ===

impl FigureReader {
    pub(super) fn new(deps: LiveDeps) -> Self {
        let started_ms = deps.clock.now_ms();
        Self { deps, started_ms }
    }

    pub(super) fn flush_interval(&self) -> Duration {
        self.deps.flush_interval
    }

    /// The ID of a message: different in every process.
    pub(super) fn message_id(&self, number: u64) -> String {
        format!("{}-{number}", self.started_ms)
    }

    /// The figures of now, without a rate. `before`: those of the last message.
    pub(super) fn read(&self, before: Option<&Figures>) -> Figures {
        let LiveDeps { metrics, aggregator, clock, .. } = &self.deps;
        let (at_ms, gauges) = (clock.now_ms(), (self.deps.gauges)());
        let events = metrics.values.get(ValueClass::Event);
        let flushes = metrics.flushes.get();
        let last_flush_ms = match before {
            Some(before) if before.flushes == flushes => before.last_flush_ms,
            _ => (flushes > 0).then_some(at_ms),
        };
        let calls = by_label(|outcome| metrics.calls.get(outcome));
        let recent_series = aggregator.recent_series() as u64;
        let alive = if self.deps.series_limit.is_some() { gauges.series } else { recent_series };
        let mut non_events = by_label(|class| metrics.values.get(class));
        non_events.remove(ValueClass::Event.as_str());
        let sources = self.deps.sources.iter().map(|(name, activity)| source_line(name, activity));
        let not_counted = [DropReason::InvalidValue, DropReason::SeriesLimit];
        let not_counted: u64 = not_counted.map(|reason| metrics.dropped.get(reason)).iter().sum();
        Figures {
            at_ms,
            started_ms: self.started_ms,
            events_per_second: 0.0,
            events,
            unmatched: metrics.events.get(Routing::Unmatched),
            unrouted: metrics.events.get(Routing::Unrouted),
            duplicates: metrics.duplicates_removed.get(),
            non_events,
            counts: metrics.series_matches.get().saturating_sub(not_counted),
            accepted: metrics.accepted_counts.get(),
            pending: gauges.pending_counts,
            dropped: metrics.dropped.sum(),
            dropped_by_reason: by_label(|reason: DropReason| metrics.dropped.get(reason)),
            in_doubt: metrics.doubtful.sum(),
            doubtful_by_cause: by_label(|cause: DoubtCause| metrics.doubtful.get(cause)),
            backlog_seconds: gauges.oldest_epoch_seconds,
            flushes,
            last_flush_ms,
            publish_state: PublishState::after(&calls, before),
            calls,
            series: alive,
            series_limit: self.deps.series_limit.map(|limit| limit as u64),
            recent_series,
            dollars_a_month: dollars_a_month(alive),
            sources: sources.collect(),
        }
    }
}

impl fmt::Debug for FigureReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FigureReader").finish_non_exhaustive()
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
fn source_line(name: &str, activity: &SourceActivity) -> SourceLine {
    let figures = activity.figures();
    SourceLine {
        name: name.to_owned(),
        requests: figures.requests,
        events: figures.events,
        last_ms: figures.last_ms,
        lag_seconds: figures.lag_ms.max(0) as f64 / 1000.0,
    }
}

/// The price of so many series in every hour of a month.
#[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
fn dollars_a_month(series: u64) -> f64 {
    Prices::built_in().metrics(0.0, series as f64)
}

/// Every value of a label with its counter.
fn by_label<L: Label>(get: impl Fn(L) -> u64) -> BTreeMap<&'static str, u64> {
    L::ALL.iter().map(|label| (L::VALUES[label.index()], get(*label))).collect()
}

// === impl PublishState ===

impl PublishState {
    /// The state after these calls. Without new calls it stays.
    fn after(calls: &BTreeMap<&'static str, u64>, before: Option<&Figures>) -> Self {
        let more = |outcome: CallOutcome| {
            let name = outcome.as_str();
            let known = before.and_then(|before| before.calls.get(name)).copied();
            calls.get(name).copied().unwrap_or(0) > known.unwrap_or(0)
        };
        if more(CallOutcome::Denied) {
            Self::Denies
        } else if more(CallOutcome::Invalid) {
            Self::Rejects
        } else if more(CallOutcome::Accepted) {
            Self::Accepts
        } else if more(CallOutcome::NotIngested) || more(CallOutcome::Unknown) {
            Self::Unavailable
        } else {
            before.map_or(Self::Unknown, |before| before.publish_state)
        }
    }

    /// One sentence.
    pub(in crate::console) const fn text(self) -> &'static str {
        match self {
            Self::Unknown => "nothing was sent yet",
            Self::Accepts => "accepts counts",
            Self::Denies => "denies: check credentials and the permission PutMetricData",
            Self::Rejects => "rejects calls; the log says why",
            Self::Unavailable => "cannot be reached or is throttling; retrying",
        }
    }
}

impl Serialize for PublishState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}
