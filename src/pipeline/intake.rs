//! The door between sources and counts: judges whether a request may be taken, and merges it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::batch::{Batch, Times};
use crate::ack::{Reason, Receipt, Refusal, RequestId};
use crate::aggregate::{Aggregator, Delta, Full, Key, Merge};
use crate::clock::Clock;
use crate::destination::RuleSet;
use crate::journal::Journal;
use crate::telemetry::{DropReason, Metrics};

/// What a source merges its requests through.
pub struct Intake {
    rules: ArcSwap<RuleSet>,
    aggregator: Arc<Aggregator>,
    metrics: Arc<Metrics>,
    clock: Clock,
    journal: Option<Arc<Journal>>,
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
        journal: Option<Arc<Journal>>,
        settings: IntakeSettings,
        oldest: impl Fn() -> Option<i64> + Send + Sync + 'static,
    ) -> Self {
        Self {
            rules: ArcSwap::from_pointee(rules),
            aggregator,
            metrics,
            clock,
            journal,
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

    /// Whether what is merged is on disk before.
    #[must_use]
    pub fn is_journaled(&self) -> bool {
        self.journal.is_some()
    }

    /// Merges the batch of a request in one step, once it is in the journal if there is one.
    /// `receipt` is asked for when nothing can refuse any more. Must not be dropped before its end:
    /// the request would be in the journal and not be counted before the next start.
    ///
    /// # Errors
    /// The pending entries are at their limit, or the journal cannot be written; nothing was
    /// merged.
    pub async fn merge(
        &self,
        id: RequestId,
        batch: &Batch,
        receipt: impl FnOnce() -> Option<Receipt>,
    ) -> Result<(), Refusal> {
        let room = self.aggregator.reserve(&batch.delta).map_err(|Full| {
            let message = "too many counts wait to be published (limits.entries)";
            Refusal::new(Reason::Entries, message)
        })?;
        if let Some(journal) = &self.journal {
            let written = journal.delta(id, self.clock.now_ms(), &batch.delta).await;
            written.map_err(|_| {
                let message = "the journal cannot be written; send it again";
                Refusal::new(Reason::Journal, message)
            })?;
        }
        let merge = self.aggregator.merge_into(room, &batch.delta, receipt);
        self.metrics.batch(&batch.tally, merge.series_limit());
        self.given_up(&merge).await;
        Ok(())
    }

    /// Counts what an earlier process left in the journal.
    pub async fn restore(&self, counts: &[(Key, u64)]) {
        let mut delta = Delta::default();
        for (key, count) in counts {
            delta.add(key, *count);
        }
        let merge = self.aggregator.restore(&delta);
        self.metrics.dropped(DropReason::SeriesLimit, merge.series_limit());
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
