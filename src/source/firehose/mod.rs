//! The Firehose HTTP endpoint.
//! <https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html>, 2026-11-21.
//!
//! The order at the door: access key, ledger of ids, limits and drain, body. A refusal comes
//! before the merge and leaves no trace; after it the answer is 200, or waits for the counts.

mod answer;
mod endpoint;
mod head;

pub use endpoint::{FirehoseEndpoint, FirehoseSettings};
