//! The options of a run, and its result.

use std::time::Duration;

use super::args::{CheckArgs, PaceArgs, TrafficArgs};
use super::pace::Pace;
use super::tally::Tally;

/// The default duration of a run.
pub(crate) const DURATION: Duration = Duration::from_secs(30);
/// The options of a run.
pub(crate) struct Job<'a> {
    pub target: String,
    pub traffic: &'a TrafficArgs,
    pub pace: &'a PaceArgs,
    pub check: &'a CheckArgs,
}

/// The result of a run.
pub(crate) struct RunResult {
    pub tally: Tally,
    pub interrupted: bool,
    /// Events that were due but never sent.
    pub unsent: u64,
    /// From the end of the warm-up to the last response.
    pub measured: Duration,
    /// CPU of this process while it sent.
    pub cpu_seconds: Option<f64>,
}

// === impl Job ===

impl Job<'_> {
    pub(crate) fn pace(&self) -> Pace {
        let PaceArgs { rate, duration, events, warm_up, .. } = *self.pace;
        // A number of events also ends the run.
        let duration = duration.or_else(|| events.is_none().then_some(DURATION));
        Pace { rate, duration, warm_up }
    }
}
