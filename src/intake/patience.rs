//! How long a request of a poller waits for room.

use std::fmt;
use std::sync::Arc;

use tokio::time::{Duration, Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::budget::Budget;
use super::entry::Intake;
use super::in_flight::InFlight;
use crate::ack::{Refusal, RefusalReason};
use crate::backoff::Backoff;

/// Retries after temporary refusals, until it is stopped or the time is up.
pub(crate) struct Patience {
    in_flight: Arc<InFlight>,
    stop: CancellationToken,
    backoff: Backoff,
    deadline: Option<Instant>,
    make_room: Option<MakeRoom>,
}

/// Called when too many counts are waiting to be published.
pub(crate) type MakeRoom = Arc<dyn Fn() + Send + Sync>;

// === impl Patience ===

impl Patience {
    #[must_use]
    pub(crate) fn new(intake: &Intake, stop: CancellationToken) -> Self {
        let in_flight = Arc::clone(&intake.in_flight);
        Self { in_flight, stop, backoff: Backoff::default(), deadline: None, make_room: None }
    }

    /// Limits the total time of all waits.
    #[must_use]
    pub(crate) fn at_most(mut self, time: Duration) -> Self {
        self.deadline = Some(Instant::now() + time);
        self
    }

    /// When the waits end, if they are limited.
    #[must_use]
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Calls this when too many counts are waiting to be published. They are published soon then,
    /// so each such wait is short.
    #[must_use]
    pub(crate) fn making_room(mut self, make_room: MakeRoom) -> Self {
        self.make_room = Some(make_room);
        self
    }

    /// Waits after a temporary refusal.
    ///
    /// # Errors
    /// A retry cannot succeed, the time is up, or the patience was stopped.
    pub(crate) async fn wait(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        let time_is_up = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if time_is_up || !refusal.reason.is_temporary() {
            return Err(refusal);
        }
        if refusal.reason == RefusalReason::Entries
            && let Some(make_room) = &self.make_room
        {
            make_room();
            self.backoff = Backoff::default();
        }
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {
                Err(Refusal::new(RefusalReason::Draining, "shutting down; retry"))
            }
            () = self.in_flight.freed(), if refusal.reason == RefusalReason::Busy => Ok(()),
            () = sleep(self.backoff.pause()) => Ok(()),
        }
    }

    /// Reads a request within its budget. Starts over when there was no room for the expanded data.
    ///
    /// # Errors
    /// As for [`Patience::wait`].
    pub(crate) async fn read<T, F>(
        &mut self,
        budget: &Budget,
        read: impl Fn() -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        loop {
            match read().await {
                Ok(read) => return Ok(read),
                Err(refusal) => {
                    // It waits without what it will read again.
                    budget.renew();
                    self.wait(refusal).await?;
                }
            }
        }
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patience").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
