//! The IDs of done requests: there may be millions, so each takes little more than its own 16 bytes.
//!
//! Newer IDs are in a hash set, which becomes a sorted run when it is full or its time is over. The
//! IDs of a run end their lifetime together, with its last one; a run spans a sixteenth of a
//! lifetime at most.

use std::collections::{HashSet, VecDeque};
use std::mem::take;
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

use super::request_id::RequestId;
use super::stage::RequestEnd;

/// The IDs of done requests, each with its outcome. They are inserted in the order in which their
/// lifetimes end.
#[derive(Debug)]
pub(super) struct DoneIds {
    /// The time that a run spans at most.
    span: Duration,
    ids_max: usize,
    open: OpenRun,
    /// Oldest first.
    runs: VecDeque<SortedRun>,
    /// The number of IDs in `runs`.
    sorted: usize,
    /// The number of IDs evicted before the end of their lifetime.
    pub evicted: u64,
}

/// The newest IDs, and when the lifetimes of the first and the last of them end.
#[derive(Debug, Default)]
struct OpenRun {
    ids: HashSet<DoneId, RandomState>,
    ends: Option<(Instant, Instant)>,
}

#[derive(Debug)]
struct SortedRun {
    ids: Box<[DoneId]>,
    first_end: Instant,
    last_end: Instant,
}

/// The bits of an ID, of which the lowest says whether its counts are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct DoneId(u128);

/// This many runs have an equal share of the limit and of a lifetime.
const RUNS: u32 = 16;
/// Maximum number of IDs in the open run: its hash set takes 1 MB, and is sorted in milliseconds.
const OPEN_MAX: usize = 32_768;

// === impl DoneIds ===

impl DoneIds {
    pub(super) fn new(life: Duration, ids_max: usize) -> Self {
        let (open, runs) = (OpenRun::default(), VecDeque::new());
        Self { span: life / RUNS, ids_max, open, runs, sorted: 0, evicted: 0 }
    }

    /// Adds an ID whose lifetime ends at a time, which is never earlier than that of IDs before it.
    pub(super) fn insert(&mut self, id: RequestId, end: Instant, outcome: RequestEnd) {
        let is_over = self.open.ends.is_some_and(|(first, _)| end - first > self.span);
        if is_over || self.open.ids.len() >= self.run_max().min(OPEN_MAX) {
            self.close_run();
        }
        self.open.ids.insert(DoneId::new(id, outcome));
        let first = self.open.ends.map_or(end, |(first, _)| first);
        self.open.ends = Some((first, end));
        while self.len() > self.ids_max {
            if self.runs.is_empty() {
                self.close_run();
            }
            let evicted = self.pop_run();
            self.evicted += evicted as u64;
        }
    }

    pub(super) fn get(&self, id: RequestId) -> Option<RequestEnd> {
        [RequestEnd::Settled, RequestEnd::Lost].into_iter().find(|outcome| {
            let id = DoneId::new(id, *outcome);
            self.open.ids.contains(&id) || self.runs.iter().any(|run| run.contains(id))
        })
    }

    /// Removes the IDs whose lifetime is over.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.runs.front().is_some_and(|run| run.last_end <= now) {
            self.pop_run();
        }
        if self.open.ends.is_some_and(|(_, last)| last <= now) {
            self.open = OpenRun::default();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sorted + self.open.ids.len()
    }

    /// Memory used by the IDs, in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        // Each bucket holds an ID and a control byte; seven of eight buckets are used.
        self.sorted * size_of::<DoneId>()
            + self.open.ids.capacity() * 8 / 7 * (size_of::<DoneId>() + 1)
            + self.runs.capacity() * size_of::<SortedRun>()
    }

    fn run_max(&self) -> usize {
        (self.ids_max / RUNS as usize).max(1)
    }

    /// Sorts the open run, and appends it to the last run if it fits.
    fn close_run(&mut self) {
        let OpenRun { ids, ends } = take(&mut self.open);
        let Some((mut first_end, last_end)) = ends else { return };
        let mut ids: Vec<_> = ids.into_iter().collect();
        ids.sort_unstable();
        self.sorted += ids.len();
        let (span, run_max) = (self.span, self.run_max());
        let joins = |last: &mut SortedRun| {
            last_end - last.first_end <= span && last.ids.len() + ids.len() <= run_max
        };
        if let Some(last) = self.runs.pop_back_if(joins) {
            first_end = last.first_end;
            ids.extend_from_slice(&last.ids);
            // This sort finds the two runs and merges them.
            ids.sort();
        }
        self.runs.push_back(SortedRun { ids: ids.into(), first_end, last_end });
    }

    /// Removes the oldest run; returns the number of its IDs.
    fn pop_run(&mut self) -> usize {
        let removed = self.runs.pop_front().map_or(0, |run| run.ids.len());
        self.sorted -= removed;
        removed
    }
}

// === impl SortedRun ===

impl SortedRun {
    fn contains(&self, id: DoneId) -> bool {
        let len = self.ids.len();
        // The IDs are hashes, so an ID is near the place that is proportional to its value.
        let guess = (id.0 >> 64).saturating_mul(len as u128) >> 64;
        let guess = usize::try_from(guess).unwrap_or(len);
        let reach = 2 * len.isqrt() + 1;
        let near = guess.saturating_sub(reach)..len.min(guess + reach);
        let near = &self.ids[near.start.min(near.end)..near.end];
        let has_place = near.first().is_some_and(|first| *first <= id)
            && near.last().is_some_and(|last| *last >= id);
        let ids = if has_place { near } else { &*self.ids };
        ids.binary_search(&id).is_ok()
    }
}

// === impl DoneId ===

impl DoneId {
    fn new(id: RequestId, outcome: RequestEnd) -> Self {
        let bits = u128::from_le_bytes(id.to_bytes());
        Self(bits >> 1 << 1 | u128::from(outcome == RequestEnd::Lost))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::ack::SourceKind;

    fn id(number: u64) -> RequestId {
        RequestId::new(SourceKind::Firehose, b"source", &number.to_le_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// For all insertions and times: an ID is known until the end of its lifetime, and at most a
        /// run longer, unless it was evicted; those that are evicted are counted.
        #[test]
        fn ids_are_known_for_their_lifetime_unless_evicted(
            steps in prop::collection::vec((0_u64..2000, any::<bool>()), 1..100),
            ids_max in 0_usize..70,
            life_ms in 100_u64..20_000,
        ) {
            let (start, life) = (Instant::now(), Duration::from_millis(life_ms));
            let mut done = DoneIds::new(life, ids_max);
            let mut expected = BTreeMap::new();
            let mut now = start;
            for (number, (pause_ms, is_lost)) in (0..).zip(&steps) {
                now += Duration::from_millis(*pause_ms);
                done.expire(now);
                let outcome = if *is_lost { RequestEnd::Lost } else { RequestEnd::Settled };
                done.insert(id(number), now + life, outcome);
                expected.insert(number, (now + life, outcome));
                let alive = expected.iter().filter(|(_, (end, _))| *end > now);
                let known = alive.clone().filter(|(number, _)| done.get(id(**number)).is_some());
                prop_assert!(alive.count() <= known.count() + usize::try_from(done.evicted).unwrap());
                prop_assert!(done.len() <= ids_max);
                for (number, (end, outcome)) in &expected {
                    let found = done.get(id(*number));
                    prop_assert!(found.is_none_or(|found| found == *outcome));
                    prop_assert!(found.is_none() || *end + life / RUNS > now);
                }
            }
            prop_assert!(done.evicted == 0 || steps.len() > ids_max);
            done.expire(now + life);
            prop_assert_eq!(done.len(), 0);
        }
    }

    /// The README's throughput, 200,000 events per second in requests of 500, for the whole lifetime
    /// of a Firehose ID and a little longer.
    #[test]
    fn full_lifetime_at_the_advertised_throughput_takes_17_bytes_for_each_id() {
        const PER_SECOND: u64 = 400;
        let (start, life) = (Instant::now(), crate::limits::FIREHOSE_ID_LIFE);
        let mut done = DoneIds::new(life, 4_000_000);
        let mut peak = 0;
        for second in 0..life.as_secs() * 9 / 8 {
            let now = start + Duration::from_secs(second);
            done.expire(now);
            for at in 0..PER_SECOND {
                let number = second * PER_SECOND + at;
                // As evenly spread as hashes, and cheaper.
                let bits =
                    u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
                let id = RequestId::from_bytes(&bits.to_le_bytes()).expect("16 bytes");
                done.insert(id, now + life, RequestEnd::Settled);
            }
            peak = peak.max(done.bytes());
        }
        let (len, bytes) = (done.len() as u64, done.bytes() as u64);
        assert_eq!(done.evicted, 0);
        assert!(len >= PER_SECOND * life.as_secs(), "{len} IDs");
        assert!(len <= PER_SECOND * life.as_secs() * 17 / 16 + PER_SECOND, "{len} IDs");
        assert!(bytes <= 17 * len && peak <= 58_000_000, "{bytes} bytes, {peak} at most");
    }
}
