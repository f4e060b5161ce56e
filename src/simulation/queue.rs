//! A simulated queue, with visibility timeouts, receipts, receive counts and retention.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;

use super::plan::HistoryPlan;
use super::request::{Request, Route};
use super::weather::QueueWeather;
use super::world::{Alive, World};
use crate::source::sqs::MESSAGES_MAX;

/// A queue that daemons share. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct SharedQueue(Arc<Mutex<QueueState>>);

#[derive(Debug)]
pub(super) struct QueueState {
    pub messages: Vec<Message>,
    pub weather: QueueWeather,
    pub rng: Rng,
    /// How long a message stays that nobody deletes.
    retention_ms: i64,
}

/// A message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub id: String,
    pub body: String,
    /// The requests that it carries or names.
    pub requests: Vec<usize>,
    sent_ms: i64,
    visible_ms: i64,
    /// The number of its newest receipt.
    pub receipt: u64,
    pub receives: u32,
    pub is_deleted: bool,
    /// How often SQS delivers it once more after its deletion, and how long after it.
    ghosts: u32,
    ghost_ms: i64,
    deleted_ms: i64,
    /// The life that received it last and has not changed its visibility since. Not for the name of
    /// an object, which may be left when the object cannot be read.
    holder: Option<Alive>,
    names_objects: bool,
}

/// A deleted message comes again within this time: most before its ID is forgotten.
const GHOST_MS: i64 = 20 * 60_000;
/// How long a deleted message is known at least.
const ID_LIFE_MS: i64 = 15 * 60_000;
/// Copies that SNS sends of one message follow within this time.
const COPIES_MS: i64 = 60_000;

// === impl Message ===

impl Message {
    fn new(requests: &[&Request], body: String, copy: usize, rng: &mut Rng) -> Self {
        let first = requests[0];
        let later_ms = if copy == 0 { 0 } else { rng.i64(0..COPIES_MS) };
        let sent_ms = first.not_before_ms + later_ms;
        Self {
            id: format!("m{}-{copy}", first.number),
            body,
            requests: requests.iter().map(|request| request.number).collect(),
            sent_ms,
            visible_ms: sent_ms,
            receipt: 0,
            receives: 0,
            is_deleted: false,
            ghosts: u32::from(rng.u8(0..12) == 0),
            ghost_ms: rng.i64(0..GHOST_MS),
            deleted_ms: 0,
            holder: None,
            names_objects: matches!(first.route, Route::Object(_)),
        }
    }
}

fn text(request: &Request) -> String {
    String::from_utf8_lossy(&request.body).into_owned()
}

fn envelope(request: &Request) -> String {
    let (id, message) = (request.id(), serde_json::Value::from(text(request)));
    format!(
        r#"{{"Type":"Notification","MessageId":"{id}","TopicArn":"arn:aws:sns:eu-west-1:123456789012:mail","Message":{message},"Timestamp":"2026-11-20T12:00:00.000Z"}}"#
    )
}

fn notification(objects: &[&Request]) -> String {
    let record = |object: &&Request| {
        let number = object.number;
        format!(
            r#"{{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-west-1","eventName":"ObjectCreated:Put","s3":{{"bucket":{{"name":"mail"}},"object":{{"key":"k{number}","eTag":"e{number}","sequencer":"0A"}}}}}}"#
        )
    };
    format!(r#"{{"Records":[{}]}}"#, objects.iter().map(record).collect::<Vec<_>>().join(","))
}

// === impl QueueState ===

impl QueueState {
    fn of(number: usize, plan: &HistoryPlan, requests: &[Request]) -> Self {
        let mut rng = Rng::with_seed(plan.seed ^ 0x7175_6575 ^ number as u64);
        let mut messages = Vec::new();
        let mut objects: Vec<&Request> = Vec::new();
        for request in requests {
            if request.route == Route::Object(number) {
                objects.push(request);
            }
            if request.route != Route::Message(number) {
                continue;
            }
            if rng.u8(0..3) > 0 {
                messages.push(Message::new(&[request], text(request), 0, &mut rng));
                continue;
            }
            for copy in 0..rng.usize(1..4) {
                messages.push(Message::new(&[request], envelope(request), copy, &mut rng));
            }
        }
        while !objects.is_empty() {
            let some = objects.split_off(objects.len() - rng.usize(1..=objects.len().min(2)));
            // S3 may send a notification again.
            for copy in 0..rng.usize(1..3) {
                messages.push(Message::new(&some, notification(&some), copy, &mut rng));
            }
        }
        Self {
            messages,
            weather: QueueWeather::Fair,
            rng,
            retention_ms: i64::try_from(plan.retention.as_millis()).expect("it is short"),
        }
    }

    /// Receives at most ten messages that are visible.
    pub(super) fn receive(
        &mut self,
        visibility_ms: i64,
        alive: &Alive,
        world: &World,
    ) -> Vec<Message> {
        let (rng, now_ms) = (&mut self.rng, world.now_ms());
        let visible = self.messages.iter_mut().filter(|message| message.visible_ms <= now_ms);
        let due = visible.filter(|message| !message.is_deleted || message.ghosts > 0);
        let mut received = Vec::new();
        for message in due.take(rng.usize(1..=MESSAGES_MAX)) {
            let holder = message.holder.take();
            message.holder = Some(alive.clone()).filter(|_| !message.names_objects);
            if message.is_deleted {
                message.ghosts -= 1;
            } else if holder.is_some_and(|holder| holder.is_sound()) {
                // It never said that it gives the message back.
                world.violation(|| format!("{} became visible while it was held", message.id));
            }
            message.receives += 1;
            message.receipt += 1;
            message.visible_ms = now_ms + visibility_ms;
            received.push(message.clone());
        }
        received
    }

    /// When the next message becomes visible.
    pub(super) fn next_visible_ms(&self) -> Option<i64> {
        let left = self.messages.iter().filter(|message| !message.is_deleted || message.ghosts > 0);
        left.map(|message| message.visible_ms).min()
    }

    /// Whether the ID of a message may be forgotten.
    pub(super) fn is_late(message: &Message, now_ms: i64) -> bool {
        message.is_deleted && now_ms >= message.deleted_ms + ID_LIFE_MS
    }

    /// Deletes a message if the receipt is its newest; returns the requests that it carries.
    pub(super) fn delete(&mut self, id: &str, receipt: u64, now_ms: i64) -> Option<Vec<usize>> {
        let message = self.messages.iter_mut().find(|message| message.id == id)?;
        if message.receipt != receipt || message.is_deleted {
            return None;
        }
        (message.is_deleted, message.visible_ms) = (true, now_ms + message.ghost_ms);
        message.deleted_ms = now_ms;
        Some(message.requests.clone())
    }

    /// Changes the visibility of a message; `false`: the receipt is not its newest.
    pub(super) fn change_visibility(&mut self, id: &str, receipt: u64, until_ms: i64) -> bool {
        let message = self.messages.iter_mut().find(|message| message.id == id);
        let Some(message) = message.filter(|message| message.receipt == receipt) else {
            return false;
        };
        (message.visible_ms, message.holder) = (until_ms, None);
        true
    }

    /// Removes the messages whose retention has ended; returns the requests that they carried.
    pub(super) fn expire(&mut self, now_ms: i64) -> Vec<usize> {
        let mut expired = Vec::new();
        for message in &mut self.messages {
            if !message.is_deleted && now_ms >= message.sent_ms + self.retention_ms {
                message.is_deleted = true;
                expired.extend(&message.requests);
            }
        }
        expired
    }
}

// === impl SharedQueue ===

impl SharedQueue {
    pub(super) fn all(plan: &HistoryPlan, requests: &[Request]) -> Vec<Self> {
        let queue = |number| QueueState::of(number, plan, requests);
        (0..plan.queues).map(|number| Self(Arc::new(Mutex::new(queue(number))))).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state().messages.iter().all(|message| message.is_deleted)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, QueueState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
