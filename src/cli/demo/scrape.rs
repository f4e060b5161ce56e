//! Reads the daemon's admin listener, as any other program would.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::Value;

use crate::cli::Summary;
use crate::http::{HttpClient, HttpClientSettings, ResponseLimits};
use crate::label::Label;
use crate::pipeline::ReadTotals;
use crate::telemetry::{DropReason, NoValueReason, read_metrics};

/// The series of a long demo take a few MiB.
const LIMITS: ResponseLimits = ResponseLimits { bytes: 64 << 20, patience: Duration::from_mins(1) };

/// The metrics and series of one moment.
#[derive(Debug)]
pub(super) struct Scrape {
    /// By name and labels, such as `postmeter_events_total{routing="matched"}`.
    metrics: BTreeMap<String, f64>,
    /// The output of `GET /series`.
    pub lines: String,
    pub series: Vec<Value>,
}

/// Posts to the daemon's event listener over persistent connections.
#[derive(Debug)]
pub(super) struct Poster(HttpClient);

// === impl Scrape ===

impl Scrape {
    /// Queries the admin listener.
    pub(super) async fn take(admin: SocketAddr) -> anyhow::Result<Self> {
        let metrics = get(admin, "/metrics").await?;
        let lines = get(admin, "/series").await?;
        let series = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Self { metrics: read_metrics(&metrics), lines, series })
    }

    /// A counter; 0 if it does not exist.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counters are whole and not negative"
    )]
    pub(super) fn count(&self, name: &str) -> u64 {
        self.metrics.get(name).map_or(0, |value| *value as u64)
    }

    fn value(&self, kind: &str) -> u64 {
        self.count(&format!("postmeter_values_total{{kind=\"{kind}\"}}"))
    }

    fn event(&self, routing: &str) -> u64 {
        self.count(&format!("postmeter_events_total{{routing=\"{routing}\"}}"))
    }

    pub(super) fn dropped(&self) -> BTreeMap<&'static str, u64> {
        let dropped = DropReason::ALL.iter().map(|reason| {
            let label = reason.as_str();
            (label, self.count(&format!("postmeter_dropped_total{{reason=\"{label}\"}}")))
        });
        dropped.filter(|(reason, count)| *count > 0 || *reason == "invalid_value").collect()
    }

    pub(super) fn events(&self) -> u64 {
        self.value("event")
    }

    /// Values that events do not have.
    fn no_value(&self) -> u64 {
        let reasons = NoValueReason::ALL.iter().map(|reason| reason.as_str());
        reasons
            .map(|reason| self.count(&format!("postmeter_no_value_total{{reason=\"{reason}\"}}")))
            .sum()
    }

    /// The totals, as `--summary` writes them, but matches are those of series: the metrics do not
    /// tell how many destinations count none of theirs.
    pub(super) fn summary(&self) -> Summary {
        let same_series = |a: &Value, b: &Value| {
            ["Namespace", "MetricName", "Dimensions"].iter().all(|key| a[*key] == b[*key])
        };
        Summary {
            read: ReadTotals {
                events: self.value("event"),
                matched: self.event("matched"),
                unmatched: self.event("unmatched"),
                unrouted: self.event("unrouted"),
                malformed: self.value("malformed"),
                foreign: self.value("foreign"),
                unknown_type: self.value("unknown_type"),
                control: self.value("control"),
                notice: self.value("notice"),
                no_timestamp: self.count("postmeter_no_timestamp_events_total"),
            },
            destination_matches: self.count("postmeter_series_matches_total") - self.no_value(),
            counts: self.series.iter().map(count_of).sum(),
            series: self.series.chunk_by(same_series).count() as u64,
            datums: self.series.len() as u64,
            dropped: self.dropped(),
            values: None,
            limited: None,
        }
    }
}

/// The values of a line of `/series` with their counts.
pub(super) fn counts_of(line: &Value) -> impl Iterator<Item = (f64, u64)> {
    let list = |name: &str| line[name].as_array().map_or(&[][..], Vec::as_slice);
    let values = list("Values").iter().filter_map(Value::as_f64);
    values.zip(list("Counts").iter().filter_map(Value::as_u64))
}

/// The sum of the counts of a line of `/series`.
pub(super) fn count_of(line: &Value) -> u64 {
    counts_of(line).map(|(_, count)| count).sum()
}

async fn get(admin: SocketAddr, path: &str) -> anyhow::Result<String> {
    let client = HttpClient::<Bytes>::new(HttpClientSettings::default());
    let response = client.get(&format!("http://{admin}{path}").parse()?, LIMITS).await?;
    String::from_utf8(response.body.into()).context("the response is not text")
}

// === impl Poster ===

impl Poster {
    pub(super) fn new() -> Self {
        Self(HttpClient::new(HttpClientSettings { keep_alive: true, ..Default::default() }))
    }

    /// Posts a Firehose delivery and returns the status.
    pub(super) async fn post(
        &self,
        http: SocketAddr,
        key: &str,
        id: &str,
        body: Bytes,
    ) -> anyhow::Result<u16> {
        let request = Request::post(format!("http://{http}/firehose"))
            .header("content-type", "application/json")
            .header("x-amz-firehose-protocol-version", "1.0")
            .header("x-amz-firehose-request-id", id)
            .header("x-amz-firehose-access-key", key)
            .body(Full::new(body))?;
        Ok(self.0.send(request, LIMITS).await?.status.as_u16())
    }
}
