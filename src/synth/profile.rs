//! What events the generator makes.

use super::mix::Mix;

/// What to generate.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Same seed, same events.
    pub seed: u64,
    /// Unix milliseconds at which the first event is published.
    pub start_ms: i64,
    /// Spacing of the times at which events are published.
    pub events_per_second: f64,
    /// Names for the tag `ses:configuration-set`; if empty, no event has a set.
    pub configuration_sets: Vec<String>,
    /// Distinct values of the tag `campaign`, at least one.
    pub campaigns: usize,
    /// Distinct values of the tag `genre`, at least one.
    pub genres: usize,
    /// The maximum age of an event when it is published.
    pub minutes_late: u32,
    /// The shares of the event types.
    pub mix: Mix,
    /// Approximate bytes of additional e-mail headers, in events that have headers.
    pub header_bytes: usize,
    /// Adds valid but unusual events.
    pub awkward: bool,
}

// === impl Profile ===

impl Default for Profile {
    fn default() -> Self {
        Self {
            seed: 1,
            start_ms: 1_795_176_000_000, // 2026-11-20T12:00:00Z
            events_per_second: 100.0,
            configuration_sets: vec!["prod".to_owned(), "staging".to_owned()],
            campaigns: 12,
            genres: 4,
            minutes_late: 0,
            mix: Mix::default(),
            header_bytes: 0,
            awkward: false,
        }
    }
}
