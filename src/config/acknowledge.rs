//! When a source acknowledges a request.

use super::words::words;

words! {
    /// When a request is answered.
    pub enum Acknowledge {
        /// As soon as its counts are in memory.
        Merged = "merged",
        /// As soon as its counts are in the journal, and in memory.
        Journaled = "journaled",
        /// When CloudWatch has accepted its counts.
        Published = "published",
    }
}
