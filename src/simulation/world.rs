//! State that outlives the engine: the time, the faults so far, and the trace.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::Clock;

/// Cheap to clone; all clones share one world.
#[derive(Clone, Debug)]
pub(super) struct World(Arc<Mutex<WorldState>>);

#[derive(Debug)]
struct WorldState {
    clock: Clock,
    told: bool,
    hash: u64,
    faults: BTreeMap<&'static str, u64>,
    violation: Option<String>,
}

/// One life of the engine.
#[derive(Clone, Debug, Default)]
pub(super) struct Alive(Arc<AliveState>);

#[derive(Debug, Default)]
struct AliveState {
    dead: AtomicBool,
    died: Notify,
}

/// Unix milliseconds at the start of every history.
pub(super) const START_MS: i64 = 1_795_176_000_000;

// === impl World ===

impl World {
    pub(super) fn new(told: bool) -> Self {
        Self(Arc::new(Mutex::new(WorldState {
            clock: Clock::manual(START_MS),
            told,
            hash: 0,
            faults: BTreeMap::new(),
            violation: None,
        })))
    }

    /// Continues from `ms` with the runtime's time.
    pub(super) fn go_on_from(&self, ms: i64) -> Clock {
        let clock = Clock::Virtual(ms, Instant::now());
        self.set_clock(clock.clone());
        clock
    }

    pub(super) fn set_clock(&self, clock: Clock) {
        self.inner().clock = clock;
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.inner().clock.now_ms()
    }

    /// Records something that happened in this history.
    pub(super) fn tell(&self, what: &str) {
        let mut inner = self.inner();
        let at_ms = inner.clock.now_ms() - START_MS;
        // A sum, because simultaneous events have no order.
        inner.hash = inner.hash.wrapping_add(FixedState::default().hash_one((at_ms, what)));
        if inner.told {
            println!("{:>9}.{:03} {what}", at_ms / 1000, at_ms % 1000);
        }
    }

    /// Records a planned fault.
    pub(super) fn fault(&self, what: &'static str) {
        *self.inner().faults.entry(what).or_insert(0) += 1;
    }

    /// Records a violated invariant. Only the first one is kept.
    pub(super) fn violation(&self, what: impl FnOnce() -> String) {
        let mut inner = self.inner();
        if inner.violation.is_none() {
            let at_ms = inner.clock.now_ms() - START_MS;
            inner.violation = Some(format!("after {at_ms} ms: {}", what()));
        }
    }

    /// The first violation, the planned faults, and a hash of the trace.
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
}
