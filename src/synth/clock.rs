//! Writes timestamps in the format of SES, and in the other formats that a reader must accept.

use fastrand::Rng;

use super::text::push_digits;

pub(super) const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
/// When a generated envelope was sent: 2026-11-20 12:00 UTC.
pub(super) const ARRIVAL_MS: i64 = 1_795_176_000_000;

/// Year, month (1 to 12) and day of a number of days since 1970-01-01, in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Days are counted from 0000-03-01, so that the leap day is the last day of its year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn push_date(out: &mut String, ms: i64) {
    let (year, month, day) = civil(ms.div_euclid(DAY_MS));
    push_digits(out, year, 4);
    out.push('-');
    push_digits(out, month, 2);
    out.push('-');
    push_digits(out, day, 2);
}

fn push_time(out: &mut String, ms: i64, second: i64) {
    let of_day = ms.rem_euclid(DAY_MS);
    push_digits(out, of_day / 3_600_000, 2);
    out.push(':');
    push_digits(out, of_day / MINUTE_MS % 60, 2);
    out.push(':');
    push_digits(out, second, 2);
}

const fn second(ms: i64) -> i64 {
    ms.rem_euclid(MINUTE_MS) / 1000
}

/// Appends `YYYY-MM-DDThh:mm:ss.sssZ`.
pub(super) fn push_timestamp(out: &mut String, ms: i64) {
    push_date(out, ms);
    out.push('T');
    push_time(out, ms, second(ms));
    out.push('.');
    push_digits(out, ms.rem_euclid(1000), 3);
    out.push('Z');
}

/// Appends `YYYY-MM-DDThh:mm:ssZ`.
pub(super) fn push_seconds(out: &mut String, ms: i64) {
    push_date(out, ms);
    out.push('T');
    push_time(out, ms, second(ms));
    out.push('Z');
}

/// Appends a mail `Date`, such as `Fri, 20 Nov 2026 12:00:00 +0000`.
pub(super) fn push_mail_date(out: &mut String, ms: i64) {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = ms.div_euclid(DAY_MS);
    let (year, month, day) = civil(days);
    out.push_str(DAYS[usize::try_from(days.rem_euclid(7)).unwrap_or(0)]);
    out.push_str(", ");
    push_digits(out, day, 2);
    out.push(' ');
    out.push_str(MONTHS[usize::try_from(month - 1).unwrap_or(0)]);
    out.push(' ');
    push_digits(out, year, 4);
    out.push(' ');
    push_time(out, ms, second(ms));
    out.push_str(" +0000");
}

/// Appends one of the other accepted formats and returns its instant, which may differ within the
/// minute: fewer digits, or a leap second that is read as `:59`.
pub(super) fn push_odd_timestamp(out: &mut String, ms: i64, rng: &mut Rng) -> i64 {
    let offset = if rng.bool() { 0 } else { rng.i64(-48..=56) * 15 };
    let local = ms + offset * MINUTE_MS;
    push_date(out, local);
    out.push(*rng.choice(&['T', 't', ' ']).unwrap_or(&'T'));
    let leap = rng.u32(0..6) == 0;
    push_time(out, local, if leap { 60 } else { second(local) });
    let fraction = ms.rem_euclid(1000);
    let (digits, kept) = match rng.u32(0..5) {
        0 => (0, 0),
        1 => (1, fraction / 100 * 100),
        2 => (6, fraction),
        3 => (9, fraction),
        _ => (3, fraction),
    };
    if digits > 0 {
        out.push(*rng.choice(&['.', ',']).unwrap_or(&'.'));
        push_digits(out, fraction * 1_000_000 / 10_i64.pow(9 - digits), digits);
    }
    push_zone(out, offset, rng);
    let whole = if leap { ms.div_euclid(MINUTE_MS) * MINUTE_MS + 59_000 } else { ms - fraction };
    whole + kept
}

fn push_zone(out: &mut String, offset_minutes: i64, rng: &mut Rng) {
    if offset_minutes == 0 && rng.bool() {
        out.push_str(rng.choice(["Z", "z", ""]).unwrap_or("Z"));
        return;
    }
    let form = rng.u32(0..3);
    if form == 0 {
        out.push(' ');
    }
    out.push(if offset_minutes < 0 { '-' } else { '+' });
    push_digits(out, offset_minutes.abs() / 60, 2);
    if form == 1 {
        out.push(':');
    }
    push_digits(out, offset_minutes.abs() % 60, 2);
}

/// Texts that are not timestamps in any accepted format.
pub(super) const UNREADABLE: [&str; 8] = [
    "yesterday",
    "",
    "2026-02-30T10:00:00.000Z",
    "2026-13-01T00:00:00Z",
    "2026-11-20",
    "1795176000",
    "2026-11-20T25:00:00Z",
    "20 Nov 2026 12:00:00 GMT",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn usual_times_are_written_as_ses_writes_them() {
        let ms = 1_795_176_000_123;
        assert_eq!(written(|out| push_timestamp(out, ms)), "2026-11-20T12:00:00.123Z");
        assert_eq!(written(|out| push_seconds(out, ms)), "2026-11-20T12:00:00Z");
        assert_eq!(written(|out| push_mail_date(out, ms)), "Fri, 20 Nov 2026 12:00:00 +0000");
        assert_eq!(written(|out| push_seconds(out, -1000)), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn dates_agree_with_the_time_crate() {
        let mut rng = Rng::with_seed(7);
        for _ in 0..2000 {
            let days = rng.i64(-700_000..2_900_000);
            let date = time::OffsetDateTime::from_unix_timestamp(days * 86_400).unwrap().date();
            let expected =
                (i64::from(date.year()), i64::from(u8::from(date.month())), i64::from(date.day()));
            assert_eq!(civil(days), expected);
        }
    }

    #[test]
    fn odd_spellings_stay_in_their_minute() {
        let mut rng = Rng::with_seed(7);
        let mut seen = String::new();
        for _ in 0..2000 {
            let ms = 1_795_176_000_000 + rng.i64(0..DAY_MS);
            let meant = push_odd_timestamp(&mut seen, ms, &mut rng);
            assert_eq!(meant.div_euclid(MINUTE_MS), ms.div_euclid(MINUTE_MS), "{seen}");
            seen.push('\n');
        }
        for part in [":60", ",", "t", "z\n", " +", " -", "+0", "-0"] {
            assert!(seen.contains(part), "{part:?}");
        }
    }
}
