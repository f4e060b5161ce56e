//! Publishes an epoch of one namespace: all of its calls, and first a probe, while CloudWatch rejects
//! everything without naming a datum.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument;

use super::MetricSink;
use super::call::{Call, pack};
use super::deliver::{EpochCalls, deliver};
use super::namespace_queue::{BegunEpoch, Postponed};
use super::shared::PublisherShared;
use super::suspects::Suspects;
use crate::ack::AckShare;
use crate::aggregate::{Counts, layout_of};
use crate::config::Ambiguous;
use crate::offload::offload;
use crate::telemetry::{DoubtCause, DropReason};

/// Datums that were rejected alone wait at least so long until they are tried again: a fault of the
/// service is often over by then.
const BEFORE_ONCE_MORE: Duration = Duration::from_secs(1);

/// So many datums are tried, with backoff, before newer counts are tried too.
const PROBES_MAX: usize = 6;

/// After this many panics, nothing more of a namespace is sent.
const PANICS_MAX: u32 = 2;

/// A datum that is sent although CloudWatch rejects everything.
struct Probe {
    datum: Call,
    /// It was tried before, as all of them were.
    is_suspect: bool,
}

/// A delivery panicked: what it held is in doubt.
struct DeliveryPanicked;

/// Publishes an epoch until each count is accepted or dropped. What CloudWatch rejects without naming
/// a datum waits again, together with newer counts.
pub(super) async fn publish_epoch<S: MetricSink>(
    shared: Arc<PublisherShared<S>>,
    namespace: Arc<str>,
    begun: BegunEpoch,
) {
    let started = Instant::now();
    let BegunEpoch { batch, waiters, suspects } = begun;
    let layouts = shared.aggregator.layouts().clone();
    let (counts, own, datums) =
        (Arc::clone(&batch), Arc::clone(&namespace), shared.datums_per_call);
    let packing = offload(move || pack(&counts, &own, &layouts, datums));
    let Ok(packed) = packing.await else {
        tracing::error!("packing an epoch panicked");
        shared.end_epoch(&namespace, true);
        return;
    };
    if !packed.unresolved.is_empty() {
        shared.give_up(&namespace, &packed.unresolved, DropReason::Refused).await;
    }
    let gate = Arc::clone(&shared.queues().entry(Arc::clone(&namespace)).or_default().gate);
    let number = packed.calls.iter().map(Call::len).sum::<usize>();
    let epoch = Arc::new(EpochCalls {
        accepted_before: gate.accepted(),
        are_old: suspects.len() == number && suspects.are_old(),
        namespace: Arc::clone(&namespace),
        gate,
        suspects,
    });
    let Ok(refused) = publish_calls(&shared, &epoch, packed.calls).await else {
        shared.end_epoch(&namespace, true);
        // Dropping the shares makes the waiting requests fail.
        tracing::error!("publishing a call panicked");
        return;
    };
    if batch.is_settled() {
        shared.end_epoch(&namespace, false);
        tracing::debug!(took_ms = started.elapsed().as_millis(), "epoch settled");
        for share in waiters {
            share.settle();
        }
        return;
    }
    shared.sleep(Instant::now() + BEFORE_ONCE_MORE).await;
    // When no call starts any more, what is left is reported at the end, and its requests fail.
    if !shared.no_more_calls.is_cancelled() {
        shared.postpone_epoch(&epoch, &batch.left(), refused, waiters);
    }
}

/// Publishes the calls of an epoch; while CloudWatch rejects everything, single datums of them.
/// Returns the datums that were rejected alone.
///
/// # Errors
/// A delivery panicked.
async fn publish_calls<S: MetricSink>(
    shared: &Arc<PublisherShared<S>>,
    epoch: &Arc<EpochCalls>,
    mut calls: Vec<Call>,
) -> Result<Suspects, DeliveryPanicked> {
    let (gate, mut refused) = (&epoch.gate, Suspects::default());
    for _ in 0..PROBES_MAX {
        if !gate.refuses() || shared.no_more_calls.is_cancelled() {
            break;
        }
        let Some(Probe { datum, is_suspect }) = take_probe(&mut calls, &epoch.suspects) else {
            break;
        };
        refused.extend(deliver_all(shared, epoch, vec![datum], true).await?);
        if is_suspect {
            break;
        }
    }
    if !gate.refuses() {
        refused.extend(deliver_all(shared, epoch, calls, false).await?);
    }
    Ok(refused)
}

/// Takes a random datum out of the calls, one that is no suspect if there is one.
fn take_probe(calls: &mut Vec<Call>, suspects: &Suspects) -> Option<Probe> {
    calls.retain(|call| !call.is_empty());
    fastrand::shuffle(calls);
    let other = |call: &Call| {
        let known = suspects.positions(call);
        let others: Vec<_> = (0..call.len()).filter(|at| !known.contains(at)).collect();
        fastrand::choice(others)
    };
    let other = calls.iter().enumerate().find_map(|(call, of)| Some((call, other(of)?)));
    let is_suspect = other.is_none();
    let (call, at) = match other {
        Some(place) => place,
        None => (0, fastrand::usize(..calls.first()?.len())),
    };
    let (rest, datum) = calls.swap_remove(call).without(&[at].into());
    calls.push(rest);
    Some(Probe { datum, is_suspect })
}

/// Delivers calls side by side. Returns the datums that were rejected alone.
///
/// # Errors
/// A delivery panicked.
async fn deliver_all<S: MetricSink>(
    shared: &Arc<PublisherShared<S>>,
    epoch: &Arc<EpochCalls>,
    calls: Vec<Call>,
    is_probe: bool,
) -> Result<Suspects, DeliveryPanicked> {
    let mut deliveries = JoinSet::new();
    for call in calls.into_iter().filter(|call| !call.is_empty()) {
        let (shared, epoch) = (Arc::clone(shared), Arc::clone(epoch));
        let delivery = async move { deliver(&shared, &epoch, call, is_probe).await };
        deliveries.spawn(delivery.in_current_span());
    }
    let (mut refused, mut has_panicked) = (Suspects::default(), false);
    while let Some(delivery) = deliveries.join_next().await {
        match delivery {
            Ok(suspects) => refused.extend(suspects),
            Err(_) => has_panicked = true,
        }
    }
    if has_panicked { Err(DeliveryPanicked) } else { Ok(refused) }
}

// === impl PublisherShared ===

impl<S: MetricSink> PublisherShared<S> {
    /// Ends the work on an epoch. After a panic the remaining counts wait again and are in doubt,
    /// because a call may have been in flight. If they cannot be sent again, they stay until the
    /// end.
    fn end_epoch(&self, namespace: &Arc<str>, has_panicked: bool) {
        let mut queues = self.queues();
        let queue = queues.entry(Arc::clone(namespace)).or_default();
        // If the policy is to drop ambiguous counts, they are not sent again.
        let panics_max = if self.ambiguous == Ambiguous::Drop { 1 } else { PANICS_MAX };
        let is_broken = has_panicked && queue.panicked(panics_max);
        let (counts, joined) = queue.end();
        self.show_rejected(&queues);
        drop(queues);
        self.metrics.flushes.add(1);
        if is_broken {
            tracing::error!(%namespace, counts, "publishing stopped for this namespace");
        } else {
            self.metrics.doubtful.add(DoubtCause::Ambiguous, counts);
        }
        self.joined(&joined);
        if has_panicked {
            self.panicked.cancel();
        }
        self.epoch_ended.notify_waiters();
    }

    /// Ends an epoch of which CloudWatch rejected some without naming a datum: what is left waits
    /// again, and so do the requests of the epoch.
    fn postpone_epoch(
        &self,
        epoch: &EpochCalls,
        left: &Counts,
        refused: Suspects,
        waiters: Vec<AckShare>,
    ) {
        let mut suspects = epoch.suspects.clone();
        suspects.extend(refused);
        let are_all = suspects.retain(left.entries().iter().map(|entry| left.datum_key(entry)));
        let namespace = &epoch.namespace;
        let mut queues = self.queues();
        let queue = queues.entry(Arc::clone(namespace)).or_default();
        let joined = queue.postpone(Postponed { waiters, suspects, are_all });
        self.show_rejected(&queues);
        drop(queues);
        self.joined(&joined);
        if self.rejections.allow() {
            let layouts = self.aggregator.layouts();
            let first = left.entries().first();
            let layout = first.map(|first| left.table.with(first.key.series(), layout_of));
            let metric = layout.and_then(|layout| layouts.get(layout));
            let metric = metric.map(|layout| layout.metric.name());
            let counts = left.sum();
            tracing::error!(
                %namespace,
                metric,
                counts,
                "PutMetricData rejected without naming a datum; retrying"
            );
        }
    }
}
