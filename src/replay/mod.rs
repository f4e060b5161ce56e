//! Replays archives: objects in S3 and files in folders, each counted once.
//!
//! A [`ReplayPlan`] holds the objects to read: those in the chosen time range that were not counted
//! before and are not too old. [`ReplayWork`] reads many of them at once, each into its own batch
//! that is merged in one step. With a journal that knows the IDs, an interrupted replay is resumed.
//! Events count at their own times.

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

pub(crate) use input::ReplayInput;
pub(crate) use listing_error::ListingError;
pub(crate) use plan::{ReplayPlan, SkippedObjects, TimeRange, counts_too_old};
pub(crate) use progress::{ProgressFigures, ReplayProgress, ReplayTotals};
pub(crate) use reader::ObjectReader;
pub(crate) use work::{BatchTarget, ReplayEngine, ReplayWork};
