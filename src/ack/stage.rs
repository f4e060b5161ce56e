//! The stages of a request, from its reading to its end.

use super::refusal::Refusal;

/// When an ID is done. From then on its lifetime runs, and it may be evicted if there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DoneWhen {
    Merged,
    Settled,
}

/// The stage that a request has reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Reading,
    /// Counted, and the ID is kept. Its events are still being forwarded, and the response waits
    /// for them.
    Forwarding,
    /// Counted, and either nothing is forwarded or forwarding has finished.
    Merged,
    Settled,
    /// Merged, but the outcome of its counts was never reported.
    Lost,
    Refused(Refusal),
}

/// How a merged request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestEnd {
    Settled,
    Lost,
}

// === impl RequestEnd ===

impl RequestEnd {
    /// The last stage of a request that is done at this point.
    pub(super) fn stage(self, done_when: DoneWhen) -> Stage {
        match (self, done_when) {
            (Self::Lost, _) => Stage::Lost,
            (Self::Settled, DoneWhen::Merged) => Stage::Merged,
            (Self::Settled, DoneWhen::Settled) => Stage::Settled,
        }
    }
}
