//! Delivers one call: attempts, retries and splits it, until all of it is accepted or dropped.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::backoff_gate::BackoffGate;
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

/// Delivers a call of a namespace. A datum is dropped only if CloudWatch names it, or if it is
/// rejected while the rest of its call was accepted.
pub(super) async fn deliver<S: MetricSink>(
    shared: &PublisherShared<S>,
    namespace: &Arc<str>,
    gate: &BackoffGate,
    call: Call,
) {
    let mut backoff = Backoff::default();
    let mut any_accepted = false;
    let mut parts = vec![call];
    loop {
        let mut refused: Option<Call> = None;
        let mut general = false;
        while let Some(part) = parts.pop() {
            match attempt(shared, namespace, gate, &part).await {
                CallEnd::Accepted => {
                    any_accepted = true;
                    shared.accepted(&part);
                }
                CallEnd::GivenUp => shared.dropped(namespace, &part, DropReason::Ambiguous),
                CallEnd::Invalid(Culprit::Datums(at)) => {
                    let (rest, culprits) = part.without(&at);
                    shared.give_up(namespace, &culprits, DropReason::Refused).await;
                    if !rest.is_empty() {
                        parts.push(rest);
                    }
                }
                CallEnd::Invalid(Culprit::Other(_)) => {
                    general = true;
                    refused = Some(together(refused, part));
                }
                CallEnd::TooLarge | CallEnd::Invalid(Culprit::Unnamed(_)) if part.len() > 1 => {
                    let (first, second) = part.halves();
                    parts.push(second);
                    parts.push(first);
                }
                CallEnd::TooLarge | CallEnd::Invalid(Culprit::Unnamed(_)) => {
                    refused = Some(together(refused, part));
                }
            }
        }
        let Some(refused) = refused else { return };
        if any_accepted && !general {
            shared.give_up(namespace, &refused, DropReason::Refused).await;
            return;
        }
        // Everything was rejected, so no single datum is the cause and none is dropped.
        let datums = refused.len();
        tracing::error!(%namespace, datums, "PutMetricData rejected for the whole call; retrying");
        shared.sleep(Instant::now() + backoff.pause()).await;
        parts.push(refused);
    }
}

fn together(refused: Option<Call>, part: Call) -> Call {
    let Some(mut refused) = refused else { return part };
    refused.append(part);
    refused
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
    let mut slot: Option<OwnedSemaphorePermit> = None;
    let mut in_doubt = false;
    let mut name = None;
    loop {
        if slot.is_none() {
            slot = Some(enter(shared, gate).await);
        }
        shared.turn().await;
        if !in_doubt {
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
                shared.judged(name, Verdict::Accepted).await;
                gate.open();
                shared.allowed(namespace);
                return CallEnd::Accepted;
            }
            Err(failure) => failure,
        };
        shared.metrics.call(outcome_of(&failure), took);
        if !in_doubt && !matches!(failure, Failure::Unknown(_)) {
            call.not_ingested();
        }
        match &failure {
            Failure::Unknown(_) if shared.ambiguous == Ambiguous::Drop => {
                shared.judged(name, Verdict::GivenUp).await;
            }
            Failure::Unknown(_) => {}
            // An earlier attempt may have been ingested.
            Failure::NotIngested(_) | Failure::Denied(_) if in_doubt => {}
            _ => shared.judged(name, Verdict::Void).await,
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
                // The slot is held until the outcome is known.
                in_doubt = true;
            }
            Failure::NotIngested(why) => shared.not_ingested(namespace, &why),
            Failure::Denied(why) => shared.denied(namespace, &why),
        }
        if in_doubt {
            shared.sleep(Instant::now() + backoff.pause()).await;
        } else {
            gate.shut();
            slot = None;
        }
    }
}

/// Waits for both the namespace's gate and a slot.
async fn enter<S: MetricSink>(
    shared: &PublisherShared<S>,
    gate: &BackoffGate,
) -> OwnedSemaphorePermit {
    loop {
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
        if gate.shut_until().is_none() {
            return slot;
        }
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
