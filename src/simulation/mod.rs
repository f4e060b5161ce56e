//! The engine under every fault, in virtual time: a seed makes a history, and the history is judged.
//!
//! The engine is the daemon's own, but for its sockets. Around it: [`senders`](sender) that repeat,
//! a [`cloud`] that throttles, refuses and answers too late or never, a disk that forgets at a crash
//! what was not synced. One thread, a paused clock and seeded randomness: a seed goes the same way
//! every time, in a few milliseconds for hours of the engine's life.
//!
//! `make soak` runs as many as there is time for. A seed that fails comes with the command that tells
//! its history step by step.

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

use history::{Story, live};
use plan::Plan;

/// What a run of many histories is told by variables of the environment.
struct Run {
    /// The first seed, and how many follow it at most.
    first: u64,
    seeds: u64,
    /// None: until all seeds are through.
    time: Option<Duration>,
}

/// So many seeds that fail are enough to look into.
const FAILURES_MAX: usize = 5;

/// What all threads of a run have seen.
#[derive(Default)]
struct Seen {
    histories: u64,
    lives: u64,
    faults: BTreeMap<&'static str, u64>,
    failures: Vec<String>,
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}={value} is not a number")))
}

impl Run {
    fn of_environment(seeds: u64) -> Self {
        let time = number("POSTMETER_SOAK_SECONDS").map(Duration::from_secs);
        let seeds = number("POSTMETER_SEEDS").unwrap_or(seeds);
        let first = number("POSTMETER_FIRST_SEED").unwrap_or(0);
        Self { first, seeds: if time.is_some() { u64::MAX - first } else { seeds }, time }
    }
}

impl Seen {
    fn add(&mut self, story: Result<Story, String>) {
        self.histories += 1;
        match story {
            Ok(story) => {
                self.lives += story.lives;
                for (fault, times) in story.faults {
                    *self.faults.entry(fault).or_insert(0) += times;
                }
            }
            Err(why) => self.failures.push(why),
        }
    }
}

fn live_through(seed: u64, told: bool) -> Result<Story, String> {
    let lived = catch_unwind(AssertUnwindSafe(|| live(&Plan::of(seed), told)));
    let why = match lived {
        Ok(Ok(story)) => return Ok(story),
        Ok(Err(why)) => why,
        Err(_) => "the history panicked".to_owned(),
    };
    let again = "cargo test --lib simulation::every -- --nocapture";
    Err(format!("seed {seed}: {why}\n  again: POSTMETER_SEED={seed} {again}"))
}

/// For all seeds: what was acknowledged is counted once or named in doubt, and all settles.
#[test]
fn every_history_is_counted_once_or_named_in_doubt() {
    if let Some(seed) = number("POSTMETER_SEED") {
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).without_time();
        let _log = tracing::subscriber::set_default(log.finish());
        let story = live_through(seed, true).unwrap_or_else(|why| panic!("{why}"));
        println!("seed {seed}: {:?}", story.faults);
        return;
    }
    let run = Run::of_environment(2000);
    let (started, next, seen) = (Instant::now(), AtomicU64::new(0), Mutex::new(Seen::default()));
    let seen_now = || seen.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        while seen_now().failures.len() < FAILURES_MAX
            && run.time.is_none_or(|time| started.elapsed() < time)
        {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= run.seeds {
                break;
            }
            let story = live_through(run.first + at, false);
            seen_now().add(story);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let Seen { histories, lives, ref faults, ref failures } = *seen_now();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    println!("{histories} histories, {lives} lives of the engine; what went wrong in them:");
    for (fault, times) in faults {
        println!("  {fault:<28} {times}");
    }
}

/// A history that is told the same way twice can be looked into.
#[test]
fn a_seed_goes_the_same_way_every_time() {
    for seed in 0..20 {
        let [one, other] = [(); 2].map(|()| live_through(seed, false));
        let [one, other] = [one, other].map(|story| story.unwrap_or_else(|why| panic!("{why}")));
        assert_eq!((one.trace, one.faults), (other.trace, other.faults), "seed {seed}");
    }
}
