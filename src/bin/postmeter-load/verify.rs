//! Compares the truth of the sent events with the counts in CloudWatch.
//!
//! The truth of each series and minute is a range: exact, except for requests that were given up or
//! possibly sent twice. The increase during the run must be in its range. Excess counts must be
//! covered by the doubt that the daemon reports; missing counts by that doubt and by reported
//! drops.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;
use aws_config::BehaviorVersion;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use hyper::Uri;
use postmeter::aws::AwsError;
use postmeter::http::HttpClient;
use postmeter::synth::DatumKey;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::args::VerifyAt;
use super::daemon::{Daemon, Since};
use super::line::Line;
use super::output::bar;
use super::series::{Range, SeriesTable};
use super::web::{at, client, get};

/// Without a daemon to ask, how long the counts must stay correct, because a retried call may still
/// arrive.
const STEADY: Duration = Duration::from_secs(5);
/// Differences that are listed.
const LISTED_MAX: usize = 10;
/// Maximum number of metrics of one `GetMetricData` call.
const QUERIES_MAX: usize = 500;

/// Counts by series and minute.
type HeldCounts = BTreeMap<DatumKey, u64>;

/// The holder of the counts to compare, and its counts before the run.
pub(crate) struct Verifier {
    holder: CountsHolder,
    namespaces: BTreeSet<String>,
    before: HeldCounts,
}

enum CountsHolder {
    Recorder { client: Box<HttpClient>, uri: Uri },
    Aws(Client),
}

/// How a run was settled.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    pub daemon: Option<Since>,
    pub comparison: Option<Comparison>,
}

/// The outcome of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Comparison {
    /// Whether all differences are within the reported doubt.
    pub passed: bool,
    /// Whether there are no differences.
    pub exact: bool,
    /// Series and minutes that were compared.
    pub datums: u64,
    pub counts_expected: u64,
    pub counts_held: u64,
    pub counts_too_many: u64,
    pub counts_missing: u64,
    /// The first differences.
    pub differences: Vec<Difference>,
}

/// A series and minute with an unexpected count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    pub namespace: String,
    pub metric: String,
    pub dimensions: Vec<(String, String)>,
    /// Unix time.
    pub timestamp: i64,
    pub least: u64,
    pub most: u64,
    pub held: u64,
}

/// Waits at most `patience` until everything is published and the counts are correct; returns the
/// final state. A daemon reports when it has nothing left to publish; without a daemon, the counts
/// must stay correct for a while.
///
/// # Errors
/// The daemon, or the holder of the counts, does not respond.
pub(crate) async fn settle(
    patience: Duration,
    verifier: Option<&Verifier>,
    daemon: Option<&Daemon>,
    truth: &BTreeMap<DatumKey, Range>,
) -> anyhow::Result<Settled> {
    let bar = bar(None, "{spinner} {elapsed} {msg}");
    let deadline = Instant::now() + patience;
    // Reading CloudWatch takes time, and money.
    let shortest = match verifier {
        Some(Verifier { holder: CountsHolder::Aws(_), .. }) => Duration::from_secs(5),
        _ => Duration::from_millis(200),
    };
    let mut good_since = None;
    loop {
        let checked_at = Instant::now();
        let mut settled = Settled::default();
        if let Some(daemon) = daemon {
            settled.daemon = Some(daemon.since().await?);
        }
        if let Some(verifier) = verifier {
            let held = verifier.held(truth.keys()).await?;
            settled.comparison = Some(verifier.compare(truth, &held, settled.daemon));
        }
        let pending = settled.daemon.map_or(0, |daemon| daemon.pending_entries);
        let differs = settled.comparison.as_ref().is_some_and(|comparison| !comparison.passed);
        let is_good = pending == 0 && !differs;
        good_since = if is_good { good_since.or(Some(checked_at)) } else { None };
        let steady = if daemon.is_some() || verifier.is_none() { Duration::ZERO } else { STEADY };
        let is_sure = good_since.is_some_and(|since| checked_at >= since + steady);
        if is_sure || Instant::now() >= deadline {
            bar.finish_and_clear();
            return Ok(settled);
        }
        let missing = settled.comparison.map_or(0, |comparison| comparison.counts_missing);
        bar.set_message(format!("settling: {pending} entries pending, {missing} counts missing"));
        // Polling must not become the load.
        let pause = shortest.max(checked_at.elapsed() * 4);
        sleep(pause.min(deadline - Instant::now())).await;
    }
}

// === impl Verifier ===

impl Verifier {
    /// Connects and reads the counts before the run.
    ///
    /// # Errors
    /// The holder of the counts does not respond.
    pub(crate) async fn prepare(
        verify_at: &VerifyAt,
        namespace: &str,
        series: &SeriesTable,
    ) -> anyhow::Result<Self> {
        let holder = match verify_at {
            VerifyAt::Recorder(uri) => {
                CountsHolder::Recorder { client: Box::new(client(uri)?), uri: at(uri, "/series")? }
            }
            VerifyAt::Aws => {
                let sdk = aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await;
                sdk.region().context("no AWS region: set AWS_REGION")?;
                CountsHolder::Aws(Client::new(&sdk))
            }
        };
        let mut namespaces: BTreeSet<_> =
            series.keys().map(|series| series.namespace.clone()).collect();
        namespaces.insert(namespace.to_owned());
        let mut verifier = Self { holder, namespaces, before: HeldCounts::new() };
        verifier.before = verifier.held(series.keys()).await?;
        Ok(verifier)
    }

    /// The current counts. CloudWatch is queried for these series; a recorder also returns others.
    async fn held(&self, series: impl Iterator<Item = &DatumKey>) -> anyhow::Result<HeldCounts> {
        match &self.holder {
            CountsHolder::Recorder { client, uri } => {
                let mut held = HeldCounts::new();
                for line in get(client, uri).await?.lines() {
                    let line: Line = serde_json::from_str(line)
                        .with_context(|| format!("{uri} is not a recorder's"))?;
                    if !self.namespaces.contains(&*line.namespace) {
                        continue;
                    }
                    if let Some((series, count)) = line.into_count() {
                        *held.entry(series).or_default() += count;
                    }
                }
                Ok(held)
            }
            CountsHolder::Aws(client) => read_cloudwatch(client, series).await,
        }
    }

    fn compare(
        &self,
        truth: &BTreeMap<DatumKey, Range>,
        held: &HeldCounts,
        daemon: Option<Since>,
    ) -> Comparison {
        let mut all: BTreeMap<&DatumKey, (Range, u64)> =
            truth.iter().map(|(series, range)| (series, (*range, 0))).collect();
        for (series, count) in held {
            let before = self.before.get(series).copied().unwrap_or(0);
            all.entry(series).or_default().1 = count.saturating_sub(before);
        }
        let mut comparison = Comparison {
            passed: false,
            exact: false,
            datums: all.len() as u64,
            counts_expected: truth.values().map(|range| range.least).sum(),
            counts_held: all.values().map(|(_, held)| held).sum(),
            counts_too_many: 0,
            counts_missing: 0,
            differences: Vec::new(),
        };
        for (series, (range, held)) in all {
            let too_many = held.saturating_sub(range.most);
            let missing = range.least.saturating_sub(held);
            comparison.counts_too_many += too_many;
            comparison.counts_missing += missing;
            if too_many + missing > 0 && comparison.differences.len() < LISTED_MAX {
                comparison.differences.push(Difference::new(series, range, held));
            }
        }
        let (doubtful, dropped) =
            daemon.map_or((0, 0), |daemon| (daemon.doubtful_counts, daemon.dropped_counts));
        let (too_many, missing) = (comparison.counts_too_many, comparison.counts_missing);
        comparison.exact = too_many + missing == 0;
        comparison.passed = too_many <= doubtful && too_many + missing <= doubtful + dropped;
        comparison
    }
}

// === impl Difference ===

impl Difference {
    fn new(series: &DatumKey, range: Range, held: u64) -> Self {
        Self {
            namespace: series.namespace.clone(),
            metric: series.metric.clone(),
            dimensions: series.dimensions.clone(),
            timestamp: series.minute * 60,
            least: range.least,
            most: range.most,
            held,
        }
    }
}

/// Sums by minute, by `GetMetricData`.
async fn read_cloudwatch(
    client: &Client,
    series: impl Iterator<Item = &DatumKey>,
) -> anyhow::Result<HeldCounts> {
    let series: BTreeSet<_> = series.collect();
    let minutes = || series.iter().map(|series| series.minute);
    let (Some(first), Some(last)) = (minutes().min(), minutes().max()) else {
        return Ok(HeldCounts::new());
    };
    let metrics: BTreeSet<_> = series
        .iter()
        .map(|series| (&series.namespace, &series.metric, &series.dimensions))
        .collect();
    let metrics: Vec<_> = metrics.into_iter().collect();
    let mut held = HeldCounts::new();
    for metrics in metrics.chunks(QUERIES_MAX) {
        let queries = metrics.iter().enumerate().map(|(at, (namespace, metric, dimensions))| {
            let dimensions = dimensions
                .iter()
                .map(|(name, value)| Dimension::builder().name(name).value(value).build());
            let metric = Metric::builder()
                .namespace(*namespace)
                .metric_name(*metric)
                .set_dimensions(Some(dimensions.collect()))
                .build();
            let stat = MetricStat::builder().metric(metric).period(60).stat("Sum").build();
            MetricDataQuery::builder().id(format!("m{at}")).metric_stat(stat).build()
        });
        let mut pages = client
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(DateTime::from_secs(first * 60))
            .end_time(DateTime::from_secs((last + 1) * 60))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                let why = AwsError::of(&error, "cloudwatch:GetMetricData");
                anyhow::anyhow!("cannot read CloudWatch: {why}")
            })?;
            for result in page.metric_data_results() {
                let id = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
                let metric = id.and_then(|id| metrics.get(id));
                let (namespace, metric, dimensions) =
                    metric.context("CloudWatch returned an unexpected metric")?;
                for (time, sum) in result.timestamps().iter().zip(result.values()) {
                    let series = DatumKey {
                        namespace: (*namespace).clone(),
                        metric: (*metric).clone(),
                        dimensions: (*dimensions).clone(),
                        minute: time.secs().div_euclid(60),
                    };
                    *held.entry(series).or_default() += whole(*sum);
                }
            }
        }
    }
    Ok(held)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
fn whole(sum: f64) -> u64 {
    sum.max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(metric: &str) -> DatumKey {
        DatumKey {
            namespace: "SES".to_owned(),
            metric: metric.to_owned(),
            dimensions: Vec::new(),
            minute: 29_919_600,
        }
    }

    fn compare(held: &[(&str, u64)], doubtful_counts: u64, dropped_counts: u64) -> Comparison {
        let before = HeldCounts::from([(series("Send"), 5)]);
        let holder = CountsHolder::Aws(Client::from_conf(
            aws_sdk_cloudwatch::Config::builder()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .build(),
        ));
        let verifier = Verifier { holder, namespaces: BTreeSet::new(), before };
        let truth = BTreeMap::from([
            (series("Send"), Range { least: 10, most: 10 }),
            (series("Open"), Range { least: 4, most: 7 }),
        ]);
        let held = held.iter().map(|(metric, count)| (series(metric), *count)).collect();
        let daemon = Since {
            doubtful_counts,
            dropped_counts,
            pending_entries: 0,
            cpu_seconds: None,
            resident_bytes: None,
        };
        verifier.compare(&truth, &held, Some(daemon))
    }

    #[test]
    fn counts_before_the_run_are_subtracted_and_ranges_are_exact() {
        for open in 4..=7 {
            let comparison = compare(&[("Send", 15), ("Open", open)], 0, 0);
            assert!(comparison.passed && comparison.exact, "{comparison:?}");
        }
        let comparison = compare(&[("Send", 15), ("Open", 8)], 0, 0);
        assert!(!comparison.passed && comparison.counts_too_many == 1, "{comparison:?}");
    }

    #[test]
    fn differences_pass_up_to_the_reported_doubt() {
        let too_many = [("Send", 18), ("Open", 4)];
        assert!(compare(&too_many, 3, 0).passed);
        assert!(!compare(&too_many, 3, 0).exact);
        assert!(!compare(&too_many, 2, 0).passed);
        // What was dropped cannot be too many.
        assert!(!compare(&too_many, 2, 5).passed);
        let missing = [("Send", 12), ("Open", 4)];
        assert!(compare(&missing, 0, 3).passed);
        assert!(compare(&missing, 3, 0).passed);
        assert!(!compare(&missing, 1, 1).passed);
    }

    #[test]
    fn series_that_was_not_sent_is_a_difference() {
        let comparison = compare(&[("Send", 15), ("Open", 4), ("Click", 1)], 0, 0);
        assert!(!comparison.passed);
        assert_eq!(comparison.differences[0].metric, "Click");
        assert_eq!((comparison.datums, comparison.counts_held), (3, 15));
        // And one that is not held at all.
        assert_eq!(compare(&[("Send", 15)], 0, 0).counts_missing, 4);
    }
}
