//! Parses bytes into SES sending events, without sockets, clock or shared state.
//!
//! ```text
//! bytes --text--> JSON values --json--> Value (only what the rules can read)
//!       --unwrap--> SNS, SQS, EventBridge, Firehose wrappings peeled off --> Event
//! ```
//!
//! [`read_all`], [`Reader`] and [`Scan`] walk a text and pass every innermost value to a [`Visit`]:
//! an [`Event`], or one of the [`Other`] outcomes. Every value that is read leads to a call.

mod blocks;
#[cfg(any(test, fuzzing))]
pub mod compare;
mod data;
mod delivery;
mod event;
mod event_type;
mod fast;
mod frames;
mod gunzip;
mod identity;
mod interest;
mod json;
mod members;
mod plain;
mod raw;
mod reader;
mod scan;
mod strings;
mod text;
pub mod time;
mod unwrap;
mod value;
mod work;

pub use blocks::{Block, Blocks, End};
pub use delivery::{FirehoseRequest, Unusual, read_request};
pub use event::{Event, TimeOrigin};
pub use event_type::{EventType, EventTypeSet};
pub use gunzip::{Gunzipped, GzipReader, gunzip, is_gzip};
pub use identity::Fingerprint;
pub use interest::{Interest, InterestBuilder, Slot, ValueKind};
pub use json::VALUE_BYTES_MAX;
pub use reader::Reader;
pub use scan::Scan;
pub use text::VALIDATION_NOTICE;
pub use time::Minute;
pub use unwrap::{Other, Path, Visit, Wrapping, read_all, read_record};
pub use value::Text;

#[cfg(test)]
mod tests;
