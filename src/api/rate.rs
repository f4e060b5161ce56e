//! How many requests a second are answered.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Lets so many through in a second, and as many at once after a quiet one.
#[derive(Debug)]
pub struct Rate {
    per_second: f64,
    state: Mutex<(f64, Instant)>,
}

// === impl Rate ===

impl Rate {
    pub fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, state: Mutex::new((per_second, Instant::now())) }
    }

    /// Whether one more may pass now.
    pub fn allows(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, seen) = *state;
        let now = Instant::now();
        let left = (left + now.duration_since(seen).as_secs_f64() * self.per_second)
            .min(self.per_second.max(1.0));
        let allowed = left >= 1.0;
        *state = (if allowed { left - 1.0 } else { left }, now);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_second_lets_so_many_through_and_quiet_is_not_saved_up() {
        let rate = Rate::new(5);
        let count = || (0..100).filter(|_| rate.allows()).count();
        assert_eq!(count(), 5);
        advance(Duration::from_millis(400)).await;
        assert_eq!(count(), 2);
        advance(Duration::from_mins(5)).await;
        assert_eq!(count(), 5);
    }
}
