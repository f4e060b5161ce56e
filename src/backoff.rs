//! How long to wait after a failure before the next retry.

use std::time::Duration;

/// The span doubles from 0.2 to 10 seconds. A random part of it, at least half, is waited, so that
/// parallel failures are not retried all at once.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

const SPAN_FIRST: Duration = Duration::from_millis(200);
const SPAN_MAX: Duration = Duration::from_secs(10);

// === impl Backoff ===

impl Backoff {
    /// The wait after one more failure.
    pub fn pause(&mut self) -> Duration {
        let span = SPAN_FIRST.saturating_mul(1 << self.failures.min(10)).min(SPAN_MAX);
        self.failures = self.failures.saturating_add(1);
        span.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_seconds_and_leave_half_to_chance() {
        let mut backoff = Backoff::default();
        for ms in [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000].into_iter().chain([10_000; 30])
        {
            let span = Duration::from_millis(ms);
            let pause = backoff.pause();
            assert!((span / 2..=span).contains(&pause), "{pause:?} of {span:?}");
        }
    }
}
