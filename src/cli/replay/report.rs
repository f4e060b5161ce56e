//! The report of a replay, as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::aggregate::Line;
use crate::app::{ReplayOutcome, Replayed};
use crate::cli::Summary;
use crate::cli::summary::write_line;
use crate::pipeline::{ReadTotals, ValueTally};
use crate::replay::ReplayTotals;
use crate::telemetry::DropReason;

/// The totals of [`Summary`], and figures that only a replay has. `destination_matches` plus the
/// resumed counts equals `counts +` the sum of `dropped`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RunReport {
    #[serde(flatten)]
    summary: Summary,
    replay: ReplayReport,
}

/// Figures that only a replay has.
#[derive(Clone, Debug, Serialize)]
struct ReplayReport {
    /// The version of this part; new keys do not change it.
    version: u32,
    dry_run: bool,
    interrupted: bool,
    objects: ObjectsReport,
    /// Stored bytes of the objects that were read.
    bytes: u64,
    /// Events that were skipped as duplicates of others.
    duplicates: u64,
    /// Counts that an earlier run left in the state directory.
    resumed: u64,
    /// Counts that CloudWatch has accepted.
    accepted: u64,
    /// Counts that are left in the state directory.
    pending: u64,
    doubtful: DoubtfulReport,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct ObjectsReport {
    read: u64,
    known: u64,
    outside: u64,
    too_old: u64,
    missing: u64,
    failed: u64,
    /// Those of the failed ones that exceed `limits.series`.
    series_limit: u64,
    left: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct DoubtfulReport {
    ambiguous: u64,
    crash: u64,
    /// Found by earlier runs of the same state.
    earlier: u64,
}

const VERSION: u32 = 1;

/// The totals of a tally in values, which is what is published: one for each event and series.
fn in_values(totals: &ReplayTotals, lines: &[Line]) -> Summary {
    let values = totals.tally.values;
    let ValueTally { counts, invalid_value, .. } = values;
    Summary {
        destination_matches: values.made(),
        counts,
        dropped: BTreeMap::from([("invalid_value", invalid_value)]),
        ..Summary::new(&totals.tally, lines)
    }
}

// === impl RunReport ===

impl RunReport {
    pub(super) fn new(replayed: &Replayed) -> Self {
        let Replayed { totals, skipped, left, interrupted, outcome } = replayed;
        let objects = ObjectsReport {
            read: totals.read,
            known: skipped.known,
            outside: skipped.outside,
            too_old: skipped.too_old,
            missing: totals.missing,
            failed: totals.failed,
            series_limit: totals.series_limit,
            left: *left,
        };
        let mut replay = ReplayReport {
            version: VERSION,
            dry_run: true,
            interrupted: *interrupted,
            objects,
            bytes: totals.bytes,
            duplicates: totals.tally.duplicates,
            resumed: 0,
            accepted: 0,
            pending: 0,
            doubtful: DoubtfulReport::default(),
        };
        let summary = match outcome {
            ReplayOutcome::Counted { lines, .. } => in_values(totals, lines),
            ReplayOutcome::Published(published) => {
                replay.dry_run = false;
                replay.resumed = published.resumed;
                replay.accepted = published.accepted;
                replay.pending = published.pending;
                replay.doubtful = DoubtfulReport {
                    ambiguous: published.doubtful_ambiguous,
                    crash: published.doubtful_crash,
                    earlier: published.doubtful_earlier,
                };
                Summary {
                    counts: published.accepted + published.pending,
                    series: totals.series(),
                    datums: published.accepted_datums,
                    dropped: BTreeMap::from_iter(published.dropped.clone()),
                    ..in_values(totals, &[])
                }
            }
        };
        Self { summary, replay }
    }

    /// Writes the report as one line of JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        write_line(self, path)
    }

    /// Whether the replay is complete.
    pub(super) fn is_whole(&self) -> bool {
        let ReplayReport { interrupted, pending, objects, .. } = &self.replay;
        let unread = objects.missing + objects.failed + objects.left;
        !interrupted && *pending == 0 && unread == 0 && self.over_series_limit() == 0
    }

    /// Values that could not be read.
    pub(super) fn malformed(&self) -> u64 {
        self.summary.read.malformed
    }

    /// Objects that exceed `limits.series`.
    pub(super) fn objects_over_series_limit(&self) -> u64 {
        self.replay.objects.series_limit
    }

    /// Counts that were dropped in spite of [`SeriesOverflow::Refuse`]: the table of series is full.
    ///
    /// [`SeriesOverflow::Refuse`]: crate::aggregate::SeriesOverflow::Refuse
    pub(super) fn over_series_limit(&self) -> u64 {
        let reason = DropReason::SeriesLimit.as_str();
        self.summary.dropped.get(reason).copied().unwrap_or_default()
    }

    /// Names and figures. Figures that are usually zero are omitted if they are.
    fn rows(&self) -> Vec<(&'static str, &'static str, u64)> {
        let Self { summary, replay } = self;
        let ReplayReport { objects, .. } = replay;
        let mut rows = vec![
            ("objects", "read", objects.read),
            ("", "known", objects.known),
            ("", "too old", objects.too_old),
            ("", "failed", objects.failed),
        ];
        let seldom = |rows: &mut Vec<_>, more: &[(&'static str, u64)]| {
            rows.extend(more.iter().filter(|row| row.1 > 0).map(|row| ("", row.0, row.1)));
        };
        let rare = [
            ("series limit", objects.series_limit),
            ("outside", objects.outside),
            ("missing", objects.missing),
            ("left", objects.left),
        ];
        seldom(&mut rows, &rare);
        rows.extend([("bytes", "read", replay.bytes), ("events", "read", summary.read.events)]);
        let ReadTotals { unmatched, unrouted, unknown_type, malformed, foreign, .. } = summary.read;
        let rare = [
            ("unmatched", unmatched),
            ("unrouted", unrouted),
            ("duplicates", replay.duplicates),
            ("unknown type", unknown_type),
            ("malformed", malformed),
            ("foreign", foreign),
        ];
        seldom(&mut rows, &rare);
        if replay.dry_run {
            rows.push(("counts", "made", summary.counts));
        } else {
            rows.push(("counts", "accepted", replay.accepted));
            seldom(&mut rows, &[("resumed", replay.resumed), ("pending", replay.pending)]);
        }
        let dropped: Vec<_> = summary.dropped.iter().map(|(name, sum)| (*name, *sum)).collect();
        rows.push(("dropped", "all", dropped.iter().map(|(_, sum)| sum).sum()));
        seldom(&mut rows, &dropped);
        if !replay.dry_run {
            let DoubtfulReport { ambiguous, crash, earlier } = replay.doubtful;
            rows.push(("doubtful", "all", ambiguous + crash + earlier));
            let causes = [("ambiguous", ambiguous), ("crash", crash), ("earlier runs", earlier)];
            seldom(&mut rows, &causes);
        }
        rows
    }
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        for (of, name, figure) in self.rows() {
            table.add_row([of.to_owned(), name.to_owned(), figure.to_string()]);
        }
        if let Some(column) = table.column_mut(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.fmt(f)
    }
}
