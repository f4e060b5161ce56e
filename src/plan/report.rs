//! A plan: what definitions make of events. Serializes to the JSON of `postmeter plan`.

use serde::Serialize;

use super::drivers::{CostCut, CostDriver};
use super::prices::PriceList;
use super::projection::MonthRange;
use crate::pipeline::{ReadTotals, Tally};

/// Changes when a key changes its meaning.
pub(super) const PLAN_VERSION: u32 = 1;

/// What definitions make of events.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Plan {
    pub version: u32,
    pub counted: CountedPart,
    pub projected: ProjectedPart,
    pub prices: PriceList,
    pub destinations: Vec<DestinationPlan>,
    /// CloudWatch destinations that are off and make nothing.
    pub disabled_destinations: usize,
    /// The totals of the daemons.
    pub own_totals: SeriesCost,
    pub requests: RequestsCost,
    pub total: SeriesCost,
    /// Dollars of all series, of requests and of own totals.
    pub dollars: MonthRange,
    pub lost_at_ses: LostShare,
    /// The dearest first.
    pub drivers: Vec<CostDriver>,
    /// What saves most first.
    pub cuts: Vec<CostCut>,
}

/// What was read, all of it counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct CountedPart {
    #[serde(flatten)]
    pub read: ReadTotals,
    pub destination_matches: u64,
    pub counts: u64,
    pub invalid_value: u64,
    /// UTC hours from the first to the last event.
    pub hours: f64,
    pub first_hour: Option<String>,
    pub last_hour: Option<String>,
}

/// What the figures of a month assume.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ProjectedPart {
    pub hours: f64,
    pub daemons: u32,
    pub existing_metrics: u64,
    pub events: u64,
    /// Whether the number of events was given. Otherwise it is that of the counted hours.
    pub events_given: bool,
    pub series_limit: u64,
    pub flush_seconds: f64,
    pub assumptions: Vec<&'static str>,
}

/// One CloudWatch destination.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DestinationPlan {
    pub configuration_set: String,
    pub name: String,
    pub namespace: String,
    pub metrics: Vec<String>,
    #[serde(flatten)]
    pub cost: SeriesCost,
    /// The most series in an hour, if each dimension has a limited number of values.
    pub series_max: Option<f64>,
    pub events: u64,
    pub lost_at_ses: LostShare,
    pub dimensions: Vec<DimensionPlan>,
}

/// Series and what they cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct SeriesCost {
    /// Counted.
    pub series: u64,
    /// Counted: pairs of a series and an hour in which it has data.
    pub series_hours: u64,
    /// Projected: pairs in a month.
    pub series_hours_a_month: MonthRange,
    /// Projected.
    pub dollars_a_month: MonthRange,
}

/// Calls of `PutMetricData` in a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct RequestsCost {
    pub requests_a_month: MonthRange,
    pub dollars_a_month: MonthRange,
}

/// Events for which SES would not send a datum, because a value is invalid. Counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct LostShare {
    /// Pairs of an event and a destination.
    pub events: u64,
    pub share: f64,
}

/// One dimension of a destination. Counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DimensionPlan {
    pub name: String,
    /// Distinct values, defaults included.
    pub values: u64,
    /// There are more, which were not told apart.
    pub more_values: bool,
    pub commonest: Vec<ValueShare>,
    pub defaults: Vec<DefaultShare>,
    pub invalid: Vec<InvalidShare>,
}

/// A value, or its form if it has an `@`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ValueShare {
    pub value: String,
    pub count: u64,
    pub share: f64,
}

/// How often events of a type take the default.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DefaultShare {
    pub event_type: &'static str,
    pub count: u64,
    pub share: f64,
}

/// Texts that SES would reject, by their form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct InvalidShare {
    pub with: String,
    pub form: String,
    pub count: u64,
}

/// Two plans of the same events.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PlanComparison {
    pub plan: Plan,
    pub compared_with: Plan,
    /// The plan less the other.
    pub difference: PlanDifference,
}

/// How much more one plan makes than another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PlanDifference {
    pub series: i64,
    pub series_hours: i64,
    pub dollars_a_month: MonthRange,
    pub destinations: Vec<DestinationDifference>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DestinationDifference {
    pub configuration_set: String,
    pub name: String,
    pub change: Change,
    pub series: i64,
    pub series_hours: i64,
    pub dollars_a_month: MonthRange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    Added,
    Removed,
    Changed,
    Same,
}

// === impl CountedPart ===

impl CountedPart {
    pub(super) fn new(tally: &Tally) -> Self {
        Self {
            read: tally.into(),
            destination_matches: tally.destination_matches,
            counts: tally.counts,
            invalid_value: tally.invalid_value,
            ..Self::default()
        }
    }
}

// === impl DestinationPlan ===

impl DestinationPlan {
    /// The set and the name, as messages have them.
    #[must_use]
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.configuration_set, self.name)
    }
}
