//! How much may be in memory at once: requests, and bytes of their bodies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::buffers::Buffers;

/// The limits and what is in flight now.
#[derive(Debug)]
pub struct InFlight {
    requests_max: u64,
    bytes_max: u64,
    requests: AtomicU64,
    bytes: AtomicU64,
    /// Requests that are not merged yet, nor refused.
    unmerged: watch::Sender<u64>,
    buffers: Arc<Buffers>,
}

/// One request's share; given back when it is dropped.
#[derive(Debug)]
pub struct Charge {
    in_flight: Arc<InFlight>,
    bytes: u64,
    merged: bool,
}

// === impl InFlight ===

impl InFlight {
    #[must_use]
    pub fn new(requests_max: usize, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            requests_max: requests_max as u64,
            bytes_max: bytes_max as u64,
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            unmerged: watch::Sender::new(0),
            buffers: Buffers::new(),
        })
    }

    /// Takes a request in; `None` when there are too many.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Option<Charge> {
        let fits = |held: u64| (held < self.requests_max).then_some(held + 1);
        self.requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()?;
        self.unmerged.send_modify(|unmerged| *unmerged += 1);
        Some(Charge { in_flight: Arc::clone(self), bytes: 0, merged: false })
    }

    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Waits until every request in flight is merged or refused.
    pub async fn all_merged(&self) {
        // The sender lives as long as this.
        let _ = self.unmerged.subscribe().wait_for(|unmerged| *unmerged == 0).await;
    }
}

// === impl Charge ===

impl Charge {
    /// Asks for bytes. A request whose bytes are the only ones gets as many as it wants, so that
    /// one larger than the limit is not refused for ever.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let (own, bytes) = (self.bytes, bytes as u64);
        let fits = |held: u64| {
            (held <= own || held + bytes <= self.in_flight.bytes_max).then_some(held + bytes)
        };
        let grown =
            self.in_flight.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        self.bytes += if grown { bytes } else { 0 };
        grown
    }

    /// Memory for bytes that were granted.
    pub fn buffers(&self) -> Arc<Buffers> {
        Arc::clone(&self.in_flight.buffers)
    }

    /// Gives the bytes back: the request is merged, and in flight until it is answered.
    pub fn merged(&mut self) {
        self.in_flight.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
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
    use super::*;

    #[test]
    fn requests_are_taken_in_up_to_the_limit() {
        let in_flight = InFlight::new(2, 100);
        let first = in_flight.enter().expect("one of two");
        let _second = in_flight.enter().expect("two of two");
        assert!(in_flight.enter().is_none());
        drop(first);
        assert!(in_flight.enter().is_some());
    }

    #[test]
    fn bytes_are_granted_up_to_the_limit_and_beyond_it_to_one_alone() {
        let in_flight = InFlight::new(10, 100);
        let mut alone = in_flight.enter().expect("first");
        assert!(alone.grow(60));
        let mut second = in_flight.enter().expect("second");
        assert!(second.grow(40));
        assert!(!second.grow(1));
        assert!(!alone.grow(1));
        drop(second);
        assert!(alone.grow(1_000), "alone, a request may be larger than the limit");
        let mut third = in_flight.enter().expect("third");
        assert!(!third.grow(1));
        drop(alone);
        assert!(third.grow(100));
        drop(third);
        assert_eq!((in_flight.requests(), in_flight.bytes()), (0, 0));
    }
}
