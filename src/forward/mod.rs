//! Forwards events, as received, to other services: Firehose, SNS, EventBridge.
//!
//! A batch collects [`Forwards`] while it is read. Room for them is reserved before the merge, and
//! they are sent after it: at least once each, while they are counted exactly once. The response to
//! the request waits until each event was accepted or given up: after
//! [`patience`](ForwardSettings::patience) an event becomes a dead letter, if those are kept. Each
//! target has its own queue, bounded in bytes, so an unavailable target does not delay others. A
//! request that finds its queue full is rejected and retried by its sender. Each event is counted
//! in one outcome of `postmeter_forwards_total`.

mod client;
mod event_bridge;
mod firehose;
mod forwards;
mod sns;
mod target_call;
mod target_queue;
mod waiting;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use self::target_queue::{TargetQueue, TargetQueueParts};
use self::waiting::Waiting;
use crate::ack::{AckGuard, Refusal, RefusalReason};
use crate::clock::Clock;
use crate::dead_letters::DeadLetters;
use crate::definitions::Target;
use crate::rules::RuleSet;
use crate::supervisor::Supervisor;
use crate::telemetry::{LogLimiter, Metrics};

pub(crate) use client::TargetClients;
#[cfg(test)]
pub(crate) use client::{SimulatedTarget, TargetCall};
pub(crate) use forwards::Forwards;
#[cfg(test)]
pub(crate) use forwards::RawEvent;
#[cfg(test)]
pub(crate) use target_call::SendOutcome;

/// Maximum size of the events of one request to forward: 256 MiB. They are in memory together.
const REQUEST_BYTES_MAX: usize = 256 << 20;

/// Settings of forwarding.
#[derive(Clone, Debug)]
pub(crate) struct ForwardSettings {
    /// How long an event is retried.
    pub patience: Duration,
    /// Maximum size of waiting events, for each target.
    pub queue_bytes: u32,
    /// The source that events have in EventBridge. It cannot start with `aws.`, which is reserved.
    pub source: String,
}

/// The parts of a forwarder.
#[derive(Clone, Debug)]
pub(crate) struct ForwardParts {
    pub clients: TargetClients,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
    pub dead_letters: Option<DeadLetters>,
    pub supervisor: Supervisor,
}

/// Accepts events to forward. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Forwarder(Arc<ForwarderShared>);

#[derive(Debug)]
struct ForwarderShared {
    settings: ForwardSettings,
    parts: ForwardParts,
    queues: Mutex<HashMap<Target, Arc<TargetQueue>>>,
    waiting: Arc<Waiting>,
    errors: Arc<LogLimiter>,
    /// Cancelled when no more retries are allowed.
    end: CancellationToken,
}

/// Reserved room for the events of one request.
#[derive(Debug)]
pub(crate) struct Room(Vec<(usize, Arc<TargetQueue>, OwnedSemaphorePermit)>);

// === impl Forwarder ===

impl Forwarder {
    #[must_use]
    pub(crate) fn new(settings: ForwardSettings, parts: ForwardParts) -> Self {
        let errors = LogLimiter::new(Duration::from_secs(10), Arc::clone(&parts.metrics));
        Self(Arc::new(ForwarderShared {
            settings,
            parts,
            queues: Mutex::default(),
            waiting: Arc::default(),
            errors: Arc::new(errors),
            end: CancellationToken::new(),
        }))
    }

    /// Reserves room for events that were collected with these rules.
    ///
    /// # Errors
    /// A queue is full for now; or the events exceed what any queue can ever hold.
    pub(crate) fn reserve(&self, rules: &RuleSet, forwards: &Forwards) -> Result<Room, Refusal> {
        if forwards.bytes() > REQUEST_BYTES_MAX {
            let message = "more than 256 MiB of events to forward in one request";
            return Err(Refusal::new(RefusalReason::OverBudget, message));
        }
        let mut room = Vec::new();
        for (place, bytes) in forwards.bytes_by_target() {
            let Some(target) = rules.targets().get(place) else { continue };
            let queue = self.queue(target);
            let Some(permit) = queue.reserve(bytes) else {
                let message =
                    "too many events are waiting to be forwarded (limits.forward_bytes); retry";
                return Err(Refusal::new(RefusalReason::Forwards, message));
            };
            room.push((place, queue, permit));
        }
        Ok(Room(room))
    }

    /// Sends the events of a merged request. The guard is settled when each event was accepted,
    /// or was given up and counted.
    pub(crate) fn send(&self, room: Room, forwards: Forwards, ack: AckGuard) {
        let deadline = Instant::now() + self.0.settings.patience;
        let mut shares = ack.split(forwards.events()).into_iter();
        let mut collected = forwards.into_queues();
        for (place, queue, permit) in room.0 {
            if let Some(events) = collected.get_mut(place).map(std::mem::take) {
                queue.send(events, permit, deadline, &mut shares);
            }
        }
    }

    /// Closes the queues of targets that these rules do not name; they end once they are empty.
    pub(crate) fn keep_only(&self, rules: &RuleSet) {
        let named = |target: &Target| rules.targets().iter().any(|named| **named == *target);
        self.queues().retain(|target, _| named(target));
    }

    /// Events that are waiting or in flight.
    #[must_use]
    pub(crate) fn waiting(&self) -> u64 {
        self.0.waiting.events()
    }

    /// Waits until no event is left. At the deadline the remaining events are given up, which may
    /// take until `end`. Called when nothing is merged any more.
    pub(crate) async fn finish(&self, deadline: Instant, end: Instant) {
        if timeout_at(deadline, self.0.waiting.none()).await.is_err() {
            self.0.end.cancel();
            // Dead letters may still be written.
            let _ = timeout_at(end, self.0.waiting.none()).await;
        }
    }

    fn queue(&self, target: &Target) -> Arc<TargetQueue> {
        let shared = &self.0;
        let make = || {
            Arc::new(TargetQueue::start(TargetQueueParts {
                target: target.clone(),
                settings: shared.settings.clone(),
                parts: shared.parts.clone(),
                waiting: Arc::clone(&shared.waiting),
                errors: Arc::clone(&shared.errors),
                end: shared.end.clone(),
            }))
        };
        Arc::clone(self.queues().entry(target.clone()).or_insert_with(make))
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<Target, Arc<TargetQueue>>> {
        self.0.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
