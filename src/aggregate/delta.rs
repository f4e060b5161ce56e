//! The counts of one request, private until they are merged.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Counts by key. All keys share one arena, so counting a known key allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    arena: Vec<u8>,
    entries: Vec<DeltaEntry>,
    table: HashTable<u32>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct DeltaEntry {
    hash: u64,
    start: usize,
    end: usize,
    count: u64,
}

// === impl Delta ===

impl Delta {
    /// Makes room for this many more keys with this many bytes together.
    pub(crate) fn reserve(&mut self, keys: usize, key_bytes: usize) {
        self.arena.reserve_exact(key_bytes);
        self.entries.reserve_exact(keys);
        let entries = &self.entries;
        self.table.reserve(keys, |at| entries[*at as usize].hash);
    }

    /// Adds to the count under a key.
    pub fn add(&mut self, key: &[u8], count: u64) {
        self.add_if(key, count, |_| true);
    }

    /// Adds to the count of a key. A new key must be admitted first. Returns whether the count was
    /// added.
    pub(crate) fn add_if(
        &mut self,
        key: &[u8],
        count: u64,
        admit: impl FnOnce(&Self) -> bool,
    ) -> bool {
        let hash = self.hasher.hash_one(key);
        let same = |at: &u32| {
            let entry = &self.entries[*at as usize];
            entry.hash == hash && &self.arena[entry.start..entry.end] == key
        };
        if let Some(at) = self.table.find(hash, same) {
            self.entries[*at as usize].count += count;
            return true;
        }
        if !admit(self) {
            return false;
        }
        let Self { arena, entries, table, .. } = self;
        // More than 2^32 keys of at least 12 bytes exceed the limit of any body.
        let Ok(at) = u32::try_from(entries.len()) else { return false };
        let start = arena.len();
        arena.extend_from_slice(key);
        entries.push(DeltaEntry { hash, start, end: arena.len(), count });
        table.insert_unique(hash, at, |at| entries[*at as usize].hash);
        true
    }

    /// Keys and counts, in the order of first use.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.entries.iter().map(|entry| (&self.arena[entry.start..entry.end], entry.count))
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of all keys.
    #[must_use]
    pub(crate) fn key_bytes(&self) -> usize {
        self.arena.len()
    }

    /// Memory used by the counts, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.arena.capacity()
            + self.entries.capacity() * size_of::<DeltaEntry>()
            // Each bucket holds an index and a control byte; seven of eight buckets are used.
            + self.table.capacity() * 8 / 7 * (size_of::<u32>() + 1)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Clears the counts but keeps the allocations.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.entries.clear();
        self.table.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// For every list of keys and counts, the delta equals a plain map.
        #[test]
        fn delta_behaves_like_a_map(adds in prop::collection::vec((prop::collection::vec(0_u8..4, 0..4), 1_u64..9), 0..200)) {
            let mut delta = Delta::default();
            let mut map = BTreeMap::new();
            for round in 0..2 {
                for (key, count) in &adds {
                    delta.add(key, *count);
                    *map.entry(key.clone()).or_insert(0) += count;
                }
                let held: BTreeMap<_, _> = delta.iter().map(|(key, count)| (key.to_vec(), count)).collect();
                prop_assert_eq!(&held, &map);
                prop_assert_eq!(delta.len(), map.len());
                if round == 0 {
                    delta.clear();
                    map.clear();
                }
            }
        }
    }
}
