//! The description of one metric.

/// What a metric measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

/// The documentation of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: MetricKind,
    /// Its label and all values of the label.
    pub label: Option<(&'static str, &'static [&'static str])>,
    pub help: &'static str,
}
