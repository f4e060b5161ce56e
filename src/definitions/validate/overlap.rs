//! Finds event destinations that count an event twice in the same series.

use std::collections::HashMap;

use super::report::{Checked, FindingReport, Spot};
use crate::definitions::model::{
    CloudWatchDestination, ConfigurationSet, Destination, Dimension, EventDestination,
};
use crate::ses::EventType;

/// The namespace if neither destination nor set names one. The daemon can be configured with
/// another one; then a set with an explicit `SES` gets a false warning, so the warning says "may".
const DEFAULT_NAMESPACE: &str = "SES";

/// How two destinations write the same series.
enum Shared {
    Certainly,
    /// If their values are equal, or the configured namespace is the default.
    Maybe,
    /// They have extensions, with which this is certainly a mistake.
    Extended(String),
}

/// Compares each pair of enabled CloudWatch destinations of a set.
pub(super) fn check_shared_series(
    set_namespace: Option<&str>,
    destinations: &[(Spot, EventDestination)],
    report: &mut FindingReport,
) -> Checked<()> {
    let mut checked = Ok(());
    for (index, (spot, second)) in destinations.iter().enumerate() {
        for (_, first) in &destinations[..index] {
            let Some(shared) = shared_series(set_namespace, first, second) else { continue };
            let both = format!("event destinations {} and {}", first.name, second.name);
            let fix =
                "change the dimensions or Namespace of one, or make their event types disjoint";
            match shared {
                Shared::Certainly => {
                    let what = format!("{both} write the same series, so one event counts twice");
                    report.warning(spot, what, fix);
                }
                Shared::Maybe => {
                    let what = format!(
                        "{both} may write the same series, so one event counts twice if their \
                         values are equal"
                    );
                    report.warning(spot, what, fix);
                }
                Shared::Extended(set) => {
                    let what = format!(
                        "{both} write the same series, those of [{set}], so one event would count \
                         twice"
                    );
                    checked = Err(report.error(spot, what, fix));
                }
            }
        }
    }
    checked
}

/// Whether both destinations write the same series for one event.
fn shared_series(
    set_namespace: Option<&str>,
    first: &EventDestination,
    second: &EventDestination,
) -> Option<Shared> {
    let types = first.matching_event_types.intersection(second.matching_event_types);
    if types.is_empty() {
        return None;
    }
    let (first, second) = (counting(first)?, counting(second)?);
    let first_namespace = first.extensions.namespace.as_deref().or(set_namespace);
    let second_namespace = second.extensions.namespace.as_deref().or(set_namespace);
    if first_namespace.unwrap_or(DEFAULT_NAMESPACE) != second_namespace.unwrap_or(DEFAULT_NAMESPACE)
    {
        return None;
    }
    let second_sets: Vec<_> = second.sets().into_iter().map(sorted).collect();
    let set = first.sets().into_iter().map(sorted).find(|set| {
        second_sets.contains(set) && types.iter().any(|own| share_a_metric(first, second, set, own))
    })?;
    let is_certain = first_namespace == second_namespace;
    Some(if is_certain && (first.is_extended() || second.is_extended()) {
        Shared::Extended(set.join(", "))
    } else if is_certain && by_name(first) == by_name(second) {
        Shared::Certainly
    } else {
        Shared::Maybe
    })
}

/// Whether both write a metric of the series of a set for an event of this type. Measures that differ
/// have metrics that differ.
fn share_a_metric(
    first: &CloudWatchDestination,
    second: &CloudWatchDestination,
    set: &[&str],
    event_type: EventType,
) -> bool {
    first.measures().iter().any(|measure| {
        second.measures().contains(measure)
            && first.measures_in(set, *measure, event_type)
            && second.measures_in(set, *measure, event_type)
    })
}

/// The settings of an enabled destination that counts.
fn counting(destination: &EventDestination) -> Option<&CloudWatchDestination> {
    match &destination.destination {
        Destination::CloudWatch(cloudwatch) if destination.enabled => Some(cloudwatch),
        _ => None,
    }
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names
}

fn by_name(destination: &CloudWatchDestination) -> Vec<&Dimension> {
    let mut dimensions: Vec<&Dimension> = destination.dimensions.iter().collect();
    dimensions.sort_by(|a, b| a.name.cmp(&b.name));
    dimensions
}

/// A series without values: namespace, dimensions and metric.
type SeriesShape<'d> = (&'d str, Vec<&'d str>, &'static str);

/// The first destination that writes a series, and the first with extensions that does: their
/// configuration sets and names.
#[derive(Clone, Copy, Default)]
struct Writers<'d> {
    any: Option<(&'d str, &'d str)>,
    extended: Option<(&'d str, &'d str)>,
}

/// Warns about event destinations of different configuration sets that write the same series through
/// an extension: a total, say. Their counts add up, which may be intended.
pub(super) fn warn_of_series_of_several_sets(
    sets: &[(ConfigurationSet, Vec<Spot>)],
    report: &mut FindingReport,
) {
    let has_extended = |(set, _): &(ConfigurationSet, _)| {
        set.event_destinations.iter().filter_map(counting).any(CloudWatchDestination::is_extended)
    };
    // Most documents have none, and may have many sets.
    if !sets.iter().any(has_extended) {
        return;
    }
    let mut writers: HashMap<SeriesShape, Writers> = HashMap::new();
    for (set, spots) in sets {
        for (destination, spot) in set.event_destinations.iter().zip(spots) {
            let Some(cloudwatch) = counting(destination) else { continue };
            let first = first_writer(set, destination, cloudwatch, &mut writers);
            if let Some((first_set, first_name)) = first {
                let what = format!(
                    "event destinations {first_set}/{first_name} and {}/{} write the same series, so \
                     their counts add up",
                    set.name, destination.name
                );
                let fix = "if that is not intended, give one configuration set a Namespace, or add \
                           the dimension ses:configuration-set";
                report.warning(spot, what, fix);
            }
        }
    }
}

/// Records what a destination writes; returns the first destination of another set that it shares a
/// series with.
fn first_writer<'d>(
    set: &'d ConfigurationSet,
    destination: &'d EventDestination,
    cloudwatch: &'d CloudWatchDestination,
    writers: &mut HashMap<SeriesShape<'d>, Writers<'d>>,
) -> Option<(&'d str, &'d str)> {
    let own = cloudwatch.extensions.namespace.as_deref();
    let namespace = own.or(set.namespace.as_deref()).unwrap_or(DEFAULT_NAMESPACE);
    let this = (&*set.name, &*destination.name);
    let mut first = None;
    for (names, metric) in metrics_of(destination, cloudwatch) {
        let shape = (namespace, sorted(names), metric);
        let known = writers.entry(shape).or_default();
        let other = if cloudwatch.is_extended() { known.any } else { known.extended };
        first = first.or(other.filter(|(of, _)| *of != set.name));
        known.any.get_or_insert(this);
        if cloudwatch.is_extended() {
            known.extended.get_or_insert(this);
        }
    }
    first
}

/// The dimensions and name of each metric that a destination writes; a rate once for each of its
/// types.
fn metrics_of<'d>(
    destination: &EventDestination,
    cloudwatch: &'d CloudWatchDestination,
) -> Vec<(Vec<&'d str>, &'static str)> {
    let mut metrics = Vec::new();
    for names in cloudwatch.sets() {
        for event_type in destination.matching_event_types.iter() {
            for measure in cloudwatch.measures() {
                if cloudwatch.measures_in(&names, *measure, event_type) {
                    metrics.push((names.clone(), measure.metric_name(event_type)));
                }
            }
        }
    }
    metrics
}
