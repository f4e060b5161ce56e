//! The figures of one connection.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use hdrhistogram::Histogram;
use tokio::time::Instant;

use super::plan::Parcel;
use super::series::Account;

/// Longer latencies are recorded as this: ten minutes.
const MICROSECONDS_MAX: u64 = 600_000_000;

/// Figures of one connection, added up at the end.
#[derive(Debug)]
pub(crate) struct Tally {
    pub account: Account,
    /// Latencies of measured, accepted requests in microseconds.
    pub latency: Histogram<u64>,
    /// Accepted requests, and their events and bytes on the wire.
    pub requests: u64,
    pub events: u64,
    pub bytes: u64,
    /// Those of them after the warm-up.
    pub measured: Measured,
    /// Events that were possibly accepted.
    pub in_doubt: u64,
    /// Events that were certainly not accepted.
    pub not_delivered: u64,
    /// Events that were resent although they may have been accepted before.
    pub perhaps_twice: u64,
    /// Attempts that were not acknowledged, by kind. A single failed record counts as one.
    pub refusals: BTreeMap<String, u64>,
    pub retries: u64,
}

/// The basis for throughput.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    pub requests: u64,
    pub events: u64,
    pub bytes: u64,
    pub last: Option<Instant>,
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Taken,
    InDoubt,
    NotDelivered,
}

/// Figures that are shown during the run.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub events: AtomicU64,
    pub refusals: AtomicU64,
}

// === impl Tally ===

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            account: Account::default(),
            latency: Histogram::new_with_max(MICROSECONDS_MAX, 3)
                .expect("ten minutes to three digits are lawful"),
            requests: 0,
            events: 0,
            bytes: 0,
            measured: Measured::default(),
            in_doubt: 0,
            not_delivered: 0,
            perhaps_twice: 0,
            refusals: BTreeMap::new(),
            retries: 0,
        }
    }

    pub(crate) fn refused(&mut self, kind: &str, live: &Live) {
        live.refusals.fetch_add(1, Ordering::Relaxed);
        match self.refusals.get_mut(kind) {
            Some(count) => *count += 1,
            None => {
                self.refusals.insert(kind.to_owned(), 1);
            }
        }
    }

    /// Records the truth of a parcel that was sent as a whole.
    pub(crate) fn settle<P>(&mut self, parcel: &Parcel<P>, fate: Fate) {
        match fate {
            Fate::Taken => {
                self.account.sure(&parcel.counts);
                self.events += parcel.events;
            }
            Fate::InDoubt => {
                self.account.perhaps(&parcel.counts);
                self.in_doubt += parcel.events;
            }
            Fate::NotDelivered => self.not_delivered += parcel.events,
        }
    }

    /// Records a request that was accepted completely, after the warm-up.
    pub(crate) fn measure(&mut self, events: u64, bytes: u64, due: Instant, now: Instant) {
        let took = u64::try_from((now - due).as_micros()).unwrap_or(u64::MAX);
        self.latency.saturating_record(took.max(1));
        self.measured.requests += 1;
        self.measured.events += events;
        self.measured.bytes += bytes;
        self.measured.last = self.measured.last.max(Some(now));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.account.merge(&other.account);
        self.latency.add(&other.latency).expect("both have the same bounds");
        self.requests += other.requests;
        self.events += other.events;
        self.bytes += other.bytes;
        self.measured.requests += other.measured.requests;
        self.measured.events += other.measured.events;
        self.measured.bytes += other.measured.bytes;
        self.measured.last = self.measured.last.max(other.measured.last);
        self.in_doubt += other.in_doubt;
        self.not_delivered += other.not_delivered;
        self.perhaps_twice += other.perhaps_twice;
        for (kind, count) in &other.refusals {
            *self.refusals.entry(kind.clone()).or_default() += count;
        }
        self.retries += other.retries;
    }
}
