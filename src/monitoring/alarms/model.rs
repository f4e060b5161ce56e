//! What an alarm is, and what it costs.

use crate::monitoring::query::NamedMetric;
use crate::plan::prices::Prices;

/// An alarm of CloudWatch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Alarm {
    pub name: String,
    pub description: String,
    pub query: AlarmQuery,
    /// Seconds.
    pub period: u32,
    /// How many periods in a row must breach.
    pub periods: u32,
    pub operator: AlarmOperator,
    pub threshold: f64,
    pub missing: MissingData,
}

/// What an alarm watches.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum AlarmQuery {
    Metric(NamedMetric),
    /// A calculation with metrics, by their ids.
    Math {
        metrics: Vec<(&'static str, NamedMetric)>,
        expression: String,
    },
    /// Metrics Insights. An alarm can watch up to 500 series of a grouped query.
    Insights {
        query: String,
        series_max: Option<u64>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AlarmOperator {
    Above,
    AtLeast,
    Below,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MissingData {
    Breaching,
    NotBreaching,
}

// === impl Alarm ===

impl Alarm {
    /// Dollars a month; `None` if it depends on the number of series.
    pub(super) fn price(&self) -> Option<f64> {
        let prices = Prices::built_in();
        match &self.query {
            AlarmQuery::Metric(_) => Some(prices.alarm_metric),
            AlarmQuery::Math { metrics, .. } => {
                let metrics = u32::try_from(metrics.len()).unwrap_or(u32::MAX);
                Some(f64::from(metrics) * prices.alarm_metric)
            }
            AlarmQuery::Insights { .. } => None,
        }
    }

    /// The price in words.
    pub(super) fn price_text(&self) -> String {
        let each = Prices::built_in().metrics_insights_alarm_metric;
        match (&self.query, self.price()) {
            (_, Some(dollars)) => format!("${dollars:.2} a month"),
            (AlarmQuery::Insights { series_max: Some(most), .. }, None) => {
                #[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
                let dollars = *most as f64 * each;
                format!("${each:.2} a month for each series that it reads, at most ${dollars:.2}")
            }
            (_, None) => format!("${each:.2} a month for each series that it reads"),
        }
    }
}
