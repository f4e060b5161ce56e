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
    /// How long a call waits for its response, unless earlier ones had to wait longer.
    pub attempt_timeout: Duration,
    /// Maximum number of datums in one call.
    pub datums_per_call: usize,
}
