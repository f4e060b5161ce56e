//! The report of a run, as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use super::job::{Job, RunResult};
use super::verify::{Comparison, Settled};

/// The report of a run. Its fields are those of the JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub target: String,
    pub seed: u64,
    pub connections: u16,
    /// Requested events per second; `null`: as fast as possible.
    pub rate: Option<f64>,
    pub interrupted: bool,
    pub requests: u64,
    pub bytes: u64,
    pub events: Events,
    pub throughput: Throughput,
    pub latency: Latency,
    pub refusals: BTreeMap<String, u64>,
    pub retries: u64,
    pub sender: Cost,
    pub daemon: Option<DaemonCost>,
    pub verify: Option<Comparison>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Events {
    pub taken: u64,
    /// Given up, possibly accepted.
    pub in_doubt: u64,
    pub not_delivered: u64,
    /// Accepted, possibly more than once.
    pub perhaps_twice: u64,
    /// Due, but the target was too slow.
    pub unsent: u64,
}

/// After the warm-up.
#[derive(Debug, Serialize)]
pub(crate) struct Throughput {
    pub seconds: f64,
    pub requests_per_second: f64,
    pub events_per_second: f64,
    pub bytes_per_second: f64,
}

/// In microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    /// `due` with a rate, else `sent`.
    pub from: &'static str,
    pub requests: u64,
    pub mean: f64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    #[serde(rename = "p99.9")]
    pub p999: u64,
    pub max: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    pub cpu_seconds: Option<f64>,
    pub cpu_seconds_per_million_events: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct DaemonCost {
    #[serde(flatten)]
    pub cost: Cost,
    pub resident_bytes: Option<u64>,
    pub resident_bytes_peak: u64,
    pub pending_entries: u64,
    pub doubtful_counts: u64,
    pub dropped_counts: u64,
}

// === impl Report ===

impl Report {
    pub(crate) fn new(
        job: &Job<'_>,
        result: &RunResult,
        settled: Settled,
        resident_bytes_peak: u64,
    ) -> Self {
        let RunResult { tally, .. } = result;
        let sent = tally.events + tally.in_doubt;
        let daemon = settled.daemon.map(|since| DaemonCost {
            cost: Cost::new(since.cpu_seconds, sent),
            resident_bytes: since.resident_bytes,
            resident_bytes_peak: resident_bytes_peak.max(since.resident_bytes.unwrap_or(0)),
            pending_entries: since.pending_entries,
            doubtful_counts: since.doubtful_counts,
            dropped_counts: since.dropped_counts,
        });
        Self {
            target: job.target.clone(),
            seed: job.traffic.seed,
            connections: job.pace.connections,
            rate: job.pace.rate,
            interrupted: result.interrupted,
            requests: tally.requests,
            bytes: tally.bytes,
            events: Events {
                taken: tally.events,
                in_doubt: tally.in_doubt,
                not_delivered: tally.not_delivered,
                perhaps_twice: tally.perhaps_twice,
                unsent: result.unsent,
            },
            throughput: Throughput::new(result),
            latency: Latency::new(&tally.latency, job.pace.rate.is_some()),
            refusals: tally.refusals.clone(),
            retries: tally.retries,
            sender: Cost::new(result.cpu_seconds, sent),
            daemon,
            verify: settled.comparison,
        }
    }

    /// Whether nothing was given up or unsent, and all differences are within the reported doubt.
    pub(crate) fn is_good(&self) -> bool {
        let given_up = self.events.in_doubt + self.events.not_delivered + self.events.unsent;
        let pending = self.daemon.as_ref().map_or(0, |daemon| daemon.pending_entries);
        given_up + pending == 0 && self.verify.as_ref().is_none_or(|verify| verify.passed)
    }

    /// Writes the report as one line of JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut json = serde_json::to_string(self)?;
        json.push('\n');
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Prints the table.
    ///
    /// # Errors
    /// Stdout is closed.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", self.table())?;
        for difference in self.verify.iter().flat_map(|verify| &verify.differences) {
            let dimensions = difference.dimensions.iter();
            let dimensions: Vec<_> =
                dimensions.map(|(name, value)| format!("{name}={value}")).collect();
            let wanted = if difference.least == difference.most {
                difference.least.to_string()
            } else {
                format!("{} to {}", difference.least, difference.most)
            };
            let (namespace, metric, held) =
                (&difference.namespace, &difference.metric, difference.held);
            let minute = postmeter::ses::Minute::of_ms(difference.timestamp * 1000);
            let dimensions = dimensions.join(" ");
            writeln!(
                out,
                "differs: {namespace} {metric} {dimensions} {minute}: sent {wanted}, held {held}"
            )?;
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let mut rows = Rows(Table::new());
        rows.0.load_style(presets::NOTHING);
        rows.say("target", &self.target);
        if self.interrupted {
            rows.say("interrupted", "yes");
        }
        rows.say("seed", self.seed);
        rows.say("events accepted", HumanCount(self.events.taken));
        rows.unless_zero("events given up, possibly accepted", self.events.in_doubt);
        rows.unless_zero("events not delivered", self.events.not_delivered);
        rows.unless_zero("events possibly accepted twice", self.events.perhaps_twice);
        rows.unless_zero("events due but not sent (target too slow)", self.events.unsent);
        rows.say("requests", HumanCount(self.requests));
        rows.say("bytes", HumanBytes(self.bytes));
        let Throughput { seconds, requests_per_second, events_per_second, bytes_per_second } =
            self.throughput;
        rows.say("measured", format!("{seconds:.2} s"));
        rows.say("events/s", HumanCount(rounded(events_per_second)));
        rows.say("requests/s", format!("{requests_per_second:.1}"));
        rows.say("bytes/s", HumanBytes(rounded(bytes_per_second)));
        let latency = &self.latency;
        for (name, microseconds) in [
            ("p50", latency.p50),
            ("p90", latency.p90),
            ("p99", latency.p99),
            ("p99.9", latency.p999),
            ("max", latency.max),
        ] {
            #[expect(clippy::cast_precision_loss, reason = "ten minutes at most")]
            let ms = microseconds as f64 / 1000.0;
            let from = if latency.from == "due" { "due time" } else { "send time" };
            rows.say(&format!("latency from {from}, {name}"), format!("{ms:.3} ms"));
        }
        for (kind, count) in &self.refusals {
            rows.say(&format!("rejected: {kind}"), HumanCount(*count));
        }
        rows.say("retries", HumanCount(self.retries));
        rows.cost("sender", &self.sender);
        if let Some(daemon) = &self.daemon {
            rows.cost("daemon", &daemon.cost);
            let end = daemon.resident_bytes.map_or_else(|| "?".to_owned(), binary);
            let peak = binary(daemon.resident_bytes_peak);
            rows.say("daemon, memory", format!("{end}, peak {peak}"));
            rows.unless_zero("daemon, entries still pending", daemon.pending_entries);
            rows.say("daemon, counts in doubt", HumanCount(daemon.doubtful_counts));
            rows.unless_zero("daemon, counts dropped", daemon.dropped_counts);
        }
        if let Some(verify) = &self.verify {
            let verdict = match verify {
                Comparison { exact: true, .. } => "exact",
                Comparison { passed: true, .. } => "within the reported doubt",
                _ => "DIFFERS",
            };
            rows.say("verified", verdict);
            rows.say("counts sent", HumanCount(verify.counts_expected));
            rows.say("counts held", HumanCount(verify.counts_held));
            rows.unless_zero("counts too many", verify.counts_too_many);
            rows.unless_zero("counts missing", verify.counts_missing);
        }
        if let Some(column) = rows.0.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        rows.0
    }
}

// === impl Throughput ===

impl Throughput {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn new(result: &RunResult) -> Self {
        let (seconds, measured) = (result.measured.as_secs_f64(), result.tally.measured);
        let rate = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        Self {
            seconds,
            requests_per_second: rate(measured.requests),
            events_per_second: rate(measured.events),
            bytes_per_second: rate(measured.bytes),
        }
    }
}

// === impl Latency ===

impl Latency {
    fn new(histogram: &Histogram<u64>, has_rate: bool) -> Self {
        Self {
            from: if has_rate { "due" } else { "sent" },
            requests: histogram.len(),
            mean: histogram.mean(),
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }
}

// === impl Cost ===

impl Cost {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn new(cpu_seconds: Option<f64>, events: u64) -> Self {
        let per_million = cpu_seconds.map(|seconds| seconds * 1e6 / events.max(1) as f64);
        Self { cpu_seconds, cpu_seconds_per_million_events: per_million }
    }
}

/// The lines of the table.
struct Rows(Table);

impl Rows {
    fn say(&mut self, name: &str, value: impl Display) {
        self.0.add_row([name.to_owned(), value.to_string()]);
    }

    fn unless_zero(&mut self, name: &str, count: u64) {
        if count > 0 {
            self.say(name, HumanCount(count));
        }
    }

    fn cost(&mut self, who: &str, cost: &Cost) {
        if let (Some(seconds), Some(per_million)) =
            (cost.cpu_seconds, cost.cpu_seconds_per_million_events)
        {
            let value = format!("{seconds:.2} s, {per_million:.2} s per million events");
            self.say(&format!("{who}, CPU"), value);
        }
    }
}

fn binary(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown")]
fn rounded(value: f64) -> u64 {
    value.round() as u64
}
