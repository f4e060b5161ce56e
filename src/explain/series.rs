//! The series that an event makes in a destination, each with its verdict.

use serde::Serialize;

use crate::aggregate::MetricValue;
use crate::rules::{MetricRule, NoValue, SeriesMetric, SeriesRule};
use crate::ses::Event;

/// One series of a destination with several.
#[derive(Debug, Serialize)]
pub(crate) struct ExplainedSeries {
    /// The names of its dimensions.
    pub dimensions: Vec<String>,
    /// Its metric, if the destination has measures other than counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<&'static str>,
    pub verdict: String,
    /// What is counted, if the metric is not a count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<MetricValue>,
}

/// What a destination does with an event.
pub(super) struct SeriesVerdict {
    pub verdict: String,
    /// The metric and value of each datum that is made.
    pub datums: Vec<ExplainedValue>,
    /// Empty for a destination that makes one series with all of its dimensions.
    pub series: Vec<ExplainedSeries>,
}

/// A value of a metric, with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExplainedValue {
    pub metric: &'static str,
    pub unit: &'static str,
    pub value: MetricValue,
}

/// What becomes of the value of a series and measure.
#[derive(Clone, Copy)]
enum ValueFate<'r> {
    /// The type of the event lacks a field of the set.
    NotMade,
    NoValue(NoValue),
    /// This dimension has no valid value.
    Dropped(&'r str),
    Counted(ExplainedValue),
}

// === impl SeriesVerdict ===

impl SeriesVerdict {
    pub(super) fn of(metrics: &MetricRule, event: &Event<'_>) -> Self {
        let all: Vec<(&SeriesRule, &'static str, ValueFate)> =
            metrics.series.iter().flat_map(|series| fates(metrics, series, event)).collect();
        let fates = || all.iter().map(|(.., fate)| *fate);
        let made = fates().filter(|fate| fate.is_made()).count();
        let datums: Vec<_> = fates().filter_map(ValueFate::value).collect();
        let has_none = fates().find_map(|fate| match fate {
            ValueFate::NoValue(reason) => Some(reason),
            _ => None,
        });
        let verdict = match (made, datums.len(), has_none) {
            (0, _, None) => {
                "makes no series of this event type, which lacks a field of each".to_owned()
            }
            (0, _, Some(reason)) => format!("no value: {}", words_of(reason)),
            (_, 0, _) => "dropped: invalid_value".to_owned(),
            (made, counted, _) if made == counted => "counted".to_owned(),
            (made, counted, _) => {
                format!("counted in {counted} of {made} series; the others dropped: invalid_value")
            }
        };
        let is_plain = matches!(&metrics.series[..],
            [series] if series.dimensions.len() == metrics.dimensions.len())
            && !metrics.has_measures();
        let all = if is_plain { &[][..] } else { &all[..] };
        let series = all.iter().map(|(series, metric, fate)| ExplainedSeries {
            dimensions: names(metrics, series).map(str::to_owned).collect(),
            metric: metrics.has_measures().then_some(*metric),
            verdict: match fate {
                ValueFate::NotMade => "not made: this event type lacks a field".to_owned(),
                ValueFate::NoValue(reason) => format!("no value: {}", words_of(*reason)),
                ValueFate::Dropped(name) => format!("dropped: invalid_value of {name}"),
                ValueFate::Counted(_) => "counted".to_owned(),
            },
            value: fate.value().filter(|own| own.unit != "Count").map(|own| own.value),
        });
        let series = series.collect();
        // Each metric once, although several series have it.
        let mut once: Vec<ExplainedValue> = Vec::new();
        for datum in datums {
            if !once.contains(&datum) {
                once.push(datum);
            }
        }
        Self { verdict, datums: once, series }
    }
}

/// What becomes of the value of each measure in a series.
fn fates<'r>(
    metrics: &'r MetricRule,
    series: &'r SeriesRule,
    event: &Event<'_>,
) -> Vec<(&'r SeriesRule, &'static str, ValueFate<'r>)> {
    let fate = |metric: SeriesMetric, value| {
        let (metric, unit) = (metric.name(), metric.unit());
        let counted =
            || ValueFate::Counted(ExplainedValue { metric, unit, value: MetricValue(value) });
        fault(metrics, series, event).map_or_else(counted, ValueFate::Dropped)
    };
    let count = SeriesMetric::from(event.event_type);
    let count_fate = match series.layout(event.event_type) {
        Some(_) => Some(fate(count, 1.0)),
        None => metrics.counts().then_some(ValueFate::NotMade),
    };
    let mut fates: Vec<_> =
        count_fate.map(|fate| (series, count.name(), fate)).into_iter().collect();
    for rule in metrics.measures(event.event_type) {
        let metric = SeriesMetric::of(rule.measure, event.event_type);
        let is_made = series.measured(event.event_type).any(|own| own.rule.measure == rule.measure);
        let fate = match rule.value(event) {
            _ if !is_made => ValueFate::NotMade,
            Err(reason) => ValueFate::NoValue(reason),
            // Every index of a rule is one of its metric.
            Ok(index) => fate(metric, metric.value(index).unwrap_or_default()),
        };
        fates.push((series, metric.name(), fate));
    }
    fates
}

fn words_of(reason: NoValue) -> &'static str {
    match reason {
        NoValue::NotHard => "the bounce is not hard",
        NoValue::Suppressed => "a suppression list has the address",
        NoValue::NotSpam => "the report says that the mail is not spam",
        NoValue::NoProcessingTime => "the event has no readable processingTimeMillis",
    }
}

fn names<'r>(metrics: &'r MetricRule, series: &SeriesRule) -> impl Iterator<Item = &'r str> {
    series.dimensions.iter().map(|at| &*metrics.dimensions[*at].name)
}

/// The name of one dimension without a valid value, if any.
fn fault<'r>(metrics: &'r MetricRule, series: &SeriesRule, event: &Event<'_>) -> Option<&'r str> {
    let mut dimensions = series.dimensions.iter().map(|at| &metrics.dimensions[*at]);
    let invalid = dimensions.find(|dimension| metrics.resolve(dimension, event).is_err())?;
    Some(&invalid.name)
}

// === impl ValueFate ===

impl ValueFate<'_> {
    /// Whether there is a value, counted or not.
    fn is_made(self) -> bool {
        matches!(self, Self::Dropped(_) | Self::Counted(_))
    }

    fn value(self) -> Option<ExplainedValue> {
        match self {
            Self::Counted(value) => Some(value),
            Self::NotMade | Self::NoValue(_) | Self::Dropped(_) => None,
        }
    }
}

// === impl ExplainedSeries ===

impl ExplainedSeries {
    pub(super) fn print(&self, out: &mut impl std::io::Write) -> std::io::Result<()> {
        let Self { dimensions, metric, verdict, value } = self;
        let metric = metric.map_or(String::new(), |metric| format!("{metric} "));
        let value = value.map_or(String::new(), |value| format!(" {value}"));
        writeln!(out, "    series {metric}[{}]: {verdict}{value}", dimensions.join(", "))
    }
}
