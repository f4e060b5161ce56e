//! The door between sources and counts: judges whether a request may be taken, and merges it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::batch::{Batch, Times};
use super::copies::{Claim, Copies, CopiesSettings, Known};
use crate::ack::{Reason, Receipt, Refusal, RequestId};
use crate::aggregate::{Aggregator, Delta, Full, Key, Merge};
use crate::clock::Clock;
use crate::destination::RuleSet;
use crate::journal::Journal;
use crate::ses::Fingerprint;
use crate::telemetry::{DropReason, Metrics, RateLimit};

/// What a source merges its requests through.
pub struct Intake {
    rules: ArcSwap<RuleSet>,
    aggregator: Arc<Aggregator>,
    metrics: Arc<Metrics>,
    clock: Clock,
    journal: Option<Arc<Journal>>,
    copies: Option<Arc<Copies>>,
    /// For samples of copies.
    samples: RateLimit,
    use_arrival: bool,
    settle_deadline: Duration,
    forwards: bool,
    /// Unix milliseconds of the first merge of the oldest epoch that is not settled.
    oldest: Box<dyn Fn() -> Option<i64> + Send + Sync>,
    draining: AtomicBool,
}

/// How an intake judges.
#[derive(Clone, Copy, Debug)]
pub struct IntakeSettings {
    pub use_arrival: bool,
    pub settle_deadline: Duration,
    /// Events are collected that rules forward.
    pub forwards: bool,
    /// Copies are left out when there are any.
    pub copies: Option<CopiesSettings>,
}

/// How often copies are named in the log.
const SAMPLE_SPAN: Duration = Duration::from_secs(10);

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
        let copies = settings.copies.map(|copies| Arc::new(Copies::new(copies, clock.clone())));
        let rules = if copies.is_some() { rules.without_copies() } else { rules };
        Self {
            rules: ArcSwap::from_pointee(rules),
            aggregator,
            samples: RateLimit::new(SAMPLE_SPAN, Arc::clone(&metrics)),
            metrics,
            clock,
            journal,
            copies,
            use_arrival: settings.use_arrival,
            settle_deadline: settings.settle_deadline,
            forwards: settings.forwards,
            oldest: Box::new(oldest),
            draining: AtomicBool::new(false),
        }
    }

    /// Judges requests by other rules from now on. One that is being read goes on by the old ones.
    pub fn set_rules(&self, rules: RuleSet) {
        let rules = if self.leaves_out_copies() { rules.without_copies() } else { rules };
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
        self.batch_of(self.use_arrival)
    }

    /// As [`Intake::batch`], for events of an archive: their arrival says nothing about them.
    #[must_use]
    pub fn archived_batch(&self) -> Batch {
        self.batch_of(false)
    }

    fn batch_of(&self, use_arrival: bool) -> Batch {
        let times = Times { arrival_ms: self.clock.now_ms(), use_arrival };
        let batch = Batch::new(self.rules.load_full(), times);
        if self.forwards { batch.forwarding() } else { batch }
    }

    /// Whether what is merged is on disk before.
    #[must_use]
    pub fn is_journaled(&self) -> bool {
        self.journal.is_some()
    }

    /// Whether a merge may have to wait for another.
    #[must_use]
    pub fn leaves_out_copies(&self) -> bool {
        self.copies.is_some()
    }

    /// Claims the events of a batch, when copies are left out. Waits for requests with the same
    /// ones to be merged or refused.
    ///
    /// # Errors
    /// Others have counted some of them: the request is to be read again without those.
    pub async fn claim(&self, batch: &Batch) -> Result<Claim, Known> {
        match &self.copies {
            Some(copies) => copies.claim(batch.fingerprints()).await,
            None => Ok(Claim::default()),
        }
    }

    /// Events that are remembered, and how many were forgotten early.
    #[must_use]
    pub fn remembered(&self) -> (u64, u64) {
        self.copies.as_ref().map_or((0, 0), |copies| (copies.len() as u64, copies.forgotten()))
    }

    /// Merges the batch of a request in one step, once it is in the journal if there is one. Gives
    /// its claim back, for the caller to say when its events are counted. `life` is how long the
    /// journal is to know the ids, if not as long as one of Firehose. `receipt` is asked for when
    /// nothing can refuse any more. Must not be dropped before its end: the request would be in the
    /// journal and not be counted before the next start.
    ///
    /// # Errors
    /// The pending entries are at their limit, or the journal cannot be written; nothing was
    /// merged.
    pub async fn merge(
        &self,
        ids: &[RequestId],
        life: Option<Duration>,
        batch: &Batch,
        claim: Claim,
        receipt: impl FnOnce() -> Option<Receipt>,
    ) -> Result<Claim, Refusal> {
        let room = self.aggregator.reserve(&batch.delta).map_err(|Full| {
            let message = "too many counts wait to be published (limits.entries)";
            Refusal::new(Reason::Entries, message)
        })?;
        if let Some(journal) = &self.journal {
            let (now_ms, fingerprints) = (self.clock.now_ms(), batch.fingerprints());
            let written = journal.delta(ids, now_ms, life, &batch.delta, fingerprints).await;
            written.map_err(|_| {
                let message = "the journal cannot be written; send it again";
                Refusal::new(Reason::Journal, message)
            })?;
        }
        let merge = self.aggregator.merge_into(room, &batch.delta, receipt);
        self.metrics.batch(&batch.tally, merge.series_limit());
        self.note_copies(batch);
        self.given_up(&merge).await;
        Ok(claim)
    }

    fn note_copies(&self, batch: &Batch) {
        if let Some(sample) = batch.copy_sample()
            && self.samples.allow()
        {
            let (copies, message_id) = (batch.tally.copies, &sample.message_id);
            let event_type = sample.event_type.metric_name();
            tracing::info!(copies, event_type, message_id, "copies of events left out");
        }
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
