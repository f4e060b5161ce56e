//! Where events come in. A source speaks its protocol, knows its requests by a ledger, and hands what
//! it reads to the [`Merger`]; it never sees where counts go.

mod access;
mod body;
mod buffers;
mod cores;
pub mod firehose;
mod in_flight;
mod merger;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "sns")]
pub mod sns;
#[cfg(feature = "sqs")]
pub mod sqs;
mod text;

pub use access::AccessKeys;
pub use in_flight::{Charge, InFlight};
pub use merger::{Merged, Merger, Named};
pub use text::read_text;
