//! The values of dimensions: the commonest, defaults, and what SES would reject.

use std::collections::BTreeMap;

use super::report::{DefaultShare, DimensionPlan, InvalidShare, LostShare, ValueShare};
use super::rules::PlannedDestination;
use crate::pipeline::{DimensionSurvey, Survey, form_of};

/// How many values, and how many forms, a plan lists.
const LISTED_MAX: usize = 20;

/// What a survey knows of the values of a destination.
#[derive(Debug, Default)]
pub(super) struct DestinationValues {
    pub events: u64,
    pub lost: LostShare,
    pub dimensions: Vec<DimensionPlan>,
}

/// The values of a destination's dimensions, in the order of the definitions.
pub(super) fn values_of(
    destination: &PlannedDestination,
    survey: &Survey,
    surveyed: &BTreeMap<(&str, &str), DimensionSurvey>,
) -> DestinationValues {
    let (by_type, lost) = survey.events(&destination.counted_as);
    let events: u64 = by_type.values().sum();
    let dimensions = destination.cloudwatch.names().map(|name| {
        let known = surveyed.get(&(&*destination.counted_as, name));
        let survey = known.cloned().unwrap_or_default();
        dimension(name, survey, &by_type)
    });
    DestinationValues { events, lost: lost_share(lost, events), dimensions: dimensions.collect() }
}

pub(super) fn lost_share(events: u64, of: u64) -> LostShare {
    LostShare { events, share: share(events, of) }
}

fn dimension(
    name: &str,
    survey: DimensionSurvey,
    by_type: &BTreeMap<&'static str, u64>,
) -> DimensionPlan {
    let DimensionSurvey { values, further, defaults, invalid } = survey;
    let all: u64 = values.iter().map(|(_, count)| count).sum::<u64>() + further;
    let commonest = values.iter().take(LISTED_MAX).map(|(value, count)| ValueShare {
        // An address names a person.
        value: if value.contains('@') { form_of(value) } else { value.clone() },
        count: *count,
        share: share(*count, all),
    });
    let defaults = defaults.into_iter().map(|(event_type, count)| {
        let of = by_type.get(event_type).copied().unwrap_or_default();
        DefaultShare { event_type, count, share: share(count, of) }
    });
    let invalid = invalid.into_iter().take(LISTED_MAX).map(|form| InvalidShare {
        with: form.with,
        form: form.form,
        count: form.count,
    });
    DimensionPlan {
        name: name.to_owned(),
        values: values.len() as u64,
        more_values: further > 0,
        commonest: commonest.collect(),
        defaults: defaults.collect(),
        invalid: invalid.collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "shares have four digits")]
fn share(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { (count as f64 / of as f64 * 10_000.0).round() / 10_000.0 }
}
