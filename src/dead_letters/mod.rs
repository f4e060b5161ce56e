//! Dead letters: unreadable values, and events that could not be forwarded, stored for later
//! inspection.
//!
//! Reading a request fills a [`DeadLetterBatch`], which goes to [`DeadLetters::keep`] when the
//! request is merged. A [`DeadLetterWriter`] writes it to [`LetterFiles`] or sends it to a Firehose
//! stream, one line of JSON for each letter, in the format of Firehose's own failed deliveries. So
//! `count`, and `serve` behind a stream, can read them back. A letter that can be read back holds
//! one value and never an event that was counted. A letter of an event that could not be forwarded
//! ([`Unforwarded`]) has another format, so that no reader counts it.
//!
//! A full or failing destination rejects no request. It delays a response only while a file is
//! written, by one second at most. Waiting letters are bounded in bytes. Each value of a kind to be
//! kept is counted in one outcome of `postmeter_dead_letters_total`.

mod batch;
mod files;
mod job;
mod line;
mod outcomes;
mod stream;
mod unforwarded;
mod writer;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

pub(crate) use batch::DeadLetterBatch;
pub(crate) use files::LetterFiles;
pub(crate) use stream::LetterStream;
pub(crate) use writer::{DeadLetterWriter, LetterPlace};

use self::batch::LETTER_BYTES;
use self::job::{DeadLetterJob, JobContents};
use self::line::{LetterOrigin, RefusedRequest};
use self::outcomes::LetterOutcomes;
pub(crate) use unforwarded::Unforwarded;

use crate::config::Unread;
use crate::telemetry::{LetterOutcome, Metrics};

/// Maximum size of letters that are waiting or being collected: 32 MiB.
const WAITING_BYTES_MAX: usize = 32 << 20;

/// Accepts dead letters. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct DeadLetters(Arc<DeadLettersShared>);

#[derive(Debug)]
struct DeadLettersShared {
    keep: Vec<Unread>,
    raw_bytes_max: usize,
    tells_when_written: bool,
    room: Arc<Semaphore>,
    queue: mpsc::UnboundedSender<DeadLetterJob>,
    outcomes: Arc<LetterOutcomes>,
}

// === impl DeadLetters ===

impl DeadLetters {
    /// `keep`: the kinds to store. The caller must run the writer, which ends when every clone of
    /// this is dropped.
    #[must_use]
    pub(crate) fn new(
        keep: &[Unread],
        place: LetterPlace,
        metrics: Arc<Metrics>,
    ) -> (Self, DeadLetterWriter) {
        let (queue, receiver) = mpsc::unbounded_channel();
        let outcomes = Arc::new(LetterOutcomes::new(metrics));
        let shared = DeadLettersShared {
            keep: keep.to_vec(),
            raw_bytes_max: place.raw_bytes_max(),
            tells_when_written: matches!(place, LetterPlace::Files(_)),
            room: Arc::new(Semaphore::new(WAITING_BYTES_MAX)),
            queue,
            outcomes: Arc::clone(&outcomes),
        };
        (Self(Arc::new(shared)), DeadLetterWriter::new(place, receiver, outcomes))
    }

    /// An empty collection for a batch.
    #[must_use]
    pub(crate) fn batch(&self) -> DeadLetterBatch {
        DeadLetterBatch::new(&self.0.keep, self.0.raw_bytes_max, Arc::clone(&self.0.room))
    }

    /// Takes the letters of a merged request. The returned receiver closes when they are written;
    /// `None` when there is nothing to wait for.
    pub(crate) fn keep(
        &self,
        letters: DeadLetterBatch,
        source: &[u8],
        request_id: &str,
        arrival_ms: i64,
    ) -> Option<oneshot::Receiver<()>> {
        let shared = &self.0;
        let outcomes = &shared.outcomes;
        let DeadLetterBatch { found, room, again, full, too_large, .. } = letters;
        outcomes.add(LetterOutcome::Again, again);
        outcomes.not_kept(
            LetterOutcome::Full,
            full,
            "too many dead letters are waiting to be written",
        );
        outcomes.not_kept(
            LetterOutcome::TooLarge,
            too_large,
            "a value is too large for a dead letter",
        );
        if found.is_empty() {
            return None;
        }
        let origin = LetterOrigin::new(source, request_id, arrival_ms);
        self.enqueue(JobContents::Unread(found, origin), room)
    }

    /// Takes a request that was rejected permanently.
    pub(crate) fn keep_refused(
        &self,
        source: &[u8],
        request_id: &str,
        arrival_ms: i64,
        why: &str,
        raw: Option<&[u8]>,
    ) {
        let shared = &self.0;
        let outcomes = &shared.outcomes;
        let len = raw.map_or(0, <[u8]>::len);
        if len > shared.raw_bytes_max {
            let why = "a request is too large for a dead letter";
            return outcomes.not_kept(LetterOutcome::TooLarge, 1, why);
        }
        let bytes = u32::try_from(len + LETTER_BYTES).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&shared.room).try_acquire_many_owned(bytes) else {
            return outcomes.not_kept(
                LetterOutcome::Full,
                1,
                "too many dead letters are waiting to be written",
            );
        };
        let origin = LetterOrigin::new(source, request_id, arrival_ms);
        let refused = RefusedRequest { origin, why: why.to_owned(), raw: raw.map(Into::into) };
        // No task waits for it: the sender already has its response.
        let _ = self.enqueue(JobContents::Refused(refused), Some(room));
    }

    /// Takes the events of one call that were counted but could not be forwarded. The returned
    /// receiver is as that of [`DeadLetters::keep`].
    pub(crate) fn keep_unforwarded(
        &self,
        mut events: Vec<Unforwarded>,
    ) -> Option<oneshot::Receiver<()>> {
        let shared = &self.0;
        let all = events.len();
        events.retain(|event| event.bytes() <= shared.raw_bytes_max);
        let too_large = (all - events.len()) as u64;
        let why = "an event is too large for a dead letter";
        shared.outcomes.not_kept(LetterOutcome::TooLarge, too_large, why);
        let bytes = events.iter().map(Unforwarded::bytes).sum::<usize>();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        match Arc::clone(&shared.room).try_acquire_many_owned(bytes) {
            Ok(room) if !events.is_empty() => {
                self.enqueue(JobContents::Unforwarded(events), Some(room))
            }
            Ok(_) => None,
            Err(_) => {
                let why = "too many dead letters are waiting to be written";
                shared.outcomes.not_kept(LetterOutcome::Full, events.len() as u64, why);
                None
            }
        }
    }

    fn enqueue(
        &self,
        contents: JobContents,
        room: Option<OwnedSemaphorePermit>,
    ) -> Option<oneshot::Receiver<()>> {
        let DeadLettersShared { outcomes, queue, tells_when_written, .. } = &*self.0;
        let (written, told) = oneshot::channel();
        let count = contents.len() as u64;
        outcomes.begin(count);
        if queue.send(DeadLetterJob { contents, written, room }).is_err() {
            // Unless the writer already counted them when it ended.
            let failed = outcomes.settle(count);
            outcomes.not_kept(
                LetterOutcome::Failed,
                failed,
                "the task that writes dead letters panicked",
            );
            return None;
        }
        tells_when_written.then_some(told)
    }

    /// Waits until every letter has an outcome.
    pub(crate) async fn settled(&self) {
        self.0.outcomes.settled().await;
    }

    /// Counts the remaining letters as failed, because the process exits.
    pub(crate) fn give_up(&self) {
        self.0.outcomes.give_up();
    }
}

#[cfg(test)]
mod tests;
