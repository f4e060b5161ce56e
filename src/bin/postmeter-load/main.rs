//! `postmeter-load`: seeded SES traffic against the daemon, its truth compared with what CloudWatch
//! holds, and a stand-in for CloudWatch at full speed.
//!
//! ```text
//! args ─► traffic ─► plan (a pool of parcels, each with its truth)
//!                      │
//!                      ▼ pace: when each is to be sent
//!                    run ─► sender: http, stream (or file, which needs no pace)
//!                      │ tally: latencies, refusals, truth of what was taken
//!                      ▼
//!                    verify ◄─ CloudWatch or `record`; daemon: doubt, CPU, memory
//!                      ▼
//!                    report
//! ```
//!
//! A separate program, so that its CPU and memory are not counted as the daemon's.

#![forbid(unsafe_code)]

mod args;
mod controls;
mod daemon;
mod definitions;
mod file;
mod http;
mod job;
mod line;
mod output;
mod pace;
mod parse;
mod plan;
mod record;
mod report;
mod retry;
mod run;
mod sender;
mod series;
mod stream;
mod tally;
mod traffic;
mod verify;
mod web;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use postmeter::cli::{Exit, exit_code};
use tokio::runtime::Runtime;

use args::{Args, Command};
use output::complain;

fn main() -> ExitCode {
    let outcome = match Args::parse().command {
        Command::FirehoseHttp(args) => on_runtime(run::firehose_http(&args)),
        Command::FirehoseStream(args) => on_runtime(run::firehose_stream(&args)),
        Command::File(args) => file::run(&args),
        Command::Record(args) => on_runtime(record::run(&args)),
    };
    exit_code(outcome, complain)
}

fn on_runtime(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = Runtime::new().context("cannot start threads")?;
    let exit = runtime.block_on(command);
    // Do not wait for work that was aborted by a second signal.
    runtime.shutdown_background();
    exit
}
