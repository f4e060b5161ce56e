//! The target of `firehose-stream`: `PutRecordBatch`, of which single records may fail.
//! <https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html>, 2026-11-21.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aws_config::BehaviorVersion;
use aws_sdk_firehose::Client;
use aws_sdk_firehose::config::retry::RetryConfig;
use aws_sdk_firehose::config::timeout::TimeoutConfig;
use aws_sdk_firehose::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_firehose::operation::put_record_batch::{PutRecordBatchError, PutRecordBatchOutput};
use aws_sdk_firehose::primitives::Blob;
use hyper_util::client::legacy::Error as HttpClientError;
use postmeter::aws::AwsError;
use postmeter::synth::Truth;
use tokio_util::sync::CancellationToken;

use super::args::FirehoseStreamArgs;
use super::output::Notices;
use super::plan::Parcel;
use super::retry::Retry;
use super::sender::{Sender, Sent};
use super::series::{Counts, SeriesTable};
use super::tally::{Live, Tally};
use super::traffic::Record;

/// Maximum records of one call.
pub(crate) const RECORDS_MAX: usize = 500;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// One record, which may fail alone.
#[derive(Debug)]
pub(crate) struct Item {
    data: Vec<u8>,
    events: u64,
    counts: Counts,
}

/// One sender of batches.
pub(crate) struct StreamSender(pub Arc<DeliveryStream>);

/// State shared by the senders.
#[derive(Debug)]
pub(crate) struct DeliveryStream {
    client: Client,
    name: String,
    retry_for: Duration,
    notices: Notices,
    live: Arc<Live>,
    abort: CancellationToken,
}

/// Why no record of a call is known to be accepted.
struct Refused {
    kind: String,
    message: String,
    /// Whether the records may have been accepted.
    unknown: bool,
}

/// Records as the items of a batch.
pub(crate) fn batch(records: &[Record], truth: &Truth, series: &mut SeriesTable) -> Vec<Item> {
    let mut truth = truth.clone();
    let items = records.iter().map(|record| {
        record.tell(&mut truth);
        Item {
            data: record.bytes.clone(),
            events: record.facts.len() as u64,
            counts: series.counts(std::mem::take(&mut truth.series)),
        }
    });
    items.collect()
}

// === impl DeliveryStream ===

impl DeliveryStream {
    /// Reads the SDK's standard environment.
    ///
    /// # Errors
    /// No region is configured anywhere.
    pub(crate) async fn new(
        args: &FirehoseStreamArgs,
        notices: Notices,
        live: Arc<Live>,
        abort: CancellationToken,
    ) -> anyhow::Result<Self> {
        let sdk = aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await;
        sdk.region().context("no AWS region: set AWS_REGION")?;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(args.answer_timeout)
            .build();
        let config = aws_sdk_firehose::config::Builder::from(&sdk)
            // Retries are disabled in the SDK, because ours resend only the failed records.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        let (client, name) = (Client::from_conf(config), args.name.clone());
        Ok(Self { client, name, retry_for: args.pace.retry_for, notices, live, abort })
    }

    async fn attempt(&self, items: &[&Item]) -> Result<PutRecordBatchOutput, Refused> {
        let records = items.iter().map(|item| {
            let record = aws_sdk_firehose::types::Record::builder();
            record.data(Blob::new(item.data.clone())).build().expect("it has its data")
        });
        let call = self.client.put_record_batch().delivery_stream_name(&self.name);
        let output = call.set_records(Some(records.collect())).send().await;
        match output {
            Ok(output) if output.request_responses().len() == items.len() => Ok(output),
            Ok(output) => {
                let answers = output.request_responses().len();
                let message = format!("{answers} results for {} records", items.len());
                Err(Refused { kind: "invalid response".to_owned(), message, unknown: true })
            }
            Err(error) => Err(classify(&error)),
        }
    }
}

fn classify(error: &SdkError<PutRecordBatchError>) -> Refused {
    let message = AwsError::of(error, "firehose:PutRecordBatch").to_string();
    if let SdkError::ServiceError(answer) = error {
        let (code, status) = (answer.err().code(), answer.raw().status().as_u16());
        // The error code of Firehose for throttling.
        let throttled = code == Some("ServiceUnavailableException");
        let kind = code.map_or_else(|| status.to_string(), str::to_owned);
        let message = answer.err().message().unwrap_or_default().to_owned();
        return Refused { kind, message, unknown: status >= 500 && !throttled };
    }
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<HttpClientError>().is_some_and(HttpClientError::is_connect) {
            return Refused { kind: "no connection".to_owned(), message, unknown: false };
        }
        cause = error.source();
    }
    let (kind, unknown) = match error {
        SdkError::ConstructionFailure(_) => ("no request", false),
        SdkError::TimeoutError(_) => ("response timeout", true),
        _ => ("no response", true),
    };
    Refused { kind: kind.to_owned(), message, unknown }
}

impl Sender for StreamSender {
    type Content = Vec<Item>;

    async fn send(&mut self, parcel: &Parcel<Vec<Item>>, _: i64, tally: &mut Tally) -> Sent {
        let stream = &*self.0;
        let mut retry = Retry::new(stream.retry_for, &stream.abort);
        let mut left: Vec<&Item> = parcel.content.iter().collect();
        // Calls that may have accepted all remaining records.
        let mut unknown = 0;
        loop {
            let outcome = tokio::select! {
                outcome = stream.attempt(&left) => outcome,
                () = stream.abort.cancelled() => {
                    give_up(&left, unknown + 1, tally);
                    perhaps_taken(&left, tally);
                    return Sent::NOTHING;
                }
            };
            match outcome {
                Ok(output) => {
                    let mut failed = Vec::new();
                    for (item, answer) in left.iter().zip(output.request_responses()) {
                        if let Some(code) = answer.error_code() {
                            let kind = format!("record: {code}");
                            tally.refused(&kind, &stream.live);
                            stream.notices.refusal(&kind, answer.error_message().unwrap_or(""));
                            failed.push(*item);
                        } else {
                            tally.account.sure(&item.counts);
                            tally.events += item.events;
                            tally.perhaps_twice += item.events * unknown;
                        }
                    }
                    left = failed;
                }
                Err(refused) => {
                    tally.refused(&refused.kind, &stream.live);
                    stream.notices.refusal(&refused.kind, &refused.message);
                    if refused.unknown {
                        unknown += 1;
                        perhaps_taken(&left, tally);
                    }
                }
            }
            if left.is_empty() {
                let bytes = parcel.content.iter().map(|item| item.data.len() as u64).sum();
                return Sent { bytes, whole: true };
            }
            if !retry.pause().await {
                give_up(&left, unknown, tally);
                return Sent::NOTHING;
            }
            tally.retries += 1;
        }
    }
}

fn perhaps_taken(left: &[&Item], tally: &mut Tally) {
    for item in left {
        tally.account.perhaps(&item.counts);
    }
}

fn give_up(left: &[&Item], unknown: u64, tally: &mut Tally) {
    let events: u64 = left.iter().map(|item| item.events).sum();
    if unknown > 0 {
        tally.in_doubt += events;
    } else {
        tally.not_delivered += events;
    }
}
