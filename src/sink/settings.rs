//! What a publisher can be told.

use std::time::Duration;

use crate::config::Ambiguous;

/// Settings of a publisher.
#[derive(Clone, Debug)]
pub(crate) struct PublisherSettings {
    pub flush_interval: Duration,
    pub concurrency: usize,
    pub requests_per_second: u32,
    pub ambiguous: Ambiguous,
    /// Whether datums that are too old or too far in the future are dropped before they are sent.
    pub judge_age: bool,
    /// Maximum number of datums in one call.
    pub datums_per_call: usize,
}
