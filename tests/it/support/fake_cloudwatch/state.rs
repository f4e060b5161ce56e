//! The state of the fake: the sums it ingested and the calls it received.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use postmeter::put_metric_data::{ExactSum, PutDatum, PutMetricData, PutResponse};

use super::script::{Script, signing_fault};

/// One minute (or second) of one metric, the key of [`State::totals`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FakeSeries {
    pub namespace: String,
    pub metric: String,
    /// Sorted by name, because their order is irrelevant in CloudWatch.
    pub dimensions: Vec<(String, String)>,
    /// Seconds since 1970.
    pub timestamp: i64,
}

/// One request whose whole body arrived.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub when: Instant,
    /// Empty when the body could not be read.
    pub namespace: String,
    pub datums: usize,
    pub uncompressed_bytes: usize,
    pub wire_bytes: usize,
    pub gzip: bool,
    /// Of the uncompressed body: equal for a byte-for-byte retry.
    pub hash: u64,
    /// The sum of all its figures, ingested or not.
    pub sum: f64,
    /// Whether its figures are in the totals; the client may have been told something else.
    pub ingested: bool,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    InFlight,
    /// The code is empty for 200 and for a response without a body.
    Answered {
        status: u16,
        code: &'static str,
    },
    /// The connection was closed, by either side, before a response.
    Unanswered,
}

/// The figures of a series.
#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    sum: ExactSum,
    sample_count: f64,
}

impl Amount {
    fn add_datum(&mut self, datum: &PutDatum<'_>) {
        for (value, times) in datum.amounts() {
            self.sum.add(value, times);
            self.sample_count += times;
        }
        if let Some(set) = &datum.statistics {
            // Its sum counts as one value.
            self.sample_count += set.sample_count.unwrap_or_default() - 1.0;
        }
    }

    fn sum(self) -> f64 {
        self.sum.rounded()
    }
}

/// Distinguishes bodies; std's hasher has fixed keys, so equal bodies agree between processes.
pub(super) fn hash(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    hasher.finish()
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// The unit is part of the key, because another unit is another stream of the same metric.
    series: BTreeMap<(FakeSeries, String), Amount>,
    /// How often each value was ingested, by its bits.
    values: BTreeMap<FakeSeries, BTreeMap<u64, u64>>,
    calls: Vec<Call>,
    in_flight: usize,
    max_in_flight: usize,
    pub(super) script: Script,
    pub(super) now_ms: Option<i64>,
}

impl State {
    /// The ingested sums, with units combined.
    pub(crate) fn totals(&self) -> BTreeMap<FakeSeries, f64> {
        self.collect(Amount::sum)
    }

    /// The ingested `SampleCount`s, with units combined.
    pub(crate) fn sample_counts(&self) -> BTreeMap<FakeSeries, f64> {
        self.collect(|amount| amount.sample_count)
    }

    fn collect(&self, figure: impl Fn(Amount) -> f64) -> BTreeMap<FakeSeries, f64> {
        let mut figures = BTreeMap::new();
        for ((series, _), amount) in &self.series {
            *figures.entry(series.clone()).or_default() += figure(*amount);
        }
        figures
    }

    /// The ingested values of each series, by their bits, with their counts.
    pub(crate) fn values(&self) -> &BTreeMap<FakeSeries, BTreeMap<u64, u64>> {
        &self.values
    }

    /// The exact sum of a namespace. Panics if it is not a whole number.
    pub(crate) fn total_in(&self, namespace: &str) -> u64 {
        let mut total = 0;
        for ((series, _), amount) in &self.series {
            if series.namespace == namespace {
                assert!(amount.sum.rest == 0.0, "{series:?} holds {amount:?}");
                total += amount.sum.whole;
            }
        }
        total
    }

    /// The units in which a metric was published: more than one is a bug.
    pub(crate) fn units(&self) -> BTreeMap<(String, String), Vec<String>> {
        let mut units: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for (series, unit) in self.series.keys() {
            let of_metric = units.entry((series.namespace.clone(), series.metric.clone()));
            let of_metric = of_metric.or_default();
            if !of_metric.contains(unit) {
                of_metric.push(unit.clone());
            }
        }
        units
    }

    pub(crate) fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Requests in progress.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    pub(super) fn enter(&mut self) {
        self.in_flight += 1;
        self.max_in_flight = self.max_in_flight.max(self.in_flight);
    }

    pub(super) fn leave(&mut self) {
        self.in_flight -= 1;
    }

    pub(super) fn record(&mut self, mut call: Call, content: Option<&PutMetricData<'_>>) -> usize {
        if let Some(content) = content {
            let mut amount = Amount::default();
            for datum in &content.metric_data {
                amount.add_datum(datum);
            }
            content.namespace().clone_into(&mut call.namespace);
            call.datums = content.metric_data.len();
            call.sum = amount.sum();
        }
        self.calls.push(call);
        self.calls.len() - 1
    }

    pub(super) fn settle(&mut self, call: usize, outcome: Outcome) {
        self.calls[call].outcome = outcome;
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now_ms.unwrap_or_else(|| {
            #[expect(clippy::disallowed_methods, reason = "the service has a clock of its own")]
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
            i64::try_from(now.as_millis()).expect("before the year 292 million")
        })
    }

    /// The rejection of a call for the time of its signature, if that is checked.
    pub(super) fn signing_fault(&self, signed: Option<&str>) -> Option<PutResponse> {
        let is_checked = self.script.checks_signing_time;
        is_checked.then(|| signing_fault(signed, self.now_ms())).flatten()
    }

    /// Adds a valid call.
    pub(super) fn ingest(&mut self, call: usize, content: &PutMetricData<'_>) {
        let now_ms = self.now_ms();
        for datum in &content.metric_data {
            let dimensions = datum.dimensions().into_iter();
            let series = FakeSeries {
                namespace: content.namespace().to_owned(),
                metric: datum.metric_name().to_owned(),
                dimensions: dimensions.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
                timestamp: datum.timestamp_ms.unwrap_or(now_ms).div_euclid(1000),
            };
            let values = self.values.entry(series.clone()).or_default();
            for (value, times) in datum.amounts() {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "whole"
                )]
                let times = times as u64;
                *values.entry(value.to_bits()).or_default() += times;
            }
            let unit = datum.unit().to_owned();
            self.series.entry((series, unit)).or_default().add_datum(datum);
        }
        self.calls[call].ingested = true;
    }
}
