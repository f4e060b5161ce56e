//! The synchronous middle: one request's bytes in, its counts out.
//!
//! A [`Batch`] is what a request is counted into: private, judged by one version of the rules, and
//! merged as a whole or not at all. Both identities of counting hold for every batch:
//! `events = matched + unmatched + unrouted` and `destination_matches = counts + dropped`; a copy that
//! was left out is in neither. [`bulk`] reads files into one, on all cores.

mod batch;
pub mod bulk;
mod copies;
mod tally;

pub use batch::{Batch, Times};
pub use copies::{Claim, Copies, CopiesSettings, Known};
pub use tally::{Lateness, Tally};
