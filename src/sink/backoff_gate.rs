//! When the calls of a namespace may start, and how long they wait for a response.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::backoff::Backoff;

/// The longest time that timeouts make a call wait for its response.
const PATIENCE_MAX: Duration = Duration::from_mins(1);

/// Closes after a failure for all calls of a namespace, so that a long outage costs a few attempts
/// instead of one per call. While a call is in doubt, no other starts.
#[derive(Debug, Default)]
pub(super) struct BackoffGate {
    state: Mutex<BackoffGateState>,
    /// No call is in doubt any more. (A `watch` would wake its receivers in random order.)
    doubt_ended: Notify,
    /// Held by the one call of the namespace that waits for a slot, so that namespaces take turns.
    line: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct BackoffGateState {
    backoff: Backoff,
    shut_until: Option<Instant>,
    /// The number of calls in doubt.
    in_doubt: usize,
    /// The number of accepted calls.
    accepted: u64,
    /// When the newest of them was sent.
    accepted_sent: Option<Instant>,
    /// No call is accepted, and the last rejection named no datum.
    refuses: bool,
    /// How long calls wait for a response, if that is longer than the configured time.
    patience: Duration,
}

/// A call of the namespace is in doubt until this is dropped.
#[derive(Debug)]
pub(super) struct CallInDoubt<'g>(&'g BackoffGate);

// === impl BackoffGate ===

impl BackoffGate {
    /// Waits for the head of the namespace's line for a slot.
    pub(super) async fn head_of_line(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.line.lock().await
    }

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

    /// How long the next call waits for its response, at least the configured time.
    pub(super) fn patience(&self, configured: Duration) -> Duration {
        self.state().patience.max(configured)
    }

    /// A call had no response within this time, so the next ones wait twice as long: a slow service
    /// costs one or two retries, not one every few seconds. Concurrent timeouts count as one.
    pub(super) fn timed_out(&self, within: Duration) {
        let mut state = self.state();
        state.patience = state.patience.max((within * 2).min(PATIENCE_MAX));
    }

    /// A call that was sent at a time was accepted so much later. If half the patience would have
    /// sufficed, that is enough from now on.
    pub(super) fn accept(&self, sent: Instant, took: Duration) {
        let mut state = self.state();
        state.accepted += 1;
        state.accepted_sent = state.accepted_sent.max(Some(sent));
        state.refuses = false;
        if took <= state.patience / 2 {
            state.patience /= 2;
        }
    }

    /// The number of accepted calls.
    pub(super) fn accepted(&self) -> u64 {
        self.state().accepted
    }

    /// Whether a call was accepted that was sent after a time.
    pub(super) fn has_accepted_since(&self, since: Instant) -> bool {
        self.state().accepted_sent.is_some_and(|sent| sent > since)
    }

    /// A call was rejected without naming a datum, and probably all others would be.
    pub(super) fn refuse(&self) {
        self.state().refuses = true;
        self.shut();
    }

    /// Whether CloudWatch rejects the calls of the namespace without naming a datum.
    pub(super) fn refuses(&self) -> bool {
        self.state().refuses
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

    #[test]
    fn patience_doubles_with_timeouts_and_shrinks_with_quick_responses() {
        let s = Duration::from_secs;
        let (gate, configured) = (BackoffGate::default(), s(5));
        let accept_after = |took| gate.accept(Instant::now(), took);
        accept_after(s(0));
        assert_eq!(gate.patience(configured), s(5));
        // Calls side by side.
        gate.timed_out(s(5));
        gate.timed_out(s(5));
        assert_eq!(gate.patience(configured), s(10));
        accept_after(s(9));
        assert_eq!(gate.patience(configured), s(10));
        for expected in [20, 40, 60, 60] {
            gate.timed_out(gate.patience(configured));
            assert_eq!(gate.patience(configured), s(expected));
        }
        for (took, expected) in [(31, 60), (30, 30), (9, 15), (9, 15), (1, 7), (4, 7), (1, 5)] {
            accept_after(s(took));
            assert_eq!(gate.patience(configured).as_secs(), expected);
        }
        // The configured time is the least, and may be the most.
        assert_eq!(gate.patience(s(60)), s(60));
        gate.timed_out(s(60));
        assert_eq!(gate.patience(s(60)), s(60));
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
