//! Hours of processing, in which limits hold.

const MS_PER_HOUR: i64 = 3_600_000;

/// How far before its hour the clock may show and still leave the hour in force. A clock that was
/// set back further has been corrected; one that differs less jitters around the full hour, or is
/// that of a thread which was delayed after it read the time.
pub(crate) const SET_BACK_MS: i64 = 5 * 60_000;

/// The hour of a time in Unix milliseconds.
pub(crate) fn hour_of(ms: i64) -> u32 {
    // Enough for half a million years.
    u32::try_from(ms.div_euclid(MS_PER_HOUR)).unwrap_or(0)
}

/// Whether an hour that has begun still lasts at a time.
pub(crate) fn is_in_force(hour: u32, now_ms: i64) -> bool {
    hour == hour_of(now_ms) || hour == hour_of(now_ms.saturating_add(SET_BACK_MS))
}
