//! The task that writes dead letters, and the counters of their outcomes.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::files::{Files, Written};
use super::letters::Letter;
use super::line::{Origin, Refused, raw_bytes_max};
use super::stream::{LetterStream, send_to};
use super::unforwarded::Unforwarded;
use crate::fault;
use crate::limits::FIREHOSE_RECORD_BYTES_MAX;
use crate::offload::offload;
use crate::ses::VALUE_BYTES_MAX;
use crate::telemetry::{LetterOutcome, LogLimiter, Metrics};

/// Maximum number of requests whose letters are written together.
pub(super) const PARCELS_MAX: usize = 256;

/// Where dead letters are stored.
#[derive(Debug)]
pub enum LetterPlace {
    Files(Files),
    Stream(LetterStream),
}

/// The letters of one request, or of one call.
#[derive(Debug)]
pub(super) struct Parcel {
    pub contents: Contents,
    /// Dropped when the letters are written or have failed, which wakes the waiting task.
    pub written: oneshot::Sender<()>,
    /// Returned together with the letters.
    pub room: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
pub(super) enum Contents {
    Unread(Vec<Letter>, Origin),
    Unforwarded(Vec<Unforwarded>),
    Refused(Refused),
}

/// Writes the dead letters that it receives.
#[derive(Debug)]
pub struct Keeper {
    place: LetterPlace,
    queue: mpsc::UnboundedReceiver<Parcel>,
    outcomes: Arc<Outcomes>,
}

/// Counts and logs the outcomes of dead letters.
#[derive(Debug)]
pub(super) struct Outcomes {
    metrics: Arc<Metrics>,
    errors: LogLimiter,
    /// Letters without an outcome yet.
    unsettled: watch::Sender<u64>,
}

/// Counts the remaining letters as failed when the keeper ends.
struct EndOfKeeping(Arc<Outcomes>);

// === impl Place ===

impl LetterPlace {
    /// The largest value that fits into a letter here.
    pub(super) fn raw_bytes_max(&self) -> usize {
        match self {
            // A longer line could not be read back.
            Self::Files(_) => raw_bytes_max(VALUE_BYTES_MAX),
            Self::Stream(_) => raw_bytes_max(FIREHOSE_RECORD_BYTES_MAX),
        }
    }
}

// === impl Contents ===

impl Contents {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Unread(letters, _) => letters.len(),
            Self::Unforwarded(events) => events.len(),
            Self::Refused(_) => 1,
        }
    }

    /// Each letter as a line, with its newline.
    pub(super) fn lines(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Unread(letters, origin) => {
                letters.iter().map(|letter| letter.line(origin)).collect()
            }
            Self::Unforwarded(events) => events.iter().map(Unforwarded::line).collect(),
            Self::Refused(request) => vec![request.line()],
        }
    }
}

// === impl Keeper ===

impl Keeper {
    pub(super) fn new(
        place: LetterPlace,
        queue: mpsc::UnboundedReceiver<Parcel>,
        outcomes: Arc<Outcomes>,
    ) -> Self {
        Self { place, queue, outcomes }
    }

    /// Writes letters until every sender is dropped.
    ///
    /// # Panics
    /// Panics when the work on letters panics; the letters in progress are then counted as failed.
    pub async fn run(self) {
        // Declared before the queue, so that it is dropped after it: no more letters can arrive
        // then.
        let _end = EndOfKeeping(Arc::clone(&self.outcomes));
        let Self { place, mut queue, outcomes } = self;
        match place {
            LetterPlace::Files(files) => write_to(files, &mut queue, &outcomes).await,
            LetterPlace::Stream(stream) => send_to(&stream, &mut queue, &outcomes).await,
        }
    }
}

async fn write_to(
    mut files: Files,
    queue: &mut mpsc::UnboundedReceiver<Parcel>,
    outcomes: &Arc<Outcomes>,
) {
    let mut parcels = Vec::new();
    while queue.recv_many(&mut parcels, PARCELS_MAX).await > 0 {
        let (taken, outcomes) = (std::mem::take(&mut parcels), Arc::clone(outcomes));
        let writing = offload(move || {
            fault::hit("dead_letter_write");
            for Parcel { contents, written, room } in taken {
                outcomes.written(&files.write(contents.lines().into_iter()));
                drop((written, room));
            }
            files
        });
        files = match writing.await {
            Ok(back) => back,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime is shutting down.
                Err(_) => return,
            },
        };
    }
}

// === impl EndOfKeeping ===

impl Drop for EndOfKeeping {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

// === impl Outcomes ===

impl Outcomes {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        let errors = LogLimiter::new(Duration::from_secs(10), Arc::clone(&metrics));
        Self { metrics, errors, unsettled: watch::Sender::new(0) }
    }

    /// Counts letters that have reached their outcome.
    pub(super) fn add(&self, outcome: LetterOutcome, letters: u64) {
        self.metrics.dead_letters.add(outcome, letters);
    }

    /// Counts and logs letters that are not stored.
    pub(super) fn not_kept(&self, outcome: LetterOutcome, letters: u64, why: &str) {
        self.add(outcome, letters);
        if letters > 0 && self.errors.allow() {
            tracing::error!(letters, outcome = outcome.as_str(), why, "dead letters not kept");
        }
    }

    /// Logs that letters are waiting because their destination does not accept them.
    pub(super) fn delayed(&self, letters: usize, why: &str) {
        if self.errors.allow() {
            tracing::error!(letters, why, "sending dead letters failed; retrying");
        }
    }

    /// Registers new letters.
    pub(super) fn begin(&self, letters: u64) {
        self.unsettled.send_modify(|unsettled| *unsettled += letters);
    }

    /// Marks some registered letters as done; returns the number that were still open.
    pub(super) fn settle(&self, letters: u64) -> u64 {
        let mut settled = 0;
        self.unsettled.send_modify(|unsettled| {
            settled = letters.min(*unsettled);
            *unsettled -= settled;
        });
        settled
    }

    fn written(&self, written: &Written) {
        let Written { kept, full, failed, why } = written;
        self.add(LetterOutcome::Kept, *kept);
        let no_room = "the directory is full (dead_letters.bytes); move files out of it";
        self.not_kept(LetterOutcome::Full, *full, no_room);
        self.not_kept(LetterOutcome::Failed, *failed, why);
        self.settle(kept + full + failed);
    }

    pub(super) async fn settled(&self) {
        // The sender lives as long as `self`.
        let _ = self.unsettled.subscribe().wait_for(|unsettled| *unsettled == 0).await;
    }

    pub(super) fn give_up(&self) {
        let left = self.unsettled.send_replace(0);
        self.add(LetterOutcome::Failed, left);
        if left > 0 {
            tracing::error!(letters = left, "dead letters lost");
        }
    }
}
