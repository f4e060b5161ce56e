//! A Firehose delivery stream.

use aws_config::SdkConfig;

use super::forwards::RawEvent;
use super::target_call::{CallShape, SendOutcome, line};
use crate::aws::{CallFailure, CallLimits, EntryError, Stream};
use crate::definitions::Arn;
use crate::limits::{
    FIREHOSE_CALL_BYTES_MAX, FIREHOSE_CALL_RECORDS_MAX, FIREHOSE_RECORD_BYTES_MAX,
};

#[derive(Debug)]
pub(super) struct Firehose(Stream);

// === impl Firehose ===

impl Firehose {
    pub(super) const SHAPE: CallShape = CallShape {
        // Leaves room for the newlines.
        limits: CallLimits {
            entries: FIREHOSE_CALL_RECORDS_MAX,
            bytes: FIREHOSE_CALL_BYTES_MAX - FIREHOSE_CALL_RECORDS_MAX,
        },
        event_bytes: FIREHOSE_RECORD_BYTES_MAX - 1,
    };

    pub(super) fn new(sdk: &SdkConfig, stream: &Arn) -> Self {
        Self(Stream::new(sdk, stream.name()))
    }

    /// Every failed record is retried: Firehose reports single records only when it is busy.
    pub(super) async fn put(&self, events: &[RawEvent]) -> Result<Vec<SendOutcome>, CallFailure> {
        let answers = self.0.put(events.iter().map(line)).await?;
        let answer = |answer: Result<(), EntryError>| match answer {
            Ok(()) => SendOutcome::Taken,
            Err(error) => SendOutcome::Again(error.to_string()),
        };
        Ok(answers.into_iter().map(answer).collect())
    }
}
