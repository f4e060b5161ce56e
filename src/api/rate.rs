//! Limits the requests per second and the concurrent requests of each caller.
//!
//! Each access key has one rate for reads and one for changes, so neither another key nor reads can
//! use up the rate of changes. The number of rates is the number of configured keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::rate_limiter::RateLimiter;

/// Requests of one key at once.
const PER_KEY: usize = 16;
/// Concurrent reads, and concurrent changes, of all keys together: each may have a body of 1 MiB.
const READS: usize = 32;
const CHANGES: usize = 32;

/// Whether a request reads or changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Change,
}

/// The limits of every caller.
#[derive(Debug)]
pub(super) struct CallerLimits {
    by_key: HashMap<String, KeyLimits>,
    /// The limits if no keys are configured.
    without_key: KeyLimits,
    reads: Arc<Semaphore>,
    changes: Arc<Semaphore>,
}

#[derive(Debug)]
struct KeyLimits {
    reads: Mutex<RateLimiter>,
    changes: Mutex<RateLimiter>,
    places: Arc<Semaphore>,
}

/// The place of a request; freed on drop.
pub(super) type CallerPlace = OwnedSemaphorePermit;

// === impl CallerLimits ===

impl CallerLimits {
    pub(super) fn new<'k>(ids: impl Iterator<Item = &'k str>, per_second: u32) -> Self {
        let limits = |_: &str| KeyLimits {
            reads: Mutex::new(RateLimiter::per_second(per_second)),
            changes: Mutex::new(RateLimiter::per_second(per_second)),
            places: Arc::new(Semaphore::new(PER_KEY)),
        };
        Self {
            by_key: ids.map(|id| (id.to_owned(), limits(id))).collect(),
            without_key: limits(""),
            reads: Arc::new(Semaphore::new(READS)),
            changes: Arc::new(Semaphore::new(CHANGES)),
        }
    }

    /// Takes a place of the verified caller's key, before its request is parsed; `None` if all are
    /// taken.
    pub(super) fn enter(&self, id: Option<&str>) -> Option<CallerPlace> {
        Arc::clone(&self.of(id)?.places).try_acquire_owned().ok()
    }

    /// Admits a request of a verified caller; `None` if it exceeds the rate or all places of its
    /// kind are taken.
    pub(super) fn admit(&self, id: Option<&str>, access: Access) -> Option<CallerPlace> {
        let limits = self.of(id)?;
        let (rate, places) = match access {
            Access::Read => (&limits.reads, &self.reads),
            Access::Change => (&limits.changes, &self.changes),
        };
        if !rate.lock().unwrap_or_else(PoisonError::into_inner).allows(Instant::now()) {
            return None;
        }
        Arc::clone(places).try_acquire_owned().ok()
    }

    fn of(&self, id: Option<&str>) -> Option<&KeyLimits> {
        id.map_or(Some(&self.without_key), |id| self.by_key.get(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_key_has_its_own_rates_and_reads_leave_those_of_changes() {
        use Access::{Change, Read};
        let limits = CallerLimits::new(["full", "reader"].into_iter(), 5);
        let count = |id, access| (0..100).filter(|_| limits.admit(id, access).is_some()).count();
        assert_eq!(count(Some("reader"), Read), 5);
        assert_eq!(count(Some("full"), Read), 5);
        assert_eq!(count(Some("full"), Change), 5);
        assert_eq!(count(None, Read), 5);
        assert_eq!(count(None, Change), 5);
        assert_eq!(count(Some("another"), Read), 0);
    }

    #[test]
    fn a_key_has_places_of_its_own_and_reads_leave_those_of_changes() {
        use Access::{Change, Read};
        let limits = CallerLimits::new(["reader", "full"].into_iter(), 10_000);
        let of_key: Vec<_> = std::iter::from_fn(|| limits.enter(Some("reader"))).collect();
        assert_eq!(of_key.len(), PER_KEY);
        let full = limits.enter(Some("full")).expect("another key has places");
        drop(of_key);
        assert!(limits.enter(Some("reader")).is_some());
        let reads: Vec<_> = std::iter::from_fn(|| limits.admit(Some("reader"), Read)).collect();
        assert_eq!(reads.len(), READS);
        let change = limits.admit(Some("full"), Change).expect("a place for changes");
        drop((full, change, reads));
    }
}
