//! The synchronous middle layer: the bytes of one request in, its counts out.
//!
//! A request is counted into a [`Batch`]: private, with one version of the rules, and merged as a
//! whole or not at all. Two equations hold for every batch: `events = matched + unmatched +
//! unrouted` and `destination_matches = counts + dropped`. A removed duplicate is in neither.
//! [`bulk`] reads files into one batch, on all cores.

mod batch;
pub mod bulk;
mod dedupe;
mod not_counted;
mod not_counted_report;
mod request_values;
mod room;
mod survey;
mod tally;
mod value_counter;

pub use batch::{Batch, Times};
pub(crate) use dedupe::Reservation;
pub use dedupe::{DedupeSettings, DuplicateFilter, Duplicates};
pub(crate) use not_counted::{Names, NotCounted, NotCountedKind};
pub(crate) use not_counted_report::{NotCountedReport, unreadable};
pub(crate) use request_values::ValueFold;
pub use room::BatchRoom;
pub(crate) use survey::{DimensionSurvey, Survey, form_of};
pub(crate) use tally::ReadTotals;
pub use tally::{Tally, ValueTally};

#[cfg(test)]
mod tests;
