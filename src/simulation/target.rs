//! A simulated topic that events are forwarded to, across all lives of all daemons.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;

use super::world::{Alive, World};
use crate::aws::CallFailure;
use crate::forward::{RawEvent, SendOutcome, SimulatedTarget, TargetCall};

/// A topic that daemons share. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct SharedTarget(Arc<Mutex<TargetState>>);

#[derive(Debug)]
struct TargetState {
    /// The texts of the events that it has accepted.
    accepted: BTreeSet<Vec<u8>>,
    fails: bool,
    rng: Rng,
}

/// The connection of one life to the topic.
#[derive(Debug)]
pub(super) struct TargetLink {
    pub target: SharedTarget,
    pub alive: Alive,
    pub world: World,
}

// === impl SharedTarget ===

impl SharedTarget {
    pub(super) fn new(seed: u64) -> Self {
        let rng = Rng::with_seed(seed);
        Self(Arc::new(Mutex::new(TargetState { accepted: BTreeSet::new(), fails: false, rng })))
    }

    pub(super) fn set_fails(&self, fails: bool) {
        self.state().fails = fails;
    }

    pub(super) fn has(&self, event: &str) -> bool {
        self.state().accepted.contains(event.as_bytes())
    }

    fn state(&self) -> MutexGuard<'_, TargetState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl TargetLink ===

impl TargetLink {
    async fn call(&self, events: &[RawEvent]) -> Result<Vec<SendOutcome>, CallFailure> {
        let (fails, takes_ms) = {
            let mut state = self.target.state();
            (state.fails && state.rng.u8(0..4) > 0, state.rng.u64(5..300))
        };
        sleep(Duration::from_millis(takes_ms)).await;
        if self.alive.is_dead() {
            pending::<()>().await;
        }
        if fails {
            self.world.fault("forwarding failed");
            return Err(CallFailure::Timeout(Duration::from_secs(5)));
        }
        let mut state = self.target.state();
        let outcome = |event: &RawEvent| {
            if state.fails && state.rng.bool() {
                return SendOutcome::Again("throttled".to_owned());
            }
            state.accepted.insert(event.bytes.to_vec());
            SendOutcome::Taken
        };
        Ok(events.iter().map(outcome).collect())
    }
}

impl SimulatedTarget for TargetLink {
    fn put<'t>(&'t self, events: &'t [RawEvent]) -> TargetCall<'t> {
        Box::pin(self.call(events))
    }
}
