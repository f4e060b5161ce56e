//! `postmeter count`: counts events in files, without a daemon.

use std::io::{BufWriter, IsTerminal, Write};

use comfy_table::{CellAlignment, Table, presets};

use super::args::{CountArgs, CountFormat};
use super::counted_inputs::CountedInputs;
use super::input;
use super::output::warn_user;
use super::{Exit, Summary};
use crate::aggregate::{Line, MetricValue, sorted_lines};
use crate::clock::Clock;
use crate::pipeline::bulk::Bulk;
use crate::pipeline::{Tally, Times};
use crate::rules::Layouts;

/// Runs the command.
///
/// # Errors
/// The output cannot be written.
pub(super) fn run(args: &CountArgs) -> anyhow::Result<Exit> {
    let layouts = Layouts::default();
    let Some(rules) = input::rules(&args.definitions, &args.rules, &layouts) else {
        return Ok(Exit::Usage);
    };
    let arrival_ms = args.arrival.unwrap_or_else(|| Clock::System.now_ms());
    let times = Times { arrival_ms, use_arrival: false };
    let CountedInputs { batch, not_counted, mut exit } =
        CountedInputs::read(&args.inputs, &Bulk::new(rules, times));
    let lines = sorted_lines(batch.delta.iter(), &layouts);
    // Write the summary first, because the reader of the lines may close the pipe early.
    let mut summary = Summary::new(&batch.tally, &lines);
    if batch.rules().makes_several_values() {
        summary = summary.with_values(&batch.tally);
    }
    if batch.rules().limits_values() {
        summary = summary.with_limited(&batch.tally);
    }
    if let Some(path) = &args.summary {
        summary.write(path)?;
    }
    print(&lines, args.format)?;
    if batch.tally == Tally::default() && exit == Exit::Done {
        warn_user(input::NO_VALUES);
    }
    for sentence in not_counted.sentences(&batch.tally) {
        warn_user(&sentence);
    }
    if args.strict && batch.tally.malformed > 0 {
        exit = Exit::Failed;
    }
    Ok(exit)
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
            writeln!(out, "namespace,metric,timestamp,count,dimensions,value,unit")?;
            for Line { series, values, count } in lines {
                let (namespace, metric, minute) = (&series.namespace, series.metric, series.minute);
                let (dimensions, unit) = (dimensions(series, ";"), series.unit);
                let one = [(MetricValue(1.0), *count)];
                for (value, count) in if values.is_empty() { &one[..] } else { values } {
                    writeln!(
                        out,
                        "{namespace},{metric},{minute},{count},{dimensions},{value},{unit}"
                    )?;
                }
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
    // A count has no other average than 1.
    let has_averages = lines.iter().any(|line| !line.values.is_empty());
    let header = ["namespace", "metric", "dimensions", "minute", "count", "average"];
    let columns = header.len() - usize::from(!has_averages);
    table.set_header(&header[..columns]);
    for line in lines {
        let Line { series, count, .. } = line;
        let row = [
            series.namespace.to_string(),
            series.metric.to_owned(),
            dimensions(series, " "),
            series.minute.to_string(),
            count.to_string(),
            line.average().map_or(String::new(), |average| format!("{average:.4}")),
        ];
        table.add_row(&row[..columns]);
    }
    for at in 4..columns {
        if let Some(column) = table.column_mut(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn dimensions(series: &crate::aggregate::SeriesMinute, between: &str) -> String {
    let pairs = series.dimensions.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join(between)
}
