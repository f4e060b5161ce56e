//! Runs the engine with every fault in virtual time: each seed produces a history, and the history
//! is judged.
//!
//! The engine is the daemon's, without its sockets. Around it are [`senders`](sender) that retry, a
//! [`cloud`] that throttles, rejects and responds too late or never, and a disk that loses unsynced
//! data at a crash. With one thread, a paused clock and seeded randomness, a seed is deterministic
//! and takes a few milliseconds for hours of the engine's life.
//!
//! `make soak` runs as many histories as time allows. A failing seed is printed with the command
//! that reproduces its history step by step.

#![expect(clippy::print_stdout, reason = "a run of histories is read by people")]

mod cloud;
mod history;
mod judge;
mod plan;
mod sender;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use history::{HistoryReport, live};
use plan::HistoryPlan;

/// The settings of a run, from environment variables.
struct RunSettings {
    /// The first seed, and the maximum number of seeds after it.
    first: u64,
    seeds: u64,
    /// `None`: until all seeds are done.
    time: Option<Duration>,
}

/// After this many failing seeds the run stops.
const FAILURES_MAX: usize = 5;

/// The results of all threads of a run.
#[derive(Default)]
struct RunTotals {
    histories: u64,
    lives: u64,
    faults: BTreeMap<&'static str, u64>,
    failures: Vec<String>,
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}={value} is not a number")))
}

impl RunSettings {
    fn of_environment(seeds: u64) -> Self {
        let time = number("POSTMETER_SOAK_SECONDS").map(Duration::from_secs);
        let seeds = number("POSTMETER_SEEDS").unwrap_or(seeds);
        let first = number("POSTMETER_FIRST_SEED").unwrap_or(0);
        Self { first, seeds: if time.is_some() { u64::MAX - first } else { seeds }, time }
    }
}

impl RunTotals {
    fn add(&mut self, report: Result<HistoryReport, String>) {
        self.histories += 1;
        match report {
            Ok(report) => {
                self.lives += report.lives;
                for (fault, times) in report.faults {
                    *self.faults.entry(fault).or_insert(0) += times;
                }
            }
            Err(why) => self.failures.push(why),
        }
    }
}

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
    let run = RunSettings::of_environment(2000);
    let (started, next, seen) =
        (Instant::now(), AtomicU64::new(0), Mutex::new(RunTotals::default()));
    let seen_now = || seen.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        while seen_now().failures.len() < FAILURES_MAX
            && run.time.is_none_or(|time| started.elapsed() < time)
        {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= run.seeds {
                break;
            }
            let report = live_through(run.first + at, false);
            seen_now().add(report);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let RunTotals { histories, lives, ref faults, ref failures } = *seen_now();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    println!("{histories} histories, {lives} lives of the engine; what went wrong in them:");
    for (fault, times) in faults {
        println!("  {fault:<28} {times}");
    }
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
