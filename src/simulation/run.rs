//! A run of many histories on all cores, and its totals.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::history::HistoryReport;

/// The settings of a run, from environment variables.
pub(super) struct Run {
    /// The first seed, and the maximum number of seeds after it.
    first: u64,
    seeds: u64,
    /// `None`: until all seeds are done.
    time: Option<Duration>,
}

/// The results of all threads of a run. Its text is a table.
#[derive(Default)]
pub(super) struct RunTotals {
    histories: u64,
    lives: u64,
    requests: u64,
    counts: u64,
    dropped: u64,
    doubtful: BTreeMap<&'static str, u64>,
    faults: BTreeMap<&'static str, u64>,
    pub failures: Vec<String>,
}

/// After this many failing seeds the run stops.
const FAILURES_MAX: usize = 5;

pub(super) fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}={value} is not a number")))
}

// === impl Run ===

impl Run {
    pub(super) fn of_environment(seeds: u64) -> Self {
        let time = number("POSTMETER_SOAK_SECONDS").map(Duration::from_secs);
        let seeds = number("POSTMETER_SEEDS").unwrap_or(seeds);
        let first = number("POSTMETER_FIRST_SEED").unwrap_or(0);
        Self { first, seeds: if time.is_some() { u64::MAX - first } else { seeds }, time }
    }

    /// Runs the histories.
    pub(super) fn totals(
        &self,
        history: impl Fn(u64) -> Result<HistoryReport, String> + Sync,
    ) -> RunTotals {
        let (started, next) = (Instant::now(), AtomicU64::new(0));
        let totals = Mutex::new(RunTotals::default());
        let totals_now = || totals.lock().unwrap_or_else(PoisonError::into_inner);
        let work = || {
            while totals_now().failures.len() < FAILURES_MAX
                && self.time.is_none_or(|time| started.elapsed() < time)
            {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= self.seeds {
                    break;
                }
                let report = history(self.first + at);
                totals_now().add(report);
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
        totals.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl RunTotals ===

impl RunTotals {
    fn add(&mut self, report: Result<HistoryReport, String>) {
        self.histories += 1;
        match report {
            Ok(report) => {
                self.lives += report.lives;
                self.requests += report.requests;
                self.counts += report.counts;
                self.dropped += report.dropped;
                for (cause, counts) in report.doubtful {
                    *self.doubtful.entry(cause).or_insert(0) += counts;
                }
                for (fault, times) in report.faults {
                    *self.faults.entry(fault).or_insert(0) += times;
                }
            }
            Err(why) => self.failures.push(why),
        }
    }
}

impl fmt::Display for RunTotals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let violations = self.failures.len() as u64;
        for (what, number) in [
            ("histories", self.histories),
            ("violations", violations),
            ("lives of daemons", self.lives),
            ("requests", self.requests),
            ("counts in CloudWatch", self.counts),
            ("counts dropped", self.dropped),
        ] {
            writeln!(f, "{what:<30} {number:>12}")?;
        }
        for (cause, counts) in &self.doubtful {
            writeln!(f, "{:<30} {counts:>12}", format!("counts in doubt: {cause}"))?;
        }
        for (fault, times) in &self.faults {
            writeln!(f, "  {fault:<28} {times:>12}")?;
        }
        Ok(())
    }
}
