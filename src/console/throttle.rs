//! Limits attempts to sign in: for each client and name, and for each name from everywhere.
//!
//! The first limit keeps one client from guessing; the second many clients together. It is higher,
//! so that a client alone cannot lock a user out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::http::PeerGroup;

/// Failures that one client may have for one name at once, and how long each takes to be forgotten.
const OF_CLIENT: AttemptLimit = AttemptLimit { burst: 5, pause: Duration::from_secs(20) };
/// The same for all clients together.
const OF_NAME: AttemptLimit = AttemptLimit { burst: 50, pause: Duration::from_secs(2) };
/// Most clients that are remembered; beyond them, the one that was seen first is forgotten.
const CLIENTS_MAX: usize = 4096;

struct AttemptLimit {
    burst: u32,
    pause: Duration,
}

/// Counts failures.
#[derive(Debug, Default)]
pub(super) struct SignInThrottle(Mutex<ThrottleState>);

#[derive(Debug, Default)]
struct ThrottleState {
    clients: HashMap<(PeerGroup, String), Failures>,
    names: HashMap<String, Failures>,
}

/// Failures that are not forgotten yet, as the time when all of them will be.
#[derive(Clone, Copy, Debug)]
struct Failures {
    forgotten: Instant,
}

// === impl SignInThrottle ===

impl SignInThrottle {
    /// Counts an attempt before it is tried, so that many at once are not tried together. `name`:
    /// that of a known user; unknown ones share the empty name.
    ///
    /// # Errors
    /// There were too many failures; the time to wait.
    pub(super) fn attempt(
        &self,
        peer: PeerGroup,
        name: &str,
        now: Instant,
    ) -> Result<(), Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.forget(now);
        let key = (peer, name.to_owned());
        let of_client = OF_CLIENT.after(state.clients.get(&key), now)?;
        let of_name = OF_NAME.after(state.names.get(name), now)?;
        state.clients.insert(key, of_client);
        state.names.insert(name.to_owned(), of_name);
        Ok(())
    }

    /// Forgets the failures of a client that has signed in.
    pub(super) fn succeeded(&self, peer: PeerGroup, name: &str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.clients.remove(&(peer, name.to_owned()));
    }
}

// === impl ThrottleState ===

impl ThrottleState {
    fn forget(&mut self, now: Instant) {
        if self.clients.len() < CLIENTS_MAX {
            return;
        }
        self.clients.retain(|_, failures| failures.forgotten > now);
        while self.clients.len() >= CLIENTS_MAX {
            let first = self.clients.iter().min_by_key(|(_, failures)| failures.forgotten);
            let Some(key) = first.map(|(key, _)| key.clone()) else { return };
            self.clients.remove(&key);
        }
    }
}

// === impl AttemptLimit ===

impl AttemptLimit {
    /// The failures after one more.
    fn after(&self, before: Option<&Failures>, now: Instant) -> Result<Failures, Duration> {
        let forgotten = before.map_or(now, |failures| failures.forgotten.max(now)) + self.pause;
        let latest = now + self.pause * self.burst;
        if forgotten <= latest { Ok(Failures { forgotten }) } else { Err(forgotten - latest) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn peer(number: u32) -> PeerGroup {
        PeerGroup::of(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)))
    }

    #[test]
    fn client_has_five_attempts_and_then_one_in_20_seconds() {
        let (throttle, start) = (SignInThrottle::default(), Instant::now());
        for attempt in 0..5 {
            assert!(throttle.attempt(peer(1), "ada", start).is_ok(), "{attempt}");
        }
        assert_eq!(throttle.attempt(peer(1), "ada", start), Err(Duration::from_secs(20)));
        // Another name and another client have their own attempts.
        assert!(throttle.attempt(peer(1), "bob", start).is_ok());
        assert!(throttle.attempt(peer(2), "ada", start).is_ok());
        let later = start + Duration::from_secs(20);
        assert!(throttle.attempt(peer(1), "ada", later).is_ok());
        assert!(throttle.attempt(peer(1), "ada", later).is_err());
        throttle.succeeded(peer(1), "ada");
        assert!(throttle.attempt(peer(1), "ada", later).is_ok());
    }

    #[test]
    fn many_clients_together_have_a_limit_too_and_few_are_remembered() {
        let (throttle, start) = (SignInThrottle::default(), Instant::now());
        let allowed = (0..200).filter(|at| throttle.attempt(peer(*at), "ada", start).is_ok());
        assert_eq!(allowed.count(), 50);
        for number in 0..5000_u32 {
            let now = start + Duration::from_secs(2 * u64::from(number));
            assert!(throttle.attempt(peer(number), "bob", now).is_ok());
        }
        let state = throttle.0.lock().expect("no panic");
        assert!(state.clients.len() <= CLIENTS_MAX, "{}", state.clients.len());
    }
}
