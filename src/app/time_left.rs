//! The grace period of a shutdown, divided among its steps.

use std::time::Duration;

use tokio::time::Instant;

/// The rest of the grace period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLeft {
    /// Until then a step may take as long as it needs.
    pub work_until: Instant,
    /// The end of the grace period.
    end: Instant,
}

// === impl TimeLeft ===

impl TimeLeft {
    /// A fifth of the grace period, at most 2 s, is reserved for the steps after publishing:
    /// forwards, deletions, dead letters and final log lines.
    pub(super) fn of(grace: Duration) -> Self {
        let end = Instant::now() + grace;
        Self { work_until: end - (grace / 5).min(Duration::from_secs(2)), end }
    }

    /// Deadline of the next step: near the end, half of the remaining time.
    pub(super) fn step(&self) -> Instant {
        self.work_until.max(half_way(Instant::now(), self.end))
    }

    /// Deadlines of a step and of the cleanup after it.
    pub(crate) fn two_steps(&self) -> (Instant, Instant) {
        let first = self.step();
        (first, half_way(first, self.end))
    }
}

fn half_way(from: Instant, to: Instant) -> Instant {
    from + to.saturating_duration_since(from) / 2
}
