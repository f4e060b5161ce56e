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
//! A program of its own, so that its CPU and memory are not the daemon's.

#![forbid(unsafe_code)]

mod args;
mod daemon;
mod definitions;
mod file;
mod gzip;
mod http;
mod line;
mod output;
mod pace;
mod parse;
mod plan;
mod record;
mod report;
mod run;
mod series;
mod stream;
mod tally;
mod traffic;
mod verify;
mod web;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use postmeter::cli::Exit;
use tokio::runtime::Runtime;

use args::{Args, Command};
use output::complain;

fn main() -> ExitCode {
    let exit = match Args::parse().command {
        Command::FirehoseHttp(args) => on_runtime(run::firehose_http(&args)),
        Command::FirehoseStream(args) => on_runtime(run::firehose_stream(&args)),
        Command::File(args) => file::run(&args),
        Command::Record(args) => on_runtime(record::run(&args)),
    };
    ExitCode::from(match exit {
        Ok(Exit::Done) => 0,
        Ok(Exit::Failed) => 1,
        Ok(Exit::Usage) => 2,
        // Whoever read our output has seen enough.
        Err(error) if is_broken_pipe(&error) => 0,
        Err(error) => {
            complain(&format!("{error:#}"));
            1
        }
    })
}

fn on_runtime(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = Runtime::new().context("cannot start threads")?;
    let exit = runtime.block_on(command);
    // What a second signal left behind is not waited for.
    runtime.shutdown_background();
    exit
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
