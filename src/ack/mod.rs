//! Acknowledgement: who may say that a request is done, and who waits for it.
//!
//! A [`Ledger`] knows each request by (source, id). Its first sight gives a [`Ticket`]; a repeat
//! joins. Before the merge a ticket that is refused or dropped removes the id, and whoever joined
//! gets the same answer. At the merge the ticket becomes a [`Receipt`], which stays with the counts
//! until they are settled; another stays with the events that are forwarded. From then on the id
//! stays for its full time, whatever happens. Success must be said: a receipt dropped without a word
//! means failure.

mod ledger;
mod receipt;

pub use ledger::{
    Admission, DoneWhen, Ledger, Receipts, RequestId, SourceKind, Stage, Ticket, Waiter,
};
pub use receipt::{Receipt, Share};

use std::borrow::Cow;

/// Why a request is refused before its merge. A closed list: it is a label of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No access key, or none that is configured.
    Unauthorized,
    /// Not from whom it says, or not meant for us.
    Forbidden,
    /// No record can be read from the body.
    BadRequest,
    /// More than one request may cost: it would never fit.
    OverBudget,
    /// Reading it failed in a way that no input should make it fail.
    Panic,
    /// Too many bytes or requests in flight.
    Busy,
    /// The pending entries are at their limit.
    Entries,
    /// An epoch is older than the settle deadline.
    Behind,
    /// The daemon is shutting down.
    Draining,
    /// Its counts cannot be written to the journal.
    Journal,
    /// Too many events wait to be forwarded.
    Forwards,
    /// The work on the request ended without an answer.
    GivenUp,
}

/// A refusal before the merge: the request leaves no trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    pub message: Cow<'static, str>,
}

// === impl Reason ===

impl Reason {
    pub const ALL: [Self; 12] = [
        Self::Unauthorized,
        Self::Forbidden,
        Self::BadRequest,
        Self::OverBudget,
        Self::Panic,
        Self::Busy,
        Self::Entries,
        Self::Behind,
        Self::Draining,
        Self::Journal,
        Self::Forwards,
        Self::GivenUp,
    ];

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::BadRequest => "bad_request",
            Self::OverBudget => "over_budget",
            Self::Panic => "panic",
            Self::Busy => "busy",
            Self::Entries => "entries_limit",
            Self::Behind => "behind",
            Self::Draining => "draining",
            Self::Journal => "journal",
            Self::Forwards => "forwards",
            Self::GivenUp => "given_up",
        }
    }

    /// Whether the same request may be taken a little later, by this process.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        match self {
            Self::Busy | Self::Entries | Self::Behind | Self::Journal | Self::Forwards => true,
            Self::Unauthorized
            | Self::Forbidden
            | Self::BadRequest
            | Self::OverBudget
            | Self::Panic
            | Self::Draining
            | Self::GivenUp => false,
        }
    }

    /// Whether the same request would be refused again, whenever it comes.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::BadRequest | Self::OverBudget | Self::Panic)
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
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, message: message.into() }
    }
}
