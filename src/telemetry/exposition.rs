//! What another process reads from `/metrics`.

use std::collections::BTreeMap;

/// The values of a text in Prometheus's exposition format, without timestamps, by name and labels as
/// they stand there: `postmeter_events_total{routing="matched"}`. A line that is none is passed over.
#[must_use]
pub fn read_metrics(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let metrics = lines.filter_map(|line| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    });
    metrics.collect()
}
