//! What keeps messages from others while they are in hand, and deletes them at the end.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::Shared;
use super::hand::Handle;
use super::queue::{Failed, MESSAGES_MAX};
use crate::ack::{RequestId, SourceKind};
use crate::backoff::Backoff;

/// A call that deletes fewer messages than it could waits this long for more.
const GATHER: Duration = Duration::from_millis(20);
/// Calls at once that delete, or lengthen.
const CALLS_MAX: usize = 16;

/// Deletes what it is told to, ten at a time, until nobody is left to tell.
pub async fn delete(shared: Weak<Shared>, mut deletions: mpsc::UnboundedReceiver<Arc<str>>) {
    let calls = Arc::new(Semaphore::new(CALLS_MAX));
    let mut ids = Vec::with_capacity(MESSAGES_MAX);
    while deletions.recv_many(&mut ids, MESSAGES_MAX).await > 0 {
        let end = Instant::now() + GATHER;
        while ids.len() < MESSAGES_MAX {
            let left = MESSAGES_MAX - ids.len();
            match timeout_at(end, deletions.recv_many(&mut ids, left)).await {
                Ok(more) if more > 0 => {}
                _ => break,
            }
        }
        let (Some(shared), Ok(call)) = (shared.upgrade(), Arc::clone(&calls).acquire_owned().await)
        else {
            return;
        };
        let ids = std::mem::take(&mut ids);
        tokio::spawn(async move {
            delete_all(&shared, ids).await;
            drop(call);
        });
    }
}

/// Deletes ten messages at most, however often that takes.
async fn delete_all(shared: &Shared, mut ids: Vec<Arc<str>>) {
    let mut backoff = Backoff::default();
    loop {
        // Each time by the newest receipt, should there be one.
        let handles = shared.hand.handles(&ids);
        if handles.is_empty() {
            return;
        }
        let failed = shared.queue.delete(&handles).await;
        shared.complain("messages cannot be deleted", &failed);
        ids.clear();
        for (at, handle) in handles.into_iter().enumerate() {
            match failed.iter().find(|failed| failed.at == at) {
                Some(failed) if !failed.for_good => ids.push(handle.id),
                Some(_) => {
                    shared.metrics.sqs_messages_undeleted.add(1);
                    shared.let_go(&handle.id);
                }
                None => {
                    shared.metrics.sqs_messages_deleted.add(1);
                    shared.let_go(&handle.id);
                }
            }
        }
        if ids.is_empty() {
            return;
        }
        sleep(backoff.pause()).await;
    }
}

/// Lengthens the time of messages in hand before it is over, as long as there is a source.
pub async fn lengthen(shared: Weak<Shared>) {
    loop {
        let Some(alive) = shared.upgrade() else { return };
        let pause = alive.settings.visibility / 8;
        let mut calls = JoinSet::new();
        for handles in alive.hand.due().chunks(MESSAGES_MAX) {
            if calls.len() == CALLS_MAX {
                calls.join_next().await;
            }
            calls.spawn(lengthen_all(Arc::clone(&alive), handles.to_vec()));
        }
        calls.join_all().await;
        drop(alive);
        sleep(pause).await;
    }
}

async fn lengthen_all(shared: Arc<Shared>, handles: Vec<Handle>) {
    let at = Instant::now();
    let failed = shared.queue.show_in(&handles, shared.settings.visibility).await;
    shared.complain("messages may be given out again", &failed);
    for (place, handle) in handles.iter().enumerate() {
        if !failed.iter().any(|failed| failed.at == place) {
            shared.hand.lengthened(&handle.id, at);
        }
    }
}

/// Shows messages to others at once.
pub async fn give_back(shared: &Shared, handles: &[Handle]) {
    for handles in handles.chunks(MESSAGES_MAX) {
        let failed = shared.queue.show_in(handles, Duration::ZERO).await;
        shared.complain("messages come again only when their visibility ends", &failed);
        for handle in handles {
            shared.hand.release(&handle.id);
        }
    }
}

// === impl Shared ===

impl Shared {
    /// Lets a message go. Its id is known for a while: what SQS has just given out once more may be on
    /// its way, and what could not be deleted comes again.
    fn let_go(&self, message: &str) {
        let id = RequestId::new(SourceKind::Sqs, self.queue.url().as_bytes(), message.as_bytes());
        self.source.ledger.release(id);
        self.hand.release(message);
    }

    pub(super) fn complain(&self, what: &'static str, failed: &[Failed]) {
        let Some(Failed { why, .. }) = failed.first() else { return };
        self.metrics.sqs_failed_calls.add(1);
        if self.warnings.allow() {
            tracing::error!(queue = self.queue.url(), messages = failed.len(), why, "{what}");
        }
    }
}
