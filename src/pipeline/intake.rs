//! The door between sources and counts: judges whether a request may be taken, and merges it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::batch::{Batch, Times};
use crate::ack::{Reason, Receipt, Refusal};
use crate::aggregate::{Aggregator, Full};
use crate::clock::Clock;
use crate::destination::RuleSet;
use crate::telemetry::Metrics;

/// What a source merges its requests through.
pub struct Intake {
    rules: ArcSwap<RuleSet>,
    aggregator: Arc<Aggregator>,
    metrics: Arc<Metrics>,
    clock: Clock,
    use_arrival: bool,
    settle_deadline: Duration,
    /// Unix milliseconds of the first merge of the oldest epoch that is not settled.
    oldest: Box<dyn Fn() -> Option<i64> + Send + Sync>,
    draining: AtomicBool,
}

/// How an intake judges.
#[derive(Clone, Copy, Debug)]
pub struct IntakeSettings {
    pub use_arrival: bool,
    pub settle_deadline: Duration,
}

// === impl Intake ===

impl Intake {
    #[must_use]
    pub fn new(
        rules: RuleSet,
        aggregator: Arc<Aggregator>,
        metrics: Arc<Metrics>,
        clock: Clock,
        settings: IntakeSettings,
        oldest: impl Fn() -> Option<i64> + Send + Sync + 'static,
    ) -> Self {
        Self {
            rules: ArcSwap::from_pointee(rules),
            aggregator,
            metrics,
            clock,
            use_arrival: settings.use_arrival,
            settle_deadline: settings.settle_deadline,
            oldest: Box::new(oldest),
            draining: AtomicBool::new(false),
        }
    }

    /// Judges requests by other rules from now on. One that is being read goes on by the old ones.
    pub fn set_rules(&self, rules: RuleSet) {
        self.rules.store(Arc::new(rules));
    }

    /// Refuses every request that is not known yet.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether a new request may be worked on.
    ///
    /// # Errors
    /// The daemon drains; or, for a source that answers when counts are settled, an epoch is older
    /// than the settle deadline.
    pub fn admit(&self, answers_when_settled: bool) -> Result<(), Refusal> {
        if self.is_draining() {
            return Err(Refusal::new(Reason::Draining, "shutting down; send it again"));
        }
        if answers_when_settled && self.oldest_age() > self.settle_deadline {
            let message = "publishing is behind; nothing new is taken until it has caught up";
            return Err(Refusal::new(Reason::Behind, message));
        }
        Ok(())
    }

    /// How long the oldest merged count has been waiting.
    #[must_use]
    pub fn oldest_age(&self) -> Duration {
        let age_ms = (self.oldest)().map_or(0, |oldest_ms| self.clock.now_ms() - oldest_ms);
        Duration::from_millis(u64::try_from(age_ms).unwrap_or(0))
    }

    /// An empty batch, judged by the rules of this moment.
    #[must_use]
    pub fn batch(&self) -> Batch {
        let times = Times { arrival_ms: self.clock.now_ms(), use_arrival: self.use_arrival };
        Batch::new(self.rules.load_full(), times)
    }

    /// Merges a batch in one step. `receipt` is asked for when nothing can refuse any more.
    ///
    /// # Errors
    /// The pending entries are at their limit; nothing was merged.
    pub fn merge(
        &self,
        batch: &Batch,
        receipt: impl FnOnce() -> Option<Receipt>,
    ) -> Result<(), Refusal> {
        let merge = self.aggregator.merge(&batch.delta, receipt).map_err(|Full| {
            let message = "too many counts wait to be published (limits.entries)";
            Refusal::new(Reason::Entries, message)
        })?;
        self.metrics.batch(&batch.tally, merge.series_limit);
        Ok(())
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").field("draining", &self.draining).finish_non_exhaustive()
    }
}
