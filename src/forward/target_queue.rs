//! The queue of one target, and the calls that drain it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::client::TargetClient;
use super::forwards::{Collected, RawEvent};
use super::target_call::{CallShape, SendOutcome};
use super::waiting::{Waiting, Waits};
use super::{ForwardParts, ForwardSettings};
use crate::ack::AckShare;
use crate::aws::{CallFailure, calls};
use crate::backoff::Backoff;
use crate::dead_letters::Unforwarded;
use crate::definitions::Target;
use crate::telemetry::{ForwardOutcome, LogLimiter, TaskName};

/// Maximum number of concurrent calls to one target.
const CALLS_AT_ONCE: usize = 8;
/// Maximum number of events taken from the queue at once: enough for several calls.
const TAKEN_MAX: usize = 2000;
/// Timeout of a call. It is shorter when the last event of the call expires earlier, but at least
/// one second.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT_LEAST: Duration = Duration::from_secs(1);
/// How long a dropped event waits for its dead letter to be written.
const LETTERS_PATIENCE: Duration = Duration::from_secs(1);
/// Maximum number of characters that a dead letter gives as the reason.
const WHY_CHARS_MAX: usize = 200;

/// The parts of a queue.
#[derive(Debug)]
pub(super) struct TargetQueueParts {
    pub target: Target,
    pub settings: ForwardSettings,
    pub parts: ForwardParts,
    pub waiting: Arc<Waiting>,
    pub errors: Arc<LogLimiter>,
    pub end: CancellationToken,
}

/// Queues events for a target. Queued events are sent even after it is dropped.
#[derive(Debug)]
pub(super) struct TargetQueue {
    room: Arc<Semaphore>,
    room_bytes: u32,
    waiting: Arc<Waiting>,
    queue: mpsc::UnboundedSender<Outgoing>,
}

/// An event in the queue or in flight.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub event: RawEvent,
    deadline: Instant,
    share: AckShare,
    _waits: Waits,
    /// Returned with the last event of its request.
    _room: Arc<OwnedSemaphorePermit>,
}

/// Drains a queue.
#[derive(Debug)]
struct TargetSender {
    client: TargetClient,
    queue: TargetQueueParts,
}

// === impl TargetQueue ===

impl TargetQueue {
    pub(super) fn start(parts: TargetQueueParts) -> Self {
        let (queue, events) = mpsc::unbounded_channel();
        let room_bytes = parts.settings.queue_bytes;
        let room = Arc::new(Semaphore::new(room_bytes as usize));
        let waiting = Arc::clone(&parts.waiting);
        // Ends when the queue is closed and empty.
        let supervisor = parts.parts.supervisor.clone();
        supervisor.spawn_worker(TaskName::ForwardQueue, run(parts, events));
        Self { room, room_bytes, waiting, queue }
    }

    /// Reserves room for this many bytes. A request larger than the whole queue is admitted alone.
    pub(super) fn reserve(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.room_bytes);
        Arc::clone(&self.room).try_acquire_many_owned(bytes).ok()
    }

    /// Queues events, each with a share of its request.
    pub(super) fn send(
        &self,
        events: Collected,
        room: OwnedSemaphorePermit,
        deadline: Instant,
        shares: &mut impl Iterator<Item = AckShare>,
    ) {
        let room = Arc::new(room);
        for (event, share) in events.into_events().zip(shares) {
            let (waits, room) = (self.waiting.enter(), Arc::clone(&room));
            let outgoing = Outgoing { event, deadline, share, _waits: waits, _room: room };
            // Without a receiver the queue's task has panicked. The share is dropped, so the
            // request fails.
            let _ = self.queue.send(outgoing);
        }
    }
}

async fn run(queue: TargetQueueParts, mut outgoing: mpsc::UnboundedReceiver<Outgoing>) {
    let client =
        TargetClient::new(&queue.target, &queue.settings.source, &queue.parts.clients).await;
    let CallShape { limits, .. } = client.shape();
    let sender = Arc::new(TargetSender { client, queue });
    let at_once = Arc::new(Semaphore::new(CALLS_AT_ONCE));
    let mut events = Vec::new();
    while outgoing.recv_many(&mut events, TAKEN_MAX).await > 0 {
        let bytes_of = |outgoing: &Outgoing| outgoing.event.bytes.len();
        for call in calls(events.drain(..), limits, bytes_of) {
            // The semaphore is never closed.
            let place = Arc::clone(&at_once).acquire_owned().await;
            let sender = Arc::clone(&sender);
            tokio::spawn(async move {
                sender.deliver(call).await;
                drop(place);
            });
        }
    }
}

// === impl TargetSender ===

impl TargetSender {
    /// Sends events until each is accepted or given up.
    async fn deliver(&self, call: Vec<Outgoing>) {
        let longest = self.client.shape().event_bytes;
        let (call, too_large) = call.into_iter().partition(|out| out.event.bytes.len() <= longest);
        let why = format!("the event is too long for {}", self.queue.target.kind.name());
        self.give_up(too_large, ForwardOutcome::TooLarge, &why).await;
        let mut calls = vec![call];
        while let Some(call) = calls.pop() {
            if let Some(halves) = self.send(call).await {
                calls.extend(halves);
            }
        }
    }

    /// Sends a call until nothing of it is left. If the whole call is rejected, possibly because of
    /// one event, returns its two halves.
    async fn send(&self, mut call: Vec<Outgoing>) -> Option<[Vec<Outgoing>; 2]> {
        let mut backoff = Backoff::default();
        let mut why = "no call slot became free in time".to_owned();
        loop {
            let (late, outcome) = self.late(&mut call);
            self.give_up(late, outcome, &why).await;
            let last = call.iter().map(|outgoing| outgoing.deadline).max()?;
            match self.call(&call, last).await {
                Ok(answers) => {
                    let before = call.len();
                    call = self.settle(call, answers, &mut why).await;
                    if call.len() < before {
                        backoff = Backoff::default();
                    }
                }
                Err(failure) if failure.is_final() && call.len() > 1 => {
                    let second = call.split_off(call.len() / 2);
                    return Some([second, call]);
                }
                Err(failure) if failure.is_final() => {
                    self.give_up(call, ForwardOutcome::Refused, &failure.to_string()).await;
                    return None;
                }
                Err(failure) => why = failure.to_string(),
            }
            if call.is_empty() {
                return None;
            }
            self.queue.parts.metrics.forward_repeats.add(call.len() as u64);
            if self.queue.errors.allow() {
                let destination = self.queue.target.arn.as_str();
                tracing::warn!(destination, why, "forwarding failed; retrying");
            }
            let again = (Instant::now() + backoff.pause()).min(last);
            tokio::select! {
                biased;
                () = sleep_until(again) => {}
                () = self.queue.end.cancelled() => {}
            }
        }
    }

    async fn call(
        &self,
        call: &[Outgoing],
        last: Instant,
    ) -> Result<Vec<SendOutcome>, CallFailure> {
        let left = last.saturating_duration_since(Instant::now());
        let limit = left.clamp(CALL_TIMEOUT_LEAST, CALL_TIMEOUT);
        let events: Vec<_> = call.iter().map(|outgoing| outgoing.event.clone()).collect();
        tokio::select! {
            biased;
            answer = timeout(limit, self.client.put(&events)) => {
                let answers = answer.unwrap_or(Err(CallFailure::Timeout(limit)))?;
                if answers.len() == call.len() {
                    Ok(answers)
                } else {
                    Err(CallFailure::Results { answers: answers.len(), sent: call.len() })
                }
            }
            () = self.queue.end.cancelled() => Err(CallFailure::ShuttingDown),
        }
    }

    /// Settles the events that were accepted or rejected permanently; returns those to retry.
    async fn settle(
        &self,
        call: Vec<Outgoing>,
        answers: Vec<SendOutcome>,
        why: &mut String,
    ) -> Vec<Outgoing> {
        let (mut again, mut refused, mut taken) = (Vec::new(), Vec::new(), 0);
        let mut why_refused = String::new();
        for (outgoing, answer) in call.into_iter().zip(answers) {
            match answer {
                SendOutcome::Taken => {
                    taken += 1;
                    outgoing.share.settle();
                }
                SendOutcome::Again(reason) => {
                    *why = reason;
                    again.push(outgoing);
                }
                SendOutcome::Refused(reason) => {
                    why_refused = reason;
                    refused.push(outgoing);
                }
            }
        }
        self.queue.parts.metrics.forwards.add(ForwardOutcome::Sent, taken);
        self.give_up(refused, ForwardOutcome::Refused, &why_refused).await;
        again
    }

    /// Removes the events whose deadline has passed; all of them when the process exits.
    fn late(&self, call: &mut Vec<Outgoing>) -> (Vec<Outgoing>, ForwardOutcome) {
        if self.queue.end.is_cancelled() {
            return (std::mem::take(call), ForwardOutcome::Shutdown);
        }
        let now = Instant::now();
        (call.extract_if(.., |outgoing| outgoing.deadline <= now).collect(), ForwardOutcome::Late)
    }

    /// Counts events that were given up, writes them as dead letters, and settles them.
    async fn give_up(&self, given_up: Vec<Outgoing>, outcome: ForwardOutcome, why: &str) {
        if given_up.is_empty() {
            return;
        }
        let TargetQueueParts { target, parts, errors, .. } = &self.queue;
        let events = given_up.len() as u64;
        parts.metrics.forwards.add(outcome, events);
        if errors.allow() {
            let (destination, outcome) = (target.arn.as_str(), outcome.as_str());
            let kept = parts.dead_letters.is_some();
            tracing::error!(events, destination, outcome, why, kept, "events not forwarded");
        }
        let at_ms = parts.clock.now_ms();
        let letters = parts.dead_letters.as_ref().and_then(|letters| {
            let letter = |outgoing: &Outgoing| Unforwarded {
                destination: target.arn.as_str().to_owned(),
                why: why.chars().take(WHY_CHARS_MAX).collect(),
                at_ms,
                event: outgoing.event.bytes.clone(),
            };
            letters.keep_unforwarded(given_up.iter().map(letter).collect())
        });
        if let Some(written) = letters {
            // The outcome is irrelevant: the letter is written, or waiting for it timed out.
            let _ = timeout(LETTERS_PATIENCE, written).await;
        }
        for outgoing in given_up {
            outgoing.share.settle();
        }
    }
}
