//! Reads bytes into a batch within a budget, away from the threads that serve others.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;

use super::budget::{Budget, MeteredBatch, StopReason};
use super::cores::is_quick;
use super::entry::{Intake, SourceIntake};
use super::in_flight::Charge;
use crate::ack::{Refusal, RefusalReason};
use crate::offload::offload_stream;
use crate::pipeline::Batch;
use crate::pipeline::bulk::{TextSource, TooLong};
use crate::ses::{Reader, read_all};

/// Why a stream was not read to its end.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The stream failed.
    Failed(String),
    Refused(Refusal),
}

// === impl Intake ===

impl Intake {
    /// The budget of a request in flight.
    #[must_use]
    pub(crate) fn budget(&self, charge: Charge) -> Budget {
        Budget::new(self.budget, charge)
    }

    /// Runs work on a request on a thread of its own.
    ///
    /// # Errors
    /// The work panicked, which rejects the request permanently.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        self.cores.run(work).await.ok_or_else(panicked)
    }
}

// === impl SourceIntake ===

impl SourceIntake {
    /// Reads a text in memory into a batch like `blank`.
    ///
    /// # Errors
    /// The request exceeds its budget, or reading it panicked.
    pub(crate) async fn read(
        &self,
        text: Bytes,
        blank: Batch,
        budget: &Budget,
    ) -> Result<Batch, Refusal> {
        let is_quick = is_quick(&text);
        let work = {
            let (intake, budget) = (Arc::clone(&self.intake), budget.clone());
            move || {
                let mut reading =
                    MeteredBatch::new(blank.blank(intake.dead_letter_batch()), &budget);
                let rules = blank.rules();
                read_all(&text, rules.interest(), &mut reading);
                reading.finish()
            }
        };
        if is_quick {
            budget.set_quick(true);
            match catch_panic(&work)? {
                Err(StopReason::NotQuick) => budget.set_quick(false),
                read => return Ok(read?),
            }
        }
        Ok(self.intake.run(work).await??)
    }

    /// Rereads a text that was within its budget before.
    ///
    /// # Errors
    /// Reading it panicked.
    pub(crate) async fn read_again(&self, text: Bytes, blank: Batch) -> Result<Batch, Refusal> {
        let letters = self.intake.dead_letter_batch();
        let work = move || {
            let mut batch = blank.blank(letters);
            read_all(&text, batch.rules().interest(), &mut batch);
            batch
        };
        self.intake.run(work).await
    }
}

/// Runs quick work on a request on the current thread.
///
/// # Errors
/// The work panicked, which rejects the request permanently.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| panicked())
}

/// A panic rejects its request permanently.
fn panicked() -> Refusal {
    tracing::error!("processing a request panicked; the request is rejected permanently");
    Refusal::new(RefusalReason::Panic, "internal error while reading the request")
}

/// Reads a text of any length, gzip or not, on a thread of its own. Its outermost level is not
/// charged to the budget, but limited to `bytes_max` if that is set.
///
/// # Errors
/// The stream failed, or the request exceeds its budget.
pub(crate) async fn read_stream(
    stream: impl Read + Send + 'static,
    bytes_max: Option<u64>,
    mut reading: MeteredBatch,
) -> Result<MeteredBatch, ReadError> {
    let work = move || {
        let limit = bytes_max.unwrap_or(u64::MAX);
        let TextSource { bytes, gzips } = TextSource::within(limit, stream)?;
        let rules = reading.batch.rules();
        let read = Reader::new(bytes).read(gzips, rules.interest(), &mut reading);
        read.map(|()| reading)
    };
    match offload_stream(work).await {
        Ok(Ok(reading)) => Ok(reading),
        Ok(Err(error)) if is_too_long(&error) => {
            let limit = bytes_max.unwrap_or(u64::MAX);
            let why = format!("it is larger than {limit} bytes (limits.object_bytes)");
            Err(ReadError::Refused(Refusal::new(RefusalReason::OverBudget, why)))
        }
        Ok(Err(error)) => Err(ReadError::Failed(error.to_string())),
        Err(_) => Err(ReadError::Refused(panicked())),
    }
}

fn is_too_long(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<TooLong>)
}

// === impl ReadError ===

impl ReadError {
    /// The same error, prefixed with the name of the source.
    #[must_use]
    pub(crate) fn of(self, name: &str) -> Self {
        match self {
            Self::Failed(why) => Self::Failed(format!("{name} cannot be read: {why}")),
            Self::Refused(Refusal { reason, message }) => {
                Self::Refused(Refusal::new(reason, format!("{name}: {message}")))
            }
        }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Failed(why) => Self::new(RefusalReason::GivenUp, why),
            ReadError::Refused(refusal) => refusal,
        }
    }
}
