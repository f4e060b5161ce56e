//! What sends parcels, whatever the target is.

use std::future::Future;

use super::plan::Parcel;
use super::tally::Tally;

/// Sends parcels over one connection, each until it is accepted or given up.
pub(crate) trait Sender: Send + 'static {
    type Content: Send + Sync + 'static;

    /// Sends a parcel and records its truth.
    fn send(
        &mut self,
        parcel: &Parcel<Self::Content>,
        now_ms: i64,
        tally: &mut Tally,
    ) -> impl Future<Output = Sent> + Send;
}

/// The outcome of sending a parcel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// Bytes on the wire.
    pub bytes: u64,
    /// Whether the whole parcel was accepted.
    pub whole: bool,
}

// === impl Sent ===

impl Sent {
    pub(crate) const NOTHING: Self = Self { bytes: 0, whole: false };
}
