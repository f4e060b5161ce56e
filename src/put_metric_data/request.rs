//! A call, borrowed from its body. Nothing is checked yet.

use std::borrow::Cow;

/// A call.
#[derive(Clone, Debug, Default)]
pub struct PutMetricData<'b> {
    pub namespace: Option<Cow<'b, str>>,
    pub metric_data: Vec<PutDatum<'b>>,
}

#[derive(Clone, Debug, Default)]
pub struct PutDatum<'b> {
    pub metric_name: Option<Cow<'b, str>>,
    pub dimensions: Vec<PutDimension<'b>>,
    /// `None`: the time of arrival.
    pub timestamp_ms: Option<i64>,
    pub value: Option<f64>,
    pub statistics: Option<PutStatistics>,
    pub values: Option<Vec<f64>>,
    pub counts: Option<Vec<f64>>,
    pub unit: Option<Cow<'b, str>>,
    pub storage_resolution: Option<f64>,
}

#[derive(Clone, Debug, Default)]
pub struct PutDimension<'b> {
    pub name: Option<Cow<'b, str>>,
    pub value: Option<Cow<'b, str>>,
}

/// The member `StatisticValues`.
#[derive(Clone, Debug, Default)]
pub struct PutStatistics {
    pub sample_count: Option<f64>,
    pub sum: Option<f64>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
}

// === impl PutMetricData ===

impl PutMetricData<'_> {
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }
}

// === impl PutDatum ===

impl PutDatum<'_> {
    #[must_use]
    pub fn metric_name(&self) -> &str {
        self.metric_name.as_deref().unwrap_or_default()
    }

    #[must_use]
    pub fn unit(&self) -> &str {
        self.unit.as_deref().unwrap_or("None")
    }

    /// Names and values, sorted, because their order does not matter to CloudWatch.
    #[must_use]
    pub fn dimensions(&self) -> Vec<(&str, &str)> {
        let mut all: Vec<_> = self.dimensions.iter().map(PutDimension::pair).collect();
        all.sort_unstable();
        all
    }

    /// The values, and how often each was observed.
    pub fn amounts(&self) -> impl Iterator<Item = (f64, f64)> {
        let sum = self.statistics.as_ref().and_then(|statistics| statistics.sum);
        let counts = self.counts.as_deref().unwrap_or_default();
        let values = self.values.iter().flatten().enumerate();
        let values = values.map(|(at, value)| (*value, counts.get(at).copied().unwrap_or(1.0)));
        self.value.into_iter().chain(sum).map(|value| (value, 1.0)).chain(values)
    }
}

// === impl PutDimension ===

impl PutDimension<'_> {
    fn pair(&self) -> (&str, &str) {
        (self.name.as_deref().unwrap_or_default(), self.value.as_deref().unwrap_or_default())
    }
}
