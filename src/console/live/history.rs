//! Figures by minute, for three hours, and by second, for the rate of now.

use std::collections::VecDeque;

use serde::Serialize;

use super::figures::Figures;

const MINUTES: i64 = 180;
/// The rate of now is the mean of so many seconds.
const RATE_SECONDS: i64 = 30;
const MINUTE_MS: i64 = 60_000;

/// What happened in one minute of processing time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(in crate::console) struct MinutePoint {
    /// Unix milliseconds of its start.
    pub at_ms: i64,
    pub events: u64,
    pub accepted: u64,
    pub dropped: u64,
    pub in_doubt: u64,
    /// The highest age of the oldest epoch.
    pub backlog_seconds: f64,
}

/// Bounded in time.
#[derive(Debug, Default)]
pub(super) struct History {
    points: VecDeque<MinutePoint>,
    /// The totals at the last tick.
    last: Option<Totals>,
    /// Unix milliseconds and the total of events, of the last seconds.
    seconds: VecDeque<(i64, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Totals {
    events: u64,
    accepted: u64,
    dropped: u64,
    in_doubt: u64,
}

// === impl History ===

impl History {
    /// Adds what happened since the last figures.
    pub(super) fn add(&mut self, figures: &Figures) {
        let now = Totals {
            events: figures.events,
            accepted: figures.accepted,
            dropped: figures.dropped,
            in_doubt: figures.in_doubt,
        };
        let last = self.last.replace(now).unwrap_or(now);
        let at_ms = figures.at_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
        if self.points.back().is_none_or(|point| point.at_ms < at_ms) {
            self.points.push_back(MinutePoint { at_ms, ..MinutePoint::default() });
        }
        if let Some(point) = self.points.back_mut() {
            point.events += now.events.saturating_sub(last.events);
            point.accepted += now.accepted.saturating_sub(last.accepted);
            point.dropped += now.dropped.saturating_sub(last.dropped);
            point.in_doubt += now.in_doubt.saturating_sub(last.in_doubt);
            point.backlog_seconds = point.backlog_seconds.max(figures.backlog_seconds);
        }
        let oldest = at_ms - (MINUTES - 1) * MINUTE_MS;
        while self.points.front().is_some_and(|point| point.at_ms < oldest) {
            self.points.pop_front();
        }
        self.seconds.push_back((figures.at_ms, figures.events));
        let oldest = figures.at_ms - RATE_SECONDS * 1000;
        while self.seconds.len() > 2 && self.seconds.get(1).is_some_and(|(ms, _)| *ms <= oldest) {
            self.seconds.pop_front();
        }
        // A clock that was set back.
        self.seconds.retain(|(ms, _)| *ms <= figures.at_ms);
    }

    /// Events a second in the last half minute.
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
    pub(super) fn rate(&self, now_ms: i64, events: u64) -> f64 {
        let Some((since_ms, before)) = self.seconds.front() else { return 0.0 };
        let seconds = (now_ms - since_ms).max(1000) as f64 / 1000.0;
        events.saturating_sub(*before) as f64 / seconds
    }

    pub(super) fn points(&self) -> impl Iterator<Item = &MinutePoint> {
        self.points.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(at_ms: i64, events: u64, backlog_seconds: f64) -> Figures {
        Figures { at_ms, events, accepted: events / 2, backlog_seconds, ..Figures::default() }
    }

    #[test]
    fn minute_has_what_happened_in_it() {
        let mut history = History::default();
        for (second, events, backlog) in [(0, 10, 0.0), (1, 12, 3.0), (59, 20, 1.0), (60, 21, 0.0)]
        {
            history.add(&figures(second * 1000, events, backlog));
        }
        let points: Vec<_> = history.points().map(|point| (point.at_ms, point.events)).collect();
        assert_eq!(points, [(0, 10), (60_000, 1)]);
        let first = history.points().next().expect("a minute");
        assert_eq!((first.accepted, first.backlog_seconds.to_bits()), (5, 3.0_f64.to_bits()));
    }

    #[test]
    fn history_is_bounded_whatever_the_clock_says() {
        let mut history = History::default();
        for minute in 0..1000 {
            history.add(&figures(minute * MINUTE_MS, 0, 0.0));
            assert!(history.points().count() <= 180);
        }
        let oldest = history.points().next().map(|point| point.at_ms);
        assert_eq!(oldest, Some((1000 - MINUTES) * MINUTE_MS));
        for second in 0..100 {
            history.add(&figures(second * 1000, 0, 0.0));
        }
        assert!(history.points().count() <= 180 && history.seconds.len() < 40);
    }

    #[test]
    fn rate_is_the_mean_of_half_a_minute() {
        let mut history = History::default();
        for second in 0..=90 {
            history.add(&figures(second * 1000, 7 * second.unsigned_abs(), 0.0));
        }
        assert_eq!(history.rate(90_000, 7 * 90).round().to_bits(), 7.0_f64.to_bits());
        assert_eq!(History::default().rate(5, 5).to_bits(), 0.0_f64.to_bits());
    }
}
