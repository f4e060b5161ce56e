//! Buckets of delivery times. A bucket is 10 % wide and sent as the value in its middle, which is at
//! most 4.9 % off. The buckets are the same in every daemon, so percentiles of several merge.

use super::value_index::ValueIndex;

const WIDTH: f64 = 1.1;

/// The largest index: its bucket is the last one whose value CloudWatch accepts, 2^360.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>,
/// 2026-11-30.
const INDEX_MAX: u16 = 2_600;

/// The bucket of a time in milliseconds; `None` for a number that cannot be sent. Index 0 is for
/// times below a millisecond.
#[must_use]
pub(super) fn bucket(ms: f64) -> Option<ValueIndex> {
    if ms < 1.0 {
        return Some(ValueIndex(0));
    }
    let power = (ms.ln() / WIDTH.ln()).floor();
    // Not true of a number that is not finite.
    if power < f64::from(INDEX_MAX) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        return Some(ValueIndex(power as u16 + 1));
    }
    None
}

/// The value that is sent for a bucket.
#[must_use]
pub(super) fn value(index: ValueIndex) -> Option<f64> {
    let ValueIndex(index @ 0..=INDEX_MAX) = index else { return None };
    let Some(power) = index.checked_sub(1) else { return Some(0.0) };
    // Six significant digits: the same on every platform.
    format!("{:.5e}", WIDTH.powf(f64::from(power) + 0.5)).parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As in the documentation of buckets.
    #[test]
    fn known_times_have_known_values() {
        for (ms, sent) in [
            (-5.0, "0"),
            (0.0, "0"),
            (0.999, "0"),
            (1.0, "1.04881"),
            (1.0999, "1.04881"),
            (1.1001, "1.15369"),
            (2.0, "2.04383"),
            (546.0, "565.736"),
            (1e6, "957730"),
            (86_400_000.0, "84469400"),
        ] {
            let value = bucket(ms).and_then(value).expect("it can be sent");
            assert_eq!(value.to_string(), sent, "{ms}");
        }
        for ms in [f64::INFINITY, f64::NAN, f64::MAX, 1e108] {
            assert_eq!(bucket(ms), None, "{ms}");
        }
        assert_eq!(value(ValueIndex(INDEX_MAX + 1)), None);
    }

    #[test]
    fn values_ascend_with_their_index_and_cloudwatch_accepts_them() {
        let values: Vec<f64> =
            (0..=INDEX_MAX).map_while(|index| value(ValueIndex(index))).collect();
        assert_eq!(values.len(), usize::from(INDEX_MAX) + 1);
        assert!(values.is_sorted_by(|a, b| a < b));
        assert!(values[values.len() - 1] < 2_f64.powi(360));
    }

    proptest! {
        #[test]
        fn value_is_at_most_5_percent_off(ms in 1.0_f64..1e12) {
            let sent = bucket(ms).and_then(value).expect("it can be sent");
            prop_assert!((sent / ms - 1.0).abs() <= 0.0489, "{} is sent as {}", ms, sent);
        }
    }
}
