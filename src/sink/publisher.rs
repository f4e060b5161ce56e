//! The flush loop: seals an epoch, hands each namespace its share, and sees every call through.
//!
//! Namespaces are apart: one that is refused or throttled holds up no other; only calls in doubt
//! keep their slots, which all share. Within one, epochs begin in order, the next when the last
//! call of the one before is accepted or given up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tracing::Instrument;

use super::MetricSink;
use super::call::{Call, pack};
use super::deliver::deliver;
use super::gate::Pacer;
use super::lane::{Batch, Lane};
use crate::aggregate::{Aggregator, Line, Sealed, SeriesKey, layout_of, sorted_lines};
use crate::clock::Clock;
use crate::config::Ambiguous;
use crate::telemetry::{DropReason, Metrics, RateLimit};

/// How a publisher works.
#[derive(Clone, Debug)]
pub struct PublisherSettings {
    pub flush_interval: Duration,
    pub concurrency: usize,
    pub requests_per_second: u32,
    pub ambiguous: Ambiguous,
    /// Datums that are too old or too far ahead are given up before they are sent.
    pub judge_age: bool,
}

/// Publishes what an aggregator collects. Cheap to clone.
#[derive(Debug)]
pub struct Publisher<S>(Arc<Shared<S>>);

/// What the calls of a publisher share.
#[derive(Debug)]
pub struct Shared<S> {
    pub sink: S,
    pub metrics: Arc<Metrics>,
    pub slots: Arc<Semaphore>,
    pub pacer: Pacer,
    pub ambiguous: Ambiguous,
    aggregator: Arc<Aggregator>,
    clock: Clock,
    flush_interval: Duration,
    judge_age: bool,
    lanes: Mutex<BTreeMap<Arc<str>, Lane>>,
    /// True from the moment that the daemon drains: waiting for a better time is over.
    hurry: watch::Sender<bool>,
    warnings: RateLimit,
    denials: RateLimit,
}

// === impl Publisher ===

impl<S> Clone for Publisher<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: MetricSink> Publisher<S> {
    #[must_use]
    pub fn new(
        sink: S,
        aggregator: Arc<Aggregator>,
        metrics: Arc<Metrics>,
        clock: Clock,
        settings: &PublisherSettings,
    ) -> Self {
        Self(Arc::new(Shared {
            sink,
            metrics: Arc::clone(&metrics),
            slots: Arc::new(Semaphore::new(settings.concurrency)),
            pacer: Pacer::new(settings.requests_per_second),
            ambiguous: settings.ambiguous,
            aggregator,
            clock,
            flush_interval: settings.flush_interval,
            judge_age: settings.judge_age,
            lanes: Mutex::default(),
            hurry: watch::Sender::new(false),
            warnings: RateLimit::new(Duration::from_secs(10), Arc::clone(&metrics)),
            denials: RateLimit::new(Duration::from_mins(1), metrics),
        }))
    }

    /// Flushes for ever, or until `stop`; then flushes once more and works until nothing is left.
    /// Whoever calls this bounds the time it may take, and asks [`Publisher::left`] afterwards.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        // A random phase: daemons that started together do not flush together.
        let phase = self.0.flush_interval.mul_f64(fastrand::f64());
        let mut ticks = interval_at(Instant::now() + phase, self.0.flush_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut epochs = JoinSet::new();
        let mut hurried = false;
        tokio::pin!(stop);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.flush().await,
                Some(_) = epochs.join_next() => {}
                // The daemon drains: what is there goes now, and what comes still goes at the end.
                () = self.0.hurrying(), if !hurried => {
                    hurried = true;
                    self.flush().await;
                }
                () = &mut stop => break,
            }
            self.begin(&mut epochs);
        }
        self.hurry();
        self.flush().await;
        self.begin(&mut epochs);
        while epochs.join_next().await.is_some() {
            self.begin(&mut epochs);
        }
    }

    /// Publishes what there is now, and waits for no better time from now on.
    pub fn hurry(&self) {
        self.0.hurry.send_replace(true);
    }

    /// Seals the active epoch and hands it to the lanes.
    async fn flush(&self) {
        let shared = Arc::clone(&self.0);
        // Up to a million entries are moved: not on a thread that serves connections.
        let flushed = tokio::task::spawn_blocking(move || {
            let sealed = shared.aggregator.seal();
            shared.take_in(sealed);
        });
        if flushed.await.is_err() {
            tracing::error!("sealing an epoch panicked");
        }
    }

    /// Starts an epoch in every lane that has one waiting and none on its way.
    fn begin(&self, epochs: &mut JoinSet<()>) {
        for (namespace, lane) in self.0.lanes().iter_mut() {
            let Some(batch) = lane.begin() else { continue };
            let (shared, namespace) = (Arc::clone(&self.0), Arc::clone(namespace));
            let span = tracing::info_span!("flush", %namespace, entries = batch.counts.len());
            epochs.spawn(publish_epoch(shared, namespace, batch).instrument(span));
        }
    }

    /// The first merge (Unix milliseconds) of the oldest epoch that is not settled.
    #[must_use]
    pub fn first_merge_ms(&self) -> Option<i64> {
        let lanes = self.0.lanes();
        let oldest = lanes.values().filter_map(Lane::first_merge_ms).min();
        oldest.into_iter().chain(self.0.aggregator.first_merge_ms()).min()
    }

    /// What is merged and neither accepted nor given up. Seals the active epoch.
    #[must_use]
    pub fn left(&self) -> Vec<Line> {
        self.0.take_in(self.0.aggregator.seal());
        let lanes = self.0.lanes();
        let mut left: BTreeMap<&[u8], u64> = BTreeMap::new();
        for (key, count) in lanes.values().flat_map(Lane::left) {
            *left.entry(key.as_bytes()).or_default() += count;
        }
        sorted_lines(left, self.0.aggregator.layouts())
    }

    /// Where the calls go.
    #[must_use]
    pub fn sink(&self) -> &S {
        &self.0.sink
    }

    /// Whether there is nothing on its way or waiting, in the active epoch neither.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.0.aggregator.pending.entries() == 0 && self.0.lanes().values().all(Lane::is_idle)
    }
}

async fn publish_epoch<S: MetricSink>(shared: Arc<Shared<S>>, namespace: Arc<str>, batch: Batch) {
    let Batch { counts, shares, .. } = batch;
    let started = Instant::now();
    let now_ms = shared.judge_age.then(|| shared.clock.now_ms());
    let layouts = shared.aggregator.layouts().clone();
    let own_namespace = Arc::clone(&namespace);
    let counts: Vec<_> = counts.into_iter().collect();
    let packing =
        tokio::task::spawn_blocking(move || pack(counts, &own_namespace, &layouts, now_ms));
    let Ok(packed) = packing.await else {
        tracing::error!("packing an epoch panicked");
        shared.end_epoch(&namespace);
        return;
    };
    for (entries, reason) in [
        (packed.too_old, DropReason::TooOld),
        (packed.too_new, DropReason::TooNew),
        (packed.unresolved, DropReason::Refused),
    ] {
        if !entries.is_empty() {
            shared.drop_entries(&namespace, &entries, reason);
        }
    }
    let gate = Arc::clone(&shared.lanes().entry(Arc::clone(&namespace)).or_default().gate);
    let calls = packed.calls.len();
    let mut deliveries = JoinSet::new();
    for call in packed.calls {
        let (shared, gate) = (Arc::clone(&shared), Arc::clone(&gate));
        let namespace = Arc::clone(&namespace);
        let delivery = async move { deliver(&shared, &namespace, &gate, call).await };
        deliveries.spawn(delivery.in_current_span());
    }
    let mut lost = false;
    while let Some(delivery) = deliveries.join_next().await {
        lost |= delivery.is_err();
    }
    shared.end_epoch(&namespace);
    shared.metrics.flushes.add(1);
    tracing::debug!(calls, took_ms = started.elapsed().as_millis(), "epoch settled");
    if lost {
        // The shares are dropped without a word: whoever waits hears of a failure.
        tracing::error!("delivering a call panicked");
        return;
    }
    for share in shares {
        share.settle();
    }
}

// === impl Shared ===

impl<S: MetricSink> Shared<S> {
    fn lanes(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a sealed epoch to the lanes, in one step.
    fn take_in(&self, sealed: Sealed) {
        let Sealed { counts, receipts, first_merge_ms, recent_evicted } = sealed;
        self.metrics.recent_evicted.add(recent_evicted as u64);
        let mut coalesced = 0;
        let mut lanes = self.lanes();
        let mut namespaces = BTreeMap::new();
        for (key, count) in counts {
            let layout = layout_of(key.as_bytes());
            let namespace = namespaces.entry(layout).or_insert_with(|| {
                let layout = self.aggregator.layouts().get(layout);
                layout.map_or_else(|| Arc::from(""), |layout| Arc::clone(&layout.namespace))
            });
            let lane = lanes.entry(Arc::clone(namespace)).or_default();
            lane.merged_at(first_merge_ms);
            coalesced += u64::from(lane.add(key, count));
        }
        for (receipt, namespaces) in receipts {
            for (share, namespace) in receipt.split(namespaces.len()).into_iter().zip(namespaces) {
                lanes.entry(namespace).or_default().add_share(share);
            }
        }
        drop(lanes);
        self.aggregator.pending.coalesced(coalesced);
    }

    async fn hurrying(&self) {
        // The sender lives as long as this.
        let _ = self.hurry.subscribe().wait_for(|hurry| *hurry).await;
    }

    pub fn is_hurrying(&self) -> bool {
        *self.hurry.borrow()
    }

    /// The work on an epoch has ended. What it left undone, because it panicked, waits again, and
    /// is in doubt: a call may have been on its way.
    fn end_epoch(&self, namespace: &Arc<str>) {
        let (counts, joined) = self.lanes().entry(Arc::clone(namespace)).or_default().end();
        self.metrics.doubtful_ambiguous.add(counts);
        self.aggregator.pending.coalesced(joined);
    }

    /// Sleeps until a moment, or until the daemon drains and then no longer than half a second.
    pub async fn sleep(&self, until: Instant) {
        let mut hurry = self.hurry.subscribe();
        if !*hurry.borrow() {
            tokio::select! {
                () = sleep_until(until) => return,
                _ = hurry.wait_for(|hurry| *hurry) => {}
            }
        }
        sleep_until(until.min(Instant::now() + Duration::from_millis(500))).await;
    }

    pub fn accepted(&self, namespace: &Arc<str>, call: &Call) {
        self.metrics.accepted_counts.add(call.counts());
        self.metrics.accepted_datums.add(call.len() as u64);
        self.settle(namespace, &call.keys);
    }

    pub fn dropped(&self, namespace: &Arc<str>, call: &Call, reason: DropReason) {
        self.drop_entries(namespace, &call.keys, reason);
    }

    fn drop_entries(&self, namespace: &Arc<str>, entries: &[(SeriesKey, u64)], reason: DropReason) {
        let counts = entries.iter().map(|(_, count)| count).sum();
        self.metrics.dropped(reason, counts);
        tracing::error!(%namespace, datums = entries.len(), counts, reason = reason.label(), "counts given up");
        self.settle(namespace, entries);
    }

    fn settle(&self, namespace: &Arc<str>, entries: &[(SeriesKey, u64)]) {
        let counts = entries.iter().map(|(_, count)| count).sum();
        {
            let mut lanes = self.lanes();
            let lane = lanes.entry(Arc::clone(namespace)).or_default();
            for (key, _) in entries {
                lane.settled(key);
            }
        }
        self.aggregator.pending.done(entries.len() as u64, counts);
    }

    pub fn doubtful(&self, namespace: &str, call: &Call, why: &str) {
        let counts = call.counts();
        self.metrics.doubtful_ambiguous.add(counts);
        tracing::error!(
            namespace,
            datums = call.len(),
            counts,
            why,
            "outcome of put metric data unknown"
        );
    }

    pub fn not_ingested(&self, namespace: &str, why: &str) {
        if self.warnings.allow() {
            tracing::warn!(namespace, why, "put metric data not ingested; it is repeated");
        }
    }

    pub fn denied(&self, namespace: &Arc<str>, why: &str) {
        self.set_denied(namespace, true);
        if self.denials.allow() {
            let (action, role) = ("cloudwatch:PutMetricData", self.sink.identity());
            tracing::error!(action, %namespace, role, why, "not allowed to publish; it is repeated");
        }
        self.sink.refresh_credentials();
    }

    pub fn allowed(&self, namespace: &Arc<str>) {
        self.set_denied(namespace, false);
    }

    fn set_denied(&self, namespace: &Arc<str>, denied: bool) {
        let mut lanes = self.lanes();
        lanes.entry(Arc::clone(namespace)).or_default().denied = denied;
        let any = lanes.values().any(|lane| lane.denied);
        self.metrics.publish_denied.set(if any { 1.0 } else { 0.0 });
    }
}
