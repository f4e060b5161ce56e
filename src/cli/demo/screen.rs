//! The live table: redrawn in place on a terminal, one line a second elsewhere.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use console::{Term, truncate_str};
use hdrhistogram::Histogram;
use serde_json::Value;

use super::scrape::{Scrape, count_of};

/// The state of the display.
pub(super) struct Screen {
    terminal: bool,
    /// Destinations by the names of their dimensions, which identify the destination of a series.
    destinations: BTreeMap<String, String>,
    before: BTreeMap<String, u64>,
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
    pub(super) fn new(terminal: bool, definitions: &Value) -> Self {
        let mut destinations: BTreeMap<String, String> = BTreeMap::new();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        for set in list(&definitions["ConfigurationSets"]) {
            for destination in list(&set["EventDestinations"]) {
                let dimensions =
                    list(&destination["CloudWatchDestination"]["DimensionConfigurations"]);
                let names = names(&dimensions, "DimensionName");
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (set, name) = (text(&set["ConfigurationSetName"]), text(&destination["Name"]));
                let all = destinations.entry(names).or_default();
                all.push_str(if all.is_empty() { "" } else { ", " });
                all.push_str(&[set, name].join("/"));
            }
        }
        Self { terminal, destinations, before: BTreeMap::new(), events_before: 0, lines: 0 }
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
            "{:>3} s  {events} events ({rate}/s)  {} counts in {} series  answers p50 {p50:.1} ms, p99 {p99:.1} ms  {}",
            elapsed.as_secs_f64().round(),
            summary.counts,
            summary.series,
            losses(scrape),
        );
        let mut out = std::io::stdout().lock();
        if !self.terminal {
            return Ok(writeln!(out, "{line}")?);
        }
        let text = format!("{}\n\n{line}", self.table(scrape, true));
        // A line that the terminal wraps would break the cursor movement.
        let width = usize::from(Term::stdout().size().1);
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
        let table = self.table(scrape, false);
        writeln!(out, "\n{table}\n")?;
        let summary = scrape.summary();
        let repeated = scrape.count("postmeter_requests_total{outcome=\"repeated\"}");
        writeln!(
            out,
            "{} events: {} matched a destination, {} matched none, {} belong to an unknown set.",
            summary.events, summary.matched, summary.unmatched, summary.unrouted
        )?;
        writeln!(
            out,
            "{} matches: {} counts in {} series, {}.",
            summary.destination_matches,
            summary.counts,
            summary.series,
            losses(scrape)
        )?;
        writeln!(out, "{repeated} requests arrived twice and were counted once.")?;
        Ok(())
    }

    fn table(&mut self, scrape: &Scrape, rates: bool) -> Table {
        let mut rows: BTreeMap<&str, (ScreenRow, usize)> = BTreeMap::new();
        let mut last = String::new();
        for line in &scrape.series {
            let dimensions = line["Dimensions"].as_array().map_or(&[][..], Vec::as_slice);
            let Some(destination) = self.destinations.get(&names(dimensions, "Name")) else {
                continue;
            };
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
        header.push("metrics");
        table.set_header(header);
        let mut counts = BTreeMap::new();
        for (destination, (row, series)) in rows {
            let mut cells =
                vec![destination.to_owned(), series.to_string(), row.counts.to_string()];
            if rates {
                let before = self.before.get(destination).copied().unwrap_or(0);
                cells.push((row.counts - before).to_string());
            }
            let metrics = row.metrics.iter().map(|(metric, count)| format!("{metric} {count}"));
            cells.push(metrics.collect::<Vec<_>>().join("  "));
            table.add_row(cells);
            counts.insert(destination.to_owned(), row.counts);
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

fn names(dimensions: &[Value], key: &str) -> String {
    let mut names: Vec<_> =
        dimensions.iter().filter_map(|dimension| dimension[key].as_str()).collect();
    names.sort_unstable();
    names.join(" ")
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
        (summary.unrouted, "unrouted"),
        (summary.malformed, "malformed"),
        (summary.unknown_type, "of unknown type"),
    ] {
        parts.push(format!("{count} {what}"));
    }
    parts.join(", ")
}
