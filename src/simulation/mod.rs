//! Runs daemons with every fault in virtual time: each seed produces a history, and the history is
//! judged.
//!
//! A [`daemon`] is the engine without its sockets, through its lives, with a disk that loses
//! unsynced data at a crash. Several share queues. Around them are [`senders`](sender) that retry, a
//! [`queue`] that delivers again what is not deleted, a bucket, and a [`cloud`] that throttles,
//! rejects and responds too late or never. With one thread, paused clocks and seeded randomness, a
//! seed is deterministic and takes a few milliseconds for hours of the engine's life.
//!
//! `make soak` runs as many histories as time allows. A failing seed is printed with the command
//! that reproduces its history step by step.

#![expect(clippy::print_stdout, reason = "a run of histories is read by people")]

mod accounts;
mod bucket_link;
mod clock_hours;
mod cloud;
mod cloud_link;
mod daemon;
mod definitions;
mod history;
mod judge;
mod life;
mod plan;
mod queue;
mod queue_link;
mod request;
mod requests;
mod run;
mod scene;
mod sender;
mod settings;
mod start;
mod target;
mod threads;
mod trouble;
mod weather;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use history::{HistoryReport, live};
use plan::HistoryPlan;
use run::{Run, number};

/// Seeds of a run by default.
const SEEDS: u64 = 500;

fn live_through(seed: u64, told: bool) -> Result<HistoryReport, String> {
    let lived = catch_unwind(AssertUnwindSafe(|| live(&HistoryPlan::of(seed), told)));
    let why = match lived {
        Ok(Ok(report)) => return Ok(report),
        Ok(Err(why)) => why,
        Err(_) => "the history panicked".to_owned(),
    };
    let again = "cargo test --lib simulation::histories -- --nocapture";
    Err(format!("seed {seed}: {why}\n  again: POSTMETER_SEED={seed} {again}"))
}

/// For every seed: acknowledged events are counted once or reported in doubt, and everything
/// settles.
#[test]
fn histories_are_counted_once_or_named_in_doubt() {
    if let Some(seed) = number("POSTMETER_SEED") {
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).without_time();
        let _log = tracing::subscriber::set_default(log.finish());
        let report = live_through(seed, true).unwrap_or_else(|why| panic!("{why}"));
        println!("seed {seed}: {:?}", report.faults);
        return;
    }
    let totals = Run::of_environment(SEEDS).totals(|seed| live_through(seed, false));
    println!("{totals}");
    assert!(totals.failures.is_empty(), "{}", totals.failures.join("\n"));
}

/// A history must be reproducible to be debugged.
#[test]
fn seed_gives_the_same_history_every_time() {
    for seed in 0..20 {
        let [one, other] = [(); 2].map(|()| live_through(seed, false));
        let [one, other] = [one, other].map(|report| report.unwrap_or_else(|why| panic!("{why}")));
        assert_eq!((one.trace, one.faults), (other.trace, other.faults), "seed {seed}");
    }
}
