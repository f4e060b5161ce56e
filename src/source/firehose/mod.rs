//! The Firehose HTTP endpoint.
//! <https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html>, 2026-11-21.
//!
//! The order of checks: access key, ledger of IDs, limits and drain, body. A rejection comes before
//! the merge and has no effect. After the merge the response is 200, or waits for the counts.

mod delivery;
mod endpoint;
mod head;
mod received;
mod response;

pub(crate) use endpoint::{FirehoseEndpoint, FirehoseSettings};
