//! A sum without rounding.

/// A sum: doubles lose units above 2^53.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExactSum {
    pub whole: u64,
    /// The part that is negative, fractional or too large for `whole`.
    pub rest: f64,
}

// === impl ExactSum ===

impl ExactSum {
    /// Adds a value that was observed so often.
    pub fn add(&mut self, value: f64, times: f64) {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
        let is_whole = |x: f64| (0.0..=EXACT).contains(&x) && x.fract() == 0.0;
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

    pub fn merge(&mut self, other: Self) {
        self.rest += other.rest;
        match self.whole.checked_add(other.whole) {
            Some(whole) => self.whole = whole,
            #[expect(clippy::cast_precision_loss, reason = "it does not fit otherwise")]
            None => self.rest += other.whole as f64,
        }
    }

    /// The sum, rounded to a double.
    #[must_use]
    pub fn rounded(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
        let whole = self.whole as f64;
        whole + self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_exact_and_the_rest_is_kept() {
        let mut sum = ExactSum::default();
        for (value, times) in [(9_007_199_254_740_992.0, 1.0), (1.0, 1.0), (0.5, 3.0), (-1.0, 1.0)]
        {
            sum.add(value, times);
        }
        assert_eq!((sum.whole, sum.rest.to_string()), (9_007_199_254_740_993, "0.5".to_owned()));
        let mut full = ExactSum { whole: u64::MAX, rest: 0.0 };
        full.merge(ExactSum { whole: 1, rest: 0.0 });
        assert_eq!((full.whole, full.rest.to_string()), (u64::MAX, "1".to_owned()));
    }
}
