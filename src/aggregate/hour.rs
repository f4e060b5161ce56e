//! The limit on distinct series per hour, which bounds the CloudWatch bill.
//!
//! CloudWatch charges for each hour in which a custom metric receives data. The series table stores
//! the hour of each series next to its bytes, as a [`Stamp`].

use std::sync::atomic::{AtomicU64, Ordering};

use crate::rules::{hour_of, is_in_force};

/// The hour in which a series was last counted against the limit.
///
/// Hours that are 65,535 apart share a stamp. That needs a series that stays in its table for seven
/// years without being counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp(pub u16);

/// What happens to a request with more new series than the limit still allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SeriesOverflow {
    /// The request is merged without the counts of these series: its sender would repeat it in
    /// vain.
    #[default]
    Drop,
    /// The request is refused as a whole by `Aggregator::reserve_series`, and a merge drops nothing:
    /// the request can be read again later.
    Refuse,
}

/// The number of distinct series in the current UTC hour, and its limit.
#[derive(Debug)]
pub(crate) struct HourlyLimit {
    /// `None` when series cost nothing: all are admitted, under one stamp.
    max: Option<usize>,
    overflow: SeriesOverflow,
    /// The hour since 1970 (upper half) and its series (lower half), so that both change
    /// atomically.
    state: AtomicU64,
}

// === impl Stamp ===

impl Stamp {
    /// Not counted in any hour.
    pub(crate) const NONE: Self = Self(0);

    fn of(hour: u32) -> Self {
        Self(u16::try_from(hour % 0xffff).map_or(1, |hour| hour + 1))
    }
}

// === impl HourlyLimit ===

impl HourlyLimit {
    pub(crate) fn new(max: Option<usize>) -> Self {
        Self { max, overflow: SeriesOverflow::Drop, state: AtomicU64::new(0) }
    }

    pub(crate) fn set_overflow(&mut self, overflow: SeriesOverflow) {
        self.overflow = overflow;
    }

    pub(crate) fn max(&self) -> Option<usize> {
        self.max
    }

    /// The number of series in an hour above which counts are dropped; `None`: none are.
    pub(crate) fn drops_above(&self) -> Option<usize> {
        self.max.filter(|_| self.overflow == SeriesOverflow::Drop)
    }

    /// The current stamp: a series that has it is already counted. Starts a new hour if necessary.
    pub(crate) fn turn(&self, now_ms: i64) -> Stamp {
        if self.max.is_none() {
            return Stamp::NONE;
        }
        let now = hour_of(now_ms);
        let turned = |state| (!is_in_force(split(state).0, now_ms)).then(|| join(now, 0));
        let before = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, turned);
        Stamp::of(before.map_or_else(|unchanged| split(unchanged).0, |_| now))
    }

    /// The current stamp, without advancing the hour.
    pub(crate) fn stamp(&self) -> Stamp {
        if self.max.is_none() {
            return Stamp::NONE;
        }
        Stamp::of(split(self.state.load(Ordering::Relaxed)).0)
    }

    /// Counts one more series and returns the stamp, or `None` at the limit, if that drops counts.
    pub(crate) fn admit(&self) -> Option<Stamp> {
        if self.max.is_none() {
            return Some(Stamp::NONE);
        }
        let max = self.drops_above().unwrap_or(usize::MAX);
        let one_more = |state| {
            let (hour, series) = split(state);
            let room = (series as usize) < max && series < u32::MAX;
            room.then(|| join(hour, series + 1))
        };
        let before = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        Some(Stamp::of(split(before.ok()?).0))
    }

    /// The number of distinct series in this hour; 0 when they are not limited.
    pub(crate) fn series(&self, now_ms: i64) -> usize {
        let (hour, series) = split(self.state.load(Ordering::Relaxed));
        if is_in_force(hour, now_ms) { series as usize } else { 0 }
    }
}

fn split(state: u64) -> (u32, u32) {
    let [low, high] = [state, state >> 32].map(|half| u32::try_from(half & 0xffff_ffff));
    (high.unwrap_or_default(), low.unwrap_or_default())
}

fn join(hour: u32, series: u32) -> u64 {
    u64::from(hour) << 32 | u64::from(series)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::SET_BACK_MS;

    const MS_PER_HOUR: i64 = 3_600_000;

    #[test]
    fn limit_holds_for_an_hour() {
        let limit = HourlyLimit::new(Some(2));
        let first = limit.turn(0);
        assert_ne!(first, Stamp::NONE);
        assert_eq!([limit.admit(), limit.admit(), limit.admit()], [Some(first), Some(first), None]);
        assert_eq!(limit.turn(MS_PER_HOUR - 1), first);
        assert_eq!((limit.admit(), limit.series(MS_PER_HOUR - 1)), (None, 2));
        assert_eq!(limit.series(MS_PER_HOUR), 0);
        let second = limit.turn(MS_PER_HOUR);
        assert_ne!(second, first);
        assert_eq!(limit.admit(), Some(second));
        // A thread that read the clock before the hour ended does not turn it back.
        assert_eq!(limit.turn(MS_PER_HOUR - 1), second);
        assert_eq!(limit.series(MS_PER_HOUR), 1);
    }

    #[test]
    fn limit_follows_a_clock_that_is_set_back_and_not_one_that_jitters() {
        let limit = HourlyLimit::new(Some(2));
        let tenth = limit.turn(10 * MS_PER_HOUR + MS_PER_HOUR / 2);
        assert_eq!(limit.admit(), Some(tenth));
        // Around the full hour, whatever the order.
        let full = 11 * MS_PER_HOUR;
        let eleventh = limit.turn(full);
        assert_eq!(
            [limit.admit(), limit.admit(), limit.admit()],
            [Some(eleventh), Some(eleventh), None]
        );
        for jitter_ms in [-1, SET_BACK_MS, 3, -SET_BACK_MS, 0] {
            let now_ms = full + jitter_ms;
            assert_eq!((limit.turn(now_ms), limit.series(now_ms)), (eleventh, 2), "{jitter_ms}");
            assert_eq!(limit.admit(), None, "{jitter_ms}");
        }
        // Set back by less than an hour, by an hour, and by many.
        for back_ms in [SET_BACK_MS + 1, MS_PER_HOUR, 9 * MS_PER_HOUR] {
            limit.turn(full);
            let now_ms = full - back_ms;
            assert_eq!(limit.series(now_ms), 0, "{back_ms}");
            let stamp = limit.turn(now_ms);
            assert_eq!(stamp, Stamp::of(hour_of(now_ms)), "{back_ms}");
            assert_eq!((limit.admit(), limit.series(now_ms)), (Some(stamp), 1), "{back_ms}");
        }
    }

    #[test]
    fn series_are_admitted_uncounted_without_a_limit() {
        let limit = HourlyLimit::new(None);
        assert_eq!(limit.turn(5 * MS_PER_HOUR), Stamp::NONE);
        assert_eq!(limit.admit(), Some(Stamp::NONE));
        assert_eq!(limit.series(5 * MS_PER_HOUR), 0);
    }
}
