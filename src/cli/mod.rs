//! The command line. Data goes to stdout, everything else to stderr.
//!
//! Exit codes: 0 success; 1 failure while running; 2 wrong usage, configuration or definitions.

mod args;
mod check;
mod count;
mod counted_inputs;
mod demo;
mod exit;
mod explain;
mod export;
mod hash_password;
mod healthcheck;
mod import;
mod input;
mod monitoring;
mod output;
mod plan;
mod replay;
mod serve;
mod settings;
mod summary;
mod watchdog;

use std::process::ExitCode;

use clap::Parser;

pub use args::{Args, Command};
pub use exit::{Exit, exit_code};
pub(crate) use summary::Summary;

/// Runs the command that the process was started with.
#[must_use]
pub fn run() -> ExitCode {
    let outcome = match Args::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Healthcheck(args) => Ok(healthcheck::run(&args)),
        Command::Count(args) => count::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Dashboard(args) => monitoring::run_dashboard(&args),
        Command::Alarms(args) => monitoring::run_alarms(&args),
        Command::HashPassword(_) => hash_password::run(),
    };
    exit_code(outcome, output::warn_user)
}
