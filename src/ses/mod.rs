//! Parses bytes into SES sending events, without sockets, clock or shared state.
//!
//! ```text
//! json      bytes without a meaning: what is valid, and where it ends
//! event     a JSON value to a Value (only what the rules can read), and to an Event
//! envelope  the values of a text, their wrappings (SNS, SQS, EventBridge, Firehose) removed
//! stream    texts of any length, in blocks
//! ```
//!
//! Each of these folders imports only those above it.
//!
//! [`read_all`], [`Reader`] and [`Scan`] walk a text and pass every innermost value to a [`Visitor`]:
//! an [`Event`], or one of the [`NonEvent`] outcomes. Every value that is read leads to a call.

#[cfg(any(test, fuzzing))]
pub mod compare;
mod envelope;
mod event;
mod gunzip;
mod json;
mod stream;
mod work;

pub use envelope::compression::Compression;
pub use envelope::delivery::{FirehoseRequest, Unusual, read_request};
pub use envelope::path::Path;
pub(crate) use envelope::path::{GZIPS_MAX, Wrapping};
#[cfg(test)]
pub(crate) use envelope::text::VALIDATION_NOTICE;
pub use envelope::unwrap::{read_all, read_record};
pub use envelope::visitor::{NonEvent, NonEventReason, Visitor};
pub use event::Event;
pub(crate) use event::TimeOrigin;
pub(crate) use event::address_codes::AddressCodes;
pub use event::event_type::EventType;
pub(crate) use event::event_type::EventTypeSet;
pub use event::field::EventField;
pub(crate) use event::field::mailbox_providers::{MailboxProviders, SEVERAL_PROVIDERS};
pub(crate) use event::field::provider_table::MAILBOX_PROVIDERS_VERSION;
pub(crate) use event::header_list::HeaderList;
pub use event::identity::Fingerprint;
pub use event::interest::Interest;
pub(crate) use event::interest::{FORWARD_SOURCE, InterestBuilder, Slot, ValueKind};
pub(crate) use event::minimal::minimal_event;
pub use event::time::{self, Minute};
pub use gunzip::gunzip;
pub(crate) use gunzip::{GzipReader, is_gzip};
pub(crate) use json::fault::Fault;
pub use json::raw::Text;
pub(crate) use json::space::is_blank;
pub(crate) use json::step::VALUE_BYTES_MAX;
#[cfg(test)]
pub(crate) use stream::blocks::TextEnd;
pub(crate) use stream::blocks::{Block, Blocks};
pub(crate) use stream::reader::Reader;
pub(crate) use stream::scan::Scan;

#[cfg(test)]
mod tests;
