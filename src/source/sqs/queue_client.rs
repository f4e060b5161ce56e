//! A queue of SQS, through the AWS SDK.

use std::time::Duration;

use aws_config::{Region, SdkConfig};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageError;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, MessageSystemAttributeName, QueueAttributeName,
};

use super::in_flight::MessageHandle;
use super::queue::{FailedEntry, MessageContent, Queue, QueueCall, ReceivedMessage};
use super::settings::SqsSettings;
use crate::aws::{AwsError, CONNECT_TIMEOUT, EntryError};

/// The longest wait for messages that SQS allows, in seconds.
const WAIT_SECONDS: i32 = 20;
/// Longer than the longest wait.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// What to do when SQS returns no messages because too many are in flight. With long polling it
/// usually returns an empty response instead of this error.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>,
/// 2026-11-30.
const OVER_LIMIT: &str = "SQS allows 120000 messages of a queue in flight, of all its consumers \
    together; reduce sqs.held_messages so that all daemons that read this queue stay below it";

/// The attribute with the number of deliveries.
const RECEIVES: MessageSystemAttributeName = MessageSystemAttributeName::ApproximateReceiveCount;

/// A client of one queue.
#[derive(Debug)]
pub(crate) struct QueueClient {
    client: Client,
    url: String,
    visibility: i32,
}

/// The endpoint of a queue whose URL is not a regional endpoint: a VPC endpoint, or a replacement
/// for AWS.
fn own_endpoint(queue_url: &str) -> Option<String> {
    let (scheme, rest) = queue_url.split_once("://")?;
    let host = rest.split('/').next()?;
    region_of(queue_url).is_none().then(|| format!("{scheme}://{host}"))
}

/// The region in a queue's URL, if it is an AWS URL.
#[must_use]
pub(crate) fn region_of(queue_url: &str) -> Option<&str> {
    let (_, rest) = queue_url.split_once("://")?;
    let host = rest.split('/').next()?;
    let region = host.strip_prefix("sqs.")?;
    region.strip_suffix(".amazonaws.com").or_else(|| region.strip_suffix(".amazonaws.com.cn"))
}

// === impl QueueClient ===

impl QueueClient {
    pub(crate) fn new(sdk: &SdkConfig, settings: &SqsSettings) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(CALL_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let mut config = aws_sdk_sqs::config::Builder::from(sdk)
            // The callers retry.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(region) = region_of(&settings.queue_url) {
            config = config.region(Region::new(region.to_owned()));
        }
        if let Some(endpoint) = own_endpoint(&settings.queue_url) {
            config = config.endpoint_url(endpoint);
        }
        let client = Client::from_conf(config.build());
        Self { client, url: settings.queue_url.clone(), visibility: seconds(settings.visibility) }
    }

    async fn receive_some(&self) -> Result<Vec<ReceivedMessage>, AwsError> {
        let call = self.client.receive_message().queue_url(&self.url);
        let call = call.max_number_of_messages(10).wait_time_seconds(WAIT_SECONDS);
        let call = call.message_system_attribute_names(RECEIVES);
        let response = call.visibility_timeout(self.visibility).send().await;
        let response = response.map_err(|error| {
            let is_over_limit =
                error.as_service_error().is_some_and(ReceiveMessageError::is_over_limit);
            let error = AwsError::of(&error, "sqs:ReceiveMessage");
            if is_over_limit { error.advise(OVER_LIMIT) } else { error }
        })?;
        let messages = response.messages.unwrap_or_default().into_iter();
        // SQS returns all three with every message.
        Ok(messages
            .filter_map(|message| {
                let (id, receipt_handle) = (message.message_id?, message.receipt_handle?);
                let receives = message.attributes.as_ref().and_then(|all| all.get(&RECEIVES));
                let receives = receives.and_then(|receives| receives.parse().ok()).unwrap_or(1);
                let content = MessageContent { body: message.body?, receives };
                Some(ReceivedMessage { id, receipt_handle, content })
            })
            .collect())
    }

    async fn delete_all(&self, handles: &[MessageHandle]) -> Vec<FailedEntry> {
        let entries = handles.iter().enumerate().map(|(at, handle)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(at.to_string());
            let entry = entry.receipt_handle(&handle.receipt_handle).build();
            entry.expect("an entry requires only an ID and a receipt handle")
        });
        let call = self.client.delete_message_batch().queue_url(&self.url);
        match call.set_entries(Some(entries.collect())).send().await {
            Ok(response) => failed(response.failed()),
            Err(error) => all_failed(handles, &AwsError::of(&error, "sqs:DeleteMessage")),
        }
    }

    async fn hide_all(&self, handles: &[MessageHandle], visibility: Duration) -> Vec<FailedEntry> {
        let entries = handles.iter().enumerate().map(|(at, handle)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(at.to_string());
            let entry = entry.receipt_handle(&handle.receipt_handle);
            let entry = entry.visibility_timeout(seconds(visibility)).build();
            entry.expect("an entry requires only an ID and a receipt handle")
        });
        let call = self.client.change_message_visibility_batch().queue_url(&self.url);
        match call.set_entries(Some(entries.collect())).send().await {
            Ok(response) => failed(response.failed()),
            Err(error) => all_failed(handles, &AwsError::of(&error, "sqs:ChangeMessageVisibility")),
        }
    }

    async fn redrives(&self) -> Result<bool, AwsError> {
        let name = QueueAttributeName::RedrivePolicy;
        let call = self.client.get_queue_attributes().queue_url(&self.url);
        let response = call.attribute_names(name.clone()).send().await;
        let response = response.map_err(|error| AwsError::of(&error, "sqs:GetQueueAttributes"))?;
        Ok(response.attributes.is_some_and(|attributes| attributes.contains_key(&name)))
    }
}

impl Queue for QueueClient {
    fn url(&self) -> &str {
        &self.url
    }

    fn receive(&self) -> QueueCall<'_, Result<Vec<ReceivedMessage>, AwsError>> {
        Box::pin(self.receive_some())
    }

    fn delete<'q>(&'q self, handles: &'q [MessageHandle]) -> QueueCall<'q, Vec<FailedEntry>> {
        Box::pin(self.delete_all(handles))
    }

    fn change_visibility<'q>(
        &'q self,
        handles: &'q [MessageHandle],
        visibility: Duration,
    ) -> QueueCall<'q, Vec<FailedEntry>> {
        Box::pin(self.hide_all(handles, visibility))
    }

    fn has_redrive_policy(&self) -> QueueCall<'_, Result<bool, AwsError>> {
        Box::pin(self.redrives())
    }
}

/// The failed entries, by the positions in their IDs.
fn failed(entries: &[BatchResultErrorEntry]) -> Vec<FailedEntry> {
    let failed = entries.iter().filter_map(|entry| {
        let why = EntryError::new(entry.code(), entry.message()).to_string();
        Some(FailedEntry { at: entry.id().parse().ok()?, for_good: entry.sender_fault, why })
    });
    failed.collect()
}

fn all_failed(handles: &[MessageHandle], error: &AwsError) -> Vec<FailedEntry> {
    let failed = |at| FailedEntry { at, for_good: false, why: error.to_string() };
    (0..handles.len()).map(failed).collect()
}

/// SQS counts in whole seconds.
fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_is_found_in_urls_of_aws_only() {
        for (url, region) in [
            ("https://sqs.eu-west-1.amazonaws.com/123456789012/mail", Some("eu-west-1")),
            ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/mail", Some("cn-north-1")),
            ("http://127.0.0.1:4566/000000000000/mail", None),
            ("http://sqs.eu-west-1.localhost.localstack.cloud:4566/1/mail", None),
            ("sqs.eu-west-1.amazonaws.com", None),
        ] {
            assert_eq!(region_of(url), region, "{url}");
        }
    }

    #[test]
    fn queue_outside_aws_is_its_own_endpoint() {
        for (url, endpoint) in [
            ("https://sqs.eu-west-1.amazonaws.com/123456789012/mail", None),
            ("http://127.0.0.1:4566/000000000000/mail", Some("http://127.0.0.1:4566")),
            (
                "https://vpce-0a-1b.sqs.eu-west-1.vpce.amazonaws.com/1/mail",
                Some("https://vpce-0a-1b.sqs.eu-west-1.vpce.amazonaws.com"),
            ),
        ] {
            assert_eq!(own_endpoint(url).as_deref(), endpoint, "{url}");
        }
    }
}
