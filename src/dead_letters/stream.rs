//! Dead letters sent to a Firehose delivery stream.
//!
//! Failed letters are retried until they succeed. A call whose response is lost is retried too, so
//! a letter may be in the stream twice. That matters only if a newer version knows the type of an
//! event that was unknown; `requestId` and `record` identify such duplicates.

use tokio::sync::mpsc;

use super::job::{DeadLetterJob, JOBS_MAX};
use super::outcomes::LetterOutcomes;
use crate::aws::{CallFailure, CallLimits, EntryError, Stream, calls};
use crate::backoff::Backoff;
use crate::limits::{FIREHOSE_CALL_BYTES_MAX, FIREHOSE_CALL_RECORDS_MAX};
use crate::telemetry::LetterOutcome;

const CALL: CallLimits =
    CallLimits { entries: FIREHOSE_CALL_RECORDS_MAX, bytes: FIREHOSE_CALL_BYTES_MAX };

/// A delivery stream for dead letters.
#[derive(Debug)]
pub(crate) struct LetterStream(Stream);

/// Sends queued letters until every sender is dropped.
pub(super) async fn send_to(
    stream: &LetterStream,
    queue: &mut mpsc::UnboundedReceiver<DeadLetterJob>,
    outcomes: &LetterOutcomes,
) {
    let mut jobs: Vec<DeadLetterJob> = Vec::new();
    while queue.recv_many(&mut jobs, JOBS_MAX).await > 0 {
        // Held until all letters are sent, because the lines use the reserved memory.
        let _rooms: Vec<_> = jobs.iter_mut().map(|job| job.room.take()).collect();
        let lines = std::mem::take(&mut jobs).into_iter().flat_map(|job| job.contents.lines());
        for records in calls(lines, CALL, Vec::len) {
            stream.send(records, outcomes).await;
        }
    }
}

// === impl LetterStream ===

impl LetterStream {
    #[must_use]
    pub(crate) fn new(stream: Stream) -> Self {
        Self(stream)
    }

    /// Sends the records of one call until each is accepted or rejected permanently.
    pub(super) async fn send(&self, mut left: Vec<Vec<u8>>, outcomes: &LetterOutcomes) {
        let mut backoff = Backoff::default();
        loop {
            let before = left.len();
            match self.put(&mut left).await {
                Ok(None) => {}
                Ok(Some(error)) => outcomes.delayed(left.len(), &error.to_string()),
                Err(failure) if failure.is_final() => {
                    outcomes.not_kept(LetterOutcome::Failed, before as u64, &failure.to_string());
                    outcomes.settle(before as u64);
                    return;
                }
                Err(failure) => outcomes.delayed(left.len(), &failure.to_string()),
            }
            let taken = (before - left.len()) as u64;
            outcomes.add(LetterOutcome::Kept, taken);
            outcomes.settle(taken);
            if left.is_empty() {
                return;
            }
            if taken > 0 {
                backoff = Backoff::default();
            }
            tokio::time::sleep(backoff.pause()).await;
        }
    }

    /// Makes one call. Removes the accepted records, and returns the first error.
    async fn put(&self, records: &mut Vec<Vec<u8>>) -> Result<Option<EntryError>, CallFailure> {
        let results = self.0.put(records.iter().cloned()).await?;
        let why = results.iter().find_map(|result| result.clone().err());
        let mut results = results.iter();
        records.retain(|_| results.next().is_some_and(Result::is_err));
        Ok(why)
    }
}
