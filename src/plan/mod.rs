//! What definitions will make of events, before they are enabled: series, dollars, values, faults.
//!
//! In flow [`PlanRules`] (compiled definitions) and events, as texts ([`plan`]) or as a batch that
//! was counted with these rules ([`plan_of`]); out flow a [`Plan`]. Events are counted by the code of
//! the daemon, so the series are those of `count`. A plan does no I/O and reads no clock.

mod bounds;
mod comparison;
mod drivers;
pub(crate) mod prices;
mod projection;
mod report;
mod requests;
mod rules;
mod series;
mod span;
mod values;

#[cfg(test)]
mod tests;

use self::drivers::OwnSeries;
use self::prices::Prices;
use self::projection::{Projection, cents};
use self::requests::{own_requests, requests};
use self::series::{HourCount, PlannedSeries};
use self::span::{Span, hour_text};
use self::values::{lost_share, values_of};
use crate::pipeline::Batch;
use crate::ses::{MailboxProviders, read_all};
use crate::sink::OwnTotal;

pub(crate) use self::comparison::compare;
pub(crate) use self::drivers::{CostCut, CostDriver, DriverKind};
pub(crate) use self::projection::MonthRange;
pub(crate) use self::report::{
    Change, CountedPart, DestinationPlan, DimensionPlan, Plan, PlanDifference, ProjectedPart,
    RequestsCost, SeriesCost,
};
pub(crate) use self::rules::PlanRules;

/// The daemons' own totals: so many metrics, in every hour.
const OWN_TOTALS: u64 = OwnTotal::ALL.len() as u64;

const ASSUMPTIONS: [&str; 5] = [
    "list prices without the free tier; tiers count the existing metrics first",
    "at_this_rate: every hour of the month is like the counted ones",
    "low: the counted hours, and all others like the one with the fewest series",
    "high: as many series as limits allow, in every hour",
    "distinct values do not scale with the number of events",
];

/// What a plan assumes of the daemons and the account.
#[derive(Clone, Debug)]
pub(crate) struct PlanSettings {
    pub daemons: u32,
    /// Metrics that the account has already.
    pub existing_metrics: u64,
    /// Events of a month; `None`: as many as in the counted hours.
    pub events_a_month: Option<u64>,
    /// `limits.series` of a daemon.
    pub series_limit: u64,
    /// `cloudwatch.flush_interval`.
    pub flush_seconds: f64,
}

/// What definitions make of events, given as texts. Each text is a stream of values in any wrapping,
/// as [`read_all`] takes it.
#[must_use]
pub(crate) fn plan<'t>(
    rules: &PlanRules,
    texts: impl IntoIterator<Item = &'t [u8]>,
    settings: &PlanSettings,
) -> Plan {
    let mut batch = rules.batch();
    for text in texts {
        read_all(text, rules.rules().interest(), &mut batch);
    }
    plan_of(rules, &batch, settings)
}

/// What definitions make of the events of a batch, which was counted with these rules and times, and
/// with a survey.
#[must_use]
pub(crate) fn plan_of(rules: &PlanRules, batch: &Batch, settings: &PlanSettings) -> Plan {
    let prices = Prices::built_in();
    let series = PlannedSeries::new(rules, batch);
    let span = Span::of(&series.all);
    let mut counted = CountedPart::new(&batch.tally);
    if let Some(span) = span {
        counted.hours = span.hours();
        counted.first_hour = Some(hour_text(span.first));
        counted.last_hour = Some(hour_text(span.last));
    }
    let (projection, projected) = projected(&counted, span, settings, prices);
    let figures = PlanFigures { rules, series: &series, projection, settings, prices };
    let destinations = figures.destinations(batch);
    let total = figures.total(&destinations);
    let own_totals = figures.own_totals();
    let of_series = total.series_hours_a_month.high / projection.hours;
    let calls = requests(&series, projection, settings, of_series);
    let own_calls = own_requests(projection, settings);
    let calls = calls.plus(MonthRange { low: own_calls, at_this_rate: own_calls, high: own_calls });
    let requests = RequestsCost {
        requests_a_month: calls.map(f64::round),
        dollars_a_month: calls.map(|calls| cents(prices.requests(calls))),
    };
    let dollars = total
        .dollars_a_month
        .plus(own_totals.dollars_a_month)
        .plus(requests.dollars_a_month)
        .map(cents);
    let (drivers, cuts) = figures.costs(&destinations, &total);
    let lost = destinations.iter().map(|destination| destination.lost_at_ses.events).sum();
    let events = destinations.iter().map(|destination| destination.events).sum();
    Plan {
        version: report::PLAN_VERSION,
        counted,
        projected,
        prices: prices.list(),
        destinations,
        disabled_destinations: rules.disabled,
        own_totals,
        requests,
        total,
        dollars,
        lost_at_ses: lost_share(lost, events),
        drivers,
        cuts,
    }
}

/// How the counted hours become a month.
#[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn projected(
    counted: &CountedPart,
    span: Option<Span>,
    settings: &PlanSettings,
    prices: &Prices,
) -> (Projection, ProjectedPart) {
    let same = Projection { span, hours: prices.hours(), volume: 1.0 };
    let events = counted.read.events as f64 * same.time();
    let volume = match settings.events_a_month {
        Some(given) if events > 0.0 => given as f64 / events,
        _ => 1.0,
    };
    let part = ProjectedPart {
        hours: same.hours,
        daemons: settings.daemons,
        existing_metrics: settings.existing_metrics,
        events: settings.events_a_month.unwrap_or(events.round() as u64),
        events_given: settings.events_a_month.is_some(),
        series_limit: settings.series_limit,
        flush_seconds: settings.flush_seconds,
        assumptions: ASSUMPTIONS.to_vec(),
    };
    (Projection { volume, ..same }, part)
}

/// What the parts of a plan are computed from.
struct PlanFigures<'p> {
    rules: &'p PlanRules,
    series: &'p PlannedSeries,
    projection: Projection,
    settings: &'p PlanSettings,
    prices: &'p Prices,
}

// === impl PlanFigures ===

impl PlanFigures<'_> {
    fn destinations(&self, batch: &Batch) -> Vec<DestinationPlan> {
        let survey = batch.survey.as_deref().cloned().unwrap_or_default();
        let surveyed = survey.dimensions();
        let interest = self.rules.rules();
        let providers: &MailboxProviders = interest.interest().mailbox_providers();
        let of_each = self.rules.destinations.iter().enumerate().map(|(number, destination)| {
            let series_max = bounds::series_max(destination, providers, self.settings.daemons);
            let hours: Vec<&[HourCount]> = self.series.of(number).map(|(_, hours)| hours).collect();
            let mut metrics: Vec<String> =
                self.series.of(number).map(|(series, _)| series.metric.clone()).collect();
            metrics.sort();
            metrics.dedup();
            let values = values_of(destination, &survey, &surveyed);
            DestinationPlan {
                configuration_set: destination.configuration_set.clone(),
                name: destination.name.clone(),
                namespace: destination.namespace.clone(),
                metrics,
                cost: self.cost(&hours, series_max),
                series_max,
                events: values.events,
                lost_at_ses: values.lost,
                dimensions: values.dimensions,
            }
        });
        of_each.collect()
    }

    /// The most series of an hour, whatever the definitions.
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
    fn series_limit(&self) -> f64 {
        self.settings.series_limit as f64 * f64::from(self.settings.daemons)
    }

    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
    fn dollars(&self, series_hours: f64) -> f64 {
        let existing = self.settings.existing_metrics as f64;
        self.prices.metrics(existing, series_hours / self.prices.hours())
    }

    fn cost(&self, hours: &[&[HourCount]], series_max: Option<f64>) -> SeriesCost {
        let limit = self.series_limit();
        let series_max = series_max.map_or(limit, |most| most.min(limit));
        let a_month = self.projection.series_hours(hours.iter().copied(), series_max);
        SeriesCost {
            series: hours.len() as u64,
            series_hours: hours.iter().map(|hours| hours.len() as u64).sum(),
            series_hours_a_month: a_month.map(f64::round),
            dollars_a_month: a_month.map(|hours| cents(self.dollars(hours))),
        }
    }

    /// All series; those that several destinations write, once.
    fn total(&self, destinations: &[DestinationPlan]) -> SeriesCost {
        let hours: Vec<&[HourCount]> =
            self.series.all.iter().map(|series| &*series.hours).collect();
        let most: Option<f64> = destinations.iter().map(|of| of.series_max).sum();
        self.cost(&hours, most)
    }

    fn own_totals(&self) -> SeriesCost {
        #[expect(clippy::cast_precision_loss, reason = "eleven")]
        let hours = OWN_TOTALS as f64 * self.projection.hours;
        let same = |figure| MonthRange { low: figure, at_this_rate: figure, high: figure };
        SeriesCost {
            series: OWN_TOTALS,
            series_hours: 0,
            series_hours_a_month: same(hours),
            dollars_a_month: same(cents(self.dollars(hours))),
        }
    }

    /// Drivers and cuts of all destinations, at the rate that was counted.
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
    fn costs(
        &self,
        destinations: &[DestinationPlan],
        total: &SeriesCost,
    ) -> (Vec<CostDriver>, Vec<CostCut>) {
        let (mut drivers, mut cuts) = (Vec::new(), Vec::new());
        let month = total.series_hours_a_month.at_this_rate;
        let of_each = month / (total.series_hours.max(1)) as f64;
        let saved =
            |hours: f64| self.dollars(month) - self.dollars((month - hours * of_each).max(0.0));
        for (number, destination) in destinations.iter().enumerate() {
            let own = OwnSeries {
                destination: destination.path(),
                series: self.series.of(number).collect(),
            };
            let (own_drivers, own_cuts) = own.costs(saved);
            drivers.extend(own_drivers);
            cuts.extend(own_cuts);
        }
        drivers.sort_by(|a, b| b.dollars.total_cmp(&a.dollars));
        // A set leaves the values of its dimensions in other sets.
        cuts.sort_by(|a, b| a.kind.cmp(&b.kind).then_with(|| b.dollars.total_cmp(&a.dollars)));
        (drivers, cuts)
    }
}
