//! The messages in flight in this process, from receipt to deletion.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

/// Identifies a message to SQS, to delete it or to change its visibility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MessageGuard {
    pub id: Arc<str>,
    /// The newest receipt handle: older ones may not work any more.
    pub receipt: String,
}

/// The messages in flight, by their ID.
#[derive(Debug)]
pub(super) struct Hand {
    held: Mutex<HashMap<Arc<str>, MessageInFlight>>,
    room: Arc<Semaphore>,
    visibility: Duration,
    /// Messages that are settled and not deleted yet.
    deleting: watch::Sender<usize>,
    pollers: AtomicU64,
}

#[derive(Debug)]
struct MessageInFlight {
    receipt: String,
    /// When SQS may redeliver it.
    visible_at: Instant,
    /// Only its deletion remains.
    settled: bool,
    _room: OwnedSemaphorePermit,
}

// === impl Hand ===

impl Hand {
    pub(super) fn new(messages_max: usize, visibility: Duration) -> Self {
        Self {
            held: Mutex::default(),
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
    pub(super) fn take(
        &self,
        id: &str,
        receipt: String,
        asked: Instant,
        room: OwnedSemaphorePermit,
    ) -> Option<Arc<str>> {
        let visible_at = asked + self.visibility;
        let mut all = self.held();
        if let Some(held) = all.get_mut(id) {
            (held.receipt, held.visible_at) = (receipt, visible_at);
            return None;
        }
        let id: Arc<str> = id.into();
        all.insert(
            Arc::clone(&id),
            MessageInFlight { receipt, visible_at, settled: false, _room: room },
        );
        Some(id)
    }

    /// Marks a message as ready to be deleted.
    pub(super) fn settled(&self, id: &str) {
        if let Some(held) = self.held().get_mut(id)
            && !std::mem::replace(&mut held.settled, true)
        {
            self.deleting.send_modify(|deleting| *deleting += 1);
        }
    }

    /// Removes a message that was deleted, or that SQS will redeliver.
    pub(super) fn release(&self, id: &str) {
        if self.held().remove(id).is_some_and(|held| held.settled) {
            self.deleting.send_modify(|deleting| *deleting -= 1);
        }
    }

    /// The newest handles of these messages.
    pub(super) fn handles(&self, ids: &[Arc<str>]) -> Vec<MessageGuard> {
        let held = self.held();
        let handle = |id: &Arc<str>| {
            let receipt = held.get(id)?.receipt.clone();
            Some(MessageGuard { id: Arc::clone(id), receipt })
        };
        ids.iter().filter_map(handle).collect()
    }

    /// Messages with less than half of their visibility timeout left.
    pub(super) fn due(&self) -> Vec<MessageGuard> {
        let soon = Instant::now() + self.visibility / 2;
        self.filtered(|held| held.visible_at <= soon)
    }

    /// Messages that are not settled.
    pub(super) fn unsettled(&self) -> Vec<MessageGuard> {
        self.filtered(|held| !held.settled)
    }

    /// Messages that are settled and not deleted yet.
    pub(super) fn deletable(&self) -> Vec<MessageGuard> {
        self.filtered(|held| held.settled)
    }

    fn filtered(&self, take: impl Fn(&MessageInFlight) -> bool) -> Vec<MessageGuard> {
        let held = self.held();
        let taken = held.iter().filter(|(_, held)| take(held));
        let handle = |(id, held): (&Arc<str>, &MessageInFlight)| MessageGuard {
            id: Arc::clone(id),
            receipt: held.receipt.clone(),
        };
        taken.map(handle).collect()
    }

    /// Records that the visibility timeout of a message was extended at a time.
    pub(super) fn lengthened(&self, id: &str, at: Instant) {
        if let Some(held) = self.held().get_mut(id) {
            held.visible_at = at + self.visibility;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.held().len()
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

    fn held(&self) -> MutexGuard<'_, HashMap<Arc<str>, MessageInFlight>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
