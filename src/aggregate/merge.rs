//! What became of a delta that was to be merged.

use super::key::Key;

/// A request has more new series than the limit still allows in this hour; none was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "its {new} new series exceed limits.series ({max} in a UTC hour, of which {left} are left)"
)]
pub(crate) struct SeriesFull {
    pub new: usize,
    pub left: usize,
    pub max: usize,
}

/// The result of merging a delta.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merge {
    /// Counts dropped because their series exceed the limit of this hour.
    pub over_limit: Vec<(Key, u64)>,
}

// === impl Merge ===

impl Merge {
    /// Sum of the counts dropped by the limit on series.
    #[must_use]
    pub fn series_limit(&self) -> u64 {
        self.over_limit.iter().map(|(_, count)| count).sum()
    }
}
