//! State that outlives every daemon: the time, the faults so far, and the trace.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;
use tokio::sync::Notify;

use crate::clock::Clock;

/// Cheap to clone; all clones share one world.
#[derive(Clone, Debug)]
pub(super) struct World(Arc<Mutex<WorldState>>);

#[derive(Debug)]
struct WorldState {
    clock: Clock,
    start_ms: i64,
    told: bool,
    hash: u64,
    faults: BTreeMap<&'static str, u64>,
    violation: Option<String>,
}

/// A life of a daemon, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LifeId {
    pub daemon: usize,
    pub life: usize,
}

/// Whether a life of a daemon goes on.
#[derive(Clone, Debug, Default)]
pub(super) struct Alive(Arc<AliveState>);

#[derive(Debug, Default)]
struct AliveState {
    dead: AtomicBool,
    /// It may have lost a message that it held: it stood still, or a call of a queue failed.
    disturbed: AtomicBool,
    /// It was told to stop.
    stopping: AtomicBool,
    /// Up to when it last stood still; Unix milliseconds.
    woke_ms: AtomicI64,
    died: Notify,
}

// === impl World ===

impl World {
    pub(super) fn new(told: bool, start_ms: i64) -> Self {
        Self(Arc::new(Mutex::new(WorldState {
            clock: Clock::manual(start_ms),
            start_ms,
            told,
            hash: 0,
            faults: BTreeMap::new(),
            violation: None,
        })))
    }

    /// From now on the time is that of this clock, until another daemon runs.
    pub(super) fn set_clock(&self, clock: Clock) {
        self.inner().clock = clock;
    }

    /// The true time.
    pub(super) fn now_ms(&self) -> i64 {
        self.inner().clock.now_ms()
    }

    /// Records something that happened in this history.
    pub(super) fn tell(&self, what: &str) {
        let mut inner = self.inner();
        let at_ms = inner.clock.now_ms() - inner.start_ms;
        // A sum, because simultaneous events have no order.
        inner.hash = inner.hash.wrapping_add(FixedState::default().hash_one((at_ms, what)));
        if inner.told {
            println!("{:>9}.{:03} {what}", at_ms / 1000, at_ms % 1000);
        }
    }

    /// Records a fault.
    pub(super) fn fault(&self, what: &'static str) {
        *self.inner().faults.entry(what).or_insert(0) += 1;
    }

    /// Records a violated invariant. Only the first one is kept.
    pub(super) fn violation(&self, what: impl FnOnce() -> String) {
        let mut inner = self.inner();
        if inner.violation.is_none() {
            let at_ms = inner.clock.now_ms() - inner.start_ms;
            inner.violation = Some(format!("after {at_ms} ms: {}", what()));
        }
    }

    pub(super) fn is_violated(&self) -> bool {
        self.inner().violation.is_some()
    }

    /// The first violation, the faults, and a hash of the trace.
    pub(super) fn end(&self) -> (Option<String>, BTreeMap<&'static str, u64>, u64) {
        let inner = self.inner();
        (inner.violation.clone(), inner.faults.clone(), inner.hash)
    }

    fn inner(&self) -> MutexGuard<'_, WorldState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Alive ===

impl Alive {
    /// From now on nothing that the engine does has an effect.
    pub(super) fn die(&self) {
        self.0.dead.store(true, Ordering::Relaxed);
        self.0.died.notify_one();
    }

    pub(super) fn is_dead(&self) -> bool {
        self.0.dead.load(Ordering::Relaxed)
    }

    pub(super) async fn died(&self) {
        if !self.is_dead() {
            self.0.died.notified().await;
        }
    }

    pub(super) fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Relaxed)
    }

    pub(super) fn disturb(&self) {
        self.0.disturbed.store(true, Ordering::Relaxed);
    }

    /// It stood still until now.
    pub(super) fn woke(&self, now_ms: i64) {
        self.disturb();
        self.0.woke_ms.store(now_ms, Ordering::Relaxed);
    }

    pub(super) fn woke_ms(&self) -> i64 {
        self.0.woke_ms.load(Ordering::Relaxed)
    }

    /// Whether it holds on to whatever it has received.
    pub(super) fn is_sound(&self) -> bool {
        !self.is_dead() && !self.0.disturbed.load(Ordering::Relaxed)
    }
}
