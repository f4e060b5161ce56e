//! The hours that a wall clock has shown.

use std::collections::BTreeSet;

use crate::rules::{SET_BACK_MS, hour_of};

/// The hours that the clock of one life has shown, or that were in force shortly before they began.
#[derive(Debug)]
pub(super) struct ClockHours {
    hours: BTreeSet<u32>,
    /// What the clock showed after its last jump.
    from_ms: i64,
}

// === impl ClockHours ===

impl ClockHours {
    /// The clock of a life that begins.
    pub(super) fn from(now_ms: i64) -> Self {
        Self { hours: BTreeSet::new(), from_ms: now_ms }
    }

    /// The clock has gone on to this time.
    pub(super) fn shown_until(&mut self, now_ms: i64) {
        self.hours.extend(hour_of(self.from_ms)..=hour_of(now_ms + SET_BACK_MS));
    }

    /// The clock has jumped to this time. Returns whether it has never shown its hour.
    pub(super) fn show(&mut self, now_ms: i64) -> bool {
        self.from_ms = now_ms;
        let hours = hour_of(now_ms)..=hour_of(now_ms + SET_BACK_MS);
        self.hours.range(hours).next().is_none()
    }
}
