//! `[dedupe]`.

use std::time::Duration;

use super::SHORTEST;
use crate::config::kinds::{duration, number, switch};
use crate::config::section::section;

section! {
    /// Duplicates of events that arrive under other request ids.
    pub struct DedupeConfig as [dedupe] {
        /// Whether to skip an event that was already counted and arrives again under another
        /// request id.
        ///
        /// A request that Firehose retries has the same id and is always recognized. SNS, SQS and a
        /// producer that repeats a put create another record of the same event, which arrives under
        /// another request id. A duplicate has the same mail (`messageId`), type, time, recipients,
        /// link or feedback id, IP address and user agent; a second open one second later is not a
        /// duplicate. The duplicate filter adds a quarter to a third to the time for counting, and
        /// needs the memory below.
        enabled: bool = false, switch();

        /// How long an event is remembered after it was counted.
        ///
        /// With a journal, also across restarts.
        window: Duration = Duration::from_hours(2), duration(SHORTEST, Duration::from_hours(24));

        /// Maximum number of remembered events, about 30 bytes each. Above the limit, the oldest
        /// are forgotten early and counted.
        ///
        /// An event takes briefly twice that while the table grows, and 16 bytes in the journal.
        /// Forgotten ones are in `postmeter_remembered_events_evicted_total`. A million in two
        /// hours are 139 per second.
        events: usize = 1_000_000, number(1, 100_000_000);
    }
}
