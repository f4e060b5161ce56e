//! How many series definitions can make in an hour, whatever events come.

use std::collections::BTreeSet;

use super::rules::PlannedDestination;
use crate::definitions::{CloudWatchDestination, Measure};
use crate::ses::{EventField, EventType, MailboxProviders};

/// The values of `bounce_class`, and of `actor`.
const BOUNCE_CLASSES: f64 = 4.0;
const ACTORS: f64 = 3.0;

/// The most series of a destination in an hour; `None` if a dimension can have any number of values.
pub(super) fn series_max(
    destination: &PlannedDestination,
    providers: &MailboxProviders,
    daemons: u32,
) -> Option<f64> {
    let mut all = 0.0;
    for set in destination.cloudwatch.sets() {
        let mut series = float(metrics(destination, &set));
        if series == 0.0 {
            continue;
        }
        for name in &set {
            series *= values_max(&destination.cloudwatch, name, providers, daemons)?;
        }
        all += series;
    }
    Some(all)
}

/// The number of metrics of a set of dimensions.
fn metrics(destination: &PlannedDestination, set: &[&str]) -> usize {
    let PlannedDestination { event_types, cloudwatch, .. } = destination;
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for measure in cloudwatch.measures() {
        let makes = |event_type: &EventType| {
            event_types.contains(*event_type) && cloudwatch.measures_in(set, *measure, *event_type)
        };
        let types = EventType::ALL.into_iter().filter(makes);
        names.extend(types.map(|event_type| Measure::metric_name(*measure, event_type)));
    }
    names.len()
}

/// The most values of a dimension in an hour.
fn values_max(
    cloudwatch: &CloudWatchDestination,
    name: &str,
    providers: &MailboxProviders,
    daemons: u32,
) -> Option<f64> {
    let own = &cloudwatch.extensions.event_dimensions;
    let field = own.iter().find(|dimension| dimension.name == name).map(|of| of.field);
    let known = field.and_then(|field| field_values(field, providers));
    let limited = limited_values(cloudwatch, name, daemons);
    match (known, limited) {
        (Some(known), Some(limited)) => Some(known.min(limited)),
        (known, limited) => known.or(limited),
    }
}

/// The values of a field and its default, if there is a list of them.
fn field_values(field: EventField, providers: &MailboxProviders) -> Option<f64> {
    let values = match field {
        EventField::BounceClass => BOUNCE_CLASSES,
        EventField::Actor => ACTORS,
        EventField::MailboxProvider => float(providers.values()),
        // SES or others may add to these at any time.
        EventField::BounceSubType
        | EventField::DelayType
        | EventField::SmtpStatus
        | EventField::LinkDomain
        | EventField::RecipientDomain
        | EventField::Account
        | EventField::Region
        | EventField::ComplaintKind
        | EventField::ProcessingTime => return None,
    };
    Some(values + 1.0)
}

/// The values of a dimension with a limit: each daemon may see others first; kept values and
/// `__other__` are the same.
fn limited_values(cloudwatch: &CloudWatchDestination, name: &str, daemons: u32) -> Option<f64> {
    let limit = cloudwatch.extensions.value_limits.get(name)?;
    let kept = cloudwatch.extensions.keep_values.get(name).map_or(0, Vec::len);
    Some(f64::from(*limit) * f64::from(daemons) + float(kept) + 1.0)
}

fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
