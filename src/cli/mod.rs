//! The command line. Data goes to stdout, everything else to stderr.
//!
//! Exit codes: 0 success; 1 failure while running; 2 wrong usage, configuration or definitions.

mod args;
mod check;
mod count;
mod demo;
mod explain;
mod export;
mod healthcheck;
mod import;
mod input;
mod output;
mod replay;
mod serve;
mod settings;
mod summary;
mod watchdog;

use std::process::ExitCode;

use clap::Parser;

pub use args::{Args, Command};
pub use summary::Summary;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// Failure while running, or counts left at shutdown.
    Failed,
    /// Wrong usage, configuration or definitions.
    Usage,
}

/// Runs the command that the process was started with.
#[must_use]
pub fn run() -> ExitCode {
    let outcome = match Args::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Healthcheck(args) => Ok(healthcheck::run(&args)),
        Command::Count(args) => count::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Export(args) => export::run(&args),
    };
    exit_code(outcome, output::complain)
}

/// The exit code of a command; prints the error, if there is one.
#[must_use]
pub fn exit_code(outcome: anyhow::Result<Exit>, complain: impl FnOnce(&str)) -> ExitCode {
    ExitCode::from(match outcome {
        Ok(Exit::Done) => 0,
        Ok(Exit::Failed) => 1,
        Ok(Exit::Usage) => 2,
        // The reader of stdout closed the pipe; that is not an error.
        Err(error) if is_broken_pipe(&error) => 0,
        Err(error) => {
            complain(&format!("{error:#}"));
            1
        }
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
