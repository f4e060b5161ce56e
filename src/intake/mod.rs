//! The single entry point for requests of all sources.
//!
//! A source implements its protocol: it receives bytes and responds. Everything in between is here,
//! in this order:
//!
//! | step | module | what happens |
//! |---|---|---|
//! | admit | [`admission`](SourceIntake::enter) | the drain, overdue counts and full limits reject a request before its bytes are read |
//! | read | [`reading`](SourceIntake::read), `budget` | its bytes become a [`Batch`](crate::pipeline::Batch), away from the threads that serve others; the cost is charged as it arises |
//! | commit | [`commit`](SourceIntake::commit) | duplicates, forwards, journal, counts and dead letters: all in one step, or nothing |
//! | wait | [`response`](SourceIntake::wait) | until the request may be acknowledged |
//!
//! Invariant: a rejected request has no effect, and a committed one is never rejected.

mod access;
mod activity;
mod admission;
pub(crate) mod body;
mod budget;
mod buffers;
mod commit;
mod cores;
mod entry;
mod in_flight;
mod not_counted_log;
mod patience;
mod reading;
mod request_key;
mod response;
#[cfg(test)]
mod tests;

pub(crate) use access::AccessKeys;
pub(crate) use activity::SourceActivity;
pub(crate) use budget::{Budget, MeteredBatch, StopReason};
pub(crate) use commit::{CommittedRequest, LetterContent};
pub(crate) use cores::is_quick;
pub(crate) use entry::{Intake, IntakeDeps, IntakeSettings, SourceIntake};
pub(crate) use in_flight::Charge;
pub(crate) use patience::{MakeRoom, Patience};
pub(crate) use reading::{ReadError, catch_panic, read_stream};
pub(crate) use request_key::RequestKey;
pub(crate) use response::Response;
