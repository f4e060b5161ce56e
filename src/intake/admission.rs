//! Admission: whether a request is accepted now.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::entry::{Intake, SourceIntake};
use super::in_flight::Charge;
use super::patience::Patience;
use crate::ack::{Refusal, RefusalReason};
use crate::aggregate::Delta;

// === impl Intake ===

impl Intake {
    /// Rejects every new request from now on.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether a new request may be processed.
    ///
    /// # Errors
    /// The daemon is draining.
    pub(crate) fn admit(&self) -> Result<(), Refusal> {
        if self.is_draining() {
            return Err(draining());
        }
        Ok(())
    }

    /// Whether an epoch that began at this time is older than the settle deadline.
    fn is_overdue(&self, first_merge: Option<Instant>) -> bool {
        first_merge.is_some_and(|first| first.elapsed() > self.settle_deadline)
    }
}

// === impl SourceIntake ===

impl SourceIntake {
    /// Whether a poller may ask for more requests.
    ///
    /// # Errors
    /// The daemon is draining; or requests are acknowledged when their counts are settled, and all
    /// namespaces recently written to are overdue.
    pub(crate) fn may_poll(&self) -> Result<(), Refusal> {
        self.intake.admit()?;
        if !self.until_settled {
            return Ok(());
        }
        let first_merges = (self.intake.first_merges)();
        let all_overdue = first_merges.iter().all(|(_, first)| self.intake.is_overdue(*first));
        if all_overdue && !first_merges.is_empty() { Err(behind()) } else { Ok(()) }
    }

    /// Whether the counts of a request may be merged.
    ///
    /// # Errors
    /// The request is acknowledged when its counts are settled, and one of its namespaces has an
    /// epoch older than the settle deadline.
    pub(super) fn is_on_time(&self, delta: &Delta) -> Result<(), Refusal> {
        if !self.until_settled {
            return Ok(());
        }
        let mut overdue = (self.intake.first_merges)();
        overdue.retain(|(_, first)| self.intake.is_overdue(*first));
        if overdue.is_empty() {
            return Ok(());
        }
        let namespaces = self.intake.aggregator.namespaces_of(delta);
        let is_behind = overdue.iter().any(|(namespace, _)| namespaces.contains(namespace));
        if is_behind { Err(behind()) } else { Ok(()) }
    }

    /// Admits a new request of which this many bytes have arrived.
    ///
    /// # Errors
    /// As for [`Intake::admit`]; or the limits are reached.
    pub(crate) fn enter(&self, bytes: usize) -> Result<Charge, Refusal> {
        // Taken first: a drain that sees nothing in flight is then visible to every later request.
        let Some(mut charge) = self.intake.in_flight.enter() else {
            let message = "too many requests in flight (limits.in_flight_requests); retry";
            return Err(Refusal::new(RefusalReason::Busy, message));
        };
        self.intake.admit()?;
        charge.charge(bytes)?;
        Ok(charge)
    }

    /// As [`SourceIntake::enter`], but waits for room.
    ///
    /// # Errors
    /// No room became free before the patience ended.
    pub(crate) async fn enter_patiently(
        &self,
        bytes: usize,
        patience: &mut Patience,
    ) -> Result<Charge, Refusal> {
        loop {
            let entered = self.enter(0).and_then(|mut charge| {
                charge.leave_room();
                charge.charge(bytes)?;
                Ok(charge)
            });
            match entered {
                Ok(charge) => return Ok(charge),
                Err(refusal) => patience.wait(refusal).await?,
            }
        }
    }
}

pub(super) fn draining() -> Refusal {
    Refusal::new(RefusalReason::Draining, "shutting down; retry")
}

fn behind() -> Refusal {
    Refusal::new(RefusalReason::Behind, "publishing is behind; retry later")
}
