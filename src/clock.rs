//! The wall clock, read in one place so that tests can set it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::time::Instant;

/// Gives Unix time in milliseconds.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// Stands still until it is set.
    Manual(Arc<AtomicI64>),
    /// Follows the monotonic clock.
    Steady { start: Instant, start_ms: i64 },
    /// Follows the runtime's time, which a simulation controls.
    #[cfg(test)]
    Virtual {
        start: Instant,
        /// The Unix time at the start, and how far this clock is ahead of it.
        start_ms: i64,
        ahead_ms: Arc<AtomicI64>,
    },
}

// === impl Clock ===

impl Clock {
    /// A clock that shows `ms` until [`Clock::set_ms`] is called.
    #[must_use]
    pub fn manual(ms: i64) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(ms)))
    }

    /// A clock that shows the same time now, and is not affected when the wall clock is set. A
    /// manual clock stays one.
    #[must_use]
    pub fn steady(&self) -> Self {
        match self {
            Self::Manual(ms) => Self::Manual(Arc::clone(ms)),
            _ => Self::Steady { start: Instant::now(), start_ms: self.now_ms() },
        }
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
            Self::Steady { start, start_ms } => start_ms.saturating_add(elapsed_ms(*start)),
            #[cfg(test)]
            Self::Virtual { start, start_ms, ahead_ms } => {
                start_ms + elapsed_ms(*start) + ahead_ms.load(Ordering::Relaxed)
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

fn elapsed_ms(start: Instant) -> i64 {
    i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX)
}
