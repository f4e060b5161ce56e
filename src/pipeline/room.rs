//! The room that a batch starts with.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::batch::Batch;

/// How much the last batch of a source held: the next one is likely to hold as much, and starts with
/// room for it instead of growing to it.
#[derive(Debug, Default)]
pub struct BatchRoom {
    keys: AtomicUsize,
    key_bytes: AtomicUsize,
}

/// A body has at least this many bytes for each key of its batch, unless it is compressed.
const BODY_BYTES_PER_KEY: usize = 256;

// === impl BatchRoom ===

impl BatchRoom {
    /// Makes room in an empty batch for a body of this length.
    pub fn reserve(&self, batch: &mut Batch, body_len: usize) {
        let keys = self.keys.load(Ordering::Relaxed);
        let key_bytes = self.key_bytes.load(Ordering::Relaxed);
        // A short body after a long one does not get the room of the long one.
        let fewer = keys.min(body_len / BODY_BYTES_PER_KEY);
        batch.delta.reserve(fewer, key_bytes.min(fewer * key_bytes.div_ceil(keys.max(1))));
    }

    /// Records what a batch held.
    pub fn follow(&self, batch: &Batch) {
        self.keys.store(batch.delta.len(), Ordering::Relaxed);
        self.key_bytes.store(batch.delta.key_bytes(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_starts_with_room_for_what_the_last_one_held() {
        let batch = || {
            let layouts = crate::rules::Layouts::default();
            let definitions = crate::definitions::read("definitions", "{\"ConfigurationSets\":[]}");
            let definitions = definitions.definitions.expect("sound definitions");
            let rules = crate::rules::RuleSet::new(&definitions, "SES", None, &layouts);
            let times = crate::pipeline::Times { arrival_ms: 0, use_arrival: false };
            Batch::new(std::sync::Arc::new(rules), times)
        };
        let (room, mut last) = (BatchRoom::default(), batch());
        let mut first = batch();
        room.reserve(&mut first, 1 << 20);
        assert_eq!(first.delta.bytes(), 0);
        (0..1000_u64).for_each(|key| last.delta.add(&key.to_le_bytes(), 1));
        room.follow(&last);
        let mut next = batch();
        room.reserve(&mut next, 1 << 20);
        let reserved = next.delta.bytes();
        (0..1000_u64).for_each(|key| next.delta.add(&key.to_le_bytes(), 1));
        assert_eq!(next.delta.bytes(), reserved);
        let mut short = batch();
        room.reserve(&mut short, 2000);
        assert!(short.delta.bytes() < reserved / 50);
    }
}
