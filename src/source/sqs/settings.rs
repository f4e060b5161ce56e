//! Settings of a queue.

use std::time::Duration;

/// How a queue is polled.
#[derive(Clone, Debug)]
pub(crate) struct SqsSettings {
    pub queue_url: String,
    /// The visibility timeout of a received message.
    pub visibility: Duration,
    pub held_messages: usize,
    pub pollers: usize,
}
