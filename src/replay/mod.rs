//! Replays archives: objects in S3 and files in folders, each counted once.
//!
//! A [`Plan`] holds the objects to read: those in the chosen time range that were not counted
//! before and are not too old. [`Work`] reads many of them at once, each into its own batch that is
//! merged in one step. With a journal that knows the IDs, an interrupted replay is resumed. Events
//! count at their own times.

#[cfg(feature = "s3")]
pub mod bucket;
pub mod folder;
mod input;
mod layout;
mod object;
mod plan;
mod progress;
mod reader;
mod work;

pub use input::Input;
pub use plan::{PassedOver, Plan, Range, TooMany, counts_too_old};
pub use progress::{Figures, ReplayProgress, Totals};
pub use reader::ObjectReader;
pub use work::{ReplayEngine, Taker, Work};
