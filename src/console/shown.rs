//! Numbers, times and texts as pages show them. Scripts rewrite numbers and times for the reader's
//! language and zone.

use maud::{Markup, html};

use crate::printable::{SHOWN_CHARS_MAX, printable, thousands};
use crate::ses::Minute;

/// A number with separators between thousands.
pub(super) fn number(number: u64) -> Markup {
    html! { data value=(number) { (thousands(number)) } }
}

/// A number with one decimal below 100, none above.
pub(super) fn rate(rate: f64) -> Markup {
    let text = if rate < 99.95 { format!("{rate:.1}") } else { thousands(rounded(rate)) };
    html! { data value=(format!("{rate:.3}")) { (text) } }
}

/// Dollars and cents.
pub(super) fn dollars(dollars: f64) -> Markup {
    html! { data value=(format!("{dollars:.4}")) { "$" (dollars_text(dollars)) } }
}

/// Without a sign; fractions of cents below ten cents.
pub(super) fn dollars_text(dollars: f64) -> String {
    if dollars > 0.0 && dollars < 0.1 {
        return format!("{dollars:.4}");
    }
    let cents = rounded(dollars * 100.0);
    format!("{}.{:02}", thousands(cents / 100), cents % 100)
}

/// A moment, in UTC.
pub(super) fn time(ms: i64) -> Markup {
    let minute = Minute::of_ms(ms).to_string();
    let (day, rest) = minute.split_once('T').unwrap_or((&minute, ""));
    let clock = rest.get(..5).unwrap_or_default();
    let seconds = ms.div_euclid(1000).rem_euclid(60);
    html! {
        time datetime={ (day) "T" (clock) ":" (format!("{seconds:02}")) "Z" } {
            (day) " " (clock) ":" (format!("{seconds:02}")) " UTC"
        }
    }
}

/// A duration in seconds, minutes or hours.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.05 => "0 s".to_owned(),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// A text that others chose: never markup, without invisible characters, bounded, and without an
/// effect on the direction of the text around it.
pub(super) fn value(text: &str) -> Markup {
    beginning(text, SHOWN_CHARS_MAX)
}

/// As [`value`], of so many characters at most.
pub(super) fn beginning(text: &str, chars_max: usize) -> Markup {
    // Of what is escaped for log lines, quotes mean nothing in markup.
    let text = printable(text, chars_max).replace("\\\"", "\"").replace("\\'", "'");
    html! { bdi { (text) } }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn rounded(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_is_shown_with_its_quotes_and_without_controls() {
        let shown = value("\"a\\\"b'\n<i>").into_string();
        assert_eq!(shown, "<bdi>&quot;a\\\\&quot;b'\\n&lt;i&gt;</bdi>");
    }

    #[test]
    fn numbers_are_grouped_and_rounded() {
        assert_eq!([thousands(0), thousands(999), thousands(1000)], ["0", "999", "1,000"]);
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!([dollars_text(0.0), dollars_text(0.0123)], ["0.00", "0.0123"]);
        assert_eq!([dollars_text(1234.005), dollars_text(3000.0)], ["1,234.01", "3,000.00"]);
        let text = rate(12.34).into_string();
        assert_eq!(text, "<data value=\"12.340\">12.3</data>");
        assert_eq!([seconds(0.0), seconds(3.21), seconds(600.0)], ["0 s", "3.2 s", "10.0 min"]);
    }

    #[test]
    fn time_is_utc_to_the_second() {
        let shown = time(1_795_176_007_999).into_string();
        let expected = "<time datetime=\"2026-11-20T12:00:07Z\">2026-11-20 12:00:07 UTC</time>";
        assert_eq!(shown, expected);
    }

    #[test]
    fn value_is_text_whatever_it_holds() {
        let shown = value("<img src=x>\u{202e}\n\0").into_string();
        assert_eq!(shown, "<bdi>&lt;img src=x&gt;\\u{202e}\\n\\0</bdi>");
        assert!(value(&"x".repeat(1 << 20)).into_string().len() < 400);
    }
}
