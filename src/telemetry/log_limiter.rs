//! Limits how often input or an outage can produce a log line; suppressed lines are counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::metrics::Metrics;
use crate::rate_limiter::RateLimiter;

/// Allows one line in each interval.
#[derive(Debug)]
pub(crate) struct LogLimiter {
    lines: Mutex<RateLimiter>,
    metrics: Arc<Metrics>,
}

// === impl LogLimiter ===

impl LogLimiter {
    #[must_use]
    pub(crate) fn new(span: Duration, metrics: Arc<Metrics>) -> Self {
        Self { lines: Mutex::new(RateLimiter::new(span, 1)), metrics }
    }

    /// Whether a line may be written now. If not, it is counted as suppressed.
    pub(crate) fn allow(&self) -> bool {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let is_allowed = lines.allows(Instant::now());
        if !is_allowed {
            self.metrics.log_lines_suppressed.add(1);
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn line_is_allowed_once_in_each_span_and_others_are_counted() {
        let metrics = Metrics::new().expect("metrics");
        let limit = LogLimiter::new(Duration::from_secs(10), Arc::clone(&metrics));
        let mut allowed = 0;
        for _ in 0..25 {
            allowed += u64::from(limit.allow());
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!((allowed, metrics.log_lines_suppressed.get()), (3, 22));
    }
}
