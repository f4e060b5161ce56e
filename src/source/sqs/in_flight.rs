//! The messages in flight in this process, from receipt to deletion.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

/// Identifies a message to SQS, to delete it or to change its visibility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessageHandle {
    pub id: Arc<str>,
    /// The newest receipt handle: older ones may not work any more.
    pub receipt_handle: String,
}

/// The messages in flight, by their ID.
#[derive(Debug)]
pub(super) struct InFlightMessages {
    messages: Mutex<BTreeMap<Arc<str>, InFlightMessage>>,
    room: Arc<Semaphore>,
    visibility: Duration,
    /// Messages that are settled and not deleted yet.
    deleting: watch::Sender<usize>,
    pollers: AtomicU64,
}

#[derive(Debug)]
struct InFlightMessage {
    receipt_handle: String,
    /// When SQS may redeliver it.
    visible_at: Instant,
    /// Only its deletion remains.
    settled: bool,
    _room: OwnedSemaphorePermit,
}

// === impl InFlightMessages ===

impl InFlightMessages {
    pub(super) fn new(messages_max: usize, visibility: Duration) -> Self {
        Self {
            messages: Mutex::default(),
            room: Arc::new(Semaphore::new(messages_max)),
            visibility,
            deleting: watch::Sender::new(0),
            pollers: AtomicU64::new(0),
        }
    }

    /// Waits for room for this many messages.
    pub(super) async fn room(&self, messages: u32) -> OwnedSemaphorePermit {
        match Arc::clone(&self.room).acquire_many_owned(messages).await {
            Ok(room) => room,
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// Adds a message that was requested at a time. `None`: it is in flight already, and was
    /// redelivered.
    pub(super) fn add(
        &self,
        id: &str,
        receipt_handle: String,
        requested_at: Instant,
        room: OwnedSemaphorePermit,
    ) -> Option<Arc<str>> {
        let visible_at = requested_at + self.visibility;
        let mut messages = self.messages();
        if let Some(message) = messages.get_mut(id) {
            (message.receipt_handle, message.visible_at) = (receipt_handle, visible_at);
            return None;
        }
        let id: Arc<str> = id.into();
        messages.insert(
            Arc::clone(&id),
            InFlightMessage { receipt_handle, visible_at, settled: false, _room: room },
        );
        Some(id)
    }

    /// Marks a message as ready to be deleted.
    pub(super) fn settled(&self, id: &str) {
        if let Some(message) = self.messages().get_mut(id)
            && !std::mem::replace(&mut message.settled, true)
        {
            self.deleting.send_modify(|deleting| *deleting += 1);
        }
    }

    /// Removes a message that was deleted, or that SQS will redeliver.
    pub(super) fn release(&self, id: &str) {
        if self.messages().remove(id).is_some_and(|message| message.settled) {
            self.deleting.send_modify(|deleting| *deleting -= 1);
        }
    }

    /// The newest handles of these messages.
    pub(super) fn handles(&self, ids: &[Arc<str>]) -> Vec<MessageHandle> {
        let messages = self.messages();
        let handle = |id: &Arc<str>| {
            let receipt_handle = messages.get(id)?.receipt_handle.clone();
            Some(MessageHandle { id: Arc::clone(id), receipt_handle })
        };
        ids.iter().filter_map(handle).collect()
    }

    /// Messages with less than half of their visibility timeout left.
    pub(super) fn due(&self) -> Vec<MessageHandle> {
        let soon = Instant::now() + self.visibility / 2;
        self.filtered(|message| message.visible_at <= soon)
    }

    /// Messages that are not settled.
    pub(super) fn unsettled(&self) -> Vec<MessageHandle> {
        self.filtered(|message| !message.settled)
    }

    pub(super) fn holds(&self, id: &str) -> bool {
        self.messages().contains_key(id)
    }

    /// Messages that are settled and not deleted yet.
    pub(super) fn deletable(&self) -> Vec<MessageHandle> {
        self.filtered(|message| message.settled)
    }

    fn filtered(&self, matches: impl Fn(&InFlightMessage) -> bool) -> Vec<MessageHandle> {
        let messages = self.messages();
        let matching = messages.iter().filter(|(_, message)| matches(message));
        let handle = |(id, message): (&Arc<str>, &InFlightMessage)| MessageHandle {
            id: Arc::clone(id),
            receipt_handle: message.receipt_handle.clone(),
        };
        matching.map(handle).collect()
    }

    /// Records that the visibility timeout of a message was extended at a time.
    pub(super) fn extended(&self, id: &str, at: Instant) {
        if let Some(message) = self.messages().get_mut(id) {
            message.visible_at = at + self.visibility;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.messages().len()
    }

    /// Waits until every settled message is deleted.
    pub(super) async fn deleted(&self) {
        // The sender lives as long as `self`.
        let _ = self.deleting.subscribe().wait_for(|deleting| *deleting == 0).await;
    }

    /// The number of running pollers.
    pub(super) fn pollers(&self) -> u64 {
        self.pollers.load(Ordering::Relaxed)
    }

    pub(super) fn set_pollers(&self, pollers: usize) {
        self.pollers.store(pollers as u64, Ordering::Relaxed);
    }

    fn messages(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, InFlightMessage>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
