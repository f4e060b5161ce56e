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
/// Maximum number of concurrent calls that return messages: they have a second or two.
const RETURNS_MAX: usize = 64;

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
            biased;
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
            if alive.tasks.is_closed() {
                // An extension could follow the return of the same message.
                break;
            }
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

/// Makes messages visible at once, and releases them. Returns why some of them failed. Those whose
/// call has not ended at `end` stay in flight too.
pub(super) async fn return_to_queue(
    shared: &Arc<SqsShared>,
    handles: &[MessageHandle],
    end: Instant,
) -> Option<String> {
    let mut calls = JoinSet::new();
    let mut why = None;
    let mut chunks = handles.chunks(MESSAGES_MAX);
    loop {
        while calls.len() < RETURNS_MAX
            && let Some(handles) = chunks.next()
        {
            calls.spawn(return_all(Arc::clone(shared), handles.to_vec()));
        }
        match timeout_at(end, calls.join_next()).await {
            Ok(Some(failed)) => why = failed.ok().flatten().or(why),
            Ok(None) | Err(_) => return why,
        }
    }
}

/// Returns at most ten messages, with another try for those that failed.
async fn return_all(shared: Arc<SqsShared>, mut handles: Vec<MessageHandle>) -> Option<String> {
    let mut why = None;
    for _ in 0..2 {
        let failed = shared.queue.change_visibility(&handles, Duration::ZERO).await;
        let has_failed = |at: usize| failed.iter().any(|failed| failed.at == at);
        let mut left = Vec::new();
        for (at, handle) in handles.into_iter().enumerate() {
            if has_failed(at) {
                left.push(handle);
            } else {
                shared.in_flight.release(&handle.id);
            }
        }
        handles = left;
        why = failed.into_iter().next().map(|failed| failed.why);
        if handles.is_empty() {
            break;
        }
        shared.metrics.sqs_failed_calls.add(1);
    }
    why
}
