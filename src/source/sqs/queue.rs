//! A queue, as its source uses it: the calls, and what they return.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::in_flight::MessageHandle;
use crate::aws::AwsError;

/// Maximum number of messages in one call.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>,
/// 2026-11-21.
pub(crate) const MESSAGES_MAX: usize = 10;

/// A call on its way.
pub(crate) type QueueCall<'q, T> = Pin<Box<dyn Future<Output = T> + Send + 'q>>;

/// One queue. It makes each call once; callers retry.
pub(crate) trait Queue: fmt::Debug + Send + Sync + 'static {
    fn url(&self) -> &str;

    /// Waits for messages and receives at most [`MESSAGES_MAX`].
    fn receive(&self) -> QueueCall<'_, Result<Vec<ReceivedMessage>, AwsError>>;

    /// Deletes at most [`MESSAGES_MAX`] messages; returns those that failed.
    fn delete<'q>(&'q self, handles: &'q [MessageHandle]) -> QueueCall<'q, Vec<FailedEntry>>;

    /// Sets the visibility timeout of at most [`MESSAGES_MAX`] messages, from now on; returns those
    /// that failed.
    fn change_visibility<'q>(
        &'q self,
        handles: &'q [MessageHandle],
        visibility: Duration,
    ) -> QueueCall<'q, Vec<FailedEntry>>;

    /// Whether the queue has a redrive policy: without one, a message that can never be processed
    /// is redelivered until its retention ends.
    fn has_redrive_policy(&self) -> QueueCall<'_, Result<bool, AwsError>>;
}

/// A delivered message.
#[derive(Debug)]
pub(crate) struct ReceivedMessage {
    pub id: String,
    pub receipt_handle: String,
    pub content: MessageContent,
}

/// The content that SQS delivered.
#[derive(Debug)]
pub(crate) struct MessageContent {
    pub body: String,
    /// How often SQS has delivered it, including this time.
    pub receives: u32,
}

/// A failed entry of a call; possibly all entries failed.
#[derive(Debug)]
pub(crate) struct FailedEntry {
    /// Its position in the call.
    pub at: usize,
    /// A retry would fail again.
    pub for_good: bool,
    pub why: String,
}
