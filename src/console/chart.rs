//! Charts as SVG, without scripts and without styles of their own.

use std::fmt::Write;

use maud::{Markup, html};

use super::shown;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 130.0;
/// Room for the labels of the axes.
const LEFT: f64 = 40.0;
const BOTTOM: f64 = 20.0;
const TOP: f64 = 8.0;
/// A chart shows three hours.
const MINUTES: i64 = 180;
const MINUTE_MS: i64 = 60_000;

/// Bars by minute, for the three hours that end with a minute.
pub(super) struct MinuteChart<'c> {
    pub title: &'c str,
    pub unit: &'c str,
    /// Unix milliseconds within the last minute.
    pub end_ms: i64,
    /// Unix milliseconds of minutes, with their values.
    pub points: &'c [(i64, f64)],
    /// One of four colours, from 1.
    pub colour: u8,
}

// === impl MinuteChart ===

impl MinuteChart<'_> {
    /// The chart. A table beside it has its numbers, so its description is short.
    pub(super) fn figure(&self) -> Markup {
        let last = self.end_ms.div_euclid(MINUTE_MS);
        let most = self.points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        let top = nice(most);
        let latest = self.points.last().map_or(0.0, |(_, value)| *value);
        let label = format!(
            "{}: highest {} {unit} a minute in three hours, latest {}",
            self.title,
            short(most),
            short(latest),
            unit = self.unit
        );
        html! {
            figure.chart {
                figcaption { (self.title) " " span.hint { (self.unit) } }
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(label) {
                    line.axis x1=(LEFT) x2=(WIDTH) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM) {}
                    line.grid x1=(LEFT) x2=(WIDTH) y1=(TOP) y2=(TOP) {}
                    text.label x=(LEFT - 6.0) y=(TOP + 8.0) text-anchor="end" { (short(top)) }
                    text.label x=(LEFT - 6.0) y=(HEIGHT - BOTTOM) text-anchor="end" { "0" }
                    @for hours in 0..4_u8 {
                        @let minutes = 60 * i64::from(hours);
                        text.label x=(x(minutes).clamp(LEFT + 10.0, WIDTH - 12.0)) y=(HEIGHT - 5.0) text-anchor="middle" {
                            @if hours == 3 { "now" } @else { "−" (3 - hours) " h" }
                        }
                    }
                    path class={ "bars colour-" (self.colour) } d=(self.bars(last, top)) {}
                }
            }
        }
    }

    /// All bars as one path.
    fn bars(&self, last: i64, top: f64) -> String {
        let mut path = String::new();
        let width = (WIDTH - LEFT) / to_f64(MINUTES);
        for (at_ms, value) in self.points {
            let minute = at_ms.div_euclid(MINUTE_MS) - (last - MINUTES + 1);
            if !(0..MINUTES).contains(&minute) || *value <= 0.0 {
                continue;
            }
            let height = (value / top * (HEIGHT - BOTTOM - TOP)).max(1.0);
            let bar = format!(
                "M{:.1} {:.1}h{width:.2}v-{height:.1}h-{width:.2}z",
                x(minute),
                HEIGHT - BOTTOM
            );
            path.push_str(&bar);
        }
        path
    }
}

/// A line of counts, small enough for a row of a table.
pub(super) fn sparkline(end_ms: i64, points: &[(i64, u64)]) -> Markup {
    let last = end_ms.div_euclid(MINUTE_MS);
    let most = points.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let mut path = String::new();
    for (at_ms, count) in points {
        let minute = at_ms.div_euclid(MINUTE_MS) - (last - MINUTES + 1);
        if (0..MINUTES).contains(&minute) {
            #[expect(clippy::cast_precision_loss, reason = "a height on the screen")]
            let height = (*count as f64 / most as f64 * 22.0).max(1.0);
            // Writing to memory cannot fail.
            let _ = write!(path, "M{minute} 24v-{height:.1}");
        }
    }
    html! {
        svg.spark viewBox="0 0 180 24" aria-hidden="true" focusable="false" {
            path d=(path) {}
        }
    }
}

fn x(minute: i64) -> f64 {
    LEFT + to_f64(minute) * (WIDTH - LEFT) / to_f64(MINUTES)
}

#[expect(clippy::cast_precision_loss, reason = "at most 180")]
fn to_f64(minutes: i64) -> f64 {
    minutes as f64
}

/// The end of an axis: 1, 2 or 5 with zeros, not below the highest value.
fn nice(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let unit = 10_f64.powf(most.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|step| step * unit)
        .into_iter()
        .find(|end| *end >= most)
        .unwrap_or(most)
}

/// A number in a few characters.
fn short(number: f64) -> String {
    match number {
        n if n >= 1e9 => format!("{:.1} G", n / 1e9),
        n if n >= 1e6 => format!("{:.1} M", n / 1e6),
        n if n >= 1e4 => format!("{:.0} k", n / 1e3),
        n if n >= 10.0 || n.fract() == 0.0 => format!("{n:.0}"),
        n => format!("{n:.1}"),
    }
}

/// A time and a number in a row of the table beside a chart.
pub(super) fn row(at_ms: i64, cells: &[Markup]) -> Markup {
    html! {
        tr {
            th scope="row" { (shown::time(at_ms)) }
            @for cell in cells { td.number { (cell) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_ends_at_a_round_number_that_is_not_exceeded() {
        for (most, end) in [(0.0, 1.0), (0.3, 0.5), (1.0, 1.0), (7.0, 10.0), (180.0, 200.0)] {
            assert!((nice(most) - end).abs() < 1e-9, "{most}: {}", nice(most));
        }
    }

    #[test]
    fn chart_has_the_minutes_of_three_hours_and_no_others() {
        let minute = |number: i64| number * MINUTE_MS;
        let points = [(minute(19), 5.0), (minute(20), 5.0), (minute(199), 2.0), (minute(200), 9.0)];
        let chart = MinuteChart {
            title: "Events",
            unit: "events",
            end_ms: minute(199) + 59_999,
            points: &points,
            colour: 1,
        };
        assert_eq!(chart.bars(199, 10.0).matches('M').count(), 2);
        let svg = chart.figure().into_string();
        assert!(svg.contains("highest 9 events") && !svg.contains("style="), "{svg}");
    }
}
