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
    pub(super) surveys: bool,
}

// === impl Bulk ===

impl Bulk {
    /// Uses all cores that this process may use; one core if values of dimensions are limited, because
    /// the first ones stand for themselves, and which those are must not depend on chance.
    #[must_use]
    pub(crate) fn new(rules: Arc<RuleSet>, times: Times) -> Self {
        let cores = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        let workers = if rules.limits_values() { NonZero::<usize>::MIN } else { cores };
        Self { rules, times, workers, block_bytes: BLOCK_BYTES, surveys: false }
    }

    /// Also notes the values of dimensions.
    #[must_use]
    pub(crate) fn surveying(self) -> Self {
        Self { surveys: true, ..self }
    }

    pub(super) fn batch(&self) -> Batch {
        let batch = Batch::new(Arc::clone(&self.rules), self.times);
        if self.surveys { batch.surveying() } else { batch }
    }
}
