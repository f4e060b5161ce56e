//! The difference of two plans of the same events.

use super::projection::{MonthRange, cents};
use super::report::{
    Change, DestinationDifference, DestinationPlan, Plan, PlanComparison, PlanDifference,
    SeriesCost,
};

/// Compares a plan with another one of the same events. Destinations are the same if their sets and
/// names are.
#[must_use]
pub(crate) fn compare(plan: Plan, compared_with: Plan) -> PlanComparison {
    let find = |plan: &Plan, like: &DestinationPlan| {
        let is_same = |other: &&DestinationPlan| {
            other.configuration_set == like.configuration_set && other.name == like.name
        };
        plan.destinations.iter().find(is_same).cloned()
    };
    let mut destinations = Vec::new();
    let nothing = SeriesCost::default();
    for new in &plan.destinations {
        let old = find(&compared_with, new);
        let change = match &old {
            None => Change::Added,
            Some(old) if is_same_cost(old, new) => Change::Same,
            Some(_) => Change::Changed,
        };
        let old = old.map_or_else(|| nothing.clone(), |old| old.cost);
        destinations.push(difference(new, change, &new.cost, &old));
    }
    for old in &compared_with.destinations {
        if find(&plan, old).is_none() {
            destinations.push(difference(old, Change::Removed, &nothing, &old.cost));
        }
    }
    let difference = PlanDifference {
        series: less(plan.total.series, compared_with.total.series),
        series_hours: less(plan.total.series_hours, compared_with.total.series_hours),
        dollars_a_month: less_dollars(plan.dollars, compared_with.dollars),
        destinations,
    };
    PlanComparison { plan, compared_with, difference }
}

fn is_same_cost(old: &DestinationPlan, new: &DestinationPlan) -> bool {
    old.namespace == new.namespace && old.metrics == new.metrics && old.cost == new.cost
}

fn difference(
    of: &DestinationPlan,
    change: Change,
    new: &SeriesCost,
    old: &SeriesCost,
) -> DestinationDifference {
    DestinationDifference {
        configuration_set: of.configuration_set.clone(),
        name: of.name.clone(),
        change,
        series: less(new.series, old.series),
        series_hours: less(new.series_hours, old.series_hours),
        dollars_a_month: less_dollars(new.dollars_a_month, old.dollars_a_month),
    }
}

fn less(new: u64, old: u64) -> i64 {
    new.cast_signed() - old.cast_signed()
}

fn less_dollars(new: MonthRange, old: MonthRange) -> MonthRange {
    new.plus(old.map(|dollars| -dollars)).map(cents)
}
