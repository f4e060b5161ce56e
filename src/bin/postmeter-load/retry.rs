//! Retries: their delays and their deadline.

use std::time::Duration;

use postmeter::backoff::Backoff;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The attempts for one parcel.
pub(crate) struct Retry<'a> {
    backoff: Backoff,
    started: Instant,
    patience: Duration,
    abort: &'a CancellationToken,
}

// === impl Retry ===

impl<'a> Retry<'a> {
    /// Starts with the first attempt. No other attempt starts after `patience`, or after the run is
    /// aborted.
    pub(crate) fn new(patience: Duration, abort: &'a CancellationToken) -> Self {
        Self { backoff: Backoff::default(), started: Instant::now(), patience, abort }
    }

    /// Waits until the next attempt; `false` if there is none.
    pub(crate) async fn pause(&mut self) -> bool {
        let pause = self.backoff.pause();
        if self.started.elapsed() + pause > self.patience {
            return false;
        }
        tokio::select! {
            () = sleep(pause) => true,
            () = self.abort.cancelled() => false,
        }
    }
}
