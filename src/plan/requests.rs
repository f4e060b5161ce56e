//! How many calls of `PutMetricData` publish the series.

use std::collections::BTreeSet;

use super::PlanSettings;
use super::projection::{MonthRange, Projection};
use super::series::PlannedSeries;
use super::span::NO_TIME_HOUR;
use crate::limits::DATUMS_PER_CALL_MAX;

const MINUTES_PER_HOUR: f64 = 60.0;

/// The calls of a month. `series_max`: the most series of an hour.
pub(super) fn requests(
    series: &PlannedSeries,
    projection: Projection,
    settings: &PlanSettings,
    series_max: f64,
) -> MonthRange {
    let flushes = flushes_a_minute(settings);
    let mut low = 0.0;
    let mut at_this_rate = 0.0;
    for ((_, minute), of_minute) in &series.minutes {
        if minute.div_euclid(60) == NO_TIME_HOUR {
            continue;
        }
        let calls = calls(float(of_minute.series));
        low += calls;
        // A flush of a daemon sends what came since the last one, if anything did.
        let filled = (float(of_minute.counts) * projection.volume).min(flushes);
        at_this_rate += filled.max(calls * projection.fewer());
    }
    let time = projection.time();
    let namespaces: BTreeSet<usize> = series.minutes.keys().map(|(place, _)| *place).collect();
    let namespaces = float(namespaces.len().max(1) as u64);
    let high =
        namespaces * flushes * MINUTES_PER_HOUR * projection.hours * calls(series_max / namespaces);
    let at_this_rate = at_this_rate * time;
    // The counted minutes alone.
    let low = (low * projection.fewer()).min(at_this_rate);
    MonthRange { low, at_this_rate, high: high.max(at_this_rate) }
}

/// The calls for the daemons' own totals: one a minute for each daemon.
pub(super) fn own_requests(projection: Projection, settings: &PlanSettings) -> f64 {
    projection.hours * MINUTES_PER_HOUR * f64::from(settings.daemons)
}

/// The flushes of all daemons in a minute.
fn flushes_a_minute(settings: &PlanSettings) -> f64 {
    60.0 / settings.flush_seconds.max(0.001) * f64::from(settings.daemons)
}

/// The calls that this many datums need.
fn calls(datums: f64) -> f64 {
    (datums / float(DATUMS_PER_CALL_MAX as u64)).ceil()
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}
