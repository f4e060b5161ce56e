//! Acknowledgement: decides when a request is done, and wakes the callers that wait for it.
//!
//! A [`Ledger`] knows each request by source and ID. The first request with an ID gets a
//! [`Ticket`]; a retry joins it. Before the merge, rejecting or dropping the ticket removes the ID,
//! and everyone who joined gets the same response. At the merge the ticket becomes an [`AckGuard`]
//! that stays with the counts until they are settled; a second one stays with the forwarded events.
//! From then on the ID stays for its full lifetime. Success must be explicit: a dropped guard
//! means failure.

mod done;
mod eviction;
mod guard;
mod ledger;
mod pending;
mod refusal;
mod request_id;
mod restored;
mod stage;
mod table;
#[cfg(test)]
mod tests;
mod ticket;
mod waiter;

pub(crate) use eviction::EvictionReason;
pub(crate) use guard::{AckGuard, AckShare};
pub(crate) use ledger::{Admission, Ledger};
pub(crate) use refusal::{FinalReason, Refusal, RefusalReason};
pub(crate) use request_id::{RequestId, SourceKind};
pub(crate) use restored::RestoredIds;
pub(crate) use stage::{DoneWhen, Stage};
pub(crate) use ticket::Ticket;
pub(crate) use waiter::Waiter;
