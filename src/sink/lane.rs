//! One namespace's share of the epochs: what is on its way, and what waits behind it.
//!
//! An epoch that has begun to publish takes nothing more in. What waits was never sent, so it is
//! coalesced by series and minute: memory follows series x minutes, not events.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::gate::Gate;
use crate::ack::Share;
use crate::aggregate::SeriesKey;

pub type Counts = HashMap<SeriesKey, u64, RandomState>;

/// A namespace.
#[derive(Debug, Default)]
pub struct Lane {
    waiting: Batch,
    /// What of the epoch on its way is neither accepted nor given up.
    on_its_way: Option<Outstanding>,
    pub gate: Arc<Gate>,
    /// The last call was refused to us.
    pub denied: bool,
}

/// Counts that go together, and who waits for them.
#[derive(Debug, Default)]
pub struct Batch {
    pub counts: Counts,
    pub shares: Vec<Share>,
    first_merge_ms: Option<i64>,
}

#[derive(Debug, Default)]
struct Outstanding {
    counts: Counts,
    first_merge_ms: Option<i64>,
}

// === impl Lane ===

impl Lane {
    /// Adds a count of a newly sealed epoch. Gives true when it joined one that waits.
    pub fn add(&mut self, key: SeriesKey, count: u64) -> bool {
        match self.waiting.counts.entry(key) {
            Entry::Occupied(mut entry) => {
                *entry.get_mut() += count;
                true
            }
            Entry::Vacant(entry) => {
                entry.insert(count);
                false
            }
        }
    }

    pub fn add_share(&mut self, share: Share) {
        self.waiting.shares.push(share);
    }

    /// The waiting counts hold some of an epoch whose first merge was then.
    pub fn merged_at(&mut self, first_merge_ms: Option<i64>) {
        let waiting = &mut self.waiting.first_merge_ms;
        *waiting = earliest(*waiting, first_merge_ms);
    }

    /// Takes what waits, if nothing is on its way.
    pub fn begin(&mut self) -> Option<Batch> {
        let idle = self.waiting.counts.is_empty() && self.waiting.shares.is_empty();
        if idle || self.on_its_way.is_some() {
            return None;
        }
        let batch = std::mem::take(&mut self.waiting);
        self.on_its_way = Some(Outstanding {
            counts: batch.counts.clone(),
            first_merge_ms: batch.first_merge_ms,
        });
        Some(batch)
    }

    /// A count on its way was accepted or given up.
    pub fn settled(&mut self, key: &SeriesKey) {
        if let Some(outstanding) = &mut self.on_its_way {
            outstanding.counts.remove(key);
        }
    }

    /// The epoch on its way has ended. What of it is neither accepted nor given up, because the
    /// work on it failed, waits again: gives its counts, and how many entries joined others.
    pub fn end(&mut self) -> (u64, u64) {
        let Some(outstanding) = self.on_its_way.take() else { return (0, 0) };
        let (mut counts, mut joined) = (0, 0);
        for (key, count) in outstanding.counts {
            counts += count;
            joined += u64::from(self.add(key, count));
        }
        if counts > 0 {
            self.merged_at(outstanding.first_merge_ms);
        }
        (counts, joined)
    }

    pub fn is_idle(&self) -> bool {
        self.on_its_way.is_none()
            && self.waiting.counts.is_empty()
            && self.waiting.shares.is_empty()
    }

    /// The first merge of the oldest epoch that is not settled.
    pub fn first_merge_ms(&self) -> Option<i64> {
        let on_its_way =
            self.on_its_way.as_ref().and_then(|outstanding| outstanding.first_merge_ms);
        earliest(on_its_way, self.waiting.first_merge_ms)
    }

    /// Everything that is neither accepted nor given up.
    pub fn left(&self) -> impl Iterator<Item = (&SeriesKey, u64)> {
        let on_its_way = self.on_its_way.iter().flat_map(|outstanding| &outstanding.counts);
        self.waiting.counts.iter().chain(on_its_way).map(|(key, count)| (key, *count))
    }
}

fn earliest(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
