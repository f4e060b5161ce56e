//! When the calls of a namespace may start.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::backoff::Backoff;

/// Closes after a failure for all calls of a namespace, so that a long outage costs a few attempts
/// instead of one per call. While a call is in doubt, no other starts.
#[derive(Debug, Default)]
pub(super) struct BackoffGate {
    state: Mutex<BackoffGateState>,
    /// No call is in doubt any more. (A `watch` would wake its receivers in random order.)
    doubt_ended: Notify,
}

#[derive(Debug, Default)]
struct BackoffGateState {
    backoff: Backoff,
    shut_until: Option<Instant>,
    /// The number of calls in doubt.
    in_doubt: usize,
}

/// A call of the namespace is in doubt until this is dropped.
#[derive(Debug)]
pub(super) struct CallInDoubt<'g>(&'g BackoffGate);

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
        let mut state = self.state();
        (state.backoff, state.shut_until) = (Backoff::default(), None);
    }

    /// The outcome of a call is unknown.
    pub(super) fn doubt(&self) -> CallInDoubt<'_> {
        self.state().in_doubt += 1;
        CallInDoubt(self)
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        self.state().in_doubt > 0
    }

    /// Waits until no call is in doubt.
    pub(super) async fn doubt_ended(&self) {
        loop {
            let ended = self.doubt_ended.notified();
            if !self.is_in_doubt() {
                return;
            }
            ended.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, BackoffGateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl CallInDoubt ===

impl Drop for CallInDoubt<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_doubt -= 1;
        if state.in_doubt == 0 {
            self.0.doubt_ended.notify_waiters();
        }
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

    #[tokio::test(start_paused = true)]
    async fn doubt_ends_with_its_last_call() {
        let gate = BackoffGate::default();
        gate.doubt_ended().await;
        let (first, second) = (gate.doubt(), gate.doubt());
        gate.open();
        drop(second);
        assert!(gate.is_in_doubt());
        let wait = Duration::from_secs(1);
        assert!(tokio::time::timeout(wait, gate.doubt_ended()).await.is_err());
        let ended = async {
            gate.doubt_ended().await;
            assert!(!gate.is_in_doubt());
        };
        tokio::join!(ended, async { drop(first) });
    }
}
