//! Counting: a request's private [`Delta`], and the shared [`Epoch`]s that deltas are merged into.
//!
//! An epoch is one flush unit in processing time; a minute is what a datum belongs to in event
//! time. An epoch holds many minutes when events are late or replayed. Invariant: a request's
//! counts and its receipt are in the same epoch.

mod delta;
mod epoch;
mod key;
mod lines;
mod recent;
mod series;

pub use delta::Delta;
pub use epoch::{Aggregator, Full, Limits, Merge, Pending, Sealed};
pub use key::{KeyBuilder, SeriesKey, SeriesMinute, layout_of, minute_of, resolve, series_of};
pub use lines::{Line, sorted_lines};
