//! List prices of CloudWatch, from a file with a version, a date and a region. Without the free
//! tier, which an account has only once.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

const FILE: &str = include_str!("prices.json");

/// Prices in US dollars.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prices {
    pub version: u32,
    pub date: String,
    pub region: String,
    pub currency: String,
    pub source: String,
    /// A metric costs its price if it gets data in each of these hours.
    pub hours_a_month: u32,
    /// Tiers are per account and region, the first metrics are the dearest.
    pub metric_months: Vec<MetricTier>,
    pub thousand_put_metric_data: f64,
    /// For each metric of an alarm, a month.
    pub alarm_metric: f64,
    /// For each metric that the query of an alarm analyzes, a month.
    pub metrics_insights_alarm_metric: f64,
    pub dashboard: f64,
}

/// The price of metrics up to a number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricTier {
    /// `None`: all further ones.
    pub up_to: Option<f64>,
    pub dollars: f64,
}

/// Which prices a plan was made with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PriceList {
    pub version: u32,
    pub date: String,
    pub region: String,
    pub currency: String,
    pub source: String,
    /// For each metric of an alarm, a month.
    pub alarm_metric: f64,
    pub metrics_insights_alarm_metric: f64,
    pub dashboard: f64,
}

// === impl Prices ===

impl Prices {
    /// The prices of the file that this version was built with.
    #[must_use]
    pub(crate) fn built_in() -> &'static Self {
        static PRICES: LazyLock<Prices> = LazyLock::new(|| {
            serde_json::from_str(FILE).expect("a test reads the file that is built in")
        });
        &PRICES
    }

    #[must_use]
    pub(crate) fn list(&self) -> PriceList {
        PriceList {
            version: self.version,
            date: self.date.clone(),
            region: self.region.clone(),
            currency: self.currency.clone(),
            source: self.source.clone(),
            alarm_metric: self.alarm_metric,
            metrics_insights_alarm_metric: self.metrics_insights_alarm_metric,
            dashboard: self.dashboard,
        }
    }

    /// The price of metrics for a month, in an account that has other metrics already. A metric that
    /// gets data in half of the hours is half a metric.
    #[must_use]
    pub(crate) fn metrics(&self, existing: f64, metric_months: f64) -> f64 {
        self.first(existing + metric_months) - self.first(existing)
    }

    /// The price of the first metrics of an account.
    fn first(&self, metric_months: f64) -> f64 {
        let mut dollars = 0.0;
        let mut from = 0.0;
        for MetricTier { up_to, dollars: each } in &self.metric_months {
            let to = up_to.map_or(metric_months, |up_to| up_to.min(metric_months));
            dollars += (to - from).max(0.0) * each;
            from = to.max(from);
        }
        dollars
    }

    /// The price of calls of `PutMetricData`.
    #[must_use]
    pub(crate) fn requests(&self, requests: f64) -> f64 {
        requests / 1000.0 * self.thousand_put_metric_data
    }

    #[must_use]
    pub(crate) fn hours(&self) -> f64 {
        f64::from(self.hours_a_month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(dollars: f64, expected: f64) {
        assert!((dollars - expected).abs() < 1e-6, "{dollars} is not {expected}");
    }

    #[test]
    fn metrics_are_priced_by_tiers_of_the_account() {
        let prices = Prices::built_in();
        is(prices.metrics(0.0, 100.0), 30.0);
        is(prices.metrics(0.0, 10_000.0), 3000.0);
        // 10,000 at $0.30 and 40,000 at $0.10.
        is(prices.metrics(0.0, 50_000.0), 7000.0);
        // 240,000 at $0.10, 750,000 at $0.05 and 1,000 at $0.02.
        is(prices.metrics(10_000.0, 991_000.0), 24_000.0 + 37_500.0 + 20.0);
        // 50 are left of the first tier.
        is(prices.metrics(9_950.0, 100.0), 50.0 * 0.3 + 50.0 * 0.1);
        is(prices.metrics(2_000_000.0, 1.0), 0.02);
        is(prices.metrics(0.0, 0.5), 0.15);
        is(prices.requests(259_200.0), 2.592);
    }

    #[test]
    fn price_file_names_its_date_region_and_source() {
        let PriceList { date, region, source, .. } = Prices::built_in().list();
        assert_eq!((date.len(), &*region), (10, "us-east-1"));
        assert!(source.starts_with("https://aws.amazon.com/"));
    }
}
