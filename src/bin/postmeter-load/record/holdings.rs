//! The accepted sums by metric and time, exact to the unit; the values of metrics that are not counts.

use std::collections::{BTreeMap, HashMap};

use postmeter::put_metric_data::{ExactSum, PutDatum, PutMetricData};
use postmeter::ses::Minute;
use serde_json::Number;

use crate::line::{Dimension, Line};

/// Sums by series and time. The amounts of a call are added completely or not at all.
#[derive(Clone, Debug)]
pub(super) struct Holdings {
    sums: HashMap<Box<[u8]>, HeldAmount>,
    entries_max: usize,
}

/// The amount of a series and time.
#[derive(Clone, Debug, Default)]
pub(super) struct HeldAmount {
    sum: ExactSum,
    /// How often each value was observed, by its bits. Empty for counts.
    values: BTreeMap<u64, u64>,
}

/// The call would exceed the limit of series and times.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Keys and amounts of a call, computed before the lock is taken.
#[derive(Debug)]
pub(super) struct Entries(Vec<(Vec<u8>, HeldAmount)>);

/// The parts of a key, borrowed from it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key<'k> {
    namespace: &'k str,
    metric: &'k str,
    dimensions: Vec<(&'k str, &'k str)>,
    timestamp: i64,
    unit: &'k str,
}

// === impl Entries ===

impl Entries {
    /// The entries of a call; a datum without a time gets the current time.
    pub(super) fn new(call: &PutMetricData<'_>, now_ms: i64) -> Self {
        let entries = call.metric_data.iter().map(|datum| {
            let mut amount = HeldAmount::default();
            for (value, times) in datum.amounts() {
                amount.sum.add(value, times);
                if datum.unit() != "Count" {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "whole"
                    )]
                    let times = times as u64;
                    *amount.values.entry(value.to_bits()).or_default() += times;
                }
            }
            (key(call.namespace(), datum, now_ms), amount)
        });
        Self(entries.collect())
    }
}

// === impl Holdings ===

impl Holdings {
    pub(super) fn new(entries_max: usize) -> Self {
        Self { sums: HashMap::new(), entries_max }
    }

    /// Adds a call.
    ///
    /// # Errors
    /// The limit would be exceeded; nothing was added.
    pub(super) fn add(&mut self, entries: Entries) -> Result<(), Full> {
        let new = entries.0.iter().filter(|(key, _)| !self.sums.contains_key(&key[..])).count();
        if self.sums.len() + new > self.entries_max {
            return Err(Full);
        }
        for (key, amount) in entries.0 {
            match self.sums.get_mut(&key[..]) {
                Some(held) => held.merge(amount),
                None => {
                    self.sums.insert(key.into(), amount);
                }
            }
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.sums.len()
    }

    /// Sum of all sums that are counts.
    pub(super) fn counts(&self) -> u64 {
        let counts = self.sums.values().filter(|held| held.values.is_empty());
        counts.map(|held| held.sum.whole).sum()
    }

    /// Lines of JSON, sorted as `count --format json` sorts them.
    pub(super) fn to_lines(&self) -> String {
        let mut keys: Vec<_> =
            self.sums.iter().filter_map(|(bytes, sum)| Some((Key::read(bytes)?, sum))).collect();
        keys.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut lines = String::new();
        for (key, held) in keys {
            // Serializing strings and numbers into memory cannot fail.
            lines += &serde_json::to_string(&key.line(held)).unwrap_or_default();
            lines.push('\n');
        }
        lines
    }
}

// === impl HeldAmount ===

impl HeldAmount {
    fn merge(&mut self, other: Self) {
        self.sum.merge(other.sum);
        for (value, times) in other.values {
            *self.values.entry(value).or_default() += times;
        }
    }

    /// The values in ascending order, and how often each was observed. A sum that is not a whole
    /// count is one value.
    fn columns(&self) -> (Vec<Number>, Vec<u64>) {
        let number = |value| Number::from_f64(value).unwrap_or_else(|| 0.into());
        if self.values.is_empty() {
            return if self.sum.rest == 0.0 {
                (vec![Number::from(1)], vec![self.sum.whole])
            } else {
                (vec![number(self.sum.rounded())], vec![1])
            };
        }
        let mut values: Vec<_> =
            self.values.iter().map(|(bits, times)| (f64::from_bits(*bits), *times)).collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        values.into_iter().map(|(value, times)| (whole_or(value, number), times)).unzip()
    }
}

/// A whole number without a fraction, as `count` prints it.
fn whole_or(value: f64, number: impl Fn(f64) -> Number) -> Number {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole")]
    if (0.0..EXACT).contains(&value) && value.fract() == 0.0 {
        return Number::from(value as u64);
    }
    number(value)
}

/// Texts, each after its length, then the time.
fn key(namespace: &str, datum: &PutDatum<'_>, now_ms: i64) -> Vec<u8> {
    let mut key = Vec::with_capacity(128);
    push(&mut key, namespace);
    push(&mut key, datum.metric_name());
    push(&mut key, datum.unit());
    for (name, value) in datum.dimensions() {
        push(&mut key, name);
        push(&mut key, value);
    }
    let seconds = datum.timestamp_ms.unwrap_or(now_ms).div_euclid(1000);
    key.extend_from_slice(&seconds.to_le_bytes());
    key
}

fn push(key: &mut Vec<u8>, text: &str) {
    // A call has at most a megabyte.
    let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
    key.extend_from_slice(&len.to_le_bytes());
    key.extend_from_slice(text.as_bytes());
}

fn pop<'k>(key: &mut &'k [u8]) -> Option<&'k str> {
    let (len, rest) = key.split_first_chunk::<4>()?;
    let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    *key = rest;
    std::str::from_utf8(text).ok()
}

// === impl Key ===

impl<'k> Key<'k> {
    fn read(bytes: &'k [u8]) -> Option<Self> {
        let (mut rest, timestamp) = bytes.split_last_chunk::<8>()?;
        let (namespace, metric, unit) = (pop(&mut rest)?, pop(&mut rest)?, pop(&mut rest)?);
        let mut dimensions = Vec::new();
        while !rest.is_empty() {
            dimensions.push((pop(&mut rest)?, pop(&mut rest)?));
        }
        let timestamp = i64::from_le_bytes(*timestamp);
        Some(Self { namespace, metric, dimensions, timestamp, unit })
    }

    fn line(&self, held: &HeldAmount) -> Line<'k> {
        let (values, counts) = held.columns();
        Line {
            namespace: self.namespace.into(),
            metric_name: self.metric.into(),
            dimensions: self
                .dimensions
                .iter()
                .map(|(name, value)| Dimension { name: (*name).into(), value: (*value).into() })
                .collect(),
            timestamp: self.time().into(),
            unit: self.unit.into(),
            values,
            counts,
        }
    }

    /// `YYYY-MM-DDThh:mm:ssZ`.
    fn time(&self) -> String {
        let minute = Minute(self.timestamp.div_euclid(60)).to_string();
        let second = self.timestamp.rem_euclid(60);
        match minute.strip_suffix("00Z") {
            Some(minute) => format!("{minute}{second:02}Z"),
            None => minute,
        }
    }
}

#[cfg(test)]
mod tests {
    use postmeter::put_metric_data::PutDimension;

    use super::*;

    fn datum(
        metric: &'static str,
        timestamp_ms: Option<i64>,
        amounts: &[(f64, f64)],
    ) -> PutDatum<'static> {
        let dimension = |name: &'static str, value: &'static str| PutDimension {
            name: Some(name.into()),
            value: Some(value.into()),
        };
        PutDatum {
            metric_name: Some(metric.into()),
            dimensions: vec![dimension("b", "x y"), dimension("a", "1")],
            timestamp_ms,
            values: Some(amounts.iter().map(|(value, _)| *value).collect()),
            counts: Some(amounts.iter().map(|(_, times)| *times).collect()),
            unit: Some("Count".into()),
            ..PutDatum::default()
        }
    }

    fn call(metric_data: Vec<PutDatum<'static>>) -> Entries {
        let call = PutMetricData { namespace: Some("SES".into()), metric_data };
        Entries::new(&call, 1_795_176_007_000)
    }

    #[test]
    fn sums_are_printed_as_count_prints_them() {
        let mut holdings = Holdings::new(10);
        let noon = Some(1_795_176_000_000);
        let ones = [(1.0, 4.0)];
        holdings.add(call(vec![datum("Send", noon, &ones), datum("Open", None, &ones)])).unwrap();
        holdings.add(call(vec![datum("Send", noon, &[(1.0, 3.0), (2.0, 2.0)])])).unwrap();
        holdings.add(call(vec![datum("Age", noon, &[(0.25, 2.0), (1.0, 1.0)])])).unwrap();
        let tail = r#""Dimensions":[{"Name":"a","Value":"1"},{"Name":"b","Value":"x y"}],"Timestamp":"2026-11-20T12:00:0"#;
        let line = |metric: &str, second, value: &str, count| {
            format!(
                "{{\"Namespace\":\"SES\",\"MetricName\":\"{metric}\",{tail}{second}Z\",\"Unit\":\"Count\",\"Values\":[{value}],\"Counts\":[{count}]}}\n"
            )
        };
        let lines = [line("Age", 0, "1.5", 1), line("Open", 7, "1", 4), line("Send", 0, "1", 11)];
        assert_eq!(holdings.to_lines(), lines.concat());
        assert_eq!((holdings.len(), holdings.counts()), (3, 16));
    }

    #[test]
    fn values_of_a_metric_that_is_not_a_count_are_kept() {
        let mut holdings = Holdings::new(10);
        let rate = |amounts: &[(f64, f64)]| PutDatum {
            unit: Some("None".into()),
            ..datum("HardBounceRate", Some(0), amounts)
        };
        holdings.add(call(vec![rate(&[(0.0, 4.0), (1.0, 1.0)])])).unwrap();
        holdings.add(call(vec![rate(&[(0.5, 2.0), (1.0, 3.0)])])).unwrap();
        let lines = holdings.to_lines();
        assert!(lines.contains(r#""Unit":"None","Values":[0,0.5,1],"Counts":[4,2,4]"#), "{lines}");
        assert_eq!((holdings.len(), holdings.counts()), (1, 0));
        let line: Line = serde_json::from_str(lines.trim()).unwrap();
        assert_eq!(line.into_count(), None);
    }

    #[test]
    fn large_counts_keep_their_units() {
        let mut holdings = Holdings::new(1);
        let large = 9_007_199_254_740_992.0;
        for amount in [large, 1.0, 1.0, 1.0] {
            holdings.add(call(vec![datum("Send", Some(0), &[(1.0, amount)])])).unwrap();
        }
        assert_eq!(holdings.counts(), 9_007_199_254_740_995);
    }

    #[test]
    fn a_call_beyond_the_limit_is_refused_whole() {
        let mut holdings = Holdings::new(2);
        let ones = [(1.0, 1.0)];
        holdings.add(call(vec![datum("Send", Some(0), &ones)])).unwrap();
        let two = vec![datum("Open", Some(0), &ones), datum("Click", Some(0), &ones)];
        assert_eq!(holdings.add(call(two)), Err(Full));
        assert_eq!((holdings.len(), holdings.counts()), (1, 1));
        let known = vec![datum("Send", Some(0), &ones), datum("Click", Some(0), &ones)];
        assert_eq!(holdings.add(call(known)), Ok(()));
        assert_eq!((holdings.len(), holdings.counts()), (2, 3));
    }
}
