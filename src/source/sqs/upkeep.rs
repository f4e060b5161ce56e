//! Extends the visibility timeout of messages in flight, and deletes them at the end.

use std::panic::resume_unwind;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};

use super::in_flight::MessageHandle;
use super::queue::MESSAGES_MAX;
use super::shared::SqsShared;
use crate::backoff::Backoff;
use crate::fault;

/// How long a deletion with less than ten messages waits for more.
const GATHER: Duration = Duration::from_millis(20);
/// Maximum number of concurrent calls that delete messages or extend timeouts.
const CALLS_MAX: usize = 16;

/// Deletes queued messages, ten at a time, until every sender is dropped.
///
/// # Panics
/// Panics when a deletion panics.
pub(super) async fn delete(
    shared: Weak<SqsShared>,
    mut deletions: mpsc::UnboundedReceiver<Arc<str>>,
) {
    let mut calls = JoinSet::new();
    let mut ids = Vec::with_capacity(MESSAGES_MAX);
    loop {
        let received = tokio::select! {
            Some(done) = calls.join_next() => {
                raise(done);
                continue;
            }
            received = deletions.recv_many(&mut ids, MESSAGES_MAX) => received,
        };
        if received == 0 {
            return;
        }
        let end = Instant::now() + GATHER;
        while ids.len() < MESSAGES_MAX {
            let left = MESSAGES_MAX - ids.len();
            match timeout_at(end, deletions.recv_many(&mut ids, left)).await {
                Ok(more) if more > 0 => {}
                _ => break,
            }
        }
        let Some(shared) = shared.upgrade() else { return };
        while calls.len() >= CALLS_MAX
            && let Some(done) = calls.join_next().await
        {
            raise(done);
        }
        let ids = std::mem::take(&mut ids);
        calls.spawn(async move { delete_all(&shared, ids).await });
    }
}

/// Deletes the messages that the deleting task left when it panicked, in another task.
pub(super) async fn delete_left(shared: &Arc<SqsShared>) {
    let shared = Arc::clone(shared);
    let deleting = tokio::spawn(async move {
        for handles in shared.in_flight.deletable().chunks(MESSAGES_MAX) {
            delete_all(&shared, handles.iter().map(|handle| Arc::clone(&handle.id)).collect())
                .await;
        }
    });
    // Messages left after another panic are counted as not deleted.
    let _ = deleting.await;
}

/// Repeats the panic of a task.
fn raise(done: Result<(), JoinError>) {
    if let Err(failed) = done
        && let Ok(panic) = failed.try_into_panic()
    {
        resume_unwind(panic);
    }
}

/// Deletes at most ten messages, with retries.
async fn delete_all(shared: &SqsShared, mut ids: Vec<Arc<str>>) {
    let mut backoff = Backoff::default();
    fault::hit("sqs_delete");
    loop {
        // Each time with the newest receipt handle.
        let handles = shared.in_flight.handles(&ids);
        if handles.is_empty() {
            return;
        }
        let failed = shared.queue.delete(&handles).await;
        shared.warn_failed("deleting messages failed", &failed);
        ids.clear();
        for (at, handle) in handles.into_iter().enumerate() {
            match failed.iter().find(|failed| failed.at == at) {
                Some(failed) if !failed.for_good => ids.push(handle.id),
                Some(_) => {
                    shared.metrics.sqs_messages_undeleted.add(1);
                    shared.release(&handle.id);
                }
                None => {
                    shared.metrics.sqs_messages_deleted.add(1);
                    shared.release(&handle.id);
                }
            }
        }
        if ids.is_empty() {
            return;
        }
        sleep(backoff.pause()).await;
    }
}

/// Extends the visibility timeout of messages in flight before it ends, as long as the source
/// exists.
pub(super) async fn extend(shared: Weak<SqsShared>) {
    loop {
        let Some(alive) = shared.upgrade() else { return };
        let pause = alive.settings.visibility / 8;
        let mut calls = JoinSet::new();
        for handles in alive.in_flight.due().chunks(MESSAGES_MAX) {
            if calls.len() == CALLS_MAX {
                calls.join_next().await;
            }
            calls.spawn(extend_all(Arc::clone(&alive), handles.to_vec()));
        }
        calls.join_all().await;
        drop(alive);
        sleep(pause).await;
    }
}

async fn extend_all(shared: Arc<SqsShared>, handles: Vec<MessageHandle>) {
    let at = Instant::now();
    let failed = shared.queue.change_visibility(&handles, shared.settings.visibility).await;
    shared.warn_failed(
        "extending the visibility of messages failed; SQS may redeliver them",
        &failed,
    );
    for (place, handle) in handles.iter().enumerate() {
        if !failed.iter().any(|failed| failed.at == place) {
            shared.in_flight.extended(&handle.id, at);
        }
    }
}

/// Makes messages visible at once.
pub(super) async fn return_to_queue(shared: &SqsShared, handles: &[MessageHandle]) {
    for handles in handles.chunks(MESSAGES_MAX) {
        let failed = shared.queue.change_visibility(handles, Duration::ZERO).await;
        shared.warn_failed(
            "returning messages failed; SQS will redeliver them after their visibility timeout",
            &failed,
        );
        for handle in handles {
            shared.in_flight.release(&handle.id);
        }
    }
}
