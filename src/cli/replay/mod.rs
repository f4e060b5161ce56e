//! `postmeter replay`: counts and publishes an archive.

mod bar;
mod report;

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use self::bar::ReplayBar;
use self::report::RunReport;
use super::args::ReplayArgs;
use super::count::print;
use super::output::{print_lines, warn_user};
use super::serve::refuse_start;
use super::{Exit, settings};
use crate::app::{Environment, Replay, ReplayError, ReplayOutcome, ReplaySettings};
use crate::config::Config;
use crate::printable::counted;
use crate::replay::{ListingError, TimeRange};
use crate::telemetry::init_logs;

/// Runs the command until it is done, or until SIGTERM or SIGINT.
///
/// # Errors
/// Threads or signal handlers cannot be created, or the output cannot be written.
pub(super) fn run(args: &ReplayArgs) -> anyhow::Result<Exit> {
    if args.state.is_none() && !args.dry_run {
        warn_user(
            "--state is required: it records progress, so that the same command can resume an \
             interrupted run; pass a new directory, or use --dry-run",
        );
        return Ok(Exit::Usage);
    }
    let range = TimeRange {
        from_ms: args.from.unwrap_or(TimeRange::ALL.from_ms),
        to_ms: args.to.unwrap_or(TimeRange::ALL.to_ms),
    };
    if range.from_ms >= range.to_ms {
        warn_user("--to must be later than --from");
        return Ok(Exit::Usage);
    }
    let loaded = settings::load(args.config.as_deref());
    let Some(mut config) = loaded.and_then(|loaded| loaded.config) else {
        return Ok(Exit::Usage);
    };
    if let Some(rate) = args.requests_per_second {
        config.cloudwatch.requests_per_second = rate;
    }
    init_logs(&config.telemetry.log, config.telemetry.log_format);
    let settings = ReplaySettings {
        inputs: args.inputs.clone(),
        range,
        objects_at_once: args.objects_at_once.into(),
        state: args.state.clone(),
    };
    let runtime = Runtime::new().context("cannot start threads")?;
    let exit = runtime.block_on(replay(args, config, settings));
    // Do not wait for objects that are still being read at the end of the grace period.
    runtime.shutdown_background();
    exit
}

async fn replay(
    args: &ReplayArgs,
    config: Config,
    settings: ReplaySettings,
) -> anyhow::Result<Exit> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::pin!(stop);
    let bar = ReplayBar::new();
    let say = bar.say();
    // Boxed, because the future is large and used only once.
    let plan = Box::pin(Replay::plan(config, Environment::default(), settings, say));
    let replay = tokio::select! {
        replay = plan => replay,
        () = &mut stop => {
            warn_user("interrupted before the first object; nothing was counted");
            return Ok(Exit::Failed);
        }
    };
    let replay = match replay {
        Ok(replay) => replay,
        Err(error) => return Ok(refuse(&error)),
    };
    bar.follow(replay.size(), replay.progress());
    let replayed = replay.run(&mut stop).await;
    bar.end();
    let report = RunReport::new(&replayed);
    // Write the summary first, because the reader of the lines may close the pipe early.
    if let Some(path) = &args.summary {
        report.write(path)?;
    }
    match &replayed.outcome {
        // Do not print incomplete counts.
        ReplayOutcome::Counted { .. } if replayed.interrupted => {}
        ReplayOutcome::Counted { lines, too_old } => {
            print(lines, args.format)?;
            if *too_old > 0 {
                warn_user(&format!(
                    "{} {} older than two weeks; CloudWatch would not accept that",
                    counted(*too_old, "count"),
                    if *too_old == 1 { "is" } else { "are" }
                ));
            }
        }
        ReplayOutcome::Published(_) => {}
    }
    print_lines(&report.to_string());
    for sentence in replayed.totals.not_counted.sentences(&replayed.totals.tally) {
        warn_user(&sentence);
    }
    if report.is_whole() {
        let is_failed = args.strict && report.malformed() > 0;
        return Ok(if is_failed { Exit::Failed } else { Exit::Done });
    }
    let objects = report.objects_over_series_limit();
    if objects > 0 {
        warn_user(&format!(
            "limits.series left out {}; raise it, or resume in the next UTC hour",
            counted(objects, "object")
        ));
    }
    let counts = report.over_series_limit();
    if counts > 0 {
        let counts = counted(counts, "count");
        warn_user(&format!("no room for more series: {counts} dropped"));
    }
    if !args.dry_run {
        warn_user("not finished; run the same command again to resume");
    }
    Ok(Exit::Failed)
}

fn refuse(error: &ReplayError) -> Exit {
    match error {
        ReplayError::Start(error) => refuse_start(error),
        ReplayError::Listing(ListingError::TooMany(_)) => {
            warn_user(&error.to_string());
            Exit::Usage
        }
        ReplayError::Listing(_) => {
            warn_user(&error.to_string());
            Exit::Failed
        }
    }
}
