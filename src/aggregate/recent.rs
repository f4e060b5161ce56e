//! What was counted in the last three hours, for `GET /series`.
//!
//! Age is processing time: an entry goes three hours after something was last added to it, however
//! old its minute is, so that late and replayed events show too.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::key::SeriesKey;

/// How long an entry is kept after its last count: three hours.
pub const RECENT_MS: i64 = 3 * 3_600_000;

/// Counts by series and minute, bounded in age and number.
#[derive(Debug)]
pub struct Recent {
    entries: HashMap<SeriesKey, Entry, RandomState>,
    limit: usize,
    swept_ms: i64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    count: u64,
    touched_ms: i64,
}

// === impl Recent ===

impl Recent {
    /// Keeps at most `limit` entries.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { entries: HashMap::default(), limit, swept_ms: i64::MIN }
    }

    pub fn add(&mut self, key: SeriesKey, count: u64, now_ms: i64) {
        let entry = self.entries.entry(key).or_insert(Entry { count: 0, touched_ms: now_ms });
        entry.count += count;
        entry.touched_ms = now_ms;
    }

    /// Forgets what is too old, at most once a minute, and what is too much: then the oldest go
    /// first. Gives the number that went before their time.
    pub fn sweep(&mut self, now_ms: i64) -> usize {
        if now_ms.saturating_sub(self.swept_ms) >= 60_000 {
            self.swept_ms = now_ms;
            self.entries.retain(|_, entry| now_ms - entry.touched_ms < RECENT_MS);
        }
        let excess = self.entries.len().saturating_sub(self.limit);
        if excess > 0 {
            let mut touched: Vec<_> = self.entries.values().map(|entry| entry.touched_ms).collect();
            let (_, last, _) = touched.select_nth_unstable(excess - 1);
            let (last, mut left) = (*last, excess);
            self.entries.retain(|_, entry| {
                let goes = left > 0 && entry.touched_ms <= last;
                left -= usize::from(goes);
                !goes
            });
        }
        excess
    }

    pub fn iter(&self) -> impl Iterator<Item = (&SeriesKey, u64)> {
        self.entries.iter().map(|(key, entry)| (key, entry.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(at: u8) -> SeriesKey {
        SeriesKey::new(&[at])
    }

    #[test]
    fn entries_go_three_hours_after_their_last_count() {
        let mut recent = Recent::new(10);
        recent.add(key(1), 1, 0);
        recent.add(key(2), 1, 0);
        recent.add(key(2), 1, 60_000);
        assert_eq!(recent.sweep(RECENT_MS - 1), 0);
        assert_eq!(recent.iter().count(), 2);
        assert_eq!(recent.sweep(RECENT_MS + 59_999), 0);
        assert_eq!(recent.iter().collect::<Vec<_>>(), [(&key(2), 2)]);
    }

    #[test]
    fn beyond_the_limit_the_oldest_go_first() {
        let mut recent = Recent::new(2);
        for at in 0..5 {
            recent.add(key(at), 1, i64::from(at));
        }
        assert_eq!(recent.sweep(5), 3);
        let mut left: Vec<_> = recent.iter().map(|(key, _)| key.clone()).collect();
        left.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        assert_eq!(left, [key(3), key(4)]);
    }
}
