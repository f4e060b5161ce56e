//! `postmeter count`: counts events in files, without a daemon.

use std::io::{BufWriter, IsTerminal, Read, Write};
use std::path::PathBuf;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use super::args::{CountArgs, CountFormat};
use super::input;
use super::output::warn_user;
use super::{Exit, Summary};
use crate::aggregate::{Line, sorted_lines};
use crate::clock::Clock;
use crate::pipeline::Times;
use crate::pipeline::bulk::{Bulk, TextSource};
use crate::rules::Layouts;

/// Runs the command.
///
/// # Errors
/// The output cannot be written.
pub(super) fn run(args: &CountArgs) -> anyhow::Result<Exit> {
    let layouts = Layouts::default();
    let default_set = args.default_set.as_deref();
    let rules = input::rules(&args.definitions, &args.namespace, default_set, &layouts);
    let Some(rules) = rules else { return Ok(Exit::Usage) };
    let arrival_ms = args.arrival.unwrap_or_else(|| Clock::System.now_ms());
    let times = Times { arrival_ms, use_arrival: false };
    let stdin = [PathBuf::from("-")];
    let inputs = if args.inputs.is_empty() { &stdin[..] } else { &args.inputs };
    let mut exit = Exit::Done;
    let mut first_malformed = None;
    let progress = progress_bar(inputs);
    let open = |number: usize| Ok(TextSource::new(progress.wrap_read(input_of(inputs, number)?))?);
    let batch = Bulk::new(rules, times).read(inputs.len(), &open, |number, finished| {
        let path = &inputs[number];
        if let Err(error) = finished.result {
            progress.suspend(|| warn_user(&format!("{error:#} ({})", path.display())));
            exit = Exit::Failed;
        }
        if first_malformed.is_none() {
            first_malformed = finished.first_malformed.map(|at| (at, path));
        }
    });
    progress.finish_and_clear();

    let lines = sorted_lines(batch.delta.iter(), &layouts);
    // Write the summary first, because the reader of the lines may close the pipe early.
    let summary = Summary::new(&batch.tally, &lines);
    if let Some(path) = &args.summary {
        summary.write(path)?;
    }
    print(&lines, args.format)?;
    if let Some((at, path)) = first_malformed {
        let (malformed, path) = (summary.malformed, path.display());
        warn_user(&format!(
            "{malformed} values could not be read (malformed); the first is at byte {at} of the \
             text in {path}"
        ));
        if args.strict {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

/// An input, by its position on the command line.
fn input_of(inputs: &[PathBuf], number: usize) -> anyhow::Result<Box<dyn Read + Send>> {
    let path = &inputs[number];
    // There is only one stdin; the first `-` reads all of it.
    if input::is_stdin(path) && inputs[..number].contains(path) {
        return Ok(Box::new(std::io::empty()));
    }
    input::open(path)
}

fn progress_bar(inputs: &[PathBuf]) -> ProgressBar {
    let size = |path: &PathBuf| std::fs::metadata(path).ok().map(|metadata| metadata.len());
    let known = !inputs.iter().any(|path| input::is_stdin(path));
    let total: u64 = inputs.iter().filter_map(size).sum();
    let bar = if known { ProgressBar::new(total) } else { ProgressBar::no_length() };
    let template = if known {
        "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}"
    } else {
        "{spinner} {bytes} {bytes_per_sec}"
    };
    ProgressStyle::with_template(template).map_or(bar.clone(), |style| bar.with_style(style))
}

/// Prints lines to stdout. Without a format: a table on a terminal, else JSON.
///
/// # Errors
/// They cannot be written.
pub(super) fn print(lines: &[Line], format: Option<CountFormat>) -> anyhow::Result<()> {
    let is_terminal = std::io::stdout().is_terminal();
    let default = if is_terminal { CountFormat::Table } else { CountFormat::Json };
    let mut out = BufWriter::new(std::io::stdout().lock());
    match format.unwrap_or(default) {
        CountFormat::Json => {
            for line in lines {
                writeln!(out, "{}", line.to_json())?;
            }
        }
        CountFormat::Csv => {
            writeln!(out, "namespace,metric,timestamp,count,dimensions")?;
            for Line { series, count } in lines {
                let (namespace, metric) = (&series.namespace, series.metric);
                let dimensions = dimensions(series, ";");
                writeln!(out, "{namespace},{metric},{},{count},{dimensions}", series.minute)?;
            }
        }
        CountFormat::Table => writeln!(out, "{}", table(lines))?,
    }
    Ok(out.flush()?)
}

/// Lines as an aligned table.
#[must_use]
pub(super) fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["namespace", "metric", "dimensions", "minute", "count"]);
    for Line { series, count } in lines {
        table.add_row([
            series.namespace.to_string(),
            series.metric.to_owned(),
            dimensions(series, " "),
            series.minute.to_string(),
            count.to_string(),
        ]);
    }
    if let Some(column) = table.column_mut(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn dimensions(series: &crate::aggregate::SeriesMinute, between: &str) -> String {
    let pairs = series.dimensions.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join(between)
}
