//! Processes sharded data one shard after another: each lock is taken once, and cache misses within
//! a shard overlap.

/// Indices of a list, grouped by shard. `shards` yields each item's shard, below `N`.
pub(super) fn by_shard<const N: usize>(shards: impl Iterator<Item = usize> + Clone) -> Vec<usize> {
    let mut next = [0; N];
    let mut len = 0;
    for shard in shards.clone() {
        next[shard] += 1;
        len += 1;
    }
    let mut start = 0;
    for next in &mut next {
        start += std::mem::replace(next, start);
    }
    let mut order = vec![0; len];
    for (at, shard) in shards.enumerate() {
        order[next[shard]] = at;
        next[shard] += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// For every list of shards, the order equals a stable sort by shard.
        #[test]
        fn places_are_sorted_by_shard(shards in prop::collection::vec(0_usize..8, 0..100)) {
            let mut expected: Vec<_> = (0..shards.len()).collect();
            expected.sort_by_key(|at| shards[*at]);
            prop_assert_eq!(by_shard::<8>(shards.iter().copied()), expected);
        }
    }
}
