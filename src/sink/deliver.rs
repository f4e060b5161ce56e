//! Delivers one call: attempts, retries and splits it, until all of it is accepted or dropped.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::backoff_gate::{BackoffGate, CallInDoubt};
use super::call::Call;
use super::shared::PublisherShared;
use super::{Culprit, Failure, MetricSink};
use crate::backoff::Backoff;
use crate::config::Ambiguous;
use crate::journal::Verdict;
use crate::telemetry::{CallOutcome, DropReason};

/// How the attempts of one call ended.
enum CallEnd {
    Accepted,
    /// In doubt, and the policy is not to retry.
    GivenUp,
    TooLarge,
    Invalid(Culprit),
}

/// How a round of attempts ended.
enum RoundEnd {
    Settled,
    /// Each of these datums was refused alone, and others of the call were accepted.
    RefusedAlone {
        datums: Call,
        /// Others were accepted after the last of these refusals.
        has_witness: bool,
    },
    /// The refusal is not about datums: it says so, or nothing of the call was ever accepted.
    Refused(Call),
}

/// How long datums that were refused alone wait until they are tried once more: a fault of the
/// service is often over by then.
const BEFORE_ONCE_MORE: Duration = Duration::from_secs(1);

/// So many probes, over 10 to 20 seconds, look for a sign that CloudWatch accepts anything, before
/// datums are given up without one: the last datum of a call leaves no other to try behind it.
const PROBES_MAX: usize = 7;

/// A call on its way, in parts.
struct Delivery<'d, S> {
    shared: &'d PublisherShared<S>,
    namespace: &'d Arc<str>,
    gate: &'d BackoffGate,
    /// Some part was accepted.
    any_accepted: bool,
}

/// Delivers a call of a namespace. A datum is dropped only if CloudWatch names it, or if it is
/// refused alone while the rest of its call is accepted, and again behind that rest.
pub(super) async fn deliver<S: MetricSink>(
    shared: &PublisherShared<S>,
    namespace: &Arc<str>,
    gate: &BackoffGate,
    call: Call,
) {
    let mut delivery = Delivery { shared, namespace, gate, any_accepted: false };
    let mut left = call;
    let mut is_once_more = false;
    loop {
        match delivery.round(left).await {
            RoundEnd::Settled => return,
            RoundEnd::RefusedAlone { datums, .. } if is_once_more => {
                shared.give_up(namespace, &datums, DropReason::Refused).await;
                return;
            }
            RoundEnd::RefusedAlone { datums, has_witness: true } => {
                is_once_more = true;
                shared.sleep(Instant::now() + BEFORE_ONCE_MORE).await;
                left = datums;
            }
            RoundEnd::RefusedAlone { datums, has_witness: false } => {
                is_once_more = true;
                let Some(rest) = delivery.probe(datums).await else { return };
                left = rest;
            }
            RoundEnd::Refused(refused) => {
                is_once_more = false;
                let Some(rest) = delivery.probe(refused).await else { return };
                left = rest;
            }
        }
    }
}

// === impl Delivery ===

impl<S: MetricSink> Delivery<'_, S> {
    /// Attempts a call and, where it is refused, its halves. Ends early when nothing was ever
    /// accepted down to a single datum: then all other halves would be refused too.
    async fn round(&mut self, call: Call) -> RoundEnd {
        let mut parts = vec![call];
        let (mut refused, mut has_witness) = (None, false);
        while let Some(part) = parts.pop() {
            match self.attempt(&part).await {
                CallEnd::Accepted => has_witness = true,
                CallEnd::GivenUp => {}
                CallEnd::Invalid(Culprit::Datums(at)) => {
                    parts.extend(self.without_culprits(part, &at).await);
                }
                CallEnd::TooLarge | CallEnd::Invalid(Culprit::Unnamed(_)) if part.len() > 1 => {
                    let (first, second) = part.halves();
                    parts.push(second);
                    parts.push(first);
                }
                CallEnd::TooLarge | CallEnd::Invalid(Culprit::Unnamed(_)) if self.any_accepted => {
                    refused = Some(together(refused, part));
                    has_witness = false;
                }
                CallEnd::TooLarge | CallEnd::Invalid(_) => {
                    // What was refused goes last, so that a probe is another datum.
                    let untried = parts.into_iter().rev();
                    let others = untried.reduce(|first, then| together(Some(first), then));
                    let all = together(others, part);
                    return RoundEnd::Refused(match refused {
                        Some(refused) => together(Some(all), refused),
                        None => all,
                    });
                }
            }
        }
        match refused {
            Some(datums) => RoundEnd::RefusedAlone { datums, has_witness },
            None => RoundEnd::Settled,
        }
    }

    /// Attempts one datum after the other, with backoff, until one is accepted or, if others of the
    /// call were, enough are refused. Returns those that are left.
    async fn probe(&mut self, mut left: Call) -> Option<Call> {
        let (namespace, datums) = (self.namespace, left.len());
        tracing::warn!(%namespace, datums, "PutMetricData rejected for the whole call; retrying");
        let (mut backoff, mut refusals) = (Backoff::default(), 0);
        while !(left.is_empty() || self.any_accepted && refusals == PROBES_MAX) {
            if !self.any_accepted {
                // Other calls of the namespace would probably be refused too.
                self.gate.shut();
            }
            self.shared.sleep(Instant::now() + backoff.pause()).await;
            let (rest, datum) = left.without(&BTreeSet::from([0]));
            left = rest;
            match self.attempt(&datum).await {
                CallEnd::Accepted => break,
                CallEnd::GivenUp => {}
                CallEnd::Invalid(Culprit::Datums(at)) => {
                    self.without_culprits(datum, &at).await;
                }
                CallEnd::Invalid(Culprit::Other(_)) => left.append(datum),
                CallEnd::TooLarge | CallEnd::Invalid(Culprit::Unnamed(_)) => {
                    refusals += 1;
                    left.append(datum);
                }
            }
        }
        Some(left).filter(|left| !left.is_empty())
    }

    /// Attempts a part, and settles it if nothing of it remains to be decided.
    async fn attempt(&mut self, part: &Call) -> CallEnd {
        let end = attempt(self.shared, self.namespace, self.gate, part).await;
        match end {
            CallEnd::Accepted => {
                self.any_accepted = true;
                self.shared.accepted(part);
            }
            CallEnd::GivenUp => self.shared.dropped(self.namespace, part, DropReason::Ambiguous),
            CallEnd::TooLarge | CallEnd::Invalid(_) => {}
        }
        end
    }

    /// Gives up the datums that CloudWatch named; returns the others, if any.
    async fn without_culprits(&self, part: Call, at: &BTreeSet<usize>) -> Option<Call> {
        let (rest, culprits) = part.without(at);
        self.shared.give_up(self.namespace, &culprits, DropReason::Refused).await;
        Some(rest).filter(|rest| !rest.is_empty())
    }
}

fn together(first: Option<Call>, then: Call) -> Call {
    let Some(mut first) = first else { return then };
    first.append(then);
    first
}

/// Attempts a call until a retry would not change the outcome. The journal records it before each
/// attempt, and the outcome afterwards, so that a call that was certainly not ingested is not in
/// doubt.
async fn attempt<S: MetricSink>(
    shared: &PublisherShared<S>,
    namespace: &Arc<str>,
    gate: &BackoffGate,
    call: &Call,
) -> CallEnd {
    let mut backoff = Backoff::default();
    let mut doubt: Option<CallInDoubt<'_>> = None;
    // Each attempt of unknown outcome leaves all counts of the call in doubt once more.
    let (mut name, mut doubtful) = (None, 0);
    loop {
        // A call in doubt was among the `concurrency` calls that had slots, so it needs none.
        let slot = if doubt.is_none() { Some(enter(shared, gate).await) } else { None };
        shared.turn().await;
        if doubt.is_none() {
            if gate.is_in_doubt() {
                // Another call of the namespace came to be in doubt meanwhile.
                continue;
            }
            name = shared.name(call).await;
            call.sending();
        }
        let started = Instant::now();
        let outcome = shared.put(namespace, call).await;
        let took = started.elapsed();
        let failure = match outcome {
            Ok(()) => {
                shared.metrics.call(CallOutcome::Accepted, took);
                call.accepted();
                shared.judged(name, Verdict::Accepted, doubtful).await;
                gate.open();
                shared.allowed(namespace);
                return CallEnd::Accepted;
            }
            Err(failure) => failure,
        };
        shared.metrics.call(outcome_of(&failure), took);
        if doubt.is_none() && !matches!(failure, Failure::Unknown(_)) {
            call.not_ingested();
        }
        if let Failure::Unknown(_) = failure {
            doubtful += call.counts();
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
                let datums = call.len();
                tracing::warn!(%namespace, datums, ?culprit, "PutMetricData call rejected");
                return CallEnd::Invalid(culprit);
            }
            Failure::Unknown(why) => {
                shared.doubtful(namespace, call, &why);
                if shared.ambiguous == Ambiguous::Drop {
                    return CallEnd::GivenUp;
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

/// Waits for both the namespace's gate and a slot.
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
        Failure::Unknown(_) if ambiguous == Ambiguous::Drop => Some(Verdict::GivenUp),
        Failure::Unknown(_) => None,
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
        Failure::Unknown(_) => CallOutcome::Unknown,
    }
}
