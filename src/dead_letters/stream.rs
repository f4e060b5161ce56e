//! Letters to a Firehose delivery stream, by `PutRecordBatch`, of which single records may fail.
//! <https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html>
//!
//! What fails is sent again, for as long as it takes; so is a call whose answer is lost, and then a
//! letter is in the stream twice. That matters only where an event of a type that was unknown is read
//! by a version that knows it; `requestId` and `record` tell.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_firehose::Client;
use aws_sdk_firehose::config::retry::RetryConfig;
use aws_sdk_firehose::config::timeout::TimeoutConfig;
use aws_sdk_firehose::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_firehose::operation::put_record_batch::PutRecordBatchError;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;

use super::keeper::Outcomes;
use crate::backoff::Backoff;
use crate::limits::{FIREHOSE_CALL_BYTES_MAX, FIREHOSE_CALL_RECORDS_MAX};
use crate::telemetry::LetterOutcome;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// A delivery stream.
#[derive(Debug)]
pub struct Stream {
    client: Client,
    name: String,
}

/// Why a whole call was not taken.
enum Failure {
    /// No repeat can help.
    Invalid(String),
    Other(String),
}

/// Cuts records into what one call takes each.
pub fn calls(records: impl Iterator<Item = Vec<u8>>) -> impl Iterator<Item = Vec<Vec<u8>>> {
    let mut records = records.peekable();
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let mut call = Vec::new();
        while let Some(record) = records.next_if(|record| {
            bytes += record.len();
            call.is_empty()
                || (call.len() < FIREHOSE_CALL_RECORDS_MAX && bytes <= FIREHOSE_CALL_BYTES_MAX)
        }) {
            call.push(record);
        }
        (!call.is_empty()).then_some(call)
    })
}

// === impl Stream ===

impl Stream {
    /// In the region and with the credentials of `sdk`.
    #[must_use]
    pub fn new(sdk: &SdkConfig, name: &str) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(CALL_TIMEOUT)
            // Finding credentials is no part of an attempt.
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let config = aws_sdk_firehose::config::Builder::from(sdk)
            // Ours know which records are to be sent again.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        Self { client: Client::from_conf(config), name: name.to_owned() }
    }

    /// Sends records of one call until all are taken, or are refused for good.
    pub(super) async fn send(&self, mut left: Vec<Vec<u8>>, outcomes: &Outcomes) {
        let mut backoff = Backoff::default();
        loop {
            let before = left.len();
            match self.put(&mut left).await {
                Ok(None) => {}
                Ok(Some(why)) | Err(Failure::Other(why)) => outcomes.delayed(left.len(), &why),
                Err(Failure::Invalid(why)) => {
                    outcomes.not_kept(LetterOutcome::Failed, before as u64, &why);
                    return outcomes.settle(before as u64);
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
    async fn put(&self, records: &mut Vec<Vec<u8>>) -> Result<Option<String>, Failure> {
        let list = records.iter().map(|record| {
            let record = Record::builder().data(Blob::new(record.clone())).build();
            record.expect("data is all that a record needs")
        });
        let call = self.client.put_record_batch().delivery_stream_name(&self.name);
        let answer = call.set_records(Some(list.collect())).send().await;
        let answer = answer.map_err(|error| classify(&error))?;
        let answers = answer.request_responses();
        if answers.len() != records.len() {
            let why = format!("{} answers to {} records", answers.len(), records.len());
            return Err(Failure::Other(why));
        }
        let why = answers.iter().find_map(|answer| {
            let code = answer.error_code()?;
            Some(format!("{code}: {}", answer.error_message().unwrap_or_default()))
        });
        let mut answers = answers.iter();
        records.retain(|_| answers.next().is_some_and(|answer| answer.error_code().is_some()));
        Ok(why)
    }
}

fn classify(error: &SdkError<PutRecordBatchError>) -> Failure {
    let SdkError::ServiceError(answer) = error else {
        return Failure::Other(DisplayErrorContext(error).to_string());
    };
    let (status, fault) = (answer.raw().status().as_u16(), answer.err());
    let code = fault.code().unwrap_or_default();
    let why = format!("{status} {code}: {}", fault.message().unwrap_or_default());
    if matches!(code, "InvalidArgumentException" | "ValidationException") || status == 413 {
        Failure::Invalid(why)
    } else {
        Failure::Other(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_hold_all_records_in_order_and_no_more_than_firehose_takes() {
        for (record, count, lens) in [
            (10, 1200, vec![500, 500, 200]),
            (FIREHOSE_CALL_BYTES_MAX / 4, 9, vec![4, 4, 1]),
            (FIREHOSE_CALL_BYTES_MAX / 4 + 1, 4, vec![3, 1]),
            (0, 0, vec![]),
        ] {
            let records = (0..count).map(|number: usize| {
                let mut bytes = vec![0; record];
                bytes[..8].copy_from_slice(&number.to_le_bytes());
                bytes
            });
            let calls: Vec<_> = calls(records.clone()).collect();
            assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), lens);
            assert!(calls.into_iter().flatten().eq(records));
        }
    }
}
