//! The totals of a run, written by `--summary FILE`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::aggregate::Line;
use crate::pipeline::{ReadTotals, Tally, ValueFold, ValueTally};
use crate::rules::NoValue;

/// Totals. Two identities hold: `events = matched + unmatched + unrouted`, and
/// `destination_matches = counts +` the sum of `dropped`. With `values`, the same holds for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    #[serde(flatten)]
    pub read: ReadTotals,
    pub destination_matches: u64,
    /// Matches that are counted in at least one series.
    pub counts: u64,
    /// Distinct metrics.
    pub series: u64,
    /// Lines: pairs of series and minute.
    pub datums: u64,
    pub dropped: BTreeMap<&'static str, u64>,
    /// Only if a destination has `DimensionSets` or `Measures`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<ValuesSummary>,
    /// What became of values of dimensions in `ValueLimits`, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited: Option<BTreeMap<&'static str, u64>>,
}

/// What became of the values that events make: one for each series and measure of a destination.
/// `matches = counts +` the sums of `dropped` and `no_value`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ValuesSummary {
    pub matches: u64,
    /// Sum of all `Counts`.
    pub counts: u64,
    pub dropped: BTreeMap<&'static str, u64>,
    /// Only of measures other than counts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub no_value: BTreeMap<&'static str, u64>,
}

// === impl Summary ===

impl Summary {
    /// The totals of a tally and of the counted lines. `lines` are sorted, so the minutes of a
    /// series are adjacent.
    #[must_use]
    pub(crate) fn new(tally: &Tally, lines: &[Line]) -> Self {
        let same_series = |a: &Line, b: &Line| {
            let (a, b) = (&a.series, &b.series);
            a.namespace == b.namespace && a.metric == b.metric && a.dimensions == b.dimensions
        };
        Self {
            read: tally.into(),
            destination_matches: tally.destination_matches,
            counts: tally.counts,
            series: lines.chunk_by(same_series).count() as u64,
            datums: lines.len() as u64,
            dropped: BTreeMap::from([("invalid_value", tally.invalid_value)]),
            values: None,
            limited: None,
        }
    }

    /// Adds what became of the values.
    #[must_use]
    pub(crate) fn with_values(self, tally: &Tally) -> Self {
        let ValueTally { matches, counts, invalid_value, no_value, .. } = tally.values;
        let dropped = BTreeMap::from([("invalid_value", invalid_value)]);
        let no_value = NoValue::ALL.into_iter().map(NoValue::name).zip(no_value);
        let no_value = no_value.filter(|(_, count)| *count > 0).collect();
        Self { values: Some(ValuesSummary { matches, counts, dropped, no_value }), ..self }
    }

    /// Adds what became of values of limited dimensions.
    #[must_use]
    pub(crate) fn with_limited(self, tally: &Tally) -> Self {
        let limited = ValueFold::ALL.into_iter().map(ValueFold::name).zip(tally.limited);
        Self { limited: Some(limited.collect()), ..self }
    }

    /// Writes the totals as one line of JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        write_line(self, path)
    }
}

/// Writes totals as one line of JSON.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write_line(totals: &impl Serialize, path: &Path) -> anyhow::Result<()> {
    let mut json = serde_json::to_string(totals)?;
    json.push('\n');
    std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))
}
