//! Duplicates: the same event again, under another request ID or twice in one request.
//!
//! SNS, SQS and producers that retry a put may send an event again under a new request ID, which
//! the ledger cannot recognize. A [`Sift`] removes duplicates within one request; [`Copies`] knows
//! the events of all requests. A request claims its events before it is merged, all of them or
//! none. Another request with one of these events waits: it can neither count nor skip the event
//! before the first request is merged or rejected. A waiter holds no claim, so there are no
//! deadlocks. Dropping a claim has no effect.

mod recent;
mod sift;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::ses::Fingerprint;
use recent::RecentEvents;
pub(super) use sift::{Sample, Sift};

/// How long and how many events are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopiesSettings {
    pub window: Duration,
    /// Above this number the oldest events are evicted.
    pub events_max: usize,
}

/// The events that were counted, and those that are claimed.
#[derive(Debug)]
pub struct Copies {
    table: Mutex<Table>,
    window_ms: i64,
    clock: Clock,
}

#[derive(Debug)]
struct Table {
    counted: RecentEvents,
    /// Claimed events and the number of their claim.
    claimed: HashMap<Fingerprint, u64, RandomState>,
    /// Lets other requests wait for the end of a claim.
    claims: HashMap<u64, watch::Receiver<()>, RandomState>,
    next_claim: u64,
}

/// The right to count some events. Dropping it releases them.
#[derive(Debug, Default)]
#[must_use]
pub struct Claim(Option<HeldClaim>);

#[derive(Debug)]
struct HeldClaim {
    copies: Arc<Copies>,
    number: u64,
    fingerprints: Vec<Fingerprint>,
    /// Closes with the claim.
    _end: watch::Sender<()>,
}

/// Events that were counted already: the request must be read again without them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known(pub Vec<Fingerprint>);

/// The result of an attempt to claim.
enum Tried {
    Claimed(Claim),
    Known(Known),
    /// Another request has claimed one of them; closes when that is decided.
    Held(watch::Receiver<()>),
}

// === impl Copies ===

impl Copies {
    #[must_use]
    pub fn new(settings: CopiesSettings, clock: Clock) -> Self {
        let window_ms = i64::try_from(settings.window.as_millis()).unwrap_or(i64::MAX);
        let table = Table {
            counted: RecentEvents::new(settings.events_max),
            claimed: HashMap::default(),
            claims: HashMap::default(),
            next_claim: 0,
        };
        Self { table: Mutex::new(table), window_ms, clock }
    }

    /// Claims distinct events for a request. Waits while other requests hold any of them.
    ///
    /// # Errors
    /// Some events were counted already; nothing is claimed.
    pub async fn claim(self: &Arc<Self>, fingerprints: &[Fingerprint]) -> Result<Claim, Known> {
        loop {
            match self.try_claim(fingerprints) {
                Tried::Claimed(claim) => return Ok(claim),
                Tried::Known(known) => return Err(known),
                // Nothing is ever sent: an error means that the claim ended.
                Tried::Held(mut end) => _ = end.changed().await,
            }
        }
    }

    fn try_claim(self: &Arc<Self>, fingerprints: &[Fingerprint]) -> Tried {
        let mut table = self.table();
        table.counted.expire(self.clock.now_ms().saturating_sub(self.window_ms));
        // Checked first, so that a request is reread only once for all claims that it waited for.
        let held = fingerprints.iter().find_map(|one| table.claimed.get(one));
        if let Some(end) = held.and_then(|number| table.claims.get(number)) {
            return Tried::Held(end.clone());
        }
        let known = fingerprints.iter().filter(|one| table.counted.contains(one));
        let known: Vec<_> = known.copied().collect();
        if !known.is_empty() {
            return Tried::Known(Known(known));
        }
        let (end, ended) = watch::channel(());
        let number = table.next_claim;
        table.next_claim += 1;
        table.claims.insert(number, ended);
        table.claimed.extend(fingerprints.iter().map(|one| (*one, number)));
        let (copies, fingerprints) = (Arc::clone(self), fingerprints.to_vec());
        Tried::Claimed(Claim(Some(HeldClaim { copies, number, fingerprints, _end: end })))
    }

    /// Restores events that an earlier process counted, and when (Unix milliseconds).
    pub fn restore(&self, mut counted: Vec<(i64, Vec<Fingerprint>)>) {
        counted.sort_by_key(|(at_ms, _)| *at_ms);
        let mut table = self.table();
        for (at_ms, fingerprints) in counted {
            table.counted.add(at_ms, &fingerprints);
        }
    }

    /// The number of remembered events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table().counted.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of events evicted before the end of their lifetime.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.table().counted.forgotten()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Claim ===

impl Claim {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|held| held.fingerprints.is_empty())
    }

    /// The events are counted; from now on they are duplicates.
    pub fn counted(mut self) {
        if let Some(held) = &mut self.0 {
            let now_ms = held.copies.clock.now_ms();
            let fingerprints = std::mem::take(&mut held.fingerprints);
            let mut table = held.copies.table();
            table.counted.add(now_ms, &fingerprints);
            table.release(held.number, &fingerprints);
        }
    }
}

impl Drop for HeldClaim {
    fn drop(&mut self) {
        self.copies.table().release(self.number, &self.fingerprints);
    }
}

// === impl Table ===

impl Table {
    fn release(&mut self, claim: u64, fingerprints: &[Fingerprint]) {
        self.claims.remove(&claim);
        for fingerprint in fingerprints {
            self.claimed.remove(fingerprint);
        }
    }
}
