//! The values of limited dimensions that a request has, and their places in this hour.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::rules::{DimensionLimit, OTHER_VALUES, ValueLimiter};

/// What becomes of a value of a dimension with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueFold {
    /// It stands for itself, as one of the first of the hour.
    Own,
    /// It stands for itself, because the definition keeps it.
    Kept,
    /// It is counted with all values beyond the limit.
    Folded,
}

/// The places that a request has taken. They are returned when it is dropped, unless it was counted.
#[derive(Debug)]
pub(super) struct RequestValues {
    now_ms: i64,
    taken: Vec<TakenValues>,
    /// Bytes of all taken values.
    bytes: usize,
    /// What became of the values of the current event and destination, by the index of the
    /// dimension: the same in each of its series.
    current: Vec<(usize, ValueFold)>,
    /// How often each became of a value, since it was last asked for.
    counts: [u64; ValueFold::ALL.len()],
}

#[derive(Debug)]
struct TakenValues {
    limiter: Arc<ValueLimiter>,
    values: HashSet<Box<[u8]>, RandomState>,
}

// === impl ValueFold ===

impl ValueFold {
    pub(crate) const ALL: [Self; 3] = [Self::Own, Self::Kept, Self::Folded];

    /// The name in `--summary`.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Kept => "kept",
            Self::Folded => "folded",
        }
    }
}

// === impl RequestValues ===

impl RequestValues {
    /// The values of a request that arrived at this time.
    pub(super) fn new(now_ms: i64) -> Self {
        let (taken, current, counts) = Default::default();
        Self { now_ms, taken, bytes: 0, current, counts }
    }

    /// Another event or destination comes. Returns how often each became of a value of the last one.
    pub(super) fn next(&mut self) -> [u64; ValueFold::ALL.len()] {
        self.current.clear();
        std::mem::take(&mut self.counts)
    }

    /// The value that a dimension has in a series: the given one, or the one for all others.
    pub(super) fn value<'v>(
        &mut self,
        dimension: usize,
        limit: &DimensionLimit,
        value: &'v [u8],
    ) -> &'v [u8] {
        let known = self.current.iter().find(|(of, _)| *of == dimension).map(|(_, fold)| *fold);
        let fold = if let Some(fold) = known {
            fold
        } else {
            let fold = self.fold(limit, value);
            self.current.push((dimension, fold));
            self.counts[fold as usize] += 1;
            fold
        };
        if fold == ValueFold::Folded { OTHER_VALUES.as_bytes() } else { value }
    }

    fn fold(&mut self, limit: &DimensionLimit, value: &[u8]) -> ValueFold {
        if value == OTHER_VALUES.as_bytes() {
            return ValueFold::Folded;
        }
        if limit.keeps(value) {
            return ValueFold::Kept;
        }
        let known = self.taken.iter().position(|of| Arc::ptr_eq(&of.limiter, &limit.limiter));
        let at = known.unwrap_or_else(|| {
            let limiter = Arc::clone(&limit.limiter);
            self.taken.push(TakenValues { limiter, values: HashSet::default() });
            self.taken.len() - 1
        });
        let TakenValues { limiter, values } = &mut self.taken[at];
        if values.contains(value) {
            return ValueFold::Own;
        }
        if !limiter.take(value, limit.max, self.now_ms) {
            return ValueFold::Folded;
        }
        values.insert(value.into());
        self.bytes += value.len() + size_of::<Box<[u8]>>();
        ValueFold::Own
    }

    /// The request is merged: its values keep their places for this hour.
    pub(super) fn counted(&self) {
        for TakenValues { limiter, values } in &self.taken {
            for value in values {
                limiter.counted(value);
            }
        }
    }

    /// Returns the places.
    pub(super) fn clear(&mut self) {
        for TakenValues { limiter, values } in self.taken.drain(..) {
            for value in &values {
                limiter.release(value);
            }
        }
        self.bytes = 0;
        self.next();
    }

    /// Memory used by the values, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for RequestValues {
    fn drop(&mut self) {
        self.clear();
    }
}
