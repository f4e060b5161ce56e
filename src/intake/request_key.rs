//! A request, as its sender names it.

use crate::ack::RequestId;

/// A request, as its sender names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestKey<'r> {
    /// A stream, queue or object.
    pub source: &'r [u8],
    /// The sender's id of the request.
    pub request: &'r str,
    /// All IDs of the request, which its ticket was admitted with.
    pub ids: &'r [RequestId],
}
