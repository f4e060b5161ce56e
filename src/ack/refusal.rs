//! Rejections: why a request has no effect.

use std::borrow::Cow;

use crate::label::labels;

labels! {
    /// Why a request is rejected before its merge.
    pub enum RefusalReason("outcome") {
        /// The access key is missing or wrong.
        Unauthorized = "unauthorized",
        /// Its origin cannot be verified, or it is not meant for this daemon.
        Forbidden = "forbidden",
        /// No record can be read from the body.
        BadRequest = "bad_request",
        /// It exceeds the budget of a request, so a retry cannot succeed.
        OverBudget = "over_budget",
        /// Reading it panicked.
        Panic = "panic",
        /// Too many bytes or requests in flight.
        Busy = "busy",
        /// The pending entries are at their limit.
        Entries = "entries_limit",
        /// An epoch of one of its namespaces is older than the settle deadline.
        Behind = "behind",
        /// The daemon is shutting down.
        Draining = "draining",
        /// Its counts cannot be written to the journal.
        Journal = "journal",
        /// Too many events are waiting to be forwarded.
        Forwards = "forwards",
        /// It could not be merged within the patience of its source.
        TimedOut = "timed_out",
        /// The work on the request ended without a response.
        GivenUp = "given_up",
    }

    /// Why a request, message or object is rejected permanently.
    pub enum FinalReason("reason") {
        BadRequest = "bad_request",
        OverBudget = "over_budget",
        Panic = "panic",
    }
}

/// A rejection before the merge: the request has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub reason: RefusalReason,
    pub message: Cow<'static, str>,
}

// === impl RefusalReason ===

impl RefusalReason {
    /// Whether this process may accept a retry of the same request a little later.
    #[must_use]
    pub(crate) const fn is_temporary(self) -> bool {
        match self {
            Self::Busy
            | Self::Entries
            | Self::Behind
            | Self::Journal
            | Self::Forwards
            | Self::TimedOut => true,
            Self::Unauthorized
            | Self::Forbidden
            | Self::BadRequest
            | Self::OverBudget
            | Self::Panic
            | Self::Draining
            | Self::GivenUp => false,
        }
    }

    /// Whether every retry would be rejected as well.
    #[must_use]
    pub(crate) const fn is_final(self) -> bool {
        self.final_reason().is_some()
    }

    /// The reason of a permanent rejection.
    #[must_use]
    pub(crate) const fn final_reason(self) -> Option<FinalReason> {
        match self {
            Self::BadRequest => Some(FinalReason::BadRequest),
            Self::OverBudget => Some(FinalReason::OverBudget),
            Self::Panic => Some(FinalReason::Panic),
            _ => None,
        }
    }

    /// The HTTP status. Never 413: Firehose would drop the batch without a backup.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::BadRequest | Self::OverBudget | Self::Panic => 400,
            _ => 503,
        }
    }
}

// === impl Refusal ===

impl Refusal {
    #[must_use]
    pub(crate) fn new(reason: RefusalReason, message: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, message: message.into() }
    }
}
