//! The entry point for requests: its settings, its parts, and the rules in force.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use super::activity::SourceActivity;
use super::budget::BudgetLimits;
use super::cores::Cores;
use super::in_flight::InFlight;
use super::not_counted_log::NotCountedLog;
use crate::ack::Ledger;
use crate::aggregate::{Aggregator, Delta, Key, Merge, SeriesFull, SeriesGuard};
use crate::clock::Clock;
use crate::dead_letters::{DeadLetterBatch, DeadLetters};
use crate::forward::Forwarder;
use crate::journal::Journal;
use crate::pipeline::{Batch, DedupeSettings, DuplicateFilter, Times};
use crate::rules::RuleSet;
use crate::sample::EventSample;
use crate::ses::Fingerprint;
use crate::telemetry::{DropReason, LogLimiter, Metrics};

/// Settings for all requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IntakeSettings {
    /// Count events at their arrival, whatever their own time.
    pub use_arrival: bool,
    /// Sources that acknowledge settled counts reject new requests while counts are older than
    /// this.
    pub settle_deadline: Duration,
    /// Removes duplicate events, if set.
    pub dedupe: Option<DedupeSettings>,
    pub in_flight_requests: usize,
    pub in_flight_bytes: usize,
    /// Maximum decompressed size of one request, on all levels together.
    pub expanded_bytes: usize,
    /// Maximum number of entries (series times minutes) that one request may add to.
    pub entries: usize,
    /// Maximum size of an object; no limit for archives.
    pub object_bytes: Option<u64>,
}

/// The parts of an intake.
pub(crate) struct IntakeDeps {
    pub rules: RuleSet,
    pub aggregator: Arc<Aggregator>,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
    pub journal: Option<Arc<Journal>>,
    pub dead_letters: Option<DeadLetters>,
    /// `None`: nothing is forwarded, whatever the definitions say.
    pub forwarder: Option<Forwarder>,
    /// Where events are sampled for previews, if anywhere.
    pub sample: Option<Arc<EventSample>>,
    /// The first merge in the oldest unsettled epoch.
    pub oldest: Box<dyn Fn() -> Option<Instant> + Send + Sync>,
    /// The namespaces recently written to, each with the first merge of its oldest unsettled epoch.
    pub first_merges: FirstMerges,
}

/// Returns namespaces, each with Unix milliseconds of a merge, if any.
pub(crate) type FirstMerges = Box<dyn Fn() -> Vec<(Arc<str>, Option<Instant>)> + Send + Sync>;

/// The entry point for all sources.
pub(crate) struct Intake {
    pub clock: Clock,
    /// The time in the journal: no ID expires because the wall clock is set.
    pub(super) steady: Clock,
    pub in_flight: Arc<InFlight>,
    pub(super) rules: ArcSwap<RuleSet>,
    pub(super) aggregator: Arc<Aggregator>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) journal: Option<Arc<Journal>>,
    pub(super) filter: Option<Arc<DuplicateFilter>>,
    pub(super) dead_letters: Option<DeadLetters>,
    pub(super) forwarder: Option<Forwarder>,
    pub(super) sample: Option<Arc<EventSample>>,
    pub(super) cores: Cores,
    pub(super) budget: BudgetLimits,
    /// Maximum size of an object's outermost level; no limit for archives.
    pub object_bytes: Option<u64>,
    /// Limits log lines about duplicates.
    pub(super) samples: LogLimiter,
    pub(super) not_counted_log: NotCountedLog,
    /// Limits log lines about permanently rejected requests.
    pub(super) refusals: LogLimiter,
    pub(super) use_arrival: bool,
    pub(super) settle_deadline: Duration,
    pub(super) oldest: Box<dyn Fn() -> Option<Instant> + Send + Sync>,
    pub(super) first_merges: FirstMerges,
    pub(super) draining: AtomicBool,
}

/// The entry point for one source. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct SourceIntake {
    pub intake: Arc<Intake>,
    /// The known requests of this source.
    pub ledger: Ledger,
    /// A request is acknowledged only when its counts are settled.
    pub until_settled: bool,
    /// A request is merged only when its counts are in the journal.
    pub is_journaled: bool,
    /// How long the journal remembers a request, if not as long as one of Firehose.
    pub id_life: Option<Duration>,
    pub activity: Arc<SourceActivity>,
}

/// Interval of log lines about one topic.
const LOG_SPAN: Duration = Duration::from_secs(10);
/// Interval of log lines about permanently rejected requests: short enough to log nearly each, long
/// enough that a flood does not fill a disk.
const REFUSAL_LOG_SPAN: Duration = Duration::from_millis(100);

// === impl Intake ===

impl Intake {
    #[must_use]
    pub(crate) fn new(deps: IntakeDeps, settings: IntakeSettings) -> Self {
        let IntakeDeps { rules, aggregator, metrics, clock, .. } = deps;
        let filter = settings.dedupe.map(|dedupe| Arc::new(DuplicateFilter::new(dedupe, &clock)));
        let rules = if filter.is_some() { rules.without_duplicates() } else { rules };
        Self {
            rules: ArcSwap::from_pointee(rules),
            aggregator,
            samples: LogLimiter::new(LOG_SPAN, Arc::clone(&metrics)),
            not_counted_log: NotCountedLog::new(&metrics),
            refusals: LogLimiter::new(REFUSAL_LOG_SPAN, Arc::clone(&metrics)),
            metrics,
            steady: clock.steady(),
            clock,
            journal: deps.journal,
            filter,
            dead_letters: deps.dead_letters,
            forwarder: deps.forwarder,
            sample: deps.sample,
            in_flight: InFlight::new(settings.in_flight_requests, settings.in_flight_bytes),
            cores: Cores::new(),
            budget: BudgetLimits {
                expanded_bytes: settings.expanded_bytes,
                entries: settings.entries,
                made_bytes: settings.in_flight_bytes,
            },
            object_bytes: settings.object_bytes,
            use_arrival: settings.use_arrival,
            settle_deadline: settings.settle_deadline,
            oldest: deps.oldest,
            first_merges: deps.first_merges,
            draining: AtomicBool::new(false),
        }
    }

    /// Installs new rules for later requests. Requests in progress keep the old ones.
    pub(crate) fn set_rules(&self, rules: RuleSet) {
        let rules = if self.filter.is_some() { rules.without_duplicates() } else { rules };
        self.rules.store(Arc::new(rules));
    }

    /// Where events are sampled, if anywhere.
    #[must_use]
    pub(crate) fn sample(&self) -> Option<&Arc<EventSample>> {
        self.sample.as_ref()
    }

    /// The current rules.
    #[must_use]
    pub(crate) fn rules(&self) -> Arc<RuleSet> {
        self.rules.load_full()
    }

    /// An empty batch with the current rules.
    #[must_use]
    pub(crate) fn batch(&self) -> Batch {
        self.batch_of(self.use_arrival)
    }

    /// As [`Intake::batch`], for events of an archive, whose arrival time means nothing.
    #[must_use]
    pub(crate) fn archived_batch(&self) -> Batch {
        self.batch_of(false)
    }

    fn batch_of(&self, use_arrival: bool) -> Batch {
        let times = Times { arrival_ms: self.clock.now_ms(), use_arrival };
        let batch = Batch::new(self.rules.load_full(), times)
            .guarded(SeriesGuard::new(&self.aggregator))
            .sampling(self.sample.as_ref().map(|sample| sample.draw()));
        if self.forwarder.is_some() { batch.forwarding() } else { batch }
    }

    /// Collects unreadable values, if those are kept.
    #[must_use]
    pub(crate) fn dead_letter_batch(&self) -> Option<DeadLetterBatch> {
        self.dead_letters.as_ref().map(DeadLetters::batch)
    }

    /// The age of the oldest merged count that is not settled, whatever happens to the wall clock.
    #[must_use]
    pub(crate) fn oldest_age(&self) -> Duration {
        (self.oldest)().map_or(Duration::ZERO, |oldest| oldest.elapsed())
    }

    /// Admits all series of a batch in this hour, or none ([`Aggregator::reserve_series`]).
    ///
    /// # Errors
    /// The hour's limit does not allow all of them.
    pub(crate) fn reserve_series(&self, batch: &Batch) -> Result<(), SeriesFull> {
        self.aggregator.reserve_series(&batch.delta)
    }

    /// The number of remembered events, and of those evicted early.
    #[must_use]
    pub(crate) fn remembered(&self) -> (u64, u64) {
        self.filter.as_ref().map_or((0, 0), |filter| (filter.len() as u64, filter.forgotten()))
    }

    /// Restores events that an earlier process counted, and when (Unix milliseconds).
    pub(crate) fn restore_events(&self, counted: Vec<(i64, Vec<Fingerprint>)>) {
        if let Some(filter) = &self.filter {
            filter.restore(counted);
        }
    }

    /// Restores counts that an earlier process left in the journal.
    pub(crate) async fn restore(&self, counts: &[(Key, u64)]) {
        let mut delta = Delta::default();
        for (key, count) in counts {
            delta.add(key, *count);
        }
        let merge = self.aggregator.restore(&delta);
        self.metrics.dropped.add(DropReason::SeriesLimit, merge.series_limit());
        self.given_up(&merge).await;
    }

    /// Recorded, so that counts that were not made are not restored after a crash.
    pub(super) async fn given_up(&self, merge: &Merge) {
        if let Some(journal) = self.journal.as_ref().filter(|_| !merge.over_limit.is_empty()) {
            journal.given_up(&merge.over_limit).await;
        }
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").field("draining", &self.draining).finish_non_exhaustive()
    }
}
