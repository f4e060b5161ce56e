//! What each source has brought so far, for people who look.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::pipeline::Tally;

/// Counters of one source. Shared by all of its requests.
#[derive(Debug, Default)]
pub(crate) struct SourceActivity {
    requests: AtomicU64,
    events: AtomicU64,
    last_ms: AtomicI64,
    lag_ms: AtomicI64,
}

/// The activity of a source at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SourceFigures {
    /// Requests, messages or objects that were merged.
    pub requests: u64,
    pub events: u64,
    /// Unix milliseconds of the last merge with events, if any.
    pub last_ms: Option<i64>,
    /// The mean age of the events of that request when it arrived.
    pub lag_ms: i64,
}

// === impl SourceActivity ===

impl SourceActivity {
    /// A request was merged.
    pub(super) fn note(&self, tally: &Tally, now_ms: i64) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let events = tally.events();
        if events > 0 {
            self.events.fetch_add(events, Ordering::Relaxed);
            self.last_ms.store(now_ms, Ordering::Relaxed);
            self.lag_ms.store(tally.lateness.mean_ms(), Ordering::Relaxed);
        }
    }

    #[must_use]
    pub(crate) fn figures(&self) -> SourceFigures {
        let last_ms = self.last_ms.load(Ordering::Relaxed);
        SourceFigures {
            requests: self.requests.load(Ordering::Relaxed),
            events: self.events.load(Ordering::Relaxed),
            last_ms: (last_ms > 0).then_some(last_ms),
            lag_ms: self.lag_ms.load(Ordering::Relaxed),
        }
    }
}
