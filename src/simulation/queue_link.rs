//! The connection of one life to a queue.

use std::future::pending;
use std::hash::BuildHasher;
use std::time::Duration;

use fastrand::Rng;
use foldhash::fast::FixedState;
use tokio::time::sleep;

use super::queue::{Message, QueueState, SharedQueue};
use super::requests::Requests;
use super::weather::QueueWeather;
use super::world::{Alive, LifeId, World};
use crate::aws::AwsError;
use crate::config::Acknowledge;
use crate::source::sqs::{
    FailedEntry, MessageContent, MessageHandle, Queue, QueueCall, ReceivedMessage,
};

/// The connection of one life to a queue.
#[derive(Debug)]
pub(super) struct QueueLink {
    pub queue: SharedQueue,
    pub url: String,
    pub requests: Requests,
    pub alive: Alive,
    pub world: World,
    pub life: LifeId,
    pub mode: Acknowledge,
    pub visibility: Duration,
}

/// Whether a call has an effect, and whether its caller is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CallEnd {
    Done,
    Untold,
    Failed,
}

/// How long SQS waits for messages.
const WAIT_MS: i64 = 20_000;

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).expect("histories are short")
}

// === impl QueueLink ===

impl QueueLink {
    /// A call takes its time; nothing comes back to a dead engine. The messages that a call concerns
    /// decide its fate, because calls that begin at once have no order.
    async fn call(&self, handles: &[MessageHandle]) -> CallEnd {
        self.check().await;
        let (end, takes_ms) = {
            let mut queue = self.queue.state();
            let weather = queue.weather;
            let mut own = Rng::with_seed(key(handles, self.world.now_ms()));
            let rng = if handles.is_empty() { &mut queue.rng } else { &mut own };
            let end = match (weather, rng.u8(0..4)) {
                (QueueWeather::Fair, _) | (QueueWeather::Failing, 0 | 1) => CallEnd::Done,
                (QueueWeather::Failing, 2) => CallEnd::Untold,
                _ => CallEnd::Failed,
            };
            (end, rng.u64(5..100))
        };
        sleep(Duration::from_millis(takes_ms)).await;
        self.check().await;
        if end != CallEnd::Done {
            self.alive.disturb();
            self.world.fault("queue call failed");
        }
        end
    }

    async fn check(&self) {
        if self.alive.is_dead() {
            pending::<()>().await;
        }
    }

    async fn receive_some(&self) -> Result<Vec<ReceivedMessage>, AwsError> {
        let until_ms = self.world.now_ms() + WAIT_MS;
        loop {
            self.check().await;
            let now_ms = self.world.now_ms();
            for request in self.queue.state().expire(now_ms) {
                self.world.fault("message expired");
                self.requests.expired(request);
            }
            let next_ms = self.queue.state().next_visible_ms().unwrap_or(until_ms).min(until_ms);
            if next_ms <= now_ms {
                break;
            }
            let wait_ms = u64::try_from(next_ms - now_ms).unwrap_or_default();
            sleep(Duration::from_millis(wait_ms)).await;
        }
        match self.call(&[]).await {
            CallEnd::Failed => return Err(AwsError::unreachable("the queue is away")),
            CallEnd::Untold => {
                self.take();
                return Err(AwsError::unreachable("no answer"));
            }
            CallEnd::Done => {}
        }
        let received = self.take();
        for message in &received {
            self.world.tell(&format!("{} received by {:?}", message.id, self.life));
            let is_late = QueueState::is_late(message, self.world.now_ms());
            for request in &message.requests {
                self.requests.inner().requests[*request].late += u64::from(is_late);
                self.requests.offered(*request, self.life, self.mode, &self.world);
            }
        }
        Ok(received.into_iter().map(received_message).collect())
    }

    fn take(&self) -> Vec<Message> {
        let mut queue = self.queue.state();
        queue.receive(ms(self.visibility), &self.alive, &self.world)
    }

    async fn delete_all(&self, handles: &[MessageHandle]) -> Vec<FailedEntry> {
        let end = self.call(handles).await;
        if end == CallEnd::Failed {
            return failed(handles);
        }
        for handle in handles {
            let receipt = handle.receipt_handle.parse().expect("a receipt of this queue");
            let now_ms = self.world.now_ms();
            // With an older receipt the call succeeds, and may not delete the message.
            let deleted = self.queue.state().delete(&handle.id, receipt, now_ms);
            self.world.tell(&format!("{} deleted: {}", handle.id, deleted.is_some()));
            for request in deleted.unwrap_or_default() {
                self.requests.acknowledged(request, self.life, self.mode);
            }
        }
        if end == CallEnd::Untold { failed(handles) } else { Vec::new() }
    }

    async fn hide_all(&self, handles: &[MessageHandle], visibility: Duration) -> Vec<FailedEntry> {
        let end = self.call(handles).await;
        if end == CallEnd::Failed {
            return failed(handles);
        }
        let until_ms = self.world.now_ms() + ms(visibility);
        let mut stale = Vec::new();
        for (at, handle) in handles.iter().enumerate() {
            let receipt = handle.receipt_handle.parse().expect("a receipt of this queue");
            if !self.queue.state().change_visibility(&handle.id, receipt, until_ms) {
                stale.push(FailedEntry { at, for_good: true, why: "an old receipt".to_owned() });
            }
        }
        if end == CallEnd::Untold { failed(handles) } else { stale }
    }
}

fn key(handles: &[MessageHandle], now_ms: i64) -> u64 {
    let hash = |handle: &MessageHandle| FixedState::default().hash_one(&*handle.id);
    handles.iter().map(hash).fold(now_ms.cast_unsigned(), u64::wrapping_add)
}

fn received_message(message: Message) -> ReceivedMessage {
    ReceivedMessage {
        id: message.id,
        receipt_handle: message.receipt.to_string(),
        content: MessageContent { body: message.body, receives: message.receives },
    }
}

fn failed(handles: &[MessageHandle]) -> Vec<FailedEntry> {
    let failed = |at| FailedEntry { at, for_good: false, why: "no answer".to_owned() };
    (0..handles.len()).map(failed).collect()
}

impl Queue for QueueLink {
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
        Box::pin(async { Ok(true) })
    }
}
