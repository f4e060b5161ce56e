//! A token bucket. Time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// Allows one action in each interval on average, and up to `burst` at once after a pause.
#[derive(Clone, Debug)]
pub(crate) struct RateLimiter {
    interval: Duration,
    /// How far ahead of the average actions may be.
    ahead_max: Duration,
    /// When the bucket is full again; `None`: it is full.
    full_at: Option<Instant>,
}

// === impl RateLimiter ===

impl RateLimiter {
    /// `burst` is at least 1.
    #[must_use]
    pub(crate) fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, ahead_max: interval * burst.saturating_sub(1), full_at: None }
    }

    /// This many actions per second on average, and those of `burst_seconds` at once after a pause.
    /// At least one of both.
    #[must_use]
    pub(crate) fn per_second(actions: u32, burst_seconds: u32) -> Self {
        let (actions, seconds) = (actions.max(1), burst_seconds.max(1));
        Self::new(Duration::from_secs(1) / actions, actions.saturating_mul(seconds))
    }

    /// When the next action is allowed.
    pub(crate) fn next_at(&self, now: Instant) -> Instant {
        // Not by subtracting from an instant, which may be the first of its clock.
        let ahead = self.full_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        now + ahead.saturating_sub(self.ahead_max)
    }

    /// Takes the next turn; returns when it is.
    pub(crate) fn take(&mut self, now: Instant) -> Instant {
        let at = self.next_at(now);
        let from = self.full_at.map_or(now, |full_at| full_at.max(now));
        self.full_at = Some(from + self.interval);
        at
    }

    /// Takes the next turn if it is at most `patience` away; returns when it is.
    pub(crate) fn take_within(&mut self, now: Instant, patience: Duration) -> Option<Instant> {
        (self.next_at(now) <= now + patience).then(|| self.take(now))
    }

    /// Takes the next turn if it is now.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        self.take_within(now, Duration::ZERO).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn allowed(limiter: &mut RateLimiter, now: Instant) -> usize {
        (0..100).filter(|_| limiter.allows(now)).count()
    }

    #[test]
    fn burst_is_allowed_at_once_and_no_more_is_saved_up() {
        let (mut limiter, start) = (RateLimiter::per_second(5, 1), Instant::now());
        for (at_ms, expected) in [(0, 5), (199, 0), (400, 2), (600, 1), (300_000, 5)] {
            assert_eq!(allowed(&mut limiter, start + ms(at_ms)), expected, "{at_ms}");
        }
        assert_eq!(allowed(&mut RateLimiter::per_second(0, 0), start), 1);
    }

    #[test]
    fn turns_are_even_and_a_turn_taken_early_delays_the_next() {
        let (mut limiter, start) = (RateLimiter::new(ms(100), 1), Instant::now());
        let turns: Vec<_> = (0..4).map(|_| limiter.take(start) - start).collect();
        assert_eq!(turns, [ms(0), ms(100), ms(200), ms(300)]);
        assert!(!limiter.allows(start + ms(399)));
        assert!(limiter.allows(start + ms(400)));
        // A pause saves nothing up.
        let later = start + ms(10_000);
        assert_eq!((limiter.take(later), limiter.take(later)), (later, later + ms(100)));

        let mut limiter = RateLimiter::new(ms(100), 1);
        let turns: Vec<_> = (0..9).map_while(|_| limiter.take_within(start, ms(250))).collect();
        assert_eq!(turns, [start, start + ms(100), start + ms(200)]);

        let mut limiter = RateLimiter::new(ms(100), 3);
        let turns: Vec<_> = (0..5).map(|_| limiter.take(start) - start).collect();
        assert_eq!(turns, [ms(0), ms(0), ms(0), ms(100), ms(200)]);
    }
}
