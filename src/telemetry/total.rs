//! A counter that can be read back.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::Counter;

/// A counter of the registry whose value the daemon reads too.
pub struct Total {
    counter: Counter,
    value: AtomicU64,
}

// === impl Total ===

impl Total {
    pub(super) fn new(counter: Counter) -> Self {
        // The counter is exported from the start, with zero.
        counter.increment(0);
        Self { counter, value: AtomicU64::new(0) }
    }

    pub fn add(&self, count: u64) {
        self.counter.increment(count);
        self.value.fetch_add(count, Ordering::Relaxed);
    }

    /// Raises the counter to a total that is kept elsewhere.
    pub(crate) fn raise_to(&self, total: u64) {
        let before = self.value.fetch_max(total, Ordering::Relaxed);
        self.counter.increment(total.saturating_sub(before));
    }

    #[must_use]
    pub fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
