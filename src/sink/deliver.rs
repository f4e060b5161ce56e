//! Delivers one call: attempts, retries and splits it, until all of it is accepted, dropped, or left
//! to the next epoch because CloudWatch rejects it without naming a datum.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::backoff_gate::{BackoffGate, CallInDoubt};
use super::call::Call;
use super::shared::PublisherShared;
use super::suspects::{Suspects, Suspicion};
use super::{Culprit, Failure, MetricSink};
use crate::aggregate::CountKeeper;
use crate::backoff::Backoff;
use crate::config::Ambiguous;
use crate::journal::Verdict;
use crate::telemetry::{CallOutcome, DropReason};

/// How the attempts of one call ended.
enum CallEnd {
    Accepted,
    /// All of it is dropped: too old or too new, or in doubt and the policy is not to retry.
    Dropped,
    TooLarge,
    Invalid(Culprit),
    /// No call starts any more, or none but a probe.
    Stopped,
}

/// What the calls of an epoch share.
#[derive(Debug)]
pub(super) struct EpochCalls {
    pub namespace: Arc<str>,
    pub gate: Arc<BackoffGate>,
    /// Datums of the epoch that were rejected alone in an earlier one.
    pub suspects: Suspects,
    /// All datums of the epoch are suspects, and the rest of their calls was accepted long ago.
    pub are_old: bool,
    /// The namespace's accepted calls before this epoch.
    pub accepted_before: u64,
}

/// After so many datums of a call were rejected alone in a row, CloudWatch probably rejects all.
const REFUSED_IN_A_ROW: u32 = 100;

/// A call on its way, in parts.
struct Delivery<'d, S> {
    shared: &'d PublisherShared<S>,
    epoch: &'d EpochCalls,
    /// It is sent although CloudWatch probably rejects it.
    is_probe: bool,
    /// A part was accepted, or a probe before it.
    any_accepted: bool,
    /// The first rejection that named nothing.
    refused_since: Option<Instant>,
    /// Datums rejected alone since the last acceptance.
    in_a_row: u32,
    /// Those that are not settled.
    suspects: Suspects,
}

/// Delivers a call of an epoch, down to single datums where it is rejected. A datum is dropped only if
/// CloudWatch names it, or if it is rejected alone, a call that is sent after that is accepted, and it
/// is rejected alone again behind that. Returns the datums that were rejected alone; they, and what
/// was not tried any more, are not settled.
pub(super) async fn deliver<S: MetricSink>(
    shared: &PublisherShared<S>,
    epoch: &EpochCalls,
    call: Call,
    is_probe: bool,
) -> Suspects {
    let mut delivery = Delivery {
        shared,
        epoch,
        is_probe,
        any_accepted: epoch.gate.accepted() > epoch.accepted_before,
        refused_since: None,
        in_a_row: 0,
        suspects: Suspects::default(),
    };
    let at = epoch.suspects.positions(&call);
    // Suspects come last, so that a bad one among them does not get the others rejected.
    let (others, suspects) = call.without(&at);
    let parts = [suspects, others].into_iter().filter(|part| !part.is_empty()).collect();
    delivery.run(parts).await;
    delivery.suspects
}

// === impl EpochCalls ===

impl EpochCalls {
    /// Whether a datum that was rejected alone is dropped if that happens again now.
    fn is_last_try(&self, part: &Call) -> bool {
        let suspicion = Some(part).filter(|part| part.len() == 1);
        let suspicion = suspicion.and_then(|part| self.suspects.get(&part.keys().next()?));
        suspicion
            .is_some_and(|suspicion| self.are_old || self.gate.has_accepted_since(suspicion.since))
    }
}

// === impl Delivery ===

impl<S: MetricSink> Delivery<'_, S> {
    /// Attempts the parts, the last one first. Ends early when CloudWatch seems to reject everything.
    async fn run(&mut self, mut parts: Vec<Call>) {
        while let Some(mut part) = parts.pop() {
            let is_last_try = self.epoch.is_last_try(&part);
            match self.attempt(&mut part).await {
                CallEnd::Accepted => (self.any_accepted, self.in_a_row) = (true, 0),
                CallEnd::Dropped => {}
                CallEnd::Stopped => return,
                CallEnd::Invalid(Culprit::Datums(at)) => {
                    parts.extend(self.without_culprits(part, &at).await);
                }
                CallEnd::Invalid(Culprit::Other(_)) => return self.epoch.gate.refuse(),
                CallEnd::TooLarge | CallEnd::Invalid(Culprit::Unnamed(_)) if part.len() > 1 => {
                    self.refused_since.get_or_insert_with(Instant::now);
                    let (first, second) = part.halves();
                    parts.push(second);
                    parts.push(first);
                }
                CallEnd::TooLarge | CallEnd::Invalid(Culprit::Unnamed(_)) if is_last_try => {
                    self.shared.give_up(&self.epoch.namespace, &part, DropReason::Refused).await;
                }
                CallEnd::TooLarge | CallEnd::Invalid(Culprit::Unnamed(_)) => {
                    if self.is_refused_alone(&part) {
                        return self.epoch.gate.refuse();
                    }
                }
            }
        }
    }

    /// Records that a datum was rejected alone. Returns whether CloudWatch seems to reject everything.
    fn is_refused_alone(&mut self, datum: &Call) -> bool {
        let (epoch, since) = (self.epoch, Instant::now());
        let others_accepted = epoch.gate.accepted() > epoch.accepted_before;
        for key in datum.keys() {
            self.suspects.add(key, Suspicion { since, others_accepted });
        }
        self.in_a_row += 1;
        let refused_since = *self.refused_since.get_or_insert(since);
        let any_accepted = self.any_accepted || epoch.gate.has_accepted_since(refused_since);
        !any_accepted || self.in_a_row >= REFUSED_IN_A_ROW
    }

    /// Attempts a part, and settles it if nothing of it remains to be decided.
    async fn attempt(&self, part: &mut Call) -> CallEnd {
        loop {
            let EpochCalls { namespace, gate, .. } = self.epoch;
            let end = attempt(self.shared, namespace, gate, part, self.is_probe).await;
            match &end {
                CallEnd::Accepted => self.shared.accepted(part),
                // CloudWatch's clock was not known before this response.
                CallEnd::Invalid(_) if self.shared.drop_aged(namespace, part).await => {
                    if part.is_empty() {
                        return CallEnd::Dropped;
                    }
                    continue;
                }
                _ => {}
            }
            return end;
        }
    }

    /// Gives up the datums that CloudWatch named; returns the others, if any.
    async fn without_culprits(&self, part: Call, at: &BTreeSet<usize>) -> Option<Call> {
        let (rest, culprits) = part.without(at);
        self.shared.give_up(&self.epoch.namespace, &culprits, DropReason::Refused).await;
        Some(rest).filter(|rest| !rest.is_empty())
    }
}

/// Attempts a call until a retry would not change the outcome. The journal records it before each
/// attempt, and the outcome afterwards, so that a call that was certainly not ingested is not in
/// doubt.
async fn attempt<S: MetricSink>(
    shared: &PublisherShared<S>,
    namespace: &Arc<str>,
    gate: &BackoffGate,
    call: &mut Call,
    is_probe: bool,
) -> CallEnd {
    let mut backoff = Backoff::default();
    let mut doubt: Option<CallInDoubt<'_>> = None;
    // Each attempt of unknown outcome leaves all counts of the call in doubt once more. The journal
    // names its own.
    let (mut name, mut doubtful) = (None, 0);
    loop {
        let slot = tokio::select! {
            biased;
            () = shared.no_more_calls.cancelled() => return CallEnd::Stopped,
            slot = turn(shared, gate, doubt.is_some()) => slot,
        };
        if doubt.is_none() {
            if gate.is_in_doubt() {
                // Another call of the namespace came to be in doubt meanwhile.
                continue;
            }
            if gate.refuses() && !is_probe {
                return CallEnd::Stopped;
            }
            shared.drop_aged(namespace, call).await;
            if call.is_empty() {
                return CallEnd::Dropped;
            }
            let Ok(named) = shared.name(call).await else { return CallEnd::Stopped };
            name = named;
            call.sending();
        }
        let within = gate.patience(shared.attempt_timeout);
        let started = Instant::now();
        let outcome = shared.put(namespace, call, within).await;
        let took = started.elapsed();
        let failure = match outcome {
            Ok(()) => {
                shared.metrics.call(CallOutcome::Accepted, took);
                call.accepted();
                shared.judged(name, Verdict::Accepted, doubtful).await;
                gate.accept(started, took);
                gate.open();
                shared.allowed(namespace);
                return CallEnd::Accepted;
            }
            Err(failure) => failure,
        };
        shared.metrics.call(outcome_of(&failure), took);
        if failure.is_ambiguous() {
            doubtful += call.counts_of(CountKeeper::Journal);
        } else if doubt.is_none() {
            call.not_ingested();
        }
        if let Failure::TimedOut(_) = failure {
            gate.timed_out(within);
        }
        if let Some(verdict) = verdict_of(&failure, doubt.is_some(), shared.ambiguous) {
            shared.judged(name, verdict, doubtful).await;
        }
        match failure {
            Failure::TooLarge(why) => {
                let datums = call.len();
                tracing::warn!(%namespace, datums, why, "PutMetricData call too large");
                return CallEnd::TooLarge;
            }
            Failure::Invalid(culprit) => {
                shared.rejected(namespace, call, &culprit);
                return CallEnd::Invalid(culprit);
            }
            Failure::Unknown(why) | Failure::TimedOut(why) => {
                shared.doubtful(namespace, call, &why);
                if shared.ambiguous == Ambiguous::Drop {
                    shared.dropped(namespace, call, DropReason::Ambiguous);
                    return CallEnd::Dropped;
                }
                // No other call of the namespace starts until the outcome is known, and other
                // namespaces get the slot.
                doubt.get_or_insert_with(|| gate.doubt());
            }
            Failure::NotIngested(why) => shared.not_ingested(namespace, &why),
            Failure::Denied(why) => shared.denied(namespace, &why),
        }
        drop(slot);
        if doubt.is_some() {
            shared.sleep(Instant::now() + backoff.pause()).await;
        } else {
            gate.shut();
        }
    }
}

/// Waits until a call may be sent. A call in doubt was among the `concurrency` calls that had slots,
/// so it needs none.
async fn turn<S: MetricSink>(
    shared: &PublisherShared<S>,
    gate: &BackoffGate,
    is_in_doubt: bool,
) -> Option<OwnedSemaphorePermit> {
    let slot = if is_in_doubt { None } else { Some(enter(shared, gate).await) };
    shared.turn().await;
    slot
}

/// Waits for both the namespace's gate and a slot. Namespaces take turns.
async fn enter<S: MetricSink>(
    shared: &PublisherShared<S>,
    gate: &BackoffGate,
) -> OwnedSemaphorePermit {
    loop {
        gate.doubt_ended().await;
        while let Some(until) = gate.shut_until() {
            shared.sleep(until).await;
            // While the daemon drains, an early attempt is better than a polite one.
            if shared.is_hurrying() {
                gate.open();
            }
        }
        // Otherwise a namespace with many slow calls would keep others waiting for all of them.
        let _head = gate.head_of_line().await;
        // The semaphore is never closed; if it were, the shutdown would end this wait.
        let Ok(slot) = Arc::clone(&shared.slots).acquire_owned().await else {
            std::future::pending::<()>().await;
            continue;
        };
        if gate.shut_until().is_none() && !gate.is_in_doubt() {
            return slot;
        }
    }
}

/// What the journal records of a failure; `None` if the outcome is not known yet.
fn verdict_of(failure: &Failure, is_in_doubt: bool, ambiguous: Ambiguous) -> Option<Verdict> {
    match failure {
        Failure::Unknown(_) | Failure::TimedOut(_) => {
            (ambiguous == Ambiguous::Drop).then_some(Verdict::GivenUp)
        }
        // An earlier attempt may have been ingested.
        Failure::NotIngested(_) | Failure::Denied(_) if is_in_doubt => None,
        _ => Some(Verdict::Void),
    }
}

fn outcome_of(failure: &Failure) -> CallOutcome {
    match failure {
        Failure::NotIngested(_) => CallOutcome::NotIngested,
        Failure::TooLarge(_) => CallOutcome::TooLarge,
        Failure::Denied(_) => CallOutcome::Denied,
        Failure::Invalid(_) => CallOutcome::Invalid,
        Failure::Unknown(_) | Failure::TimedOut(_) => CallOutcome::Unknown,
    }
}
