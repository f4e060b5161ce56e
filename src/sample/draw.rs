//! The sampled events of one request.

use std::sync::Arc;

use fastrand::Rng;

use super::slice::Slice;
use crate::ses::{AddressCodes, Event, Interest, minimal_event};

/// Collects the sampled events of one request. An event that is not sampled costs a subtraction.
#[derive(Debug)]
pub(crate) struct Draw {
    /// Events to skip before the next one is taken.
    skip: u64,
    slice: Slice,
    bytes_max: usize,
    codes: Arc<AddressCodes>,
    rng: Rng,
}

// === impl Draw ===

impl Draw {
    /// Memory for the sampled events of one request.
    pub(crate) const BYTES_MAX: usize = 256 << 10;

    pub(super) fn new(level: u8, bytes_max: usize, codes: Arc<AddressCodes>, seed: u64) -> Self {
        let slice = Slice::new(level);
        let mut draw = Self { skip: 0, slice, bytes_max, codes, rng: Rng::with_seed(seed) };
        draw.skip = draw.next_skip();
        draw
    }

    /// An empty draw at the same level.
    #[must_use]
    pub(crate) fn blank(&self) -> Self {
        let mut rng = self.rng.clone();
        Self::new(self.slice.level(), self.bytes_max, Arc::clone(&self.codes), rng.u64(..))
    }

    /// Memory of the sampled events.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        self.slice.bytes()
    }

    /// Looks at the next event. `raw` holds its bytes.
    #[inline]
    pub(crate) fn event(&mut self, event: &Event<'_>, raw: &[u8], interest: &Interest) {
        self.slice.see();
        match self.skip.checked_sub(1) {
            Some(skip) => self.skip = skip,
            None => self.take(event, raw, interest),
        }
    }

    #[cold]
    fn take(&mut self, event: &Event<'_>, raw: &[u8], interest: &Interest) {
        let more = self.rng.u64(..).leading_zeros();
        let level = u32::from(self.slice.level()) + more;
        if let Some(text) = minimal_event(raw, event.event_type, interest, &self.codes) {
            self.slice.push(u8::try_from(level).unwrap_or(u8::MAX), &text);
        }
        while self.slice.bytes() > self.bytes_max {
            self.slice.thin_out();
        }
        self.skip = self.next_skip();
    }

    /// The number of events before the next one whose level is that of the slice or higher: it has a
    /// geometric distribution, so one random number replaces the coins of all skipped events.
    fn next_skip(&mut self) -> u64 {
        let level = self.slice.level();
        if level == 0 {
            return 0;
        }
        let chance = 0.5_f64.powi(i32::from(level));
        let skip = (1.0 - self.rng.f64()).ln() / (-chance).ln_1p();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is not negative, and a cast of what is too large gives the largest number"
        )]
        let skip = skip as u64;
        skip
    }

    pub(super) fn into_slice(self) -> Slice {
        self.slice
    }
}
