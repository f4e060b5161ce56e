//! State shared by the calls of a publisher: the sink, the slots, the journal, and the counters of
//! outcomes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::call::Call;
use super::namespace_queue::NamespaceQueue;
use super::{Failure, MetricSink};
use crate::aggregate::Aggregator;
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::config::Ambiguous;
use crate::fault;
use crate::journal::{Journal, Verdict};
use crate::rate_limiter::RateLimiter;
use crate::telemetry::{DoubtCause, DropReason, LogLimiter, Metrics};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct PublisherShared<S> {
    pub sink: S,
    pub metrics: Arc<Metrics>,
    pub slots: Arc<Semaphore>,
    /// Spreads calls evenly.
    pub rate: Mutex<RateLimiter>,
    pub ambiguous: Ambiguous,
    pub journal: Option<Arc<Journal>>,
    pub aggregator: Arc<Aggregator>,
    pub clock: Clock,
    pub flush_interval: Duration,
    pub judge_age: bool,
    pub datums_per_call: usize,
    pub queues: Mutex<BTreeMap<Arc<str>, NamespaceQueue>>,
    /// Notified to flush before the interval is over.
    pub flush_now: Notify,
    /// An epoch was settled.
    pub epoch_ended: Notify,
    /// Cancelled when the daemon drains: attempts no longer wait for a better time.
    pub expedite: CancellationToken,
    /// Held while an epoch moves from the aggregator to the queues.
    pub sealing: Mutex<()>,
    /// Cancelled when the work on an epoch panicked.
    pub panicked: CancellationToken,
    pub warnings: LogLimiter,
    pub denials: LogLimiter,
}

// === impl PublisherShared ===

impl<S: MetricSink> PublisherShared<S> {
    pub(super) fn queues(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, NamespaceQueue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_hurrying(&self) -> bool {
        self.expedite.is_cancelled()
    }

    /// Waits for the turn of a call.
    pub(super) async fn turn(&self) {
        let at = self.rate.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        sleep_until(at).await;
    }

    /// Sleeps until a moment; while the daemon drains, half a second at most.
    pub(super) async fn sleep(&self, until: Instant) {
        tokio::select! {
            biased;
            () = self.expedite.cancelled() => {}
            () = sleep_until(until) => return,
        }
        sleep_until(until.min(Instant::now() + Duration::from_millis(500))).await;
    }

    /// Attempts a call once. Its datums are created for this attempt only.
    pub(super) async fn put(&self, namespace: &str, call: &Call) -> Result<(), Failure> {
        let datums = call.datums(self.aggregator.layouts());
        // A thousand datums take a millisecond to create, and another to encode.
        tokio::task::yield_now().await;
        fault::hit("publish");
        self.sink.put(namespace, &datums).await
    }

    pub(super) fn accepted(&self, call: &Call) {
        self.metrics.accepted_counts.add(call.counts());
        self.metrics.accepted_datums.add(call.len() as u64);
        self.settle(call);
    }

    /// Records a call in the journal before it is sent, with retries; `None` without a journal.
    pub(super) async fn name(&self, call: &Call) -> Option<u64> {
        let journal = self.journal.as_ref()?;
        let (counts, mut backoff) = (call.keyed(), Backoff::default());
        loop {
            // The journal itself logs that it cannot be written.
            if let Ok(name) = journal.call(&counts).await {
                return Some(name);
            }
            self.sleep(Instant::now() + backoff.pause()).await;
        }
    }

    /// Records the outcome of a call in the journal, and the counts that its attempts left in doubt.
    pub(super) async fn judged(&self, name: Option<u64>, verdict: Verdict, doubtful: u64) {
        if let (Some(journal), Some(name)) = (&self.journal, name) {
            journal.verdict(name, verdict, doubtful).await;
        }
    }

    /// Drops counts for which the journal has no call.
    pub(super) async fn give_up(&self, namespace: &str, call: &Call, reason: DropReason) {
        if let Some(journal) = &self.journal {
            journal.given_up(&call.keyed()).await;
        }
        self.dropped(namespace, call, reason);
    }

    /// Accounts for dropped counts.
    pub(super) fn dropped(&self, namespace: &str, call: &Call, reason: DropReason) {
        let counts = call.counts();
        self.metrics.dropped.add(reason, counts);
        let reason = reason.as_str();
        tracing::error!(namespace, datums = call.len(), counts, reason, "counts dropped");
        self.settle(call);
    }

    fn settle(&self, call: &Call) {
        call.settle();
        self.aggregator.pending.done(call.len() as u64, call.counts());
    }

    pub(super) fn doubtful(&self, namespace: &str, call: &Call, why: &str) {
        let counts = call.counts();
        self.metrics.doubtful.add(DoubtCause::Ambiguous, counts);
        tracing::error!(
            namespace,
            datums = call.len(),
            counts,
            why,
            "outcome of PutMetricData unknown"
        );
    }

    pub(super) fn not_ingested(&self, namespace: &str, why: &str) {
        if self.warnings.allow() {
            tracing::warn!(namespace, why, "PutMetricData failed; retrying");
        }
    }

    pub(super) fn denied(&self, namespace: &Arc<str>, why: &str) {
        self.set_denied(namespace, true);
        if self.denials.allow() {
            let (action, role) = ("cloudwatch:PutMetricData", self.sink.identity());
            tracing::error!(action, %namespace, role, why, "PutMetricData denied; retrying");
        }
        self.sink.refresh_credentials();
    }

    pub(super) fn allowed(&self, namespace: &Arc<str>) {
        self.set_denied(namespace, false);
    }

    fn set_denied(&self, namespace: &Arc<str>, denied: bool) {
        let mut queues = self.queues();
        queues.entry(Arc::clone(namespace)).or_default().denied = denied;
        let any = queues.values().any(|queue| queue.denied);
        self.metrics.publish_denied.set(if any { 1.0 } else { 0.0 });
    }
}
