//! Timestamps as SES and compatible services write them, and their minutes.

use std::fmt;
use std::ops::RangeInclusive;

use time::{Date, Month};

const MS_PER_MINUTE: i64 = 60_000;

/// The first minute of the year 0001 and the last of 9999.
const CALENDAR: RangeInclusive<i64> = -1_035_593_280..=4_223_371_679;

/// A UTC minute, counted from 1970-01-01T00:00Z. The event-time minute of a datum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(pub i64);

// === impl Minute ===

impl Minute {
    /// The minute that holds a Unix time in milliseconds.
    #[must_use]
    pub const fn of_ms(ms: i64) -> Self {
        Self(ms.div_euclid(MS_PER_MINUTE))
    }

    /// Whether the minute is in the years 0001 to 9999, as for every timestamp that can be read.
    #[must_use]
    pub(crate) fn is_of_calendar(self) -> bool {
        CALENDAR.contains(&self.0)
    }

    /// Unix seconds of the minute's start.
    #[must_use]
    pub(crate) const fn start_seconds(self) -> i64 {
        self.0 * 60
    }
}

/// Prints the start of the minute as RFC 3339 with whole seconds, such as `2026-11-20T12:00:00Z`.
impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match time::OffsetDateTime::from_unix_timestamp(self.start_seconds()) {
            Ok(at) => {
                let (year, month, day) = at.to_calendar_date();
                let (month, hour, minute) = (u8::from(month), at.hour(), at.minute());
                write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z")
            }
            // Only a manually created minute can be outside the years that `parse_ms` accepts.
            Err(_) => write!(f, "minute {}", self.0),
        }
    }
}

/// Parses a timestamp; returns Unix milliseconds, or `None` when it is not valid.
///
/// Accepted: `YYYY-MM-DD`, then `T`, `t` or a space, `hh:mm:ss`, optionally `.` or `,` and
/// digits, then `Z`, `z`, `±hh:mm`, `±hhmm`, a space and `±hhmm`, or nothing (UTC). A second of 60
/// reads as 59. Years are 0001 to 9999, before and after the offset is applied.
#[must_use]
pub fn parse_ms(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let [b'T' | b't' | b' ', clock @ ..] = rest else { return None };
    let (clock, rest) = clock.split_at_checked(8)?;
    if date[4] != b'-' || date[7] != b'-' || clock[2] != b':' || clock[5] != b':' {
        return None;
    }
    let year = number(&date[..4])?;
    let month = Month::try_from(u8::try_from(number(&date[5..7])?).ok()?).ok()?;
    let day = u8::try_from(number(&date[8..10])?).ok()?;
    let (hour, minute) = (number(&clock[..2])?, number(&clock[3..5])?);
    let second = number(&clock[6..8])?;
    if year == 0 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let date = Date::from_calendar_date(year, month, day).ok()?;
    let days = i64::from(date.to_julian_day()) - i64::from(UNIX_EPOCH_JULIAN_DAY);

    let (fraction_ms, rest) = fraction(rest)?;
    let offset_minutes = offset(rest)?;
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second.min(59));
    let ms = (days * 86_400 + seconds) * 1000 + fraction_ms - offset_minutes * MS_PER_MINUTE;
    (FIRST_MS..=LAST_MS).contains(&ms).then_some(ms)
}

/// 1970-01-01 as a Julian day.
const UNIX_EPOCH_JULIAN_DAY: i32 = 2_440_588;
/// 0001-01-01T00:00:00.000Z.
const FIRST_MS: i64 = -62_135_596_800_000;
/// 9999-12-31T23:59:59.999Z.
const LAST_MS: i64 = 253_402_300_799_999;

/// A run of at most four ASCII digits.
fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i32::from(byte - b'0'))
    })
}

/// The milliseconds of an optional fraction, and the rest.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.' | b',', digits @ ..] = text else { return Some((0, text)) };
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if len == 0 {
        return None;
    }
    let ms = (0..3).fold(0, |ms, at| {
        ms * 10 + digits[..len].get(at).map_or(0, |digit| i64::from(digit - b'0'))
    });
    Some((ms, &digits[len..]))
}

/// The offset from UTC in minutes.
fn offset(text: &[u8]) -> Option<i64> {
    let (text, colon_allowed) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [b' ', rest @ ..] => (rest, false),
        _ => (text, true),
    };
    let (sign, hours, minutes) = match text {
        [sign, h1, h2, m1, m2] => (sign, [*h1, *h2], [*m1, *m2]),
        [sign, h1, h2, b':', m1, m2] if colon_allowed => (sign, [*h1, *h2], [*m1, *m2]),
        _ => return None,
    };
    let (hours, minutes) = (number(&hours)?, number(&minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = i64::from(hours * 60 + minutes);
    match sign {
        b'+' => Some(offset),
        b'-' => Some(-offset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(text: &str) -> Option<String> {
        parse_ms(text.as_bytes()).map(|ms| Minute::of_ms(ms).to_string())
    }

    #[test]
    fn accepted_forms_give_their_minute() {
        for (text, expected) in [
            ("2026-11-20T12:00:59.999Z", "2026-11-20T12:00:00Z"),
            ("2026-11-20t12:00:00z", "2026-11-20T12:00:00Z"),
            ("2026-11-20 12:00:00", "2026-11-20T12:00:00Z"),
            ("2026-11-20T12:00:60Z", "2026-11-20T12:00:00Z"),
            ("2026-11-20T12:00:00,123456789Z", "2026-11-20T12:00:00Z"),
            ("2026-11-20T12:00:00+03:00", "2026-11-20T09:00:00Z"),
            ("2026-11-20T12:00:00.5-0730", "2026-11-20T19:30:00Z"),
            ("2018-10-08T14:05:45 +0000", "2018-10-08T14:05:00Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:00Z"),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:59:00Z"),
        ] {
            assert_eq!(minute(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_forms_are_rejected() {
        for text in [
            "",
            "2026-11-20",
            "2026-11-20T12:00Z",
            "2026-11-20T12:00:61Z",
            "2026-11-20T24:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2026-11-20T12:00:00.Z",
            "2026-11-20T12:00:00 +03:00",
            "2026-11-20T12:00:00 Z",
            "2026-11-20T12:00:00+3",
            "2026-11-20T12:00:00+24:00",
            "2026-11-20T12:00:00Zx",
            "2026/11/20T12:00:00Z",
            "+026-11-20T12:00:00Z",
            "2026-11-20T12:00:00\u{ff3a}",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
        ] {
            assert_eq!(minute(text), None, "{text}");
        }
    }
}
