//! A value of a metric.

use std::cmp::Ordering;
use std::fmt;

use serde::{Serialize, Serializer};

/// A value of a metric, as CloudWatch gets it. Never NaN.
#[derive(Clone, Copy, Debug)]
pub struct MetricValue(pub f64);

impl Ord for MetricValue {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for MetricValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for MetricValue {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for MetricValue {}

/// Without a fraction if it has none.
impl fmt::Display for MetricValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A whole number is written as one.
impl Serialize for MetricValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole")]
        if (0.0..EXACT).contains(&self.0) && self.0.fract() == 0.0 {
            return serializer.serialize_u64(self.0 as u64);
        }
        serializer.serialize_f64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_value_is_written_as_a_whole_number() {
        for (value, text) in
            [(0.0, "0"), (1.0, "1"), (1.04881, "1.04881"), (84_469_400.0, "84469400")]
        {
            assert_eq!(serde_json::to_string(&MetricValue(value)).unwrap(), text);
            assert_eq!(MetricValue(value).to_string(), text);
        }
        assert_eq!(serde_json::to_string(&MetricValue(1.5e20)).unwrap(), "1.5e+20");
    }
}
