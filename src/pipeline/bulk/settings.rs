//! How texts are read.

use std::num::NonZero;
use std::sync::Arc;

use crate::pipeline::batch::{Batch, Times};
use crate::rules::RuleSet;

/// Size of a block: 1 MiB takes a few milliseconds, much longer than waking a thread.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

/// Settings for reading.
#[derive(Clone, Debug)]
pub(crate) struct Bulk {
    pub(super) rules: Arc<RuleSet>,
    pub(super) times: Times,
    pub(super) workers: NonZero<usize>,
    pub(super) block_bytes: usize,
}

// === impl Bulk ===

impl Bulk {
    /// Uses all cores that this process may use.
    #[must_use]
    pub(crate) fn new(rules: Arc<RuleSet>, times: Times) -> Self {
        let workers = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self { rules, times, workers, block_bytes: BLOCK_BYTES }
    }

    pub(super) fn batch(&self) -> Batch {
        Batch::new(Arc::clone(&self.rules), self.times)
    }
}
