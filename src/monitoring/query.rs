//! Asking CloudWatch for metrics.
//!
//! Always with the exact dimensions, as `SCHEMA` or by name: a query of a namespace would add up the
//! series of every set of dimensions, and so count an event several times.

use super::target::MetricGroup;

/// A query of one or more time series.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum MetricQuery {
    /// One series by its name.
    Named(NamedMetric),
    /// Metrics Insights.
    Insights(String),
    /// All series with these dimensions. Only dashboards can search.
    Search(String),
    /// A calculation with the results of others, by their ids.
    Math(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct NamedMetric {
    pub namespace: String,
    pub metric: String,
    pub dimensions: Vec<(String, String)>,
    /// Such as `Sum` or `p90`.
    pub statistic: &'static str,
}

/// A function of Metrics Insights, with the statistic that means the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InsightsFunction {
    Sum,
    Average,
}

/// How many series a query by values returns.
const TOP: u32 = 10;

// === impl InsightsFunction ===

impl InsightsFunction {
    const fn name(self) -> &'static str {
        match self {
            Self::Sum => "SUM",
            Self::Average => "AVG",
        }
    }

    const fn statistic(self) -> &'static str {
        match self {
            Self::Sum => "Sum",
            Self::Average => "Average",
        }
    }
}

// === impl MetricQuery ===

impl MetricQuery {
    /// A metric without dimensions.
    pub(super) fn total(namespace: &str, metric: &str, statistic: &'static str) -> Self {
        Self::Named(NamedMetric {
            namespace: namespace.to_owned(),
            metric: metric.to_owned(),
            dimensions: Vec::new(),
            statistic,
        })
    }

    /// All series of a group as one: by name if there is one series, else by Metrics Insights.
    pub(super) fn all(
        namespace: &str,
        group: &MetricGroup,
        metric: &str,
        function: InsightsFunction,
    ) -> Self {
        if group.is_total() {
            return Self::total(namespace, metric, function.statistic());
        }
        let schema = schema(namespace, group);
        Self::Insights(format!("SELECT {}({metric}) FROM {schema}", function.name()))
    }

    /// The ten values of the dimensions of a group with the most.
    pub(super) fn top(
        namespace: &str,
        group: &MetricGroup,
        metric: &str,
        function: InsightsFunction,
    ) -> Self {
        let query = grouped(namespace, group, metric, function);
        Self::Insights(format!("{query} ORDER BY {}() DESC LIMIT {TOP}", function.name()))
    }

    /// Each series of a group by itself.
    pub(super) fn each(
        namespace: &str,
        group: &MetricGroup,
        metric: &str,
        function: InsightsFunction,
    ) -> Self {
        Self::Insights(grouped(namespace, group, metric, function))
    }

    /// A percentile of a group; Metrics Insights has none.
    pub(super) fn percentile(
        namespace: &str,
        group: &MetricGroup,
        metric: &str,
        percentile: &'static str,
        period: u32,
    ) -> Self {
        if group.is_total() {
            return Self::total(namespace, metric, percentile);
        }
        let names = group.dimensions.iter().map(String::as_str);
        let names: Vec<String> = std::iter::once(namespace).chain(names).map(quoted).collect();
        let schema = names.join(",");
        Self::Search(format!(
            "SEARCH('{{{schema}}} MetricName=\"{metric}\"', '{percentile}', {period})"
        ))
    }
}

fn grouped(
    namespace: &str,
    group: &MetricGroup,
    metric: &str,
    function: InsightsFunction,
) -> String {
    let names: Vec<String> = group.dimensions.iter().map(|name| quoted(name)).collect();
    let (schema, names) = (schema(namespace, group), names.join(", "));
    format!("SELECT {}({metric}) FROM {schema} GROUP BY {names}", function.name())
}

/// Metrics with exactly the dimensions of a group.
fn schema(namespace: &str, group: &MetricGroup) -> String {
    let names = group.dimensions.iter().map(String::as_str);
    let names: Vec<String> = std::iter::once(namespace).chain(names).map(quoted).collect();
    format!("SCHEMA({})", names.join(", "))
}

/// A name in double quotes.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}
