//! Admission: whether a request is accepted now.

use std::sync::atomic::Ordering;

use super::entry::{Intake, SourceIntake};
use super::in_flight::Charge;
use super::patience::Patience;
use crate::ack::{Refusal, RefusalReason};

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
    /// The daemon is draining; or, for a source that acknowledges settled counts, an epoch is older
    /// than the settle deadline.
    pub(crate) fn admit(&self, until_settled: bool) -> Result<(), Refusal> {
        if self.is_draining() {
            return Err(Refusal::new(RefusalReason::Draining, "shutting down; retry"));
        }
        if until_settled && self.oldest_age() > self.settle_deadline {
            let message = "publishing is behind; retry later";
            return Err(Refusal::new(RefusalReason::Behind, message));
        }
        Ok(())
    }
}

// === impl SourceIntake ===

impl SourceIntake {
    /// Admits a new request of which this many bytes have arrived.
    ///
    /// # Errors
    /// As for [`Intake::admit`]; or the limits are reached.
    pub(crate) fn enter(&self, bytes: usize) -> Result<Charge, Refusal> {
        self.enter_with(bytes, |_| {})
    }

    fn enter_with(&self, bytes: usize, prepare: fn(&mut Charge)) -> Result<Charge, Refusal> {
        // Taken first: a drain that sees nothing in flight is then visible to every later request.
        let Some(mut charge) = self.intake.in_flight.enter() else {
            let message = "too many requests in flight (limits.in_flight_requests); retry";
            return Err(Refusal::new(RefusalReason::Busy, message));
        };
        self.intake.admit(self.until_settled)?;
        prepare(&mut charge);
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
            match self.enter_with(bytes, Charge::leave_room) {
                Ok(charge) => return Ok(charge),
                Err(refusal) => patience.wait(refusal).await?,
            }
        }
    }
}
