//! Counting: a request's private [`Delta`], and the shared [`Aggregator`] that deltas are merged into.
//!
//! An epoch is one flush unit in processing time; a minute is what a datum belongs to in event
//! time. An epoch holds many minutes when events are late or replayed. Invariant: a request's
//! counts and its ack guard are in the same epoch.

mod aggregator;
mod arena;
mod by_shard;
mod datums;
mod delta;
mod entry;
mod epoch;
mod guard;
mod hour;
mod key;
mod lines;
mod merge;
mod metric_value;
mod pending;
mod recent;
mod table;
mod varint;

pub(crate) use aggregator::Sealed;
pub use aggregator::{Aggregator, Limits};
pub(crate) use datums::Datums;
pub use delta::Delta;
#[cfg(test)]
pub(crate) use entry::EntryKey;
pub use entry::{CountKeeper, Counts};
pub(crate) use entry::{Entry, Joined};
pub(crate) use guard::SeriesGuard;
pub(crate) use hour::SeriesOverflow;
pub use key::{Key, KeyBuilder, layout_of};
pub(crate) use key::{SeriesMinute, is_of_layout, metric_of, series_of};
pub use lines::Line;
pub(crate) use lines::{RecentLines, lines_of, sorted_lines};
pub(crate) use merge::{Merge, SeriesFull};
pub use metric_value::MetricValue;
pub use pending::Full;

pub use table::SeriesTable;
pub(crate) use varint::put_varint;
pub use varint::varint;
