//! How many series each metric has, what they cost, and when it was counted last: of the last three
//! hours, as `/series` has them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::series_row::SeriesName;
use crate::aggregate::{Aggregator, RecentLines};
use crate::definitions::{CloudWatchDestination, ConfigurationSet, Destination, EventDestination};
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

/// Namespace, metric, and the sorted names of the dimensions.
type MetricNames = (Arc<str>, &'static str, String);

/// The names of what a destination makes.
#[derive(Clone, Debug)]
pub(super) struct DestinationMetrics {
    namespace: Arc<str>,
    metrics: BTreeSet<&'static str>,
    /// Of dimensions, sorted and joined, for each set.
    names: Vec<String>,
}

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
            let series = line.series;
            let names = joined(series.dimensions.iter().map(|(name, _)| name.as_str()));
            let key = (Arc::clone(&series.namespace), series.metric, names);
            let metric = metrics.entry(key).or_default();
            let (minute, hour) = (series.minute, series.minute.0.div_euclid(60));
            hours.insert(hour);
            // The minutes of a series are adjacent and in order.
            let this = (series.namespace, series.metric, series.dimensions);
            let (is_same, is_same_hour) = before.as_ref().map_or((false, false), |(last, of)| {
                let is_same = *last == this;
                (is_same, is_same && *of == hour)
            });
            metric.series += usize::from(!is_same);
            metric.series_hours += usize::from(!is_same_hour);
            metric.last = metric.last.max(Some(minute));
            before = Some((this, hour));
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
        for names in &own.names {
            for metric in &own.metrics {
                let key = (Arc::clone(&own.namespace), *metric, names.clone());
                let Some(metric) = self.metrics.get(&key) else { continue };
                all.series += metric.series;
                all.series_hours += metric.series_hours;
                all.last = all.last.max(metric.last);
            }
        }
        Some(all)
    }
}

// === impl DestinationMetrics ===

impl DestinationMetrics {
    /// `None`: it is not a CloudWatch destination.
    pub(super) fn new(
        set: &ConfigurationSet,
        destination: &EventDestination,
        namespace: &str,
    ) -> Option<Self> {
        let Destination::CloudWatch(cloudwatch) = &destination.destination else { return None };
        let own = cloudwatch.extensions.namespace.as_deref().or(set.namespace.as_deref());
        Some(Self {
            namespace: own.unwrap_or(namespace).into(),
            metrics: metrics_of(destination, cloudwatch),
            names: cloudwatch.sets().into_iter().map(|set| joined(set.into_iter())).collect(),
        })
    }

    /// Whether a series has these names. Another destination with the same names shares it.
    pub(super) fn has(&self, series: &SeriesName) -> bool {
        *self.namespace == *series.namespace
            && self.metrics.contains(&*series.metric)
            && self.names.contains(&joined(series.dimensions.iter().map(|(name, _)| &**name)))
    }
}

/// The metrics of a destination, each once.
fn metrics_of(
    destination: &EventDestination,
    cloudwatch: &CloudWatchDestination,
) -> BTreeSet<&'static str> {
    let mut metrics = BTreeSet::new();
    for measure in cloudwatch.measures() {
        for event_type in destination.matching_event_types.iter().filter(|one| measure.is_of(*one))
        {
            metrics.insert(measure.metric_name(event_type));
        }
    }
    metrics
}

/// Sorted names as one text; a name has no space.
fn joined<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.join(" ")
}
