//! Trying again: how long, and until when.

use std::time::Duration;

use postmeter::backoff::Backoff;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The tries of one parcel.
pub struct Retry<'a> {
    backoff: Backoff,
    started: Instant,
    patience: Duration,
    abort: &'a CancellationToken,
}

// === impl Retry ===

impl<'a> Retry<'a> {
    /// Begins with the first try. No other begins after `patience`, nor once the run is aborted.
    pub fn new(patience: Duration, abort: &'a CancellationToken) -> Self {
        Self { backoff: Backoff::default(), started: Instant::now(), patience, abort }
    }

    /// Waits until there may be another try; `false` when there is to be none.
    pub async fn pause(&mut self) -> bool {
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
