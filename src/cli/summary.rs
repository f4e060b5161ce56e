//! The totals of a run, written by `--summary FILE`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::aggregate::Line;
use crate::pipeline::Tally;

/// Totals. Two identities hold: `events = matched + unmatched + unrouted`, and
/// `destination_matches = counts +` the sum of `dropped`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    pub events: u64,
    pub matched: u64,
    pub unmatched: u64,
    pub unrouted: u64,
    pub malformed: u64,
    pub foreign: u64,
    pub unknown_type: u64,
    pub control: u64,
    pub notice: u64,
    pub no_timestamp: u64,
    pub destination_matches: u64,
    /// Sum of all `Counts`.
    pub counts: u64,
    /// Distinct metrics.
    pub series: u64,
    /// Lines: pairs of series and minute.
    pub datums: u64,
    pub dropped: BTreeMap<&'static str, u64>,
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
            events: tally.events(),
            matched: tally.matched,
            unmatched: tally.unmatched,
            unrouted: tally.unrouted,
            malformed: tally.malformed,
            foreign: tally.foreign,
            unknown_type: tally.unknown_type,
            control: tally.control,
            notice: tally.notice,
            no_timestamp: tally.no_timestamp,
            destination_matches: tally.destination_matches,
            counts: lines.iter().map(|line| line.count).sum(),
            series: lines.chunk_by(same_series).count() as u64,
            datums: lines.len() as u64,
            dropped: BTreeMap::from([("invalid_value", tally.invalid_value)]),
        }
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
