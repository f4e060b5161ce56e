//! The flush loop: seals epochs, distributes their counts by namespace, and publishes every call.
//!
//! Namespaces are independent: one that is denied, throttled or in doubt does not delay others. A
//! call in flight holds one of the slots that all namespaces share, a call in doubt holds none, and
//! its namespace starts no other. Within a namespace epochs are published in order: the next starts
//! when the last call of the previous one is accepted or dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::MetricSink;
use super::epoch::publish_epoch;
use super::namespace_queue::NamespaceQueue;
use super::service_clock::ServiceClock;
use super::settings::PublisherSettings;
use super::shared::PublisherShared;
use crate::aggregate::{Aggregator, CountKeeper, Line, Sealed, layout_of, lines_of};
use crate::clock::Clock;
use crate::journal::Journal;
use crate::offload::offload;
use crate::rate_limiter::RateLimiter;
use crate::telemetry::{LogLimiter, Metrics};

/// The counts that are not published when the daemon ends.
#[derive(Debug, Default)]
pub(crate) struct Unpublished {
    /// Counts of requests that were answered at their merge: they are lost with the process.
    pub lost: Vec<Line>,
    /// The sum of all counts that are neither accepted nor dropped.
    pub sum: u64,
    /// The sum of counts that are lost, or that CloudWatch may have although their requests will be
    /// sent again. What the journal has is neither.
    pub in_doubt: u64,
}

const DAY: Duration = Duration::from_hours(24);

/// Publishes the counts of an aggregator. Cheap to clone.
#[derive(Debug)]
pub(crate) struct Publisher<S>(Arc<PublisherShared<S>>);

// === impl Publisher ===

impl<S> Clone for Publisher<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: MetricSink> Publisher<S> {
    #[must_use]
    pub(crate) fn new(
        sink: S,
        aggregator: Arc<Aggregator>,
        metrics: Arc<Metrics>,
        clock: Clock,
        journal: Option<Arc<Journal>>,
        settings: &PublisherSettings,
    ) -> Self {
        let between_calls = Duration::from_secs(1) / settings.requests_per_second.max(1);
        Self(Arc::new(PublisherShared {
            sink,
            metrics: Arc::clone(&metrics),
            slots: Arc::new(Semaphore::new(settings.concurrency)),
            rate: Mutex::new(RateLimiter::new(between_calls, 1)),
            ambiguous: settings.ambiguous,
            journal,
            aggregator,
            service_clock: ServiceClock::new(clock),
            flush_interval: settings.flush_interval,
            attempt_timeout: settings.attempt_timeout,
            datums_per_call: settings.datums_per_call,
            queues: Mutex::default(),
            flush_now: Notify::new(),
            epoch_ended: Notify::new(),
            expedite: CancellationToken::new(),
            no_more_calls: CancellationToken::new(),
            sealing: Mutex::default(),
            panicked: CancellationToken::new(),
            warnings: LogLimiter::new(Duration::from_secs(10), Arc::clone(&metrics)),
            denials: LogLimiter::new(Duration::from_mins(1), Arc::clone(&metrics)),
            rejections: LogLimiter::new(Duration::from_mins(1), metrics),
        }))
    }

    /// Flushes periodically until `stop`; then flushes once more and works until nothing is left.
    /// The caller bounds the time this takes, and reads [`Publisher::left`] afterwards.
    pub(crate) async fn run(&self, stop: impl Future<Output = ()>) {
        // A random phase, so that daemons that started together do not flush together; in the second
        // half of the interval, so that the first flush never comes right after the start.
        let phase = self.0.flush_interval.mul_f64(0.5 + fastrand::f64() / 2.0);
        let mut ticks = interval_at(Instant::now() + phase, self.0.flush_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut epochs = JoinSet::new();
        let mut expedited = false;
        tokio::pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(ended) = epochs.join_next() => self.ended(&ended),
                // The daemon drains: flush now, and once more at the end.
                () = self.0.expedite.cancelled(), if !expedited => {
                    expedited = true;
                    self.flush().await;
                }
                _ = ticks.tick() => self.flush().await,
                () = self.0.flush_now.notified() => self.flush().await,
            }
            self.begin(&mut epochs);
        }
        self.expedite();
        self.flush().await;
        self.begin(&mut epochs);
        while let Some(ended) = epochs.join_next().await {
            self.ended(&ended);
            self.begin(&mut epochs);
        }
    }

    /// An epoch whose task panicked stays in flight, and its remaining counts are reported at the
    /// end.
    fn ended(&self, epoch: &Result<(), JoinError>) {
        if epoch.is_err() {
            self.0.panicked.cancel();
        }
    }

    /// Publishes now, and from now on without waiting for retries or the flush interval.
    pub(crate) fn expedite(&self) {
        self.0.expedite.cancel();
    }

    /// Starts no call any more. [`Publisher::run`] ends as soon as no call is in flight.
    pub(crate) fn stop_calls(&self) {
        self.0.no_more_calls.cancel();
    }

    /// Flushes before the interval is over.
    pub(crate) fn flush_now(&self) {
        self.0.flush_now.notify_one();
    }

    /// Waits, while [`Publisher::run`] runs, until all merged counts are settled, however long
    /// CloudWatch is unavailable.
    pub(crate) async fn settled(&self) {
        loop {
            let ended = self.0.epoch_ended.notified();
            if self.is_idle() {
                return;
            }
            self.flush_now();
            ended.await;
        }
    }

    /// Seals the active epoch and distributes its counts.
    async fn flush(&self) {
        let shared = Arc::clone(&self.0);
        // Up to a million entries are moved, which must not block a thread that serves connections.
        let flushed = offload(move || shared.seal());
        if flushed.await.is_err() {
            tracing::error!("sealing an epoch panicked");
            self.0.panicked.cancel();
        }
    }

    /// Starts an epoch in every namespace that has counts waiting and none in flight.
    fn begin(&self, epochs: &mut JoinSet<()>) {
        for (namespace, queue) in self.0.queues().iter_mut() {
            let Some(begun) = queue.begin() else { continue };
            let (shared, namespace) = (Arc::clone(&self.0), Arc::clone(namespace));
            let span = tracing::info_span!("flush", %namespace, entries = begun.batch.len());
            epochs.spawn(publish_epoch(shared, namespace, begun).instrument(span));
        }
    }

    /// The first merge of the oldest unsettled epoch.
    #[must_use]
    pub(crate) fn first_merge(&self) -> Option<Instant> {
        let queues = self.0.queues();
        let oldest = queues.values().filter_map(NamespaceQueue::first_merge).min();
        oldest.into_iter().chain(self.0.aggregator.first_merge()).min()
    }

    /// The namespaces of the last day's counts, each with the first merge of its oldest unsettled
    /// epoch, if any. Which namespaces are in the active epoch is not known yet, so its first merge
    /// is that of all: it is recent, unless flushing has stopped.
    #[must_use]
    pub(crate) fn first_merges(&self) -> Vec<(Arc<str>, Option<Instant>)> {
        let active = self.0.aggregator.first_merge();
        let queues = self.0.queues();
        let in_use = queues.iter().filter(|(_, queue)| queue.is_in_use(DAY));
        let first = |queue: &NamespaceQueue| queue.first_merge().into_iter().chain(active).min();
        in_use.map(|(namespace, queue)| (Arc::clone(namespace), first(queue))).collect()
    }

    /// The merged counts that are neither accepted nor dropped. Seals the active epoch.
    #[must_use]
    pub(crate) fn left(&self) -> Unpublished {
        self.0.seal();
        let left: Vec<_> = self.0.queues().values().flat_map(NamespaceQueue::left).collect();
        let sum = left.iter().map(|left| left.counts.sum()).sum();
        let in_doubt = left.iter().map(|left| left.in_doubt).sum();
        let lost = left.iter().filter(|left| left.is_lost);
        let lost: Vec<_> = lost.map(|left| left.counts.of(CountKeeper::Sender)).collect();
        Unpublished { lost: lines_of(&lost, self.0.aggregator.layouts()), sum, in_doubt }
    }

    /// Makes all requests fail that still wait for their counts, so that their senders send them
    /// again. Called when nothing is published any more.
    pub(crate) fn abandon(&self) {
        let shares: Vec<_> =
            self.0.queues().values_mut().flat_map(NamespaceQueue::abandon).collect();
        // Outside the lock, because a dropped share wakes its request.
        drop(shares);
    }

    /// Waits until the work on an epoch has panicked.
    pub(crate) async fn panicked(&self) {
        self.0.panicked.cancelled().await;
    }

    #[must_use]
    pub(crate) fn has_panicked(&self) -> bool {
        self.0.panicked.is_cancelled()
    }

    /// Waits until an epoch ends after this call.
    pub(crate) fn epoch_ended(&self) -> Notified<'_> {
        self.0.epoch_ended.notified()
    }

    /// Where the calls go.
    #[must_use]
    pub(crate) fn sink(&self) -> &S {
        &self.0.sink
    }

    /// Whether no counts are in flight or waiting, including in the active epoch.
    #[must_use]
    pub(crate) fn is_idle(&self) -> bool {
        self.0.aggregator.pending.entries() == 0
            && self.0.queues().values().all(NamespaceQueue::is_idle)
    }
}

// === impl PublisherShared ===

impl<S: MetricSink> PublisherShared<S> {
    /// Seals the active epoch and distributes its counts.
    fn seal(&self) {
        // One seal at a time, so that a second caller finds all counts of the first in the queues.
        let _sealing = self.sealing.lock().unwrap_or_else(PoisonError::into_inner);
        self.take_in(self.aggregator.seal());
    }

    /// Distributes a sealed epoch in one step.
    fn take_in(&self, sealed: Sealed) {
        let Sealed { counts, acks, first_merge, has_answered, recent_evicted } = sealed;
        self.metrics.recent_evicted.add(recent_evicted as u64);
        let mut namespaces = HashMap::new();
        let parts = counts.split(|series| {
            let namespace = namespaces.entry(layout_of(series)).or_insert_with_key(|layout| {
                let layout = self.aggregator.layouts().get(*layout);
                layout.map_or_else(|| Arc::from(""), |layout| Arc::clone(&layout.namespace))
            });
            Arc::clone(namespace)
        });
        // Joined outside the lock, because requests take it to read the age of the oldest epoch. No
        // epoch starts meanwhile: only the sealing task starts them.
        let mut joined = Vec::new();
        let parts: Vec<_> = parts
            .into_iter()
            .map(|(namespace, mut part)| {
                let waiting =
                    self.queues().get_mut(&namespace).and_then(NamespaceQueue::take_waiting);
                joined.extend(waiting.map(|waiting| part.join(waiting)));
                (namespace, part)
            })
            .collect();
        let mut queues = self.queues();
        for (namespace, part) in parts {
            let queue = queues.entry(namespace).or_default();
            joined.push(queue.add(part, first_merge));
            if has_answered {
                queue.add_answered();
            }
        }
        for (ack, namespaces) in acks {
            for (share, namespace) in ack.split(namespaces.len()).into_iter().zip(namespaces) {
                queues.entry(namespace).or_default().add_share(share);
            }
        }
        drop(queues);
        for joined in joined {
            self.joined(&joined);
        }
    }
}

#[cfg(test)]
mod tests;
