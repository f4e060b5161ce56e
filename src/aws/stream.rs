//! A Firehose delivery stream, by `PutRecordBatch`, of which single records may fail.
//! <https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html>, 2026-11-21.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_firehose::Client;
use aws_sdk_firehose::config::retry::RetryConfig;
use aws_sdk_firehose::config::timeout::TimeoutConfig;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;

use super::{CONNECT_TIMEOUT, CallFailure};

const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// A delivery stream.
#[derive(Debug)]
pub struct Stream {
    client: Client,
    name: String,
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

    /// One call. For each record in its order: that it was taken, or why not.
    ///
    /// # Errors
    /// None was taken, or nobody knows.
    pub async fn put(
        &self,
        records: impl Iterator<Item = Vec<u8>>,
    ) -> Result<Vec<Result<(), String>>, CallFailure> {
        let records = records.map(|record| Record::builder().data(Blob::new(record)).build());
        let records: Vec<_> = records
            .collect::<Result<_, _>>()
            .map_err(|error| CallFailure::Invalid(error.to_string()))?;
        let sent = records.len();
        let call = self.client.put_record_batch().delivery_stream_name(&self.name);
        let answer = call.set_records(Some(records)).send().await;
        let answer = answer.map_err(|error| CallFailure::of(&error))?;
        let answers = answer.request_responses();
        if answers.len() != sent {
            let why = format!("the response has {} entries for {sent} records", answers.len());
            return Err(CallFailure::Other(why));
        }
        let each = answers.iter().map(|answer| match answer.error_code() {
            None => Ok(()),
            Some(code) => Err(format!("{code}: {}", answer.error_message().unwrap_or_default())),
        });
        Ok(each.collect())
    }
}
