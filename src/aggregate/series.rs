//! The limit on distinct series in an hour, which protects the bill.
//!
//! CloudWatch charges a custom metric for each hour in which it receives data. A series is
//! remembered by a 64-bit fingerprint under a random key: two of a million series share one with a
//! probability of about one in forty million, and then one series too many is let through.

use std::collections::HashSet;
use std::hash::BuildHasher;

use foldhash::quality::RandomState;

const MS_PER_HOUR: i64 = 3_600_000;

/// The series of the current UTC hour.
#[derive(Debug)]
pub struct HourlySeries {
    limit: usize,
    hour: i64,
    seen: HashSet<u64, foldhash::fast::FixedState>,
    hasher: RandomState,
}

// === impl HourlySeries ===

impl HourlySeries {
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, hour: i64::MIN, seen: HashSet::default(), hasher: RandomState::default() }
    }

    /// Forgets the series of an hour that is over.
    pub fn turn(&mut self, now_ms: i64) {
        let hour = now_ms.div_euclid(MS_PER_HOUR);
        if hour != self.hour {
            self.hour = hour;
            self.seen.clear();
            self.seen.shrink_to(self.limit.min(1 << 16));
        }
    }

    /// Whether counts may be made under a series in this hour.
    pub fn admit(&mut self, series: &[u8]) -> bool {
        let fingerprint = self.hasher.hash_one(series);
        if self.seen.contains(&fingerprint) {
            return true;
        }
        self.seen.len() < self.limit && self.seen.insert(fingerprint)
    }

    /// The number of distinct series in this hour.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_for_an_hour_and_old_series_go_on() {
        let mut series = HourlySeries::new(2);
        series.turn(0);
        assert!(series.admit(b"a"));
        assert!(series.admit(b"b"));
        assert!(!series.admit(b"c"));
        assert!(series.admit(b"a"));
        series.turn(MS_PER_HOUR - 1);
        assert!(!series.admit(b"c"));
        series.turn(MS_PER_HOUR);
        assert!(series.admit(b"c"));
        assert_eq!(series.len(), 1);
    }
}
