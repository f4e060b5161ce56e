//! The one way in for requests, whatever source they come from.
//!
//! A source speaks its protocol: it gets bytes and responds. Everything between is here, in this
//! order:
//!
//! | step | module | what happens |
//! |---|---|---|
//! | admit | [`admission`](SourceIntake::enter) | the drain, overdue counts and full limits refuse a request before its bytes are read |
//! | read | [`reading`](SourceIntake::read), `budget` | its bytes become a [`Batch`], away from the threads that serve others; what that costs is charged as it is made |
//! | commit | [`commit`](SourceIntake::commit) | duplicates, forwards, journal, counts and dead letters: all in one step, or nothing |
//! | wait | [`response`](SourceIntake::wait) | until the request may be acknowledged |
//!
//! Invariant: a request that is refused leaves no trace, and one that is committed is never
//! refused.

mod access;
mod admission;
pub mod body;
mod budget;
mod buffers;
mod commit;
mod cores;
mod reading;
mod response;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;

use self::cores::Cores;
use crate::ack::Ledger;
use crate::aggregate::{Aggregator, Delta, Key, Merge};
use crate::clock::Clock;
use crate::dead_letters::{DeadLetters, Letters};
use crate::forward::Forwarder;
use crate::journal::Journal;
use crate::pipeline::{Batch, Copies, CopiesSettings, Times};
use crate::rules::RuleSet;
use crate::ses::Fingerprint;
use crate::telemetry::{DropReason, LogLimiter, Metrics};

pub use access::AccessKeys;
pub use admission::{Charge, InFlight, Patience};
pub use budget::{Budget, BudgetLimits, MeteredBatch, Over};
pub use commit::{Committed, LetterContent, Named};
pub use cores::is_quick;
pub use reading::{ReadError, catch_panic, read_stream};
pub use response::Response;

/// How requests are judged.
#[derive(Clone, Copy, Debug)]
pub struct IntakeSettings {
    /// Events count at their arrival, whatever their own time.
    pub use_arrival: bool,
    /// Sources that acknowledge settled counts take nothing new while counts are older than this.
    pub settle_deadline: Duration,
    /// Copies are left out when there are any.
    pub copies: Option<CopiesSettings>,
    pub in_flight_requests: usize,
    pub in_flight_bytes: usize,
    /// What one request may expand to, on all levels together.
    pub expanded_bytes: usize,
    /// Series times minutes that one request may count into.
    pub entries: usize,
    /// What an object may hold; no bound for archives.
    pub object_bytes: Option<u64>,
}

/// What an intake is made of.
pub struct IntakeParts {
    pub rules: RuleSet,
    pub aggregator: Arc<Aggregator>,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
    pub journal: Option<Arc<Journal>>,
    pub dead_letters: Option<DeadLetters>,
    /// None: nothing is forwarded, whatever the definitions say.
    pub forwarder: Option<Forwarder>,
    /// Unix milliseconds of the first merge of the oldest epoch that is not settled.
    pub oldest: Box<dyn Fn() -> Option<i64> + Send + Sync>,
}

/// The way in of all sources.
pub struct Intake {
    pub clock: Clock,
    pub in_flight: Arc<InFlight>,
    rules: ArcSwap<RuleSet>,
    aggregator: Arc<Aggregator>,
    metrics: Arc<Metrics>,
    journal: Option<Arc<Journal>>,
    copies: Option<Arc<Copies>>,
    dead_letters: Option<DeadLetters>,
    forwarder: Option<Forwarder>,
    cores: Cores,
    budget: BudgetLimits,
    /// What an object may hold, on its outermost level; no bound for archives.
    pub object_bytes: Option<u64>,
    /// Limits how often copies are named in the log.
    samples: LogLimiter,
    /// Limits how often values that cannot be read are named in the log.
    warnings: LogLimiter,
    /// Limits how often requests that are refused for good are named in the log.
    refusals: LogLimiter,
    use_arrival: bool,
    settle_deadline: Duration,
    oldest: Box<dyn Fn() -> Option<i64> + Send + Sync>,
    draining: AtomicBool,
}

/// The way in of one source. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SourceIntake {
    pub intake: Arc<Intake>,
    /// The requests of this source that are known.
    pub ledger: Ledger,
    /// A request is acknowledged when its counts are settled, and not before.
    pub until_settled: bool,
    /// How long a journal remembers a request, if not as long as one of Firehose.
    pub id_life: Option<Duration>,
}

/// How often one thing is named in the log.
const LOG_SPAN: Duration = Duration::from_secs(10);
/// How often a request that is refused for good is named: nearly each, but a flood does not fill a
/// disk.
const REFUSAL_LOG_SPAN: Duration = Duration::from_millis(100);

// === impl Intake ===

impl Intake {
    #[must_use]
    pub fn new(parts: IntakeParts, settings: IntakeSettings) -> Self {
        let IntakeParts { rules, aggregator, metrics, clock, .. } = parts;
        let copies = settings.copies.map(|copies| Arc::new(Copies::new(copies, clock.clone())));
        let rules = if copies.is_some() { rules.without_copies() } else { rules };
        Self {
            rules: ArcSwap::from_pointee(rules),
            aggregator,
            samples: LogLimiter::new(LOG_SPAN, Arc::clone(&metrics)),
            warnings: LogLimiter::new(LOG_SPAN, Arc::clone(&metrics)),
            refusals: LogLimiter::new(REFUSAL_LOG_SPAN, Arc::clone(&metrics)),
            metrics,
            clock,
            journal: parts.journal,
            copies,
            dead_letters: parts.dead_letters,
            forwarder: parts.forwarder,
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
            oldest: parts.oldest,
            draining: AtomicBool::new(false),
        }
    }

    /// Judges requests by other rules from now on. One that is being read goes on by the old ones.
    pub fn set_rules(&self, rules: RuleSet) {
        let rules = if self.copies.is_some() { rules.without_copies() } else { rules };
        self.rules.store(Arc::new(rules));
    }

    /// An empty batch, judged by the rules of this moment.
    #[must_use]
    pub fn batch(&self) -> Batch {
        self.batch_of(self.use_arrival)
    }

    /// As [`Intake::batch`], for events of an archive: their arrival says nothing about them.
    #[must_use]
    pub fn archived_batch(&self) -> Batch {
        self.batch_of(false)
    }

    fn batch_of(&self, use_arrival: bool) -> Batch {
        let times = Times { arrival_ms: self.clock.now_ms(), use_arrival };
        let batch = Batch::new(self.rules.load_full(), times).guarded(self.aggregator.guard());
        if self.forwarder.is_some() { batch.forwarding() } else { batch }
    }

    /// Where a batch collects what cannot be read, if that is kept.
    #[must_use]
    pub fn letters(&self) -> Option<Letters> {
        self.dead_letters.as_ref().map(DeadLetters::letters)
    }

    /// How long the oldest merged count has been waiting.
    #[must_use]
    pub fn oldest_age(&self) -> Duration {
        let age_ms = (self.oldest)().map_or(0, |oldest_ms| self.clock.now_ms() - oldest_ms);
        Duration::from_millis(u64::try_from(age_ms).unwrap_or(0))
    }

    /// Events that are remembered, and how many were forgotten early.
    #[must_use]
    pub fn remembered(&self) -> (u64, u64) {
        self.copies.as_ref().map_or((0, 0), |copies| (copies.len() as u64, copies.forgotten()))
    }

    /// Knows events that an earlier process counted, and when (Unix milliseconds) it did.
    pub fn restore_events(&self, counted: Vec<(i64, Vec<Fingerprint>)>) {
        if let Some(copies) = &self.copies {
            copies.restore(counted);
        }
    }

    /// Counts what an earlier process left in the journal.
    pub async fn restore(&self, counts: &[(Key, u64)]) {
        let mut delta = Delta::default();
        for (key, count) in counts {
            delta.add(key, *count);
        }
        let merge = self.aggregator.restore(&delta);
        self.metrics.dropped.add(DropReason::SeriesLimit, merge.series_limit());
        self.given_up(&merge).await;
    }

    /// What was not made is not to be made after a crash.
    async fn given_up(&self, merge: &Merge) {
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

#[cfg(test)]
mod tests;
