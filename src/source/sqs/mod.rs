//! Messages of an SQS queue: received, counted, and deleted when that is safe.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html>,
//! 2026-11-21.
//!
//! A [`SqsSource`] receives messages with as many pollers as there is work for. Each message is a
//! request: identified by queue and ID, read completely, merged in one step. From its receipt to
//! its deletion it is [in flight](in_flight): its visibility timeout is extended in time, so that SQS does
//! not redeliver it; if SQS does so anyway, only the newest receipt handle is kept. Messages that
//! cannot be merged now wait here. Messages that can never be read are counted, as in any source.

mod envelope;
mod in_flight;
mod message;
mod message_guard;
mod object_source;
mod objects;
mod poller;
mod queue;
mod queue_client;
mod settings;
mod shared;
mod source;
mod upkeep;

#[cfg(test)]
pub(crate) use in_flight::MessageHandle;
pub(crate) use object_source::ObjectSource;
pub(crate) use queue::Queue;
#[cfg(test)]
pub(crate) use queue::{FailedEntry, MESSAGES_MAX, MessageContent, QueueCall, ReceivedMessage};
pub(crate) use queue_client::{QueueClient, region_of};
pub(crate) use settings::SqsSettings;
pub(crate) use source::{SqsDeps, SqsSource};
