//! The arrival time of an object's first record, taken from its name.
//!
//! Firehose names objects `PREFIX YYYY/MM/dd/HH/STREAM-VERSION-YYYY-MM-dd-HH-MM-SS-UUID`, with the
//! arrival of the oldest record in UTC.
//! <https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html>, 2026-11-22. Its prefix
//! can be anything, so common folder names are recognized: `2026/11/21/07/`,
//! `year=2026/month=11/day=21/hour=07/`, `2026-11-21/07/`, `dt=2026-11-21/`.

use crate::ses::time::parse_ms;

/// The period that a name stands for: a second, an hour, a day or a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeSpan {
    /// Unix milliseconds.
    pub start_ms: i64,
    pub len_ms: i64,
}

const SECOND_MS: i64 = 1000;
pub(super) const HOUR_MS: i64 = 3600 * SECOND_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;
/// At most.
const MONTH_MS: i64 = 31 * DAY_MS;

/// `YYYY-MM-dd-HH-MM-SS`
const STAMP_BYTES: usize = 19;

/// The period of an object: from its file name, else from its folders.
#[must_use]
pub(super) fn of_object(key: &str) -> Option<TimeSpan> {
    let (folders, name) = key.rsplit_once('/').unwrap_or(("", key));
    of_name(name).or_else(|| of_folder(folders))
}

/// The day or hour of the innermost dated folder.
#[must_use]
pub(super) fn of_folder(path: &str) -> Option<TimeSpan> {
    let folders: Vec<_> = path.split('/').filter(|folder| !folder.is_empty()).collect();
    (0..folders.len()).rev().find_map(|at| day(&folders[at..]))
}

/// The month of a folder that contains folders of days.
#[must_use]
pub(super) fn of_month(path: &str) -> Option<TimeSpan> {
    let mut folders = path.rsplit('/').filter(|folder| !folder.is_empty());
    let (month, year) = (folders.next()?, folders.next()?);
    span(year_of(year)?, number(month, "month")?, 1, None)
        .map(|span| TimeSpan { len_ms: MONTH_MS, ..span })
}

/// The timestamp in a file name; the last one, in case the stream's name looks like one.
fn of_name(name: &str) -> Option<TimeSpan> {
    let name = name.as_bytes();
    let starts = (0..=name.len().checked_sub(STAMP_BYTES)?).rev();
    starts.filter(|start| *start == 0 || name[start - 1] == b'-').find_map(|start| {
        let (stamp, rest) = name[start..].split_first_chunk::<STAMP_BYTES>()?;
        let ends = matches!(rest.first(), None | Some(b'-' | b'.'));
        let dashes = [4, 7, 10, 13, 16].iter().all(|at| stamp[*at] == b'-');
        let mut time = *stamp;
        (time[10], time[13], time[16]) = (b'T', b':', b':');
        let start_ms = parse_ms(&time).filter(|_| ends && dashes)?;
        Some(TimeSpan { start_ms, len_ms: SECOND_MS })
    })
}

/// The day or hour that the folder names start with.
fn day(folders: &[&str]) -> Option<TimeSpan> {
    let first = *folders.first()?;
    let whole = first.split_once('=').map_or(first, |(_, value)| value);
    let hour = |folder: Option<&&str>| folder.and_then(|folder| number(folder, "hour"));
    // 2026-11-21, with the hour after it or as the next folder.
    if let Some((date, rest)) = whole.split_at_checked(10)
        && let [year, month, day] = date.split('-').collect::<Vec<_>>()[..]
    {
        let own = rest.strip_prefix('-').and_then(|hour| number(hour, ""));
        let is_date = rest.is_empty() || own.is_some();
        let hour = own.or_else(|| hour(folders.get(1)));
        return span(year_of(year)?, number(month, "")?, number(day, "")?, hour)
            .filter(|_| is_date);
    }
    let (month, day) = (folders.get(1)?, folders.get(2)?);
    let hour = hour(folders.get(3));
    span(year_of(first)?, number(month, "month")?, number(day, "day")?, hour)
}

fn year_of(folder: &str) -> Option<u16> {
    let year = folder.strip_prefix("year=").unwrap_or(folder);
    let is_one = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    year.parse().ok().filter(|_| is_one)
}

/// Two digits; after a name, as in `month=7`, one is enough.
fn number(folder: &str, name: &str) -> Option<u16> {
    let named = folder.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
    let digits = named.filter(|_| !name.is_empty()).unwrap_or(folder);
    let fits = digits.len() == 2 || (named.is_some() && digits.len() == 1);
    let is_one = fits && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_one)
}

/// An hour, or the day if no hour is given. `None`: that day or hour does not exist.
fn span(year: u16, month: u16, day: u16, hour: Option<u16>) -> Option<TimeSpan> {
    let start =
        |hour| parse_ms(format!("{year:04}-{month:02}-{day:02}T{hour:02}:00:00Z").as_bytes());
    // A folder whose name is not an hour has another meaning.
    let of_hour = hour.and_then(start).map(|start_ms| TimeSpan { start_ms, len_ms: HOUR_MS });
    of_hour.or_else(|| start(0).map(|start_ms| TimeSpan { start_ms, len_ms: DAY_MS }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ses::Minute;

    fn said(key: &str) -> Option<(String, i64)> {
        of_object(key).map(|span| (Minute::of_ms(span.start_ms).to_string(), span.len_ms))
    }

    #[test]
    fn names_are_understood_as_firehose_and_others_make_them() {
        let uuid = "0f1e2d3c-1234-5678-9012-345678901234";
        for (key, start, len_ms) in [
            (
                format!("2026/11/21/07/mail-1-2026-11-21-07-05-09-{uuid}"),
                "2026-11-21T07:05:00Z",
                SECOND_MS,
            ),
            (format!("mail-1-2026-11-21-07-05-09-{uuid}.gz"), "2026-11-21T07:05:00Z", SECOND_MS),
            ("p/2026-11-21-07-05-09".to_owned(), "2026-11-21T07:05:00Z", SECOND_MS),
            // The stream's name looks like a timestamp.
            (
                format!("mail-2020-01-01-00-00-00-1-2026-11-21-07-05-09-{uuid}"),
                "2026-11-21T07:05:00Z",
                SECOND_MS,
            ),
            (
                "failed/http-endpoint-failed/2026/11/21/07/x".to_owned(),
                "2026-11-21T07:00:00Z",
                HOUR_MS,
            ),
            ("2026/11/21/x.gz".to_owned(), "2026-11-21T00:00:00Z", DAY_MS),
            ("2026/11/21/99/x.gz".to_owned(), "2026-11-21T00:00:00Z", DAY_MS),
            ("2020/01/01/00/mail/2026/11/21/07/x".to_owned(), "2026-11-21T07:00:00Z", HOUR_MS),
            ("a/year=2026/month=11/day=21/hour=07/x".to_owned(), "2026-11-21T07:00:00Z", HOUR_MS),
            ("a/year=2026/month=1/day=2/hour=7/x".to_owned(), "2026-01-02T07:00:00Z", HOUR_MS),
            ("dt=2026-11-21/x".to_owned(), "2026-11-21T00:00:00Z", DAY_MS),
            ("dt=2026-11-21/hour=07/x".to_owned(), "2026-11-21T07:00:00Z", HOUR_MS),
            ("2026-11-21-07/x".to_owned(), "2026-11-21T07:00:00Z", HOUR_MS),
        ] {
            assert_eq!(said(&key), Some((start.to_owned(), len_ms)), "{key}");
        }
        for key in [
            "",
            "/",
            "x",
            "2026/11/x",
            "2026/13/01/x",
            "2026/02/30/x",
            "26/11/21/x",
            "2026/1/2/x",
            "mail-1-2026-11-21-07-05-09x",
            "mail1x2026-11-21-07-05-09",
            "mail-2026-11-21-25-05-09",
            "2026-11-21T07/x",
            "2026-11-2100/x",
            "20261121/x",
            "2026é/11/21/x",
            "dt=2026-1é/x",
        ] {
            assert_eq!(said(key), None, "{key}");
        }
    }

    #[test]
    fn month_is_read_from_the_last_two_folders() {
        let of = |path: &str| of_month(path).map(|span| Minute::of_ms(span.start_ms).to_string());
        assert_eq!(of("p/2026/11/").as_deref(), Some("2026-11-01T00:00:00Z"));
        assert_eq!(of("p/year=2026/month=3").as_deref(), Some("2026-03-01T00:00:00Z"));
        assert_eq!(
            [of("p/2026/"), of("2026/13/"), of("2026/11/21/"), of("")],
            [None, None, None, None]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        /// No key causes a panic, and neither the stream's name nor the prefix changes what the
        /// layout says.
        #[test]
        fn innermost_layout_counts_whatever_surrounds_it(
            before in "([a-z0-9=é/-]{0,12}/)?",
            stream in "[A-Za-z0-9_.-]{1,20}",
            at in 0_i64..253_402_300_800,
            junk in "\\PC{0,40}",
        ) {
            let _ = (of_object(&junk), of_folder(&junk));
            let _ = of_month(&junk);
            let time = Minute::of_ms(at * 1000).to_string();
            let (date, hour, minute) = (&time[..10], &time[11..13], &time[14..16]);
            let folders = date.replace('-', "/");
            let start_ms = at * 1000 / 60_000 * 60_000;
            let key = format!(
                "{before}{folders}/{hour}/{stream}-1-{date}-{hour}-{minute}-00-01234567-89ab-cdef-0123-456789abcdef.gz"
            );
            prop_assert_eq!(of_object(&key), Some(TimeSpan { start_ms, len_ms: SECOND_MS }));
            let hour_ms = start_ms / HOUR_MS * HOUR_MS;
            let expected = Some(TimeSpan { start_ms: hour_ms, len_ms: HOUR_MS });
            prop_assert_eq!(of_object(&format!("{before}{folders}/{hour}/x")), expected);
            let hive = format!(
                "{before}year={}/month={}/day={}/hour={hour}/x", &date[..4], &date[5..7], &date[8..]
            );
            prop_assert_eq!(of_object(&hive), expected);
            prop_assert_eq!(of_object(&format!("{before}dt={date}/{hour}/x")), expected);
        }
    }
}
