//! Replays archives: objects in S3 and files in folders, each counted once.
//!
//! A [`Plan`] holds the objects to read: those in the chosen time range that were not counted
//! before and are not too old. [`Work`] reads many of them at once, each into its own batch that is
//! merged in one step. With a journal that knows the IDs, an interrupted replay is resumed. Events
//! count at their own times.

pub(crate) mod bucket;
pub(crate) mod folder;
mod input;
mod layout;
mod listing_error;
mod object;
mod plan;
mod progress;
mod reader;
mod work;

pub(crate) use input::Input;
pub(crate) use listing_error::ListingError;
pub(crate) use plan::{PassedOver, Plan, Range, counts_too_old};
pub(crate) use progress::{Figures, ReplayProgress, Totals};
pub(crate) use reader::ObjectReader;
pub(crate) use work::{ReplayEngine, Taker, Work};
