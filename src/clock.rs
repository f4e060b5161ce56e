//! The wall clock, read in one place so that tests can set it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Gives Unix time in milliseconds.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// Stands still until it is set.
    Manual(Arc<AtomicI64>),
    /// Follows the runtime's time, which a simulation controls, starting at a Unix time.
    #[cfg(test)]
    Virtual(i64, tokio::time::Instant),
}

// === impl Clock ===

impl Clock {
    /// A clock that shows `ms` until [`Clock::set_ms`] is called.
    #[must_use]
    pub fn manual(ms: i64) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(ms)))
    }

    #[must_use]
    pub fn now_ms(&self) -> i64 {
        match self {
            Self::System => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the only place that reads the wall clock"
                )]
                let now = std::time::SystemTime::now();
                now.duration_since(std::time::UNIX_EPOCH)
                    .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Manual(ms) => ms.load(Ordering::Relaxed),
            #[cfg(test)]
            Self::Virtual(start_ms, start) => {
                start_ms + i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX)
            }
        }
    }

    /// Sets a manual clock; a system clock ignores it.
    pub fn set_ms(&self, to: i64) {
        if let Self::Manual(ms) = self {
            ms.store(to, Ordering::Relaxed);
        }
    }
}
