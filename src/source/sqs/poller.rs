//! Receives messages: with one call at a time while there are few, with many while responses are
//! full.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::message::handle;
use super::message_guard::MessageGuard;
use super::queue::{MESSAGES_MAX, ReceivedMessage};
use super::shared::SqsShared;
use crate::ack::RefusalReason;
use crate::backoff::Backoff;

/// How long messages in transit may take to arrive after the daemon starts to drain. Messages that
/// arrive later are redelivered after their visibility timeout.
const LAST_ANSWER: Duration = Duration::from_secs(1);
/// How often a source that accepts nothing new checks whether it may again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How a round of polling ended.
enum PollRound {
    /// As many messages as one call can return.
    Full,
    Some,
    Empty,
    Failed(String),
    Draining,
}

/// Polls until the daemon drains.
pub(super) async fn poll(shared: Arc<SqsShared>) {
    let mut rounds = JoinSet::new();
    let mut backoff = Backoff::default();
    let mut pollers = 1;
    loop {
        while rounds.len() < pollers && !shared.drain.is_cancelled() {
            rounds.spawn(round(Arc::clone(&shared)));
        }
        shared.in_flight.set_pollers(rounds.len());
        let Some(ended) = rounds.join_next().await else { break };
        match ended.unwrap_or_else(|_| PollRound::Failed("receiving panicked".to_owned())) {
            PollRound::Full => pollers = (pollers + 1).min(shared.settings.pollers),
            PollRound::Some => {}
            PollRound::Empty => pollers = (pollers - 1).max(1),
            PollRound::Draining => continue,
            PollRound::Failed(why) => {
                pollers = 1;
                shared.metrics.sqs_failed_calls.add(1);
                if shared.warnings.allow() {
                    let queue = shared.queue.url();
                    tracing::error!(queue, why, "receiving messages failed; retrying");
                }
                tokio::select! {
                    biased;
                    () = shared.drain.cancelled() => {}
                    () = sleep(backoff.pause()) => {}
                }
                continue;
            }
        }
        backoff = Backoff::default();
    }
    shared.in_flight.set_pollers(0);
}

async fn round(shared: Arc<SqsShared>) -> PollRound {
    let room = tokio::select! {
        biased;
        () = shared.drain.cancelled() => return PollRound::Draining,
        room = shared.in_flight.room(10) => room,
    };
    let mut room = Some(room);
    let places = Arc::clone(&shared.working).acquire_many_owned(10);
    let mut places = tokio::select! {
        biased;
        () = shared.drain.cancelled() => return PollRound::Draining,
        // The semaphore is never closed.
        places = places => places.ok(),
    };
    while let Err(refusal) = shared.source.may_poll() {
        if refusal.reason == RefusalReason::Draining {
            return PollRound::Draining;
        }
        sleep(LOOK_AGAIN).await;
    }
    let requested_at = Instant::now();
    let received = tokio::select! {
        biased;
        received = shared.queue.receive() => received,
        () = async { shared.drain.cancelled().await; sleep(LAST_ANSWER).await } => {
            return PollRound::Draining;
        }
    };
    let received = match received {
        Ok(received) => received,
        Err(error) => return PollRound::Failed(error.to_string()),
    };
    let count = received.len();
    shared.metrics.sqs_messages_received.add(count as u64);
    for ReceivedMessage { id, receipt_handle, content } in received {
        let own_room = room.as_mut().and_then(|room| room.split(1));
        let place = places.as_mut().and_then(|places| places.split(1));
        let Some((own_room, place)) = own_room.zip(place) else { continue };
        if let Some(id) = shared.in_flight.add(&id, receipt_handle, requested_at, own_room) {
            // A task of its own, so that a message that waits does not delay others.
            shared.tasks.spawn(handle(MessageGuard::new(Arc::clone(&shared), id), content, place));
        }
    }
    match count {
        0 => PollRound::Empty,
        MESSAGES_MAX => PollRound::Full,
        _ => PollRound::Some,
    }
}
