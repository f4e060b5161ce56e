//! A simulated CloudWatch that fails on demand, remembers what it ingested, and checks its caller.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;

use super::plan::{CallMoment, Weather};
use super::world::{Alive, World};
use crate::aggregate::SeriesMinute;
use crate::config::Ambiguous;
use crate::sink::{Amount, Culprit, Datum, Failure, MetricSink};

/// Its contents and its current behavior, across all lives of the engine.
#[derive(Debug)]
pub(super) struct Cloud {
    pub ingested: BTreeMap<SeriesMinute, u64>,
    pub weather: Weather,
    /// A value whose call is rejected without naming a datum.
    pub poison: Option<&'static str>,
    /// The sum of the counts in calls whose outcome the caller was not told.
    pub unknown_counts: u64,
    /// The sum of the counts that a rejection named, or that were rejected alone.
    pub blamed: u64,
    rng: Rng,
    /// The counts in calls without a response, because the engine died.
    pub unanswered: u64,
    /// The number of calls in this life, and the moment of the last one at which it ends.
    calls_left: Option<(usize, CallMoment)>,
}

/// The connection of one life to the cloud. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct CloudLink {
    cloud: Arc<Mutex<Cloud>>,
    alive: Alive,
    world: World,
    rules: CallRules,
    calls: Arc<Mutex<OpenCalls>>,
}

/// How the engine must behave.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallRules {
    pub datums_per_call: usize,
    pub concurrency: usize,
    pub ambiguous: Ambiguous,
}

/// Calls in flight and in doubt.
#[derive(Debug, Default)]
struct OpenCalls {
    in_flight: Vec<SentCall>,
    /// Those in flight that were in doubt before.
    retries: Vec<SentCall>,
    in_doubt: Vec<SentCall>,
    /// When the last call ended.
    last_ms: i64,
}

// === impl OpenCalls ===

impl OpenCalls {
    fn all(&self) -> impl Iterator<Item = &SentCall> {
        self.in_flight.iter().chain(&self.retries).chain(&self.in_doubt)
    }

    /// A call is over; returns whether it was one in doubt.
    fn ended(&mut self, sent: &SentCall) -> bool {
        self.in_flight.retain(|call| call != sent);
        let retries = self.retries.len();
        self.retries.retain(|call| call != sent);
        self.retries.len() < retries
    }
}

type SentCall = Vec<(SeriesMinute, u64)>;

/// What happens to a call.
struct CallFate {
    ingested: bool,
    answer: Result<(), Failure>,
    takes: Duration,
}

pub(super) const POISON: &str = "c0";

// === impl Cloud ===

impl Cloud {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            ingested: BTreeMap::new(),
            weather: Weather::Fair,
            poison: None,
            unknown_counts: 0,
            blamed: 0,
            rng: Rng::with_seed(seed),
            unanswered: 0,
            calls_left: None,
        }
    }

    /// The ingested counts of a series.
    pub(super) fn held(&self, series: &SeriesMinute) -> u64 {
        self.ingested.get(series).copied().unwrap_or(0)
    }

    fn fate(&mut self, sent: &SentCall) -> CallFate {
        let rng = &mut self.rng;
        let ms = |ms| Duration::from_millis(ms);
        let takes = ms(rng.u64(5..if self.weather == Weather::Slow { 5000 } else { 200 }));
        let refused = |answer| CallFate { ingested: false, answer: Err(answer), takes };
        let poisoned = |(series, _): &(SeriesMinute, u64)| {
            series.dimensions.iter().any(|(_, value)| Some(value.as_str()) == self.poison)
        };
        if sent.iter().any(poisoned) {
            if sent.len() == 1 {
                self.blamed += counts(sent);
            }
            return refused(Failure::Invalid(Culprit::Unnamed("poison".to_owned())));
        }
        let weather = if rng.u8(0..4) == 0 { Weather::Fair } else { self.weather };
        match weather {
            Weather::Throttling => refused(Failure::NotIngested("throttled".to_owned())),
            Weather::Away => refused(Failure::NotIngested("CloudWatch is unreachable".to_owned())),
            Weather::Denying => refused(Failure::Denied("not allowed".to_owned())),
            Weather::Ambiguous | Weather::Silent => CallFate {
                ingested: rng.bool(),
                answer: Err(Failure::Unknown("no answer".to_owned())),
                takes: ms(rng.u64(100..8000)),
            },
            Weather::Picky => {
                let culprits: BTreeSet<_> = (0..sent.len()).filter(|_| rng.u8(0..4) == 0).collect();
                if culprits.is_empty() {
                    return CallFate { ingested: true, answer: Ok(()), takes };
                }
                self.blamed += culprits.iter().map(|at| sent[*at].1).sum::<u64>();
                refused(Failure::Invalid(Culprit::Datums(culprits)))
            }
            Weather::TooLarge if sent.len() > 1 => {
                refused(Failure::TooLarge("too large".to_owned()))
            }
            Weather::Fair | Weather::Slow | Weather::TooLarge => {
                CallFate { ingested: true, answer: Ok(()), takes }
            }
            Weather::Refusing => refused(Failure::Invalid(Culprit::Other("namespace".to_owned()))),
        }
    }

    fn ingest(&mut self, sent: &SentCall) {
        for (series, count) in sent {
            *self.ingested.entry(series.clone()).or_insert(0) += count;
        }
    }
}

fn counts(sent: &SentCall) -> u64 {
    sent.iter().map(|(_, count)| count).sum()
}

// === impl CloudLink ===

impl CloudLink {
    pub(super) fn new(
        cloud: Arc<Mutex<Cloud>>,
        alive: Alive,
        world: World,
        rules: CallRules,
        crash: Option<(usize, CallMoment)>,
    ) -> Self {
        let link = Self { cloud, alive, world, rules, calls: Arc::default() };
        link.cloud().calls_left = crash;
        link
    }

    /// Calls that are in flight or in doubt.
    pub(super) fn open_calls(&self) -> usize {
        let calls = self.calls();
        calls.all().count()
    }

    /// Whether a call was open at that time or later.
    pub(super) fn called_since(&self, ms: i64) -> bool {
        self.open_calls() > 0 || self.calls().last_ms >= ms
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
            sent.iter().all(|(series, count)| &*series.namespace == namespace && *count > 0);
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
        calls.in_flight.push(sent.clone());
    }

    /// Whether the life ends with this call.
    fn is_last(&self, moment: CallMoment) -> bool {
        let mut cloud = self.cloud();
        let Some((left, at)) = &mut cloud.calls_left else { return false };
        if *at != moment {
            return false;
        }
        *left = left.saturating_sub(1);
        *left == 0
    }

    /// The engine is dead and never gets a response.
    async fn silence(&self, sent: &SentCall) -> ! {
        self.cloud().unanswered += counts(sent);
        loop {
            std::future::pending::<()>().await;
        }
    }
}

impl MetricSink for CloudLink {
    async fn put(&self, namespace: &str, datums: &[Datum]) -> Result<(), Failure> {
        if self.alive.is_dead() {
            std::future::pending::<()>().await;
        }
        let sent: SentCall = datums
            .iter()
            .map(|datum| match datum.amount {
                Amount::Ones(count) => (datum.series.clone(), count),
                Amount::Value(value) => unreachable!("not a count: {value}"),
            })
            .collect();
        self.judge(namespace, &sent);
        if self.is_last(CallMoment::Arrives) {
            self.alive.die();
            self.silence(&sent).await;
        }
        let CallFate { ingested, answer, takes } = self.cloud().fate(&sent);
        self.world.tell(&format!("call {namespace} of {}: {ingested} {answer:?}", counts(&sent)));
        if ingested {
            self.cloud().ingest(&sent);
            if self.is_last(CallMoment::Ingested) {
                self.alive.die();
                self.silence(&sent).await;
            }
        }
        let wait = ResponseWait { link: self, sent: &sent, received: false };
        tokio::time::sleep(takes).await;
        if self.alive.is_dead() {
            std::future::pending::<()>().await;
        }
        wait.end();
        let mut calls = self.calls();
        let was_in_doubt = calls.ended(&sent);
        calls.last_ms = self.world.now_ms();
        let is_in_doubt = match &answer {
            Err(Failure::Unknown(_)) => {
                self.cloud().unknown_counts += counts(&sent);
                self.rules.ambiguous == Ambiguous::Retry
            }
            // An earlier attempt may have been ingested.
            Err(Failure::NotIngested(_) | Failure::Denied(_)) => was_in_doubt,
            _ => false,
        };
        if is_in_doubt {
            calls.in_doubt.push(sent);
        }
        self.world.fault(match &answer {
            Ok(()) => "call accepted",
            Err(Failure::NotIngested(_)) => "call not ingested",
            Err(Failure::TooLarge(_)) => "call too large",
            Err(Failure::Denied(_)) => "call denied",
            Err(Failure::Invalid(_)) => "call refused as invalid",
            Err(Failure::Unknown(_)) if ingested => "answer lost, call ingested",
            Err(Failure::Unknown(_)) => "answer lost, call not ingested",
        });
        answer
    }

    fn identity(&self) -> &'static str {
        "simulation"
    }
}

/// Waits for a response; a dead engine never gets it.
struct ResponseWait<'s> {
    link: &'s CloudLink,
    sent: &'s SentCall,
    received: bool,
}

impl ResponseWait<'_> {
    fn end(mut self) {
        self.received = true;
    }
}

impl Drop for ResponseWait<'_> {
    fn drop(&mut self) {
        if !self.received {
            self.link.cloud().unanswered += counts(self.sent);
        }
    }
}
