//! Letters to a Firehose delivery stream.
//!
//! What fails is sent again, for as long as it takes; so is a call whose answer is lost, and then a
//! letter is in the stream twice. That matters only where an event of a type that was unknown is read
//! by a version that knows it; `requestId` and `record` tell.

use tokio::sync::mpsc;

use super::keeper::{Outcomes, PARCELS_MAX, Parcel};
use crate::aws::{CallFailure, CallLimits, Stream, calls};
use crate::backoff::Backoff;
use crate::limits::{FIREHOSE_CALL_BYTES_MAX, FIREHOSE_CALL_RECORDS_MAX};
use crate::telemetry::LetterOutcome;

const CALL: CallLimits =
    CallLimits { entries: FIREHOSE_CALL_RECORDS_MAX, bytes: FIREHOSE_CALL_BYTES_MAX };

/// A delivery stream of letters.
#[derive(Debug)]
pub struct LetterStream(Stream);

/// Sends what the queue brings, until nobody is left who can bring any.
pub async fn send_to(
    stream: &LetterStream,
    queue: &mut mpsc::UnboundedReceiver<Parcel>,
    outcomes: &Outcomes,
) {
    let mut parcels: Vec<Parcel> = Vec::new();
    while queue.recv_many(&mut parcels, PARCELS_MAX).await > 0 {
        // Until all are sent: the lines are made of what the room is for.
        let _rooms: Vec<_> = parcels.iter_mut().map(|parcel| parcel.room.take()).collect();
        let lines =
            std::mem::take(&mut parcels).into_iter().flat_map(|parcel| parcel.contents.lines());
        for records in calls(lines, CALL, Vec::len) {
            stream.send(records, outcomes).await;
        }
    }
}

// === impl LetterStream ===

impl LetterStream {
    #[must_use]
    pub fn new(stream: Stream) -> Self {
        Self(stream)
    }

    /// Sends records of one call until all are taken, or are refused for good.
    pub(super) async fn send(&self, mut left: Vec<Vec<u8>>, outcomes: &Outcomes) {
        let mut backoff = Backoff::default();
        loop {
            let before = left.len();
            match self.put(&mut left).await {
                Ok(None) => {}
                Ok(Some(why)) | Err(CallFailure::Other(why)) => outcomes.delayed(left.len(), &why),
                Err(CallFailure::Invalid(why)) => {
                    outcomes.not_kept(LetterOutcome::Failed, before as u64, &why);
                    outcomes.settle(before as u64);
                    return;
                }
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

    /// One call; leaves the records that it did not take, and says why for the first.
    async fn put(&self, records: &mut Vec<Vec<u8>>) -> Result<Option<String>, CallFailure> {
        let answers = self.0.put(records.iter().cloned()).await?;
        let why = answers.iter().find_map(|answer| answer.clone().err());
        let mut answers = answers.iter();
        records.retain(|_| answers.next().is_some_and(Result::is_err));
        Ok(why)
    }
}
