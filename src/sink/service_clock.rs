//! CloudWatch's clock, as its responses show it, and the age limits that it applies.
//!
//! The clock of this host may be wrong, so it never decides alone that a datum is dropped.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Clock;
use crate::limits::{DATUM_AGE_MAX, DATUM_AHEAD_MAX};
use crate::ses::Minute;
use crate::telemetry::DropReason;

/// After this time without a response, the clock is unknown.
const STALE_AFTER: Duration = Duration::from_mins(1);

/// A datum this close to an age limit is dropped, because its call may be in flight for a while.
const AGE_MARGIN: Duration = Duration::from_mins(1);

/// Tells the time of CloudWatch: the `Date` of its last response plus the time since.
#[derive(Debug)]
pub(super) struct ServiceClock {
    wall: Clock,
    last: Mutex<Option<ClockReading>>,
}

#[derive(Clone, Copy, Debug)]
struct ClockReading {
    date_ms: i64,
    /// When the call was sent: its response may have waited to be read since then.
    sent: Instant,
    received: Instant,
    wall_ms: i64,
}

// === impl ServiceClock ===

impl ServiceClock {
    pub(super) fn new(wall: Clock) -> Self {
        Self { wall, last: Mutex::default() }
    }

    /// Learns from the response, received now, to a call sent at this time.
    pub(super) fn learn(&self, date_ms: i64, sent: Instant) {
        let reading =
            ClockReading { date_ms, sent, received: Instant::now(), wall_ms: self.wall.now_ms() };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.sent <= sent) {
            *last = Some(reading);
        }
    }

    /// The time in Unix milliseconds; `None` if the last response is too old to tell.
    pub(super) fn now_ms(&self) -> Option<i64> {
        let last = (*self.last.lock().unwrap_or_else(PoisonError::into_inner))?;
        let since_ms = ms(last.received.elapsed());
        // A suspended host resumes with a monotonic clock that stood still. If the wall clock says
        // so, the time is unknown.
        let wall_since_ms = self.wall.now_ms() - last.wall_ms;
        let was_suspended = wall_since_ms - since_ms > ms(STALE_AFTER);
        let is_stale = last.sent.elapsed() > STALE_AFTER || was_suspended;
        (!is_stale).then_some(last.date_ms + since_ms)
    }
}

/// Why CloudWatch would reject a datum of this minute at this time, if it would.
pub(super) fn age_fault(minute: Minute, now_ms: i64) -> Option<DropReason> {
    let age_ms = now_ms - minute.start_seconds() * 1000;
    if age_ms > ms(DATUM_AGE_MAX) - ms(AGE_MARGIN) {
        Some(DropReason::TooOld)
    } else if -age_ms > ms(DATUM_AHEAD_MAX) - ms(AGE_MARGIN) {
        Some(DropReason::TooNew)
    } else {
        None
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const DATE_MS: i64 = 29_000_000 * 60_000;

    #[tokio::test(start_paused = true)]
    async fn service_clock_is_the_last_date_plus_monotonic_time_and_stale_after_a_minute() {
        // The wall clock is years behind and stands still.
        let clock = ServiceClock::new(Clock::manual(0));
        assert_eq!(clock.now_ms(), None);
        clock.learn(DATE_MS, Instant::now());
        advance(Duration::from_secs(59)).await;
        assert_eq!(clock.now_ms(), Some(DATE_MS + 59_000));
        clock.learn(DATE_MS + 59_500, Instant::now());
        advance(Duration::from_mins(1)).await;
        assert_eq!(clock.now_ms(), Some(DATE_MS + 119_500));
        advance(Duration::from_millis(1)).await;
        assert_eq!(clock.now_ms(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn date_that_was_read_late_is_as_old_as_its_call() {
        let clock = ServiceClock::new(Clock::manual(0));
        let sent = Instant::now();
        advance(Duration::from_hours(3)).await;
        clock.learn(DATE_MS, sent);
        assert_eq!(clock.now_ms(), None);
        let newer = Instant::now();
        clock.learn(DATE_MS + 10_800_000, newer);
        // The response to an older call comes last.
        clock.learn(DATE_MS, sent);
        assert_eq!(clock.now_ms(), Some(DATE_MS + 10_800_000));
    }

    #[tokio::test(start_paused = true)]
    async fn time_is_unknown_after_the_host_was_suspended() {
        let wall = Clock::manual(DATE_MS);
        let clock = ServiceClock::new(wall.clone());
        clock.learn(DATE_MS, Instant::now());
        wall.set_ms(DATE_MS + 10_800_000);
        assert_eq!(clock.now_ms(), None);
        clock.learn(DATE_MS + 10_800_000, Instant::now());
        // A wall clock that is set back says nothing.
        wall.set_ms(DATE_MS);
        assert_eq!(clock.now_ms(), Some(DATE_MS + 10_800_000));
    }

    #[test]
    fn age_limits_have_a_margin_of_a_minute() {
        let minute = Minute(29_000_000);
        for (now_minutes, expected) in [
            (14 * 1440 - 1, None),
            (14 * 1440, Some(DropReason::TooOld)),
            (-119, None),
            (-120, Some(DropReason::TooNew)),
        ] {
            assert_eq!(age_fault(minute, DATE_MS + now_minutes * 60_000), expected);
        }
        let just_over = DATE_MS + (14 * 1440 - 1) * 60_000 + 1;
        assert_eq!(age_fault(minute, just_over), Some(DropReason::TooOld));
    }
}
