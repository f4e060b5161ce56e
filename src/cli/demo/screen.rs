//! The live table: redrawn in place on a terminal, one line a second elsewhere.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use console::{Term, truncate_str};
use hdrhistogram::Histogram;
use serde_json::Value;

use super::health;
use super::scrape::{Scrape, count_of};
use crate::config::Config;
use crate::definitions::{Definitions, DestinationMetrics, MetricNames};
use crate::printable::counted;

/// The state of the display.
pub(super) struct Screen {
    terminal: bool,
    /// Destinations with what they make.
    destinations: Vec<(String, DestinationMetrics)>,
    /// The names of the destinations of a metric, joined; empty for none.
    named: HashMap<MetricNames, Arc<str>>,
    before: BTreeMap<Arc<str>, u64>,
    events_before: u64,
    lines: usize,
}

#[derive(Default)]
struct ScreenRow {
    counts: u64,
    metrics: BTreeMap<String, u64>,
}

// === impl Screen ===

impl Screen {
    pub(super) fn new(terminal: bool, definitions: &Definitions) -> Self {
        let namespace = Config::default().cloudwatch.namespace;
        let mut destinations = Vec::new();
        for set in &definitions.configuration_sets {
            for destination in &set.event_destinations {
                if let Some(metrics) = DestinationMetrics::new(set, destination, &namespace) {
                    destinations.push((format!("{}/{}", set.name, destination.name), metrics));
                }
            }
        }
        let (named, before) = (HashMap::new(), BTreeMap::new());
        Self { terminal, destinations, named, before, events_before: 0, lines: 0 }
    }

    /// The destinations that make a series.
    fn destinations_of(&mut self, line: &Value) -> Arc<str> {
        let dimensions = line["Dimensions"].as_array().map_or(&[][..], Vec::as_slice);
        let dimensions = dimensions.iter().filter_map(|dimension| dimension["Name"].as_str());
        let text = |name: &str| line[name].as_str().unwrap_or_default();
        let names = MetricNames::new(text("Namespace"), text("MetricName"), dimensions);
        let destinations = &self.destinations;
        let found = self.named.entry(names).or_insert_with_key(|names| {
            let makers = destinations.iter().filter(|(_, metrics)| metrics.has(names));
            makers.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ").into()
        });
        Arc::clone(found)
    }

    /// Shows the figures of one second.
    pub(super) fn show(
        &mut self,
        scrape: &Scrape,
        latency: &Histogram<u64>,
        elapsed: Duration,
    ) -> anyhow::Result<()> {
        let events = scrape.events();
        let rate = events - std::mem::replace(&mut self.events_before, events);
        let ms = |quantile| {
            Duration::from_micros(latency.value_at_quantile(quantile)).as_secs_f64() * 1000.0
        };
        let (p50, p99) = (ms(0.5), ms(0.99));
        let summary = scrape.summary();
        let line = format!(
            "{:>3} s  {} ({rate}/s)  {} in {}  answers p50 {p50:.1} ms, p99 {p99:.1} ms  {}",
            elapsed.as_secs_f64().round(),
            counted(events, "event"),
            counted(summary.counts, "count"),
            counted(summary.series, "series"),
            losses(scrape),
        );
        let mut out = std::io::stdout().lock();
        if !self.terminal {
            return Ok(writeln!(out, "{line}")?);
        }
        // Lines that the terminal wraps or scrolls away would break the cursor movement.
        let (height, width) = Term::stdout().size();
        let (height, width) = (usize::from(height), usize::from(width));
        let health = health::tables(&scrape.series).map(|table| table.to_string());
        let table = self.table(scrape, true, None).to_string();
        // Below the last line is the cursor's.
        let text = format!("{}\n\n{line}", fitting(table, &health, height.saturating_sub(3)));
        let lines: Vec<_> = text.lines().map(|line| truncate_str(line, width, "…")).collect();
        // Move back to the start of the last table and clear it.
        if self.lines > 0 {
            write!(out, "\x1b[{}A\x1b[J", self.lines)?;
        }
        writeln!(out, "{}", lines.join("\n"))?;
        self.lines = lines.len();
        Ok(out.flush()?)
    }

    /// Shows the final figures.
    pub(super) fn end(&mut self, scrape: &Scrape) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.terminal && self.lines > 0 {
            write!(out, "\x1b[{}A\x1b[J", self.lines)?;
        }
        let width = self.terminal.then(|| usize::from(Term::stdout().size().1));
        let table = self.table(scrape, false, width);
        let [campaigns, providers] = health::tables(&scrape.series);
        writeln!(out, "\n{table}\n\n{campaigns}\n\n{providers}\n")?;
        let summary = scrape.summary();
        let repeated = scrape.count("postmeter_requests_total{outcome=\"repeated\"}");
        writeln!(
            out,
            "{}: {} matched a destination, {} matched none, {} belong{} to an unknown set.",
            counted(summary.read.events, "event"),
            summary.read.matched,
            summary.read.unmatched,
            summary.read.unrouted,
            if summary.read.unrouted == 1 { "s" } else { "" }
        )?;
        writeln!(
            out,
            "{}: {} in {}, {}.",
            counted(summary.destination_matches, "match"),
            counted(summary.counts, "count"),
            counted(summary.series, "series"),
            losses(scrape)
        )?;
        let were = if repeated == 1 { "was" } else { "were" };
        let repeated = counted(repeated, "request");
        writeln!(out, "{repeated} arrived twice and {were} counted once.")?;
        Ok(())
    }

    /// `width`: the metrics of a destination take as many lines as they need to fit in.
    fn table(&mut self, scrape: &Scrape, rates: bool, width: Option<usize>) -> Table {
        let mut rows: BTreeMap<Arc<str>, (ScreenRow, usize)> = BTreeMap::new();
        let mut last = String::new();
        for line in &scrape.series {
            let destination = self.destinations_of(line);
            if destination.is_empty() {
                continue;
            }
            let (row, series) = rows.entry(destination).or_default();
            row.counts += count_of(line);
            let metric = line["MetricName"].as_str().unwrap_or_default().to_owned();
            *row.metrics.entry(metric).or_default() += count_of(line);
            // The minutes of a series are adjacent.
            let this = format!("{}{}", line["MetricName"], line["Dimensions"]);
            *series += usize::from(this != last);
            last = this;
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let mut header = vec!["destination", "series", "counts"];
        header.extend(rates.then_some("per second"));
        let mut counts = BTreeMap::new();
        let mut listed = Vec::new();
        for (destination, (row, series)) in rows {
            let mut cells =
                vec![destination.to_string(), series.to_string(), row.counts.to_string()];
            if rates {
                let before = self.before.get(&destination).copied().unwrap_or(0);
                cells.push((row.counts - before).to_string());
            }
            let metrics = row.metrics.iter().map(|(metric, count)| format!("{metric} {count}"));
            listed.push((cells, metrics.collect::<Vec<_>>()));
            counts.insert(destination, row.counts);
        }
        // A cell has a space on each side.
        let widths = (0..header.len()).map(|column| {
            let cells = listed.iter().map(|(cells, _)| cells[column].len());
            cells.chain([header[column].len()]).max().unwrap_or(0) + 2
        });
        let left = width.map(|width| width.saturating_sub(widths.sum::<usize>() + 2));
        header.push("metrics");
        table.set_header(header);
        for (mut cells, metrics) in listed {
            cells.push(joined(&metrics, left));
            table.add_row(cells);
        }
        self.before = counts;
        for column in 1..=usize::from(rates) + 2 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}

/// A table and those behind it that fit a height.
fn fitting(mut text: String, more: &[String], height: usize) -> String {
    for table in more {
        if text.lines().count() + 1 + table.lines().count() <= height {
            text = format!("{text}\n\n{table}");
        }
    }
    text
}

/// The metrics side by side, on as many lines as the width needs.
fn joined(metrics: &[String], width: Option<usize>) -> String {
    const BETWEEN: &str = "  ";
    let mut text = String::new();
    let mut line = 0;
    for metric in metrics {
        if line > 0 && width.is_some_and(|width| line + BETWEEN.len() + metric.len() > width) {
            text.push('\n');
            line = 0;
        } else if line > 0 {
            text.push_str(BETWEEN);
            line += BETWEEN.len();
        }
        text.push_str(metric);
        line += metric.len();
    }
    text
}

/// What was not counted, with the reasons.
fn losses(scrape: &Scrape) -> String {
    let summary = scrape.summary();
    let mut parts: Vec<_> = scrape
        .dropped()
        .iter()
        .map(|(reason, count)| format!("{count} dropped ({reason})"))
        .collect();
    for (count, what) in [
        (summary.read.unrouted, "unrouted"),
        (summary.read.malformed, "malformed"),
        (summary.read.unknown_type, "of unknown type"),
    ] {
        parts.push(format!("{count} {what}"));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tables_that_the_terminal_has_no_room_for_are_left_out() {
        let tables = ["c\nc\nc".to_owned(), "p".to_owned()];
        let fits = |height| fitting("a\na".to_owned(), &tables, height);
        assert_eq!(fits(1), "a\na");
        assert_eq!(fits(4), "a\na\n\np");
        assert_eq!(fits(7), "a\na\n\nc\nc\nc");
        assert_eq!(fits(8), "a\na\n\nc\nc\nc\n\np");
    }

    proptest! {
        #[test]
        fn metrics_fit_the_width_and_stay_whole(
            metrics in prop::collection::vec("[A-Z][a-z]{1,9} [0-9]{1,6}", 0..12), width in 18_usize..90,
        ) {
            let text = joined(&metrics, Some(width));
            prop_assert!(text.lines().all(|line| line.len() <= width), "{text}");
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&text), words(&metrics.join(" ")));
            prop_assert!(text.lines().all(|line| line.split("  ").all(|one| metrics.contains(&one.to_owned()))));
            prop_assert_eq!(joined(&metrics, None), metrics.join("  "));
        }
    }
}
