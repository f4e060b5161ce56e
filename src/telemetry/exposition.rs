//! Parses the `/metrics` of another process.

use std::collections::BTreeMap;

/// The values of a text in the Prometheus exposition format, without timestamps, by name and labels
/// as written: `postmeter_events_total{routing="matched"}`. Skips invalid lines.
#[must_use]
pub fn read_metrics(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let metrics = lines.filter_map(|line| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    });
    metrics.collect()
}
