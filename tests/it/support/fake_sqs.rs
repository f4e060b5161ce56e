//! A standard queue that follows the rules of SQS strictly: visibility, receipt handles of which
//! only the newest works, limits of calls. It fails as a test defines.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html>, 2026-11-21.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::app::PATIENCE;
use super::endpoint::{Endpoint, Received};

/// The queue. Ends when it is dropped.
pub(crate) struct FakeSqs {
    endpoint: Endpoint,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    queue: Mutex<Queue>,
    changed: Notify,
}

/// The messages in the queue, and its history.
#[derive(Default)]
pub(crate) struct Queue {
    messages: BTreeMap<String, Message>,
    sent: u64,
    receipts: u64,
    /// Deliveries, including redeliveries.
    pub given: u64,
    pub deleted: u64,
    /// Entries that extended a visibility timeout, and those that ended one.
    pub lengthened: u64,
    pub given_back: u64,
    /// Messages that were delivered more often than the redrive policy allows.
    pub redriven: Vec<String>,
    /// Maximum number of deliveries; unlimited without a policy.
    pub receives_max: Option<u32>,
    pub receive_calls: u64,
    pub receive_calls_at_once: u64,
    receiving: u64,
    /// Violations of the rules of SQS.
    pub faults: Vec<String>,
    pub mode: Mode,
}

/// How the queue fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Well,
    /// Every call fails with 503.
    Unavailable,
    /// Receiving fails because too many messages are in flight.
    OverLimit,
    /// Every second entry to delete fails.
    DeletesHalf,
    /// Every entry to be deleted fails.
    DeletesNone,
    /// Every entry to delete fails with an invalid receipt handle.
    RefusesReceipts,
    /// Deletes, but responds with 500.
    DeletesUnsaid,
}

struct Message {
    body: String,
    visible_at: Instant,
    receipt: String,
    receives: u32,
}

impl FakeSqs {
    pub(crate) async fn start() -> Self {
        let state: Arc<State> = Arc::default();
        let shared = Arc::clone(&state);
        let endpoint = Endpoint::start(move |_, received| {
            let state = Arc::clone(&shared);
            async move { state.answer(&received).await }
        })
        .await;
        Self { endpoint, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/123456789012/mail", self.endpoint.address)
    }

    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.state.queue.lock().expect("nobody panics with it")
    }

    pub(crate) fn send(&self, bodies: impl IntoIterator<Item = String>) {
        let mut queue = self.queue();
        for body in bodies {
            queue.sent += 1;
            let id = format!("m-{:08}", queue.sent);
            let message =
                Message { body, visible_at: Instant::now(), receipt: String::new(), receives: 0 };
            queue.messages.insert(id, message);
        }
        self.state.changed.notify_waiters();
    }

    /// Redelivers messages in flight, as a standard queue may at any time.
    pub(crate) fn repeat(&self) {
        for message in self.queue().messages.values_mut() {
            message.visible_at = Instant::now();
        }
        self.state.changed.notify_waiters();
    }

    /// Waits until the queue meets a condition.
    pub(crate) async fn until(&self, what: &str, is_there: impl Fn(&Queue) -> bool) {
        let there = async {
            loop {
                let changed = self.state.changed.notified();
                if is_there(&self.queue()) {
                    return;
                }
                // Messages become visible by time alone.
                let _ = timeout(Duration::from_millis(50), changed).await;
            }
        };
        let is_there = timeout(PATIENCE, there).await.is_ok();
        assert!(is_there, "the queue is never {what}: {}", self.queue().story());
    }

    /// Removes all messages, as a redrive policy does.
    pub(crate) fn clear(&self) {
        self.queue().messages.clear();
    }

    /// Waits until every message is deleted, and nothing was against the rules.
    pub(crate) async fn until_empty(&self) {
        self.until("empty", |queue| queue.messages.is_empty()).await;
        assert_eq!(self.queue().faults, [""; 0]);
    }
}

impl Queue {
    /// Messages that are not deleted.
    pub(crate) fn left(&self) -> u64 {
        self.messages.len() as u64
    }

    /// The bodies of messages that are not deleted.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.messages.values().map(|message| message.body.clone()).collect()
    }

    /// The state of the queue, for error messages.
    fn story(&self) -> String {
        let (left, visible) = (self.messages.len(), self.visible());
        let Self { sent, given, deleted, lengthened, given_back, receive_calls, receiving, .. } =
            self;
        format!(
            "{left} of {sent} left, {visible} visible; given {given}, deleted {deleted}, lengthened \
             {lengthened}, given back {given_back}; {receive_calls} receive calls, {receiving} now"
        )
    }

    /// Messages that are not in flight.
    pub(crate) fn visible(&self) -> usize {
        let now = Instant::now();
        self.messages.values().filter(|message| message.visible_at <= now).count()
    }

    fn receive(&mut self, most: usize, visibility: Duration) -> Vec<Value> {
        let (now, mut given) = (Instant::now(), Vec::new());
        if let Some(receives_max) = self.receives_max {
            let spent =
                |message: &Message| message.visible_at <= now && message.receives >= receives_max;
            let ids = self.messages.iter().filter(|(_, message)| spent(message));
            let ids: Vec<_> = ids.map(|(id, _)| id.clone()).collect();
            for id in ids {
                self.messages.remove(&id);
                self.redriven.push(id);
            }
        }
        let visible = self.messages.iter_mut().filter(|(_, message)| message.visible_at <= now);
        for (id, message) in visible.take(most) {
            self.receipts += 1;
            message.receipt = format!("{id}#{}", self.receipts);
            message.visible_at = now + visibility;
            message.receives += 1;
            given.push(json!({
                "MessageId": id, "ReceiptHandle": message.receipt, "Body": message.body,
                "Attributes": {"ApproximateReceiveCount": message.receives.to_string()},
            }));
        }
        self.given += given.len() as u64;
        given
    }

    /// The ID of the message with this receipt handle, if it is the newest.
    fn named(&self, receipt: &str) -> Option<String> {
        let (id, _) = receipt.split_once('#')?;
        (self.messages.get(id)?.receipt == receipt).then(|| id.to_owned())
    }

    fn delete(&mut self, at: usize, receipt: &str) -> Result<(), (bool, &'static str)> {
        match self.mode {
            Mode::DeletesHalf if at % 2 == 1 => return Err((false, "InternalError")),
            Mode::DeletesNone => return Err((false, "InternalError")),
            Mode::RefusesReceipts => return Err((true, "ReceiptHandleIsInvalid")),
            _ => {}
        }
        // For an outdated handle, SQS reports success.
        if let Some(id) = self.named(receipt) {
            self.messages.remove(&id);
            self.deleted += 1;
        }
        Ok(())
    }

    fn show_in(&mut self, receipt: &str, seconds: u64) -> Result<(), (bool, &'static str)> {
        let Some(id) = self.named(receipt) else {
            return Err((true, "InvalidParameterValue"));
        };
        let message = self.messages.get_mut(&id).expect("it was named");
        message.visible_at = Instant::now() + Duration::from_secs(seconds);
        if seconds == 0 {
            self.given_back += 1;
        } else {
            self.lengthened += 1;
        }
        Ok(())
    }

    /// The entries of a batch call, checked against its rules.
    fn entries(&mut self, call: &Value) -> Vec<Value> {
        let entries = call["Entries"].as_array().cloned().unwrap_or_default();
        let ids: BTreeSet<_> = entries.iter().map(|entry| entry["Id"].to_string()).collect();
        if entries.is_empty() || entries.len() > 10 || ids.len() != entries.len() {
            self.faults.push(format!("{} entries, {} ids", entries.len(), ids.len()));
        }
        entries
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nobody panics with it")
    }

    async fn answer(&self, received: &Received) -> (u16, String) {
        let call: Value = serde_json::from_slice(&received.body).expect("JSON");
        if self.lock().mode == Mode::Unavailable {
            return (503, json!({"__type": "ServiceUnavailable"}).to_string());
        }
        let answer = match received.header("x-amz-target") {
            "AmazonSQS.ReceiveMessage" if self.lock().mode == Mode::OverLimit => {
                let fault = json!({"__type": "com.amazonaws.sqs#OverLimit", "message": "full"});
                return (403, fault.to_string());
            }
            "AmazonSQS.ReceiveMessage" => return (200, self.receive(&call).await.to_string()),
            "AmazonSQS.GetQueueAttributes" => {
                let policy = self.lock().receives_max.map(|most| {
                    json!({"deadLetterTargetArn": "arn:aws:sqs:a:1:dead", "maxReceiveCount": most})
                });
                match policy {
                    Some(policy) => json!({"Attributes": {"RedrivePolicy": policy.to_string()}}),
                    None => json!({}),
                }
            }
            "AmazonSQS.DeleteMessageBatch" => self.batch(&call, |queue, at, entry| {
                queue.delete(at, entry["ReceiptHandle"].as_str().unwrap_or_default())
            }),
            "AmazonSQS.ChangeMessageVisibilityBatch" => self.batch(&call, |queue, _, entry| {
                let receipt = entry["ReceiptHandle"].as_str().unwrap_or_default();
                queue.show_in(receipt, entry["VisibilityTimeout"].as_u64().expect("seconds"))
            }),
            other => panic!("SQS is asked for {other}"),
        };
        self.changed.notify_waiters();
        if self.lock().mode == Mode::DeletesUnsaid {
            return (500, json!({"__type": "InternalFailure"}).to_string());
        }
        (200, answer.to_string())
    }

    async fn receive(&self, call: &Value) -> Value {
        let most = usize::try_from(call["MaxNumberOfMessages"].as_u64().unwrap_or(1)).expect("few");
        let visibility = Duration::from_secs(call["VisibilityTimeout"].as_u64().unwrap_or(30));
        let wait = call["WaitTimeSeconds"].as_u64().unwrap_or(0);
        {
            let mut queue = self.lock();
            if !(1..=10).contains(&most) || wait > 20 {
                queue.faults.push(format!("{most} messages, {wait} s"));
            }
            queue.receive_calls += 1;
            queue.receiving += 1;
            queue.receive_calls_at_once = queue.receive_calls_at_once.max(queue.receiving);
        }
        let end = Instant::now() + Duration::from_secs(wait);
        let messages = loop {
            let changed = self.changed.notified();
            let given = self.lock().receive(most, visibility);
            if !given.is_empty() || Instant::now() >= end {
                break given;
            }
            let _ = timeout(Duration::from_millis(50), changed).await;
        };
        self.lock().receiving -= 1;
        if messages.is_empty() { json!({}) } else { json!({"Messages": messages}) }
    }

    fn batch(
        &self,
        call: &Value,
        each: impl Fn(&mut Queue, usize, &Value) -> Result<(), (bool, &'static str)>,
    ) -> Value {
        let mut queue = self.lock();
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (at, entry) in queue.entries(call).iter().enumerate() {
            match each(&mut queue, at, entry) {
                Ok(()) => successful.push(json!({"Id": entry["Id"]})),
                Err((sender_fault, code)) => failed
                    .push(json!({"Id": entry["Id"], "SenderFault": sender_fault, "Code": code})),
            }
        }
        json!({"Successful": successful, "Failed": failed})
    }
}
