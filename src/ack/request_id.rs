//! The identity of a request.

use std::fmt;

use sha2::{Digest, Sha256};

/// The kind of source that a request came from. It is part of the request's identity, so no sender
/// can name a request of another kind. The numbers are part of the journal's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum SourceKind {
    Firehose = 1,
    /// A message posted by SNS.
    Sns = 2,
    /// A message from a queue.
    Sqs = 3,
    /// An object in S3.
    S3 = 4,
    /// A file in an archive.
    File = 5,
    /// A message that SNS sent to a queue, by the ID that SNS gave it.
    SnsInQueue = 6,
}

/// The identity of a request: 128 bits of a SHA-256 over the kind of source, the source and the ID.
/// An ID of any length takes the same memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RequestId(u128);

// === impl RequestId ===

impl RequestId {
    #[must_use]
    pub(crate) fn new(kind: SourceKind, source: &[u8], id: &[u8]) -> Self {
        let mut digest = Sha256::new();
        digest.update([kind as u8]);
        digest.update((source.len() as u64).to_le_bytes());
        digest.update(source);
        digest.update(id);
        let digest = digest.finalize();
        Self(digest.first_chunk::<16>().map_or(0, |bytes| u128::from_le_bytes(*bytes)))
    }

    /// The bytes that [`RequestId::from_bytes`] reads back.
    #[must_use]
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// `None` unless there are exactly 16 bytes.
    #[must_use]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(u128::from_le_bytes(bytes.try_into().ok()?)))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
