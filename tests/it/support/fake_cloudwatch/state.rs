//! The state of the fake: the sums it ingested and the calls it received.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::script::Script;
use super::wire::{MetricDatum, PutMetricData};

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

/// A sum of counts without rounding: doubles lose integers beyond 2^53.
#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    whole: u64,
    /// Values that are negative, fractional or too large for `whole`.
    rest: f64,
    sample_count: f64,
}

impl Amount {
    fn add(&mut self, value: f64, times: f64) {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
        let is_whole = |x: f64| (0.0..=EXACT).contains(&x) && x.fract() == 0.0;
        self.sample_count += times;
        if !is_whole(value) || !is_whole(times) {
            self.rest += value * times;
            return;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole")]
        let product = (value as u64).checked_mul(times as u64);
        match product.and_then(|product| self.whole.checked_add(product)) {
            Some(whole) => self.whole = whole,
            None => self.rest += value * times,
        }
    }

    fn add_datum(&mut self, datum: &MetricDatum) {
        if let Some(value) = datum.value {
            self.add(value, 1.0);
        }
        if let Some(set) = &datum.statistic_values {
            self.add(set.sum.unwrap_or_default(), 1.0);
            self.sample_count += set.sample_count.unwrap_or_default() - 1.0;
        }
        for (i, &value) in datum.values.iter().flatten().enumerate() {
            let count = datum.counts.as_ref().and_then(|counts| counts.get(i));
            self.add(value, count.copied().unwrap_or(1.0));
        }
    }

    fn sum(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "exact to 2^53; total_in has the rest")]
        let whole = self.whole as f64;
        whole + self.rest
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// The unit is part of the key, because another unit is another stream of the same metric.
    series: BTreeMap<(FakeSeries, String), Amount>,
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

    /// The exact sum of a namespace. Panics if it is not a whole number.
    pub(crate) fn total_in(&self, namespace: &str) -> u64 {
        let mut total = 0;
        for ((series, _), amount) in &self.series {
            if series.namespace == namespace {
                assert!(amount.rest == 0.0, "{series:?} holds {amount:?}");
                total += amount.whole;
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

    pub(super) fn record(&mut self, mut call: Call, content: Option<&PutMetricData>) -> usize {
        if let Some(content) = content {
            let mut amount = Amount::default();
            for datum in &content.metric_data {
                amount.add_datum(datum);
            }
            call.namespace = content.namespace.clone().unwrap_or_default();
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

    /// Adds a valid call.
    pub(super) fn ingest(&mut self, call: usize, content: &PutMetricData) {
        let now_ms = self.now_ms();
        for datum in &content.metric_data {
            let mut dimensions = Vec::new();
            for dimension in &datum.dimensions {
                let name = dimension.name.clone().unwrap_or_default();
                dimensions.push((name, dimension.value.clone().unwrap_or_default()));
            }
            dimensions.sort();
            let series = FakeSeries {
                namespace: content.namespace.clone().unwrap_or_default(),
                metric: datum.metric_name.clone().unwrap_or_default(),
                dimensions,
                timestamp: datum.timestamp_ms.unwrap_or(now_ms).div_euclid(1000),
            };
            let unit = datum.unit.clone().unwrap_or_else(|| "None".to_owned());
            self.series.entry((series, unit)).or_default().add_datum(datum);
        }
        self.calls[call].ingested = true;
    }
}
