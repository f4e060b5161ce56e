//! Duplicates: the same event again, under another request ID or twice in one request.
//!
//! SNS, SQS and producers that retry a put may send an event again under a new request ID, which
//! the ledger cannot recognize. A [`RequestFilter`] removes duplicates within one request; a
//! [`DuplicateFilter`] knows the events of all requests. A request reserves its events before it is
//! merged, all of them or none. Another request with one of these events waits: it can neither
//! count nor skip the event before the first request is merged or rejected. A waiter holds no
//! reservation, so there are no deadlocks. Dropping a reservation has no effect.

mod filter;
mod recent;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::ses::Fingerprint;
pub(super) use filter::{DuplicateSample, RequestFilter};
use recent::RecentEvents;

/// How long and how many events are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DedupeSettings {
    pub window: Duration,
    /// Above this number the oldest events are evicted.
    pub events_max: usize,
}

/// The events that were counted, and those that are reserved.
#[derive(Debug)]
pub struct DuplicateFilter {
    table: Mutex<EventTable>,
    window_ms: i64,
    /// Steady: no event is forgotten early because the wall clock is set.
    clock: Clock,
}

#[derive(Debug)]
struct EventTable {
    counted: RecentEvents,
    /// Reserved events and the number of their reservation.
    reserved: HashMap<Fingerprint, u64, RandomState>,
    /// Lets other requests wait for the end of a reservation.
    reservations: HashMap<u64, watch::Receiver<()>, RandomState>,
    next_reservation: u64,
}

/// The right to count some events. Dropping it releases them.
#[derive(Debug, Default)]
#[must_use]
pub struct Reservation(Option<HeldReservation>);

#[derive(Debug)]
struct HeldReservation {
    filter: Arc<DuplicateFilter>,
    number: u64,
    fingerprints: Vec<Fingerprint>,
    /// Closes with the reservation.
    _end: watch::Sender<()>,
}

/// Events that were counted already: the request must be read again without them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicates(pub Vec<Fingerprint>);

/// The result of an attempt to reserve.
enum ReservationAttempt {
    Reserved(Reservation),
    Duplicates(Duplicates),
    /// Another request has reserved one of them; closes when that is decided.
    Held(watch::Receiver<()>),
}

// === impl DuplicateFilter ===

impl DuplicateFilter {
    #[must_use]
    pub fn new(settings: DedupeSettings, clock: &Clock) -> Self {
        let window_ms = i64::try_from(settings.window.as_millis()).unwrap_or(i64::MAX);
        let table = EventTable {
            counted: RecentEvents::new(settings.events_max),
            reserved: HashMap::default(),
            reservations: HashMap::default(),
            next_reservation: 0,
        };
        Self { table: Mutex::new(table), window_ms, clock: clock.steady() }
    }

    /// Reserves distinct events for a request. Waits while other requests hold any of them.
    ///
    /// # Errors
    /// Some events were counted already; nothing is reserved.
    pub async fn reserve(
        self: &Arc<Self>,
        fingerprints: &[Fingerprint],
    ) -> Result<Reservation, Duplicates> {
        loop {
            match self.try_reserve(fingerprints) {
                ReservationAttempt::Reserved(reservation) => return Ok(reservation),
                ReservationAttempt::Duplicates(known) => return Err(known),
                // Nothing is ever sent: an error means that the reservation ended.
                ReservationAttempt::Held(mut end) => _ = end.changed().await,
            }
        }
    }

    fn try_reserve(self: &Arc<Self>, fingerprints: &[Fingerprint]) -> ReservationAttempt {
        let mut table = self.table();
        table.counted.expire(self.clock.now_ms().saturating_sub(self.window_ms));
        // Checked first, so that a request is reread only once for all reservations that it waited
        // for.
        let held = fingerprints.iter().find_map(|one| table.reserved.get(one));
        if let Some(end) = held.and_then(|number| table.reservations.get(number)) {
            return ReservationAttempt::Held(end.clone());
        }
        let known = fingerprints.iter().filter(|one| table.counted.contains(one));
        let known: Vec<_> = known.copied().collect();
        if !known.is_empty() {
            return ReservationAttempt::Duplicates(Duplicates(known));
        }
        let (end, ended) = watch::channel(());
        let number = table.next_reservation;
        table.next_reservation += 1;
        table.reservations.insert(number, ended);
        table.reserved.extend(fingerprints.iter().map(|one| (*one, number)));
        let (filter, fingerprints) = (Arc::clone(self), fingerprints.to_vec());
        ReservationAttempt::Reserved(Reservation(Some(HeldReservation {
            filter,
            number,
            fingerprints,
            _end: end,
        })))
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

    fn table(&self) -> MutexGuard<'_, EventTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Reservation ===

impl Reservation {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|held| held.fingerprints.is_empty())
    }

    /// The events are counted; from now on they are duplicates.
    pub fn counted(mut self) {
        if let Some(held) = &mut self.0 {
            let now_ms = held.filter.clock.now_ms();
            let fingerprints = std::mem::take(&mut held.fingerprints);
            let mut table = held.filter.table();
            table.counted.add(now_ms, &fingerprints);
            table.release(held.number, &fingerprints);
        }
    }
}

impl Drop for HeldReservation {
    fn drop(&mut self) {
        self.filter.table().release(self.number, &self.fingerprints);
    }
}

// === impl EventTable ===

impl EventTable {
    fn release(&mut self, reservation: u64, fingerprints: &[Fingerprint]) {
        self.reservations.remove(&reservation);
        for fingerprint in fingerprints {
            self.reserved.remove(fingerprint);
        }
    }
}
