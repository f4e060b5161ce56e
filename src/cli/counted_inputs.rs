//! Counts the inputs of a command on all cores, with a progress bar.

use std::io::Read;
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use super::output::warn_user;
use super::{Exit, input};
use crate::pipeline::bulk::{Bulk, TextSource};
use crate::pipeline::{Batch, NotCountedReport};

/// What was counted.
pub(super) struct CountedInputs {
    pub batch: Batch,
    /// What was not counted, and where.
    pub not_counted: NotCountedReport,
    /// Failed if an input could not be read; the others are counted.
    pub exit: Exit,
}

// === impl CountedInputs ===

impl CountedInputs {
    /// Reads inputs, or stdin if there are none.
    pub(super) fn read(inputs: &[PathBuf], bulk: &Bulk) -> Self {
        let stdin = [PathBuf::from("-")];
        let inputs = if inputs.is_empty() { &stdin[..] } else { inputs };
        let mut exit = Exit::Done;
        let mut not_counted = NotCountedReport::default();
        let progress = progress_bar(inputs);
        let open =
            |number: usize| Ok(TextSource::new(progress.wrap_read(input_of(inputs, number)?))?);
        let batch = bulk.read(inputs.len(), &open, |number, finished| {
            let name = input::name(&inputs[number]);
            if let Err(error) = finished.result {
                let error = format!("{error:#}");
                // An error of opening it names it already.
                let named = if error.contains(&name) { error } else { format!("{name}: {error}") };
                progress.suspend(|| warn_user(&named));
                exit = Exit::Failed;
            }
            let Some(found) = finished.not_counted else { return };
            if let Some(compression) = found.compression() {
                progress.suspend(|| warn_user(&format!("{name} has {}", compression.advice())));
            }
            not_counted.add(&name, &found);
        });
        progress.finish_and_clear();
        Self { batch, not_counted, exit }
    }
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
