//! The settings of the journal.

use std::time::Duration;

use super::state::JournalState;

/// Settings of the journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JournalSettings {
    /// How long the IDs of requests are remembered, unless a request has its own lifetime.
    pub id_life: Duration,
    /// The number of IDs remembered at most, of all sources together.
    pub ids_max: usize,
    /// How long and how many events are remembered, to remove duplicates.
    pub event_life: Duration,
    pub events_max: usize,
    /// Whether the counts of a call without a verdict are sent again; otherwise they are dropped.
    pub send_again: bool,
    /// Size at which a log is full and is compacted into a checkpoint.
    pub log_bytes: u64,
}

// === impl JournalSettings ===

impl JournalSettings {
    /// Removes what is older than its lifetime. Returns the number of IDs that are removed early.
    #[must_use]
    pub(super) fn forget(&self, state: &mut JournalState, now_ms: i64) -> u64 {
        let event_life_ms = i64::try_from(self.event_life.as_millis()).unwrap_or(i64::MAX);
        let events_since_ms = now_ms.saturating_sub(event_life_ms);
        state.forget_events(events_since_ms, self.events_max);
        let forgotten = state.forget_ids(now_ms, self.id_life, self.ids_max);
        if forgotten > 0 {
            let most = self.ids_max;
            tracing::warn!(
                forgotten,
                most,
                "journal full of request IDs; the oldest were forgotten"
            );
        }
        forgotten
    }
}
