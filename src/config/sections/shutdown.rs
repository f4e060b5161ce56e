//! `[shutdown]`.

use std::time::Duration;

use super::SHORTEST;
use crate::config::kinds::duration;
use crate::config::section::section;

/// The longest `stopTimeout` that Fargate allows.
const STOP_TIMEOUT_MAX: Duration = Duration::from_mins(2);

section! {
    /// Shutdown of the process.
    pub struct ShutdownConfig as [shutdown] {
        /// Longest time from SIGTERM to exit. It must be below the `stopTimeout` of ECS (30s by
        /// default).
        ///
        /// Counts that CloudWatch has not accepted by then are written to stderr, and the exit code
        /// is 1.
        grace: Duration = Duration::from_secs(25), duration(SHORTEST, STOP_TIMEOUT_MAX);
    }
}
