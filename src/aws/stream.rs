//! A Firehose delivery stream, through `PutRecordBatch`, in which single records may fail.
//! <https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html>, 2026-11-21.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_firehose::Client;
use aws_sdk_firehose::config::retry::RetryConfig;
use aws_sdk_firehose::config::timeout::TimeoutConfig;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;

use super::{CONNECT_TIMEOUT, CallFailure, EntryError};

const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// A delivery stream.
#[derive(Debug)]
pub struct Stream {
    client: Client,
    name: String,
}

// === impl Stream ===

impl Stream {
    /// Uses the region and credentials of `sdk`.
    #[must_use]
    pub fn new(sdk: &SdkConfig, name: &str) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(CALL_TIMEOUT)
            // Finding credentials is not part of an attempt.
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let config = aws_sdk_firehose::config::Builder::from(sdk)
            // The caller retries, because it knows which records failed.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        Self { client: Client::from_conf(config), name: name.to_owned() }
    }

    /// Makes one call. For each record in order: whether it was accepted, or why not.
    ///
    /// # Errors
    /// None was accepted, or the outcome is unknown.
    pub async fn put(
        &self,
        records: impl Iterator<Item = Vec<u8>>,
    ) -> Result<Vec<Result<(), EntryError>>, CallFailure> {
        let records = records.map(|record| Record::builder().data(Blob::new(record)).build());
        let records = records.collect::<Result<Vec<_>, _>>()?;
        let sent = records.len();
        let call = self.client.put_record_batch().delivery_stream_name(&self.name);
        let answer = call.set_records(Some(records)).send().await;
        let answer = answer.map_err(|error| CallFailure::of(&error, "firehose:PutRecordBatch"))?;
        let answers = answer.request_responses();
        if answers.len() != sent {
            return Err(CallFailure::Results { answers: answers.len(), sent });
        }
        let each = answers.iter().map(|answer| match answer.error_code() {
            None => Ok(()),
            Some(code) => Err(EntryError::new(code, answer.error_message())),
        });
        Ok(each.collect())
    }
}
