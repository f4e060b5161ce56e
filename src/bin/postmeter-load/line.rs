//! A line of `count --format json`, which the recorder prints and `verify` reads.

use std::borrow::Cow;

use postmeter::ses::Minute;
use postmeter::ses::time::parse_ms;
use postmeter::synth::DatumKey;
use serde::{Deserialize, Serialize};

/// One metric and time with its sum or its values, in the format of `aws cloudwatch put-metric-data`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Line<'a> {
    pub namespace: Cow<'a, str>,
    pub metric_name: Cow<'a, str>,
    pub dimensions: Vec<Dimension<'a>>,
    pub timestamp: Cow<'a, str>,
    pub unit: Cow<'a, str>,
    pub values: Vec<serde_json::Number>,
    pub counts: Vec<u64>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Dimension<'a> {
    pub name: Cow<'a, str>,
    pub value: Cow<'a, str>,
}

// === impl Line ===

impl Line<'_> {
    /// The series, minute and count; `None` for a sum that is not a count.
    pub(crate) fn into_count(self) -> Option<(DatumKey, u64)> {
        let ([value], [count]) = (&self.values[..], &self.counts[..]) else { return None };
        let count = *count;
        if self.unit != "Count" || value.as_u64() != Some(1) {
            return None;
        }
        let mut dimensions: Vec<_> = self
            .dimensions
            .into_iter()
            .map(|dimension| (dimension.name.into_owned(), dimension.value.into_owned()))
            .collect();
        dimensions.sort();
        let series = DatumKey {
            namespace: self.namespace.into_owned(),
            metric: self.metric_name.into_owned(),
            dimensions,
            minute: Minute::of_ms(parse_ms(self.timestamp.as_bytes())?).0,
        };
        Some((series, count))
    }
}
