//! Schedules when each parcel is sent.
//!
//! With a rate, the send time depends only on the index of the parcel: a slow response delays no
//! other parcel, and latency is measured from the due time. The queue of late parcels is only a
//! number; parcels not sent within `OVERRUN_MAX` after the end are reported as unsent. So this is a
//! timetable and no token bucket, which would forget how late it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::plan::Plan;

/// How long late parcels are still sent after the end.
pub(crate) const OVERRUN_MAX: Duration = Duration::from_secs(10);

/// Ten years, because an instant cannot be arbitrarily far ahead.
const FAR_SECONDS: f64 = 3e8;

/// How fast to send, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Events a second; `None`: as fast as possible.
    pub rate: Option<f64>,
    /// `None`: until the plan ends.
    pub duration: Option<Duration>,
    pub warm_up: Duration,
}

/// Deals out parcels to connections.
#[derive(Debug)]
pub(crate) struct Schedule {
    pace: Pace,
    start: Instant,
    next: AtomicU64,
}

/// A parcel to send.
#[derive(Debug)]
pub(crate) struct Due {
    pub place: u64,
    /// When to send it, or when it should have been sent; without a rate, now.
    pub at: Instant,
    /// After the warm-up.
    pub measured: bool,
}

// === impl Schedule ===

impl Schedule {
    pub(crate) fn new(pace: Pace, start: Instant) -> Self {
        Self { pace, start, next: AtomicU64::new(0) }
    }

    /// The start of the measurement.
    pub(crate) fn measured_from(&self) -> Instant {
        self.start + self.pace.warm_up
    }

    /// The next parcel; `None` at the end of the plan or of the time.
    pub(crate) fn next<P>(&self, plan: &Plan<P>, now: Instant) -> Option<Due> {
        let place = self.next.fetch_add(1, Ordering::Relaxed);
        let at = if self.pace.rate.is_some() { self.due(plan, place) } else { now };
        let end = self.end();
        let over = end.is_some_and(|end| at >= end || now >= end + OVERRUN_MAX);
        if over || plan.parcel(place).is_none() {
            // Not handed out, so that `unsent` can count it.
            self.next.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Due { place, at, measured: at >= self.measured_from() })
    }

    /// Events that were due but never handed out.
    pub(crate) fn unsent<P>(&self, plan: &Plan<P>) -> u64 {
        let (Some(_), Some(end)) = (self.pace.rate, self.end()) else { return 0 };
        let first = self.next.load(Ordering::Relaxed);
        let mut place = first;
        while plan.parcel(place).is_some() && self.due(plan, place) < end {
            place += 1;
        }
        plan.events_before(place) - plan.events_before(first)
    }

    fn end(&self) -> Option<Instant> {
        Some(self.measured_from() + self.pace.duration?)
    }

    fn due<P>(&self, plan: &Plan<P>, place: u64) -> Instant {
        let rate = self.pace.rate.unwrap_or(f64::INFINITY);
        #[expect(clippy::cast_precision_loss, reason = "exact to 2^53 events")]
        let seconds = plan.events_before(place) as f64 / rate;
        self.start + Duration::from_secs_f64(seconds.min(FAR_SECONDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Parcel;
    use crate::series::Counts;

    const SECOND: Duration = Duration::from_secs(1);

    /// A pool of parcels of 10 and 30 events.
    fn plan(events: Option<u64>) -> Plan<()> {
        let mut made = 0;
        Plan::new(2, events, |events_max, _| {
            made += 1;
            let events = if made == 1 { 10 } else { 30 };
            Parcel { content: (), events: events.min(events_max), counts: Counts::default() }
        })
    }

    fn all(schedule: &Schedule, plan: &Plan<()>, now: Instant) -> Vec<Due> {
        std::iter::from_fn(|| schedule.next(plan, now)).take(1000).collect()
    }

    #[test]
    fn times_of_sending_depend_on_the_place_alone() {
        let (start, plan) = (Instant::now(), plan(None));
        let pace = Pace { rate: Some(20.0), duration: Some(4 * SECOND), warm_up: SECOND };
        // Also when everything is late.
        for now in [start, start + 8 * SECOND] {
            let schedule = Schedule::new(pace, start);
            let due = all(&schedule, &plan, now);
            let times: Vec<_> = due.iter().map(|due| (due.at - start).as_secs_f64()).collect();
            assert_eq!(times, [0.0, 0.5, 2.0, 2.5, 4.0, 4.5]);
            let measured: Vec<_> = due.iter().map(|due| due.measured).collect();
            assert_eq!(measured, [false, false, true, true, true, true]);
            assert_eq!(schedule.unsent(&plan), 0);
        }
    }

    #[test]
    fn what_is_too_late_is_unsent_and_told() {
        let (start, plan) = (Instant::now(), plan(None));
        let pace = Pace { rate: Some(20.0), duration: Some(5 * SECOND), warm_up: Duration::ZERO };
        let schedule = Schedule::new(pace, start);
        assert!(schedule.next(&plan, start).is_some());
        let late = start + 5 * SECOND + OVERRUN_MAX;
        assert!(schedule.next(&plan, late).is_none());
        assert!(schedule.next(&plan, late).is_none());
        assert_eq!(schedule.unsent(&plan), 30 + 10 + 30 + 10 + 30);
    }

    #[test]
    fn without_a_rate_a_parcel_is_due_when_it_is_asked_for() {
        let (start, plan) = (Instant::now(), plan(Some(75)));
        let pace = Pace { rate: None, duration: None, warm_up: Duration::ZERO };
        let schedule = Schedule::new(pace, start);
        let now = start + 3 * SECOND;
        let due = all(&schedule, &plan, now);
        assert!(due.iter().all(|due| due.at == now && due.measured));
        assert_eq!(due.iter().map(|due| due.place).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(schedule.unsent(&plan), 0);
    }
}
