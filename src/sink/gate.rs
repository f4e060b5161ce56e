//! Pacing: how long a call or a retry must wait.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::backoff::Backoff;

/// Closes after a failure for all calls of a namespace, so that a long outage costs a few attempts
/// instead of one per call.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<GateState>);

#[derive(Debug, Default)]
struct GateState {
    backoff: Backoff,
    shut_until: Option<Instant>,
}

/// Spreads calls evenly, up to a number per second.
#[derive(Debug)]
pub(super) struct Pacer {
    next: Mutex<Option<Instant>>,
    span: Duration,
}

// === impl Gate ===

impl Gate {
    /// When the gate opens; `None` when it is open.
    pub(super) fn shut_until(&self) -> Option<Instant> {
        self.state().shut_until.filter(|until| *until > Instant::now())
    }

    pub(super) fn shut(&self) {
        let mut state = self.state();
        let now = Instant::now();
        // Concurrent failures count as one.
        if state.shut_until.is_none_or(|until| until <= now) {
            state.shut_until = Some(now + state.backoff.pause());
        }
    }

    pub(super) fn open(&self) {
        *self.state() = GateState::default();
    }

    fn state(&self) -> MutexGuard<'_, GateState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Pacer ===

impl Pacer {
    pub(super) fn new(per_second: u32) -> Self {
        Self { next: Mutex::new(None), span: Duration::from_secs(1) / per_second.max(1) }
    }

    /// Waits for this call's turn.
    pub(super) async fn turn(&self) {
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let at = next.map_or(now, |next| next.max(now));
            *next = Some(at + self.span);
            at
        };
        sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_side_by_side_shut_a_gate_once_and_a_success_forgets_them() {
        let gate = Gate::default();
        assert_eq!(gate.shut_until(), None);
        gate.shut();
        let until = gate.shut_until().expect("it is shut");
        gate.shut();
        assert_eq!(gate.shut_until(), Some(until));
        sleep_until(until).await;
        assert_eq!(gate.shut_until(), None);
        // The pause after the second failure in a row is longer.
        gate.shut();
        assert!(gate.shut_until() >= Some(until + Duration::from_millis(200)));
        gate.open();
        assert_eq!(gate.shut_until(), None);
        gate.shut();
        assert!(gate.shut_until() <= Some(Instant::now() + Duration::from_millis(200)));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_have_their_turns_evenly_and_save_none_up() {
        let pacer = Pacer::new(10);
        let start = Instant::now();
        for turn in 0..5 {
            pacer.turn().await;
            assert_eq!(start.elapsed(), Duration::from_millis(100 * turn));
        }
        tokio::time::advance(Duration::from_secs(10)).await;
        let start = Instant::now();
        for turn in 0..2 {
            pacer.turn().await;
            assert_eq!(start.elapsed(), Duration::from_millis(100 * turn));
        }
    }
}
