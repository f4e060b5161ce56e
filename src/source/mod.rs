//! Where events come in. A source speaks its protocol, knows its requests by a ledger, and hands
//! their bytes to the [`Intake`](crate::pipeline::Intake); it never sees where counts go.

pub mod firehose;
mod in_flight;

pub use in_flight::{Charge, InFlight};
