//! The connection of one life to CloudWatch, which checks how it is used.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::cloud::{CallFate, Cloud, SentCall, counts, with_value};
use super::plan::CallMoment;
use super::world::{Alive, LifeId, World};
use crate::aggregate::SeriesMinute;
use crate::config::Ambiguous;
use crate::sink::{Amount, Datum, Failure, MetricSink, PutOutcome};

/// The connection of one life to the cloud. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct CloudLink {
    pub cloud: Arc<Mutex<Cloud>>,
    pub alive: Alive,
    pub world: World,
    pub life: LifeId,
    pub rules: CallRules,
    pub calls: Arc<Mutex<OpenCalls>>,
}

/// How the engine must behave.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallRules {
    pub datums_per_call: usize,
    pub concurrency: usize,
    pub ambiguous: Ambiguous,
    /// A journal has the outcome of a call when a later call is sent, if its disk is not slower.
    pub recorded_within_ms: i64,
}

/// Calls in flight and in doubt.
#[derive(Debug, Default)]
pub(super) struct OpenCalls {
    in_flight: Vec<SentCall>,
    /// Those in flight that were in doubt before.
    retries: Vec<SentCall>,
    in_doubt: Vec<SentCall>,
    /// Accepted calls, and when, whose outcome a journal may not have.
    unrecorded: Vec<(i64, SentCall)>,
    /// When the last call ended.
    last_ms: i64,
    /// How long calls of a namespace must wait for their answer at least.
    patience: BTreeMap<String, Duration>,
    /// When it was extended last.
    extended_ms: i64,
}

/// The longest time that timeouts make a call wait for its answer.
const PATIENCE_MAX: Duration = Duration::from_mins(1);

// === impl OpenCalls ===

impl OpenCalls {
    fn all(&self) -> impl Iterator<Item = &SentCall> {
        self.in_flight.iter().chain(&self.retries).chain(&self.in_doubt)
    }

    /// The next calls of a namespace wait twice as long as one without an answer in time, until
    /// answers come within half of that.
    fn answered(&mut self, namespace: &str, answer: &Result<(), Failure>, took: Duration) {
        let patience = self.patience.entry(namespace.to_owned()).or_default();
        match answer {
            Err(Failure::TimedOut(_)) => {
                *patience = (*patience).max((took * 2).min(PATIENCE_MAX));
            }
            Ok(()) if took <= *patience / 2 => *patience /= 2,
            _ => {}
        }
    }

    /// A call is over; returns whether it was one in doubt.
    fn ended(&mut self, sent: &SentCall) -> bool {
        self.in_flight.retain(|call| call != sent);
        let retries = self.retries.len();
        self.retries.retain(|call| call != sent);
        self.retries.len() < retries
    }
}

// === impl CloudLink ===

impl CloudLink {
    /// Calls that are in flight or in doubt.
    pub(super) fn open_calls(&self) -> usize {
        let calls = self.calls();
        calls.all().count()
    }

    /// Whether a call was open at that time or later.
    pub(super) fn called_since(&self, ms: i64) -> bool {
        self.open_calls() > 0 || self.calls().last_ms >= ms
    }

    /// A process that uses a journal ended, maybe without the outcomes of its last calls.
    pub(super) fn lose_outcomes(&self) {
        for (_, sent) in self.calls().unrecorded.drain(..) {
            self.cloud().untold(&sent, true);
        }
    }

    fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.cloud.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> MutexGuard<'_, OpenCalls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that the engine follows the rules for calls.
    fn judge(&self, namespace: &str, sent: &SentCall) {
        let mut calls = self.calls();
        let distinct: BTreeSet<_> = sent.iter().map(|(series, _)| series).collect();
        let CallRules { datums_per_call, concurrency, .. } = self.rules;
        let fits = (1..=datums_per_call).contains(&sent.len()) && distinct.len() == sent.len();
        let at_home =
            sent.iter().all(|(series, values)| &*series.namespace == namespace && has_some(values));
        if !fits || !at_home {
            self.world.violation(|| format!("an invalid call of {namespace}: {sent:?}"));
        }
        // A retry is identical, byte for byte; any other call needs a free slot.
        let doubt = calls.in_doubt.iter().position(|doubt| doubt == sent);
        let is_retry = doubt.map(|at| calls.in_doubt.swap_remove(at)).is_some();
        if let Some(twice) = calls.all().flatten().find(|(series, _)| distinct.contains(series)) {
            self.world.violation(|| format!("two calls at once carry {:?}", twice.0));
        }
        let is_here =
            |call: &&SentCall| call.iter().all(|(series, _)| &*series.namespace == namespace);
        if calls.all().filter(is_here).count() >= concurrency {
            self.world
                .violation(|| format!("more than {concurrency} calls of {namespace} are open"));
        }
        if is_retry {
            calls.retries.push(sent.clone());
            return;
        }
        if calls.in_flight.len() >= concurrency {
            self.world.violation(|| format!("more than {concurrency} calls are in flight"));
        }
        let recorded_ms = self.world.now_ms() - self.rules.recorded_within_ms;
        let woke_ms = self.alive.woke_ms();
        calls.unrecorded.retain(|(ended_ms, _)| (*ended_ms).max(woke_ms) >= recorded_ms);
        calls.in_flight.push(sent.clone());
    }

    /// A call waits long enough for its answer. While the daemon stops, its grace limits that.
    fn judge_patience(&self, namespace: &str, within: Duration) {
        let (least, extended_ms) = {
            let calls = self.calls();
            (calls.patience.get(namespace).copied().unwrap_or_default(), calls.extended_ms)
        };
        // Calls that start while another ends may not know yet.
        let may_know = extended_ms < self.world.now_ms();
        if within < least && may_know && !self.alive.is_stopping() {
            self.world.violation(|| format!("{namespace} waits {within:?}, not {least:?}"));
        }
    }

    /// Whether the life ends with this call.
    fn is_last(&self, moment: CallMoment) -> bool {
        let mut cloud = self.cloud();
        let Some((left, at)) = cloud.calls_left.get_mut(&self.life) else { return false };
        if *at != moment {
            return false;
        }
        *left = left.saturating_sub(1);
        *left == 0
    }

    /// The engine dies with this call, and never gets a response.
    async fn die(&self, wait: ResponseWait<'_>) -> ! {
        self.alive.die();
        drop(wait);
        loop {
            pending::<()>().await;
        }
    }
}

/// Whether a datum has values, each of them counted.
fn has_some(values: &[(SeriesMinute, u64)]) -> bool {
    !values.is_empty() && values.iter().all(|(_, count)| *count > 0)
}

impl MetricSink for CloudLink {
    async fn put(&self, namespace: &str, datums: &[Datum], within: Duration) -> PutOutcome {
        if self.alive.is_dead() {
            pending::<()>().await;
        }
        let sent: SentCall = datums
            .iter()
            .map(|Datum { series, amount }| match amount {
                Amount::Ones(count) => (series.clone(), vec![(series.clone(), *count)]),
                Amount::Values(values) => {
                    let one = |(value, count): &_| (with_value(series.clone(), *value), *count);
                    (series.clone(), values.iter().map(one).collect())
                }
                Amount::Value(value) => unreachable!("not of an epoch: {value}"),
            })
            .collect();
        self.judge(namespace, &sent);
        self.judge_patience(namespace, within);
        let mut wait = ResponseWait { link: self, sent: &sent, ingested: false, received: false };
        if self.is_last(CallMoment::Arrives) {
            self.die(wait).await;
        }
        let fate = self.cloud().fate(self.life.daemon, namespace, &sent, self.world.now_ms());
        let CallFate { ingested, answer, takes } = fate;
        self.world.tell(&format!("call {namespace} of {}: {ingested} {answer:?}", counts(&sent)));
        if ingested {
            self.cloud().ingest(&sent, self.life);
            wait.ingested = true;
            if self.is_last(CallMoment::Ingested) {
                self.die(wait).await;
            }
        }
        let started = Instant::now();
        sleep(takes.min(within)).await;
        // A process that stood still reads what the socket holds.
        let answer = if started.elapsed() < takes {
            Err(Failure::TimedOut("no answer in time".to_owned()))
        } else {
            answer
        };
        if self.alive.is_dead() {
            pending::<()>().await;
        }
        wait.received = true;
        drop(wait);
        let mut calls = self.calls();
        let was_in_doubt = calls.ended(&sent);
        calls.last_ms = self.world.now_ms();
        calls.answered(namespace, &answer, takes.min(within));
        if matches!(answer, Err(Failure::TimedOut(_))) {
            calls.extended_ms = calls.last_ms;
        }
        if answer.is_ok() {
            let ended_ms = calls.last_ms;
            calls.unrecorded.push((ended_ms, sent.clone()));
        }
        let is_in_doubt = match &answer {
            Err(failure) if failure.is_ambiguous() => {
                let mut cloud = self.cloud();
                cloud.unknown_counts += counts(&sent);
                cloud.untold(&sent, ingested);
                self.rules.ambiguous == Ambiguous::Retry
            }
            // An earlier attempt may have been ingested.
            Err(Failure::NotIngested(_) | Failure::Denied(_)) => was_in_doubt,
            _ => false,
        };
        if is_in_doubt {
            calls.in_doubt.push(sent.clone());
        }
        self.world.fault(match &answer {
            Ok(()) => "call accepted",
            Err(Failure::NotIngested(_)) => "call not ingested",
            Err(Failure::TooLarge(_)) => "call too large",
            Err(Failure::Denied(_)) => "call denied",
            Err(Failure::Invalid(_)) => "call refused as invalid",
            Err(Failure::TimedOut(_)) if ingested => "answer late, call ingested",
            Err(Failure::TimedOut(_)) => "answer late, call not ingested",
            Err(Failure::Unknown(_)) if ingested => "answer lost, call ingested",
            Err(Failure::Unknown(_)) => "answer lost, call not ingested",
        });
        let is_answered = !answer.as_ref().is_err_and(Failure::is_ambiguous);
        PutOutcome { result: answer, date_ms: is_answered.then(|| self.world.now_ms()) }
    }

    fn identity(&self) -> &'static str {
        "simulation"
    }
}

/// Waits for a response; a dead engine never gets it.
struct ResponseWait<'s> {
    link: &'s CloudLink,
    sent: &'s SentCall,
    ingested: bool,
    received: bool,
}

impl Drop for ResponseWait<'_> {
    fn drop(&mut self) {
        if !self.received {
            self.link.cloud().untold(self.sent, self.ingested);
        }
    }
}
