//! The requests in flight: how many requests and bytes may be in memory.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::buffers::Buffers;
use crate::ack::{Refusal, RefusalReason};

/// The limits, and what is in flight.
#[derive(Debug)]
pub(crate) struct InFlight {
    requests_max: u64,
    bytes_max: u64,
    requests: AtomicU64,
    bytes: AtomicU64,
    /// Requests that are neither merged nor rejected yet.
    unmerged: watch::Sender<u64>,
    /// Numbers of the requests that hold bytes, in order of arrival.
    holders: Mutex<BTreeSet<u64>>,
    next: AtomicU64,
    /// A request has returned bytes and needs no more.
    freed: Notify,
    buffers: Arc<Buffers>,
}

/// The resources of one request; returned when dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    in_flight: Arc<InFlight>,
    number: u64,
    bytes: u64,
    /// The limit of the bytes of all requests, for this one.
    bytes_max: u64,
    merged: bool,
}

// === impl InFlight ===

impl InFlight {
    #[must_use]
    pub(crate) fn new(requests_max: usize, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            requests_max: requests_max as u64,
            bytes_max: bytes_max as u64,
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            unmerged: watch::Sender::new(0),
            holders: Mutex::default(),
            next: AtomicU64::new(0),
            freed: Notify::new(),
            buffers: Buffers::new(),
        })
    }

    /// Admits a request; `None` when there are too many.
    #[must_use]
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Charge> {
        let fits = |held: u64| (held < self.requests_max).then_some(held + 1);
        self.requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()?;
        self.unmerged.send_modify(|unmerged| *unmerged += 1);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (in_flight, bytes_max) = (Arc::clone(self), self.bytes_max);
        Some(Charge { in_flight, number, bytes: 0, bytes_max, merged: false })
    }

    #[must_use]
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    #[must_use]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Waits until a request has returned bytes. Of several waiters, one is woken for each such
    /// request, in order of arrival.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    fn holders(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every request in flight is merged or rejected.
    pub(crate) async fn all_merged(&self) {
        // The sender lives as long as `self`.
        let _ = self.unmerged.subscribe().wait_for(|unmerged| *unmerged == 0).await;
    }
}

// === impl Charge ===

impl Charge {
    /// Requests more bytes. Above the shared limit only the oldest request that holds bytes gets
    /// more, so that one request always makes progress. The limit of a single request is its own
    /// budget.
    #[must_use]
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let (in_flight, bytes) = (&*self.in_flight, bytes as u64);
        if bytes == 0 {
            return true;
        }
        if self.bytes == 0 {
            in_flight.holders().insert(self.number);
        }
        let fits = |held: u64| (held + bytes <= self.bytes_max).then_some(held + bytes);
        let fitted = in_flight.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        if fitted.is_err() {
            let mut holders = in_flight.holders();
            if holders.first() != Some(&self.number) {
                if self.bytes == 0 {
                    holders.remove(&self.number);
                }
                return false;
            }
            in_flight.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        self.bytes += bytes;
        true
    }

    /// As [`Charge::grow`], but returns the reason.
    ///
    /// # Errors
    /// The limit is reached.
    pub(crate) fn charge(&mut self, bytes: usize) -> Result<(), Refusal> {
        if self.grow(bytes) {
            return Ok(());
        }
        let message = "too many bytes in flight (limits.in_flight_bytes); retry";
        Err(Refusal::new(RefusalReason::Busy, message))
    }

    /// From now on leaves an eighth of the shared bytes to requests that cannot wait.
    pub(crate) fn leave_room(&mut self) {
        self.bytes_max -= self.bytes_max / 8;
    }

    /// The bytes that it holds.
    #[must_use]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the bytes above this number, to be charged again when they are read again.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        let returned = self.bytes.saturating_sub(bytes);
        if returned == 0 {
            return;
        }
        self.bytes -= returned;
        self.in_flight.bytes.fetch_sub(returned, Ordering::Relaxed);
        if self.bytes == 0 {
            self.in_flight.holders().remove(&self.number);
        }
    }

    /// The buffers for granted bytes.
    pub(crate) fn buffers(&self) -> Arc<Buffers> {
        Arc::clone(&self.in_flight.buffers)
    }

    /// Returns the bytes: the request is merged, but in flight until its response is sent.
    pub(crate) fn merged(&mut self) {
        if self.bytes > 0 {
            self.shrink_to(0);
            // Not when bytes are returned to wait for more: two waiters would wake each other.
            self.in_flight.freed.notify_one();
        }
        if !std::mem::replace(&mut self.merged, true) {
            self.in_flight.unmerged.send_modify(|unmerged| *unmerged -= 1);
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.merged();
        self.in_flight.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[test]
    fn requests_are_admitted_up_to_the_limit() {
        let in_flight = InFlight::new(2, 100);
        let first = in_flight.enter().expect("one of two");
        let _second = in_flight.enter().expect("two of two");
        assert!(in_flight.enter().is_none());
        drop(first);
        assert!(in_flight.enter().is_some());
    }

    #[test]
    fn bytes_are_granted_up_to_the_limit_and_beyond_it_to_the_oldest_alone() {
        let in_flight = InFlight::new(10, 100);
        let mut oldest = in_flight.enter().expect("first");
        assert!(oldest.grow(60));
        let mut second = in_flight.enter().expect("second");
        assert!(second.grow(40));
        assert!(!second.grow(1));
        assert!(oldest.grow(1_000), "the oldest goes on");
        let mut third = in_flight.enter().expect("third");
        assert!(!third.grow(1));
        drop(oldest);
        assert!(!third.grow(100), "the second holds bytes and is older");
        assert!(second.grow(100));
        drop(second);
        assert!(third.grow(101), "it is the oldest now");
        third.merged();
        assert_eq!((in_flight.requests(), in_flight.bytes()), (1, 0));
        drop(third);
        assert_eq!((in_flight.requests(), in_flight.bytes()), (0, 0));
    }

    #[test]
    fn patient_request_leaves_an_eighth_and_returns_what_it_will_charge_again() {
        let in_flight = InFlight::new(10, 800);
        let mut oldest = in_flight.enter().expect("first");
        assert!(oldest.grow(100));
        let mut patient = in_flight.enter().expect("second");
        patient.leave_room();
        assert!(patient.grow(600));
        assert!(!patient.grow(1), "700 of 800 are held");
        let mut other = in_flight.enter().expect("third");
        assert!(other.grow(100));
        patient.shrink_to(50);
        assert_eq!((patient.bytes(), in_flight.bytes()), (50, 250));
        patient.shrink_to(60);
        assert_eq!(patient.bytes(), 50);
        drop(oldest);
        assert!(patient.grow(1_000), "it is the oldest holder now");
        patient.shrink_to(0);
        assert!(other.grow(1_000), "the other is, because the patient one holds nothing");
    }

    #[tokio::test]
    async fn waiter_is_woken_when_a_request_is_done_and_not_when_one_returns_bytes() {
        let in_flight = InFlight::new(10, 100);
        let mut holder = in_flight.enter().expect("first");
        assert!(holder.grow(100));
        let mut freed = std::pin::pin!(in_flight.freed());
        holder.shrink_to(10);
        assert!(timeout(Duration::ZERO, freed.as_mut()).await.is_err(), "it still waits");
        drop(holder);
        freed.await;
    }
}
