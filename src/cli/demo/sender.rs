//! Sends generated events like Firehose, and records what must be counted.

use std::net::SocketAddr;

use bytes::Bytes;
use fastrand::Rng;
use hdrhistogram::Histogram;
use serde_json::Value;
use tokio::time::Instant;

use super::scrape::{Poster, Scrape};
use crate::ses::NonEvent;
use crate::synth::{Generator, Profile, Truth, firehose_body};

pub(super) const REQUESTS_PER_SECOND: u32 = 10;
const EVENTS_PER_REQUEST: u32 = 200;
/// One in this many requests is sent twice, as Firehose does when a response is lost.
const REPEAT_ONE_IN: u32 = 10;
/// One in this many requests has a truncated record.
const SPOIL_ONE_IN: u32 = 5;

/// Longer response times are recorded as this: one minute.
const MICROSECONDS_MAX: u64 = 60_000_000;

/// A sender of seeded traffic.
pub(super) struct Sender {
    http: SocketAddr,
    key: String,
    poster: Poster,
    rng: Rng,
    events: Generator,
    expected: Expected,
    latency: Histogram<u64>,
    sent: u64,
}

/// The expected counts.
pub(super) struct Expected(Truth);

// === impl Sender ===

impl Sender {
    pub(super) fn new(
        http: SocketAddr,
        key: &str,
        seed: u64,
        start_ms: i64,
        definitions: &Value,
    ) -> Self {
        let profile = Profile {
            seed,
            start_ms,
            events_per_second: f64::from(REQUESTS_PER_SECOND * EVENTS_PER_REQUEST),
            minutes_late: 2,
            awkward: true,
            ..Profile::default()
        };
        Self {
            http,
            key: key.to_owned(),
            poster: Poster::new(),
            rng: Rng::with_seed(seed),
            events: Generator::new(profile),
            expected: Expected(Truth::new(definitions, None, "SES")),
            latency: Histogram::new_with_max(MICROSECONDS_MAX, 3)
                .expect("a minute to three digits is lawful"),
            sent: 0,
        }
    }

    /// Sends one request, and sometimes sends it twice.
    pub(super) async fn send(&mut self) -> anyhow::Result<()> {
        self.sent += 1;
        let mut records: Vec<Vec<u8>> = Vec::new();
        for event in self.events.by_ref().take(EVENTS_PER_REQUEST as usize) {
            self.expected.0.add(&event.facts);
            records.push((event.json + "\n").into_bytes());
        }
        if self.rng.u32(..SPOIL_ONE_IN) == 0 {
            let at = self.rng.usize(..records.len());
            let torn = records[at][..records[at].len() / 2].to_vec();
            records.push(torn);
            self.expected.0.add_non_event(NonEvent::Malformed);
        }
        let id = format!("{:032x}", self.rng.u128(..));
        let timestamp_ms = self.events.next_ms();
        let body = firehose_body(&id, timestamp_ms, records.iter().map(Vec::as_slice));
        let body = Bytes::from(body);
        self.post(&id, body.clone()).await?;
        if self.rng.u32(..REPEAT_ONE_IN) == 0 {
            self.post(&id, body).await?;
        }
        Ok(())
    }

    async fn post(&mut self, id: &str, body: Bytes) -> anyhow::Result<()> {
        let started = Instant::now();
        let status = self.poster.post(self.http, &self.key, id, body).await?;
        anyhow::ensure!(status == 200, "a delivery got status {status}");
        let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.latency.saturating_record(took.max(1));
        Ok(())
    }

    /// Response times in microseconds.
    pub(super) fn latency(&self) -> &Histogram<u64> {
        &self.latency
    }

    pub(super) fn truth(&self) -> &Expected {
        &self.expected
    }
}

// === impl Expected ===

impl Expected {
    /// The first difference; `None` if all figures match.
    pub(super) fn difference(&self, scrape: &Scrape) -> Option<String> {
        let lines = self.0.to_lines();
        let mut pairs = lines.lines().zip(scrape.lines.lines());
        if let Some((sent, counted)) = pairs.find(|(sent, counted)| sent != counted) {
            return Some(format!("sent {sent}, counted {counted}"));
        }
        if lines.len() != scrape.lines.len() {
            return Some("the number of series differs".to_owned());
        }
        // As the metrics have it: once for each series.
        let mut sent = self.0.summary();
        let no_value: u64 = sent.no_value.values().sum();
        sent.destination_matches = sent.values - no_value;
        sent.counts = sent.values - no_value - sent.values_dropped;
        sent.dropped_invalid_value = sent.values_dropped;
        sent.has_values = false;
        let sent: Value = serde_json::from_str(&sent.to_json()).ok()?;
        let counted = serde_json::to_value(scrape.summary()).ok()?;
        (sent != counted).then(|| format!("sent {sent}, counted {counted}"))
    }
}
