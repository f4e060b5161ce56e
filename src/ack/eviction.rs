//! Why the ID of a request is forgotten early.

use crate::label::labels;

labels! {
    /// Why the ID of a request is forgotten before its time is over.
    pub enum EvictionReason("reason") {
        /// Its source has more requests than it remembers.
        Source = "source",
        /// Too many requests were rejected permanently.
        Rejected = "rejected",
        /// The journal has more than it keeps: after a restart a retry is counted again.
        Journal = "journal",
    }
}
