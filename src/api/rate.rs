//! Limits the requests per second and the concurrent requests of each caller.
//!
//! Each access key has one rate for reads and one for changes, so neither another key nor reads can
//! use up the rate of changes. The number of rates is the number of configured keys.
//!
//! SDKs try a call three times within about a second by default, and programs send many calls at
//! once. So a burst is allowed, and a change beyond it waits for its turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::rate_limiter::RateLimiter;

/// A key that paused for so long may send the requests of that time at once.
const BURST_SECONDS: u32 = 10;
/// How long a change waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// A place holds this much of a body; a longer body takes several places.
const PLACE_BYTES: usize = 64 << 10;
/// Places of one key: 256 requests, or 16 with a body of 1 MiB.
const PER_KEY: usize = 256;
/// Places of reads, and of changes, of all keys together: bodies of 32 MiB.
const READS: usize = 512;
const CHANGES: usize = 512;

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
        let rate = || Mutex::new(RateLimiter::per_second(per_second, BURST_SECONDS));
        let limits = |_: &str| KeyLimits {
            reads: rate(),
            changes: rate(),
            places: Arc::new(Semaphore::new(PER_KEY)),
        };
        Self {
            by_key: ids.map(|id| (id.to_owned(), limits(id))).collect(),
            without_key: limits(""),
            reads: Arc::new(Semaphore::new(READS)),
            changes: Arc::new(Semaphore::new(CHANGES)),
        }
    }

    /// Takes places of the verified caller's key, before its request is parsed; `None` if there are
    /// not enough.
    pub(super) fn enter(&self, id: Option<&str>, body_bytes: usize) -> Option<CallerPlace> {
        places(&self.of(id)?.places, body_bytes)
    }

    /// Admits a request of a verified caller, when its turn comes; `None` if it exceeds the rate, or
    /// there are not enough places of its kind.
    pub(super) async fn admit(
        &self,
        id: Option<&str>,
        access: Access,
        body_bytes: usize,
    ) -> Option<CallerPlace> {
        let limits = self.of(id)?;
        let (rate, all, patience) = match access {
            Access::Read => (&limits.reads, &self.reads, Duration::ZERO),
            Access::Change => (&limits.changes, &self.changes, PATIENCE),
        };
        let place = places(all, body_bytes)?;
        let turn = {
            let mut rate = rate.lock().unwrap_or_else(PoisonError::into_inner);
            rate.take_within(Instant::now(), patience)?
        };
        sleep_until(turn).await;
        Some(place)
    }

    fn of(&self, id: Option<&str>) -> Option<&KeyLimits> {
        id.map_or(Some(&self.without_key), |id| self.by_key.get(id))
    }
}

fn places(all: &Arc<Semaphore>, body_bytes: usize) -> Option<CallerPlace> {
    let count = u32::try_from(body_bytes.div_ceil(PLACE_BYTES).max(1)).ok()?;
    Arc::clone(all).try_acquire_many_owned(count).ok()
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    /// Sends 400 requests at once; returns how many are admitted in the end.
    async fn admitted(
        limits: &Arc<CallerLimits>,
        id: Option<&'static str>,
        access: Access,
    ) -> usize {
        let mut requests = JoinSet::new();
        for _ in 0..400 {
            let limits = Arc::clone(limits);
            requests.spawn(async move { limits.admit(id, access, 0).await.is_some() });
        }
        requests.join_all().await.into_iter().filter(|is_admitted| *is_admitted).count()
    }

    #[tokio::test(start_paused = true)]
    async fn each_key_has_its_own_rates_and_reads_leave_those_of_changes() {
        use Access::{Change, Read};
        let limits = Arc::new(CallerLimits::new(["full", "reader"].into_iter(), 5));
        let burst = 5 * BURST_SECONDS as usize;
        assert_eq!(admitted(&limits, Some("reader"), Read).await, burst);
        assert_eq!(admitted(&limits, Some("full"), Read).await, burst);
        assert_eq!(admitted(&limits, None, Read).await, burst);
        assert_eq!(admitted(&limits, Some("another"), Read).await, 0);

        // Changes beyond the burst wait, and the last of them for as long as any may.
        let begun = Instant::now();
        let waiting = 5 * usize::try_from(PATIENCE.as_secs()).expect("short");
        assert_eq!(admitted(&limits, Some("full"), Change).await, burst + waiting);
        assert_eq!(begun.elapsed(), PATIENCE);
        // As many are saved up again after a pause, and no more.
        tokio::time::sleep(Duration::from_hours(1)).await;
        assert_eq!(admitted(&limits, Some("full"), Read).await, burst);
    }

    #[test]
    fn key_has_places_of_its_own_and_a_long_body_takes_several() {
        let limits = CallerLimits::new(["reader", "full"].into_iter(), 10_000);
        let of_key = |bytes: usize| -> Vec<_> {
            std::iter::from_fn(|| limits.enter(Some("reader"), bytes)).collect()
        };
        for (bytes, most) in [(0, 256), (PLACE_BYTES, 256), (PLACE_BYTES + 1, 128), (1 << 20, 16)] {
            let taken = of_key(bytes);
            assert_eq!(taken.len(), most, "{bytes}");
            assert!(limits.enter(Some("full"), 1 << 20).is_some(), "another key has places");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn reads_leave_the_places_of_changes() {
        use Access::{Change, Read};
        let limits = CallerLimits::new(["reader", "full"].into_iter(), 10_000);
        let mut reads = Vec::new();
        while let Some(place) = limits.admit(Some("reader"), Read, 1 << 20).await {
            reads.push(place);
        }
        assert_eq!(reads.len() * (1 << 20), READS * PLACE_BYTES);
        assert!(limits.admit(Some("full"), Change, 1 << 20).await.is_some());
    }
}
