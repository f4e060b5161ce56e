//! The objects in S3 that the messages of a queue may name.

use crate::intake::SourceIntake;
use crate::source::s3::{Objects, Permit};

/// Reads the objects that messages name. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ObjectSource {
    pub objects: Objects,
    /// The objects that this queue's messages may name.
    pub permit: Permit,
    /// All queues share its ledger: an object is counted once, whichever queue names it.
    pub source: SourceIntake,
}
