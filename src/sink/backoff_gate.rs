//! How long retries wait after a failure.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::backoff::Backoff;

/// Closes after a failure for all calls of a namespace, so that a long outage costs a few attempts
/// instead of one per call.
#[derive(Debug, Default)]
pub(super) struct BackoffGate(Mutex<BackoffGateState>);

#[derive(Debug, Default)]
struct BackoffGateState {
    backoff: Backoff,
    shut_until: Option<Instant>,
}

// === impl BackoffGate ===

impl BackoffGate {
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
        *self.state() = BackoffGateState::default();
    }

    fn state(&self) -> MutexGuard<'_, BackoffGateState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep_until;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_side_by_side_shut_a_gate_once_and_a_success_forgets_them() {
        let gate = BackoffGate::default();
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
}
