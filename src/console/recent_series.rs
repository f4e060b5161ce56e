//! How many series each metric has, what they cost, and when it was counted last: of the last three
//! hours, as `/series` has them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::aggregate::{Aggregator, RecentLines};
use crate::definitions::{ConfigurationSet, DestinationMetrics, EventDestination, MetricNames};
use crate::offload::offload;
use crate::plan::prices::Prices;
use crate::ses::Minute;

/// Up to a million entries are sorted, so pages share the result for a moment.
const KEPT: Duration = Duration::from_secs(5);

/// Metrics with the same names of dimensions.
#[derive(Debug, Default)]
pub(super) struct RecentCounts {
    metrics: HashMap<MetricNames, RecentMetric>,
    /// The UTC hours with counts of any metric.
    hours: usize,
}

/// The last result, and when it was made.
#[derive(Debug, Default)]
pub(super) struct RecentSeries(Mutex<Option<(Instant, Arc<RecentCounts>)>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RecentMetric {
    pub series: usize,
    /// Pairs of a series and a UTC hour in which it has counts.
    series_hours: usize,
    /// The last minute with a count.
    pub last: Option<Minute>,
}

// === impl RecentSeries ===

impl RecentSeries {
    /// The counts of now, or of a moment ago.
    pub(super) async fn get(&self, aggregator: &Arc<Aggregator>) -> Arc<RecentCounts> {
        // One visitor sorts, and the others wait for the result.
        let mut last = self.0.lock().await;
        if let Some((made, counts)) = &*last
            && made.elapsed() < KEPT
        {
            return Arc::clone(counts);
        }
        let aggregator = Arc::clone(aggregator);
        let counts = offload(move || RecentCounts::new(aggregator.recent())).await;
        let counts = Arc::new(counts.unwrap_or_default());
        *last = Some((Instant::now(), Arc::clone(&counts)));
        counts
    }
}

// === impl RecentCounts ===

impl RecentCounts {
    fn new(lines: RecentLines) -> Self {
        let mut metrics: HashMap<MetricNames, RecentMetric> = HashMap::new();
        let (mut hours, mut before) = (BTreeSet::new(), None);
        for line in lines {
            let (minute, series) = (line.series.minute, line.series);
            let hour = minute.0.div_euclid(60);
            hours.insert(hour);
            let this = (series.namespace, series.metric, series.dimensions);
            // The minutes of a series are adjacent and in order.
            let (names, is_same, is_same_hour) = match before.take() {
                Some((last, names, last_hour)) if last == this => (names, true, last_hour == hour),
                _ => {
                    let dimensions = this.2.iter().map(|(name, _)| name.as_str());
                    (MetricNames::new(Arc::clone(&this.0), this.1, dimensions), false, false)
                }
            };
            if !metrics.contains_key(&names) {
                metrics.insert(names.clone(), RecentMetric::default());
            }
            if let Some(metric) = metrics.get_mut(&names) {
                metric.series += usize::from(!is_same);
                metric.series_hours += usize::from(!is_same_hour);
                metric.last = metric.last.max(Some(minute));
            }
            before = Some((this, names, hour));
        }
        Self { metrics, hours: hours.len() }
    }

    /// What a metric costs in a month that goes on as the hours with counts did.
    #[expect(clippy::cast_precision_loss, reason = "a few million at most")]
    pub(super) fn dollars_a_month(&self, metric: RecentMetric) -> f64 {
        Prices::built_in().metrics(0.0, metric.series_hours as f64 / self.hours.max(1) as f64)
    }

    /// What a CloudWatch destination has made; `None` for another kind. Destinations with the same
    /// namespace and dimensions share their series.
    pub(super) fn of(
        &self,
        set: &ConfigurationSet,
        destination: &EventDestination,
        namespace: &str,
    ) -> Option<RecentMetric> {
        let own = DestinationMetrics::new(set, destination, namespace)?;
        let mut all = RecentMetric::default();
        for names in own.names() {
            let Some(metric) = self.metrics.get(names) else { continue };
            all.series += metric.series;
            all.series_hours += metric.series_hours;
            all.last = all.last.max(metric.last);
        }
        Some(all)
    }
}
