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
use super::service_clock::ServiceClock;
use super::{Culprit, Failure, MetricSink, PutOutcome};
use crate::aggregate::{Aggregator, Joined};
use crate::backoff::Backoff;
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
    pub service_clock: ServiceClock,
    pub flush_interval: Duration,
    pub attempt_timeout: Duration,
    pub datums_per_call: usize,
    pub queues: Mutex<BTreeMap<Arc<str>, NamespaceQueue>>,
    /// Notified to flush before the interval is over.
    pub flush_now: Notify,
    /// An epoch was settled.
    pub epoch_ended: Notify,
    /// Cancelled when the daemon drains: attempts no longer wait for a better time.
    pub expedite: CancellationToken,
    /// Cancelled near the end of the grace period: no call starts any more.
    pub no_more_calls: CancellationToken,
    /// Held while an epoch moves from the aggregator to the queues.
    pub sealing: Mutex<()>,
    /// Cancelled when the work on an epoch panicked.
    pub panicked: CancellationToken,
    pub warnings: LogLimiter,
    pub denials: LogLimiter,
    pub rejections: LogLimiter,
}

/// The grace period is nearly over.
#[derive(Debug)]
pub(super) struct NoMoreCalls;

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

    /// Sleeps until a moment; while the daemon drains, half a second at most, and not at all once
    /// no call starts any more.
    pub(super) async fn sleep(&self, until: Instant) {
        tokio::select! {
            biased;
            () = self.expedite.cancelled() => {}
            () = sleep_until(until) => return,
        }
        tokio::select! {
            biased;
            () = self.no_more_calls.cancelled() => {}
            () = sleep_until(until.min(Instant::now() + Duration::from_millis(500))) => {}
        }
    }

    /// Attempts a call once. Its datums are created for this attempt only.
    pub(super) async fn put(
        &self,
        namespace: &str,
        call: &Call,
        within: Duration,
    ) -> Result<(), Failure> {
        let datums = call.datums(self.aggregator.layouts());
        // A thousand datums take a millisecond to create, and another to encode.
        tokio::task::yield_now().await;
        fault::hit("publish");
        let sent = Instant::now();
        let PutOutcome { result, date_ms } = self.sink.put(namespace, &datums, within).await;
        if let Some(date_ms) = date_ms {
            self.service_clock.learn(date_ms, sent);
        }
        result
    }

    /// Drops the datums of a call that CloudWatch would reject for their age, if its clock is known.
    /// Returns whether there were any.
    pub(super) async fn drop_aged(&self, namespace: &str, call: &mut Call) -> bool {
        let Some(now_ms) = self.service_clock.now_ms() else { return false };
        let mut any = false;
        for (reason, aged) in call.take_aged(now_ms) {
            if !aged.is_empty() {
                any = true;
                self.give_up(namespace, &aged, reason).await;
            }
        }
        any
    }

    pub(super) fn accepted(&self, call: &Call) {
        self.metrics.accepted_counts.add(call.counts());
        self.metrics.accepted_datums.add(call.len() as u64);
        self.settle(call);
    }

    /// Records in the journal, before a call is sent, which of its own counts are in it, with
    /// retries until no call starts any more; `None` if there are none.
    pub(super) async fn name(&self, call: &Call) -> Result<Option<u64>, NoMoreCalls> {
        let Some(journal) = &self.journal else { return Ok(None) };
        let (counts, mut backoff) = (call.journaled(), Backoff::default());
        if counts.is_empty() {
            return Ok(None);
        }
        loop {
            // The journal itself logs that it cannot be written.
            if let Ok(name) = journal.call(&counts).await {
                return Ok(Some(name));
            }
            self.sleep(Instant::now() + backoff.pause()).await;
            if self.no_more_calls.is_cancelled() {
                return Err(NoMoreCalls);
            }
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
        let journaled = call.journaled();
        if let Some(journal) = self.journal.as_ref().filter(|_| !journaled.is_empty()) {
            journal.given_up(&journaled).await;
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
        self.aggregator.pending.done(call.entries_len(), call.counts());
    }

    /// Accounts for joined entries.
    pub(super) fn joined(&self, joined: &Joined) {
        self.aggregator.pending.coalesced(joined.entries);
        let (entries, counts) = joined.lost;
        if entries > 0 {
            let reason = DropReason::Refused;
            self.metrics.dropped.add(reason, counts);
            tracing::error!(entries, counts, "counts dropped: the series table is full");
            self.aggregator.pending.done(entries, counts);
        }
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

    pub(super) fn rejected(&self, namespace: &str, call: &Call, culprit: &Culprit) {
        if self.warnings.allow() {
            let datums = call.len();
            tracing::warn!(namespace, datums, why = %culprit, "PutMetricData call rejected");
        }
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

    /// Updates the gauge of counts that wait because their calls were rejected.
    #[expect(clippy::cast_precision_loss, reason = "a gauge of things held in memory")]
    pub(super) fn show_rejected(&self, queues: &BTreeMap<Arc<str>, NamespaceQueue>) {
        let rejected: u64 = queues.values().map(|queue| queue.rejected).sum();
        self.metrics.publish_rejected.set(rejected as f64);
    }

    fn set_denied(&self, namespace: &Arc<str>, denied: bool) {
        let mut queues = self.queues();
        queues.entry(Arc::clone(namespace)).or_default().denied = denied;
        let any = queues.values().any(|queue| queue.denied);
        self.metrics.publish_denied.set(if any { 1.0 } else { 0.0 });
    }
}
