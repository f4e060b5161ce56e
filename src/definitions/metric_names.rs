//! Which metrics a destination makes, by their names.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::model::{CloudWatchDestination, ConfigurationSet, Destination, EventDestination};

/// The names of a metric: destinations that make the same ones share its series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct MetricNames {
    namespace: Arc<str>,
    metric: Box<str>,
    /// Of the dimensions, sorted and joined by spaces, which no name has.
    dimensions: String,
}

/// All metrics of a CloudWatch destination.
#[derive(Clone, Debug)]
pub(crate) struct DestinationMetrics(BTreeSet<MetricNames>);

// === impl MetricNames ===

impl MetricNames {
    #[must_use]
    pub(crate) fn new<'n>(
        namespace: impl Into<Arc<str>>,
        metric: &str,
        dimensions: impl Iterator<Item = &'n str>,
    ) -> Self {
        let mut dimensions: Vec<_> = dimensions.collect();
        dimensions.sort_unstable();
        let dimensions = dimensions.join(" ");
        Self { namespace: namespace.into(), metric: metric.into(), dimensions }
    }
}

// === impl DestinationMetrics ===

impl DestinationMetrics {
    /// `namespace`: that of destinations that do not name one. `None`: this is not a CloudWatch
    /// destination.
    #[must_use]
    pub(crate) fn new(
        set: &ConfigurationSet,
        destination: &EventDestination,
        namespace: &str,
    ) -> Option<Self> {
        let Destination::CloudWatch(cloudwatch) = &destination.destination else { return None };
        let own = cloudwatch.extensions.namespace.as_deref().or(set.namespace.as_deref());
        let namespace: Arc<str> = own.unwrap_or(namespace).into();
        let mut names = BTreeSet::new();
        for metric in metrics(destination, cloudwatch) {
            for dimensions in cloudwatch.sets() {
                names.insert(MetricNames::new(
                    Arc::clone(&namespace),
                    metric,
                    dimensions.into_iter(),
                ));
            }
        }
        Some(Self(names))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &MetricNames> {
        self.0.iter()
    }

    #[must_use]
    pub(crate) fn has(&self, names: &MetricNames) -> bool {
        self.0.contains(names)
    }
}

/// The metrics of a destination, each once.
fn metrics(
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
