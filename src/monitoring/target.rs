//! The metrics that a destination publishes, by the dimensions that they have.

use std::collections::BTreeMap;

use super::Monitored;
use crate::definitions::{CloudWatchDestination, Destination, EventDestination, Measure};
use crate::ses::EventType;

/// An enabled CloudWatch destination.
#[derive(Clone, Debug)]
pub(super) struct MonitoredDestination {
    pub configuration_set: String,
    pub name: String,
    pub namespace: String,
    /// With the fewest dimensions first.
    pub groups: Vec<MetricGroup>,
}

/// Metrics with the same dimensions.
#[derive(Clone, Debug)]
pub(super) struct MetricGroup {
    /// Sorted.
    pub dimensions: Vec<String>,
    pub counts: Vec<EventType>,
    /// Other measures than counts.
    pub measures: Vec<Measure>,
    /// Values that certainly have series of their own, if there is one dimension.
    pub kept: Vec<String>,
    /// The most series of each metric in an hour; `None`: any number.
    pub series_max: Option<u64>,
}

// === impl MonitoredDestination ===

impl MonitoredDestination {
    /// The enabled destinations, in the order of the definitions.
    pub(super) fn all(monitored: Monitored<'_>) -> Vec<Self> {
        let mut all = Vec::new();
        for set in &monitored.definitions.configuration_sets {
            for destination in set.event_destinations.iter().filter(|of| of.enabled) {
                let Destination::CloudWatch(cloudwatch) = &destination.destination else {
                    continue;
                };
                let own = cloudwatch.extensions.namespace.as_deref();
                let namespace = own.or(set.namespace.as_deref()).unwrap_or(monitored.namespace);
                all.push(Self {
                    configuration_set: set.name.clone(),
                    name: destination.name.clone(),
                    namespace: namespace.to_owned(),
                    groups: groups(destination, cloudwatch),
                });
            }
        }
        all
    }

    /// The group with the fewest dimensions that has a measure.
    pub(super) fn coarsest(&self, has: impl Fn(&MetricGroup) -> bool) -> Option<&MetricGroup> {
        self.groups.iter().find(|group| has(group))
    }

    /// The group with the fewest dimensions, but at least one, that has a measure.
    pub(super) fn grouped(&self, has: impl Fn(&MetricGroup) -> bool) -> Option<&MetricGroup> {
        self.groups.iter().find(|group| !group.dimensions.is_empty() && has(group))
    }

    /// The set and the name, as messages have them.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.configuration_set, self.name)
    }
}

fn groups(destination: &EventDestination, cloudwatch: &CloudWatchDestination) -> Vec<MetricGroup> {
    let types = destination.matching_event_types;
    let mut groups = Vec::new();
    for set in cloudwatch.sets() {
        let mut dimensions: Vec<String> = set.iter().map(|name| (*name).to_owned()).collect();
        dimensions.sort();
        let makes = |measure: Measure, event_type: EventType| {
            types.contains(event_type) && cloudwatch.measures_in(&set, measure, event_type)
        };
        let measures = cloudwatch.measures().iter().copied();
        let (counting, others): (Vec<_>, Vec<_>) =
            measures.partition(|measure| *measure == Measure::Count);
        let counts = EventType::ALL
            .into_iter()
            .filter(|event_type| counting.iter().any(|measure| makes(*measure, *event_type)));
        let others = others.into_iter().filter(|measure| {
            EventType::ALL.into_iter().any(|event_type| makes(*measure, event_type))
        });
        let kept: &BTreeMap<_, Vec<String>> = &cloudwatch.extensions.keep_values;
        let kept = match &*dimensions {
            [name] => kept.get(name).cloned().unwrap_or_default(),
            _ => Vec::new(),
        };
        groups.push(MetricGroup {
            series_max: series_max(cloudwatch, &dimensions),
            counts: counts.collect(),
            measures: others.collect(),
            kept,
            dimensions,
        });
    }
    groups.retain(|group| !group.counts.is_empty() || !group.measures.is_empty());
    groups.sort_by_key(|group| group.dimensions.len());
    groups
}

/// The product of the limits on values, and of `__other__`.
fn series_max(cloudwatch: &CloudWatchDestination, dimensions: &[String]) -> Option<u64> {
    let extensions = &cloudwatch.extensions;
    let mut of_each = dimensions.iter().map(|name| {
        let limit = u64::from(*extensions.value_limits.get(name)?);
        let kept = extensions.keep_values.get(name).map_or(0, Vec::len) as u64;
        Some(limit + kept + 1)
    });
    of_each.try_fold(1_u64, |all, of_one| Some(all.saturating_mul(of_one?)))
}

// === impl MetricGroup ===

impl MetricGroup {
    pub(super) fn measures(&self, measure: Measure) -> bool {
        self.measures.contains(&measure)
    }

    pub(super) fn counts(&self, event_type: EventType) -> bool {
        self.counts.contains(&event_type)
    }

    /// Whether it is of all events, without dimensions.
    pub(super) fn is_total(&self) -> bool {
        self.dimensions.is_empty()
    }
}
