//! `postmeter explain`: explains what is counted for each event, and why.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use super::args::{ExplainArgs, TextFormat};
use super::output::warn_user;
use super::{Exit, input};
use crate::clock::Clock;
use crate::explain::{Explainer, Explanation};
use crate::rules::Layouts;

/// Runs the command.
///
/// # Errors
/// The input cannot be read, or the output cannot be written.
pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    let layouts = Layouts::default();
    let Some(rules) = input::rules(&args.definitions, &args.rules, &layouts) else {
        return Ok(Exit::Usage);
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let (mut found, mut written) = (false, Ok(()));
    let take = |explanation: Explanation| {
        found = true;
        written = write(&mut out, args.format, &explanation);
        written.is_ok()
    };
    let mut explainer = Explainer::new(Arc::clone(&rules), Clock::System.now_ms(), take);
    let path = args.input.as_deref().unwrap_or(Path::new("-"));
    input::read_events(input::open(path)?, rules.interest(), &mut explainer)?;
    written?;
    out.flush()?;
    if !found {
        warn_user(input::NO_VALUES);
    }
    Ok(Exit::Done)
}

fn write(
    out: &mut impl Write,
    format: TextFormat,
    explanation: &Explanation,
) -> std::io::Result<()> {
    match format {
        TextFormat::Json => writeln!(out, "{}", serde_json::to_string(explanation)?),
        TextFormat::Text => explanation.print(out),
    }
}
