//! The task that brings letters to their place, and what became of them.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::files::{Files, Written};
use super::letters::Letter;
use super::line::{Origin, Refused, raw_bytes_max};
#[cfg(feature = "to-firehose")]
use super::stream::{LetterStream, send_to};
use super::unforwarded::Unforwarded;
use crate::fault;
#[cfg(feature = "to-firehose")]
use crate::limits::FIREHOSE_RECORD_BYTES_MAX;
use crate::offload::offload;
use crate::ses::VALUE_BYTES_MAX;
use crate::telemetry::{LetterOutcome, LogLimiter, Metrics};

/// Requests whose letters are taken up together.
pub(super) const PARCELS_MAX: usize = 256;

/// Where letters are kept.
#[derive(Debug)]
pub enum Place {
    Files(Files),
    #[cfg(feature = "to-firehose")]
    Stream(LetterStream),
}

/// What is to be kept of one request, or of one call.
#[derive(Debug)]
pub struct Parcel {
    pub contents: Contents,
    /// Dropped when the letters are written, or are not: whoever waits for that hears of it.
    pub written: oneshot::Sender<()>,
    /// Given back with the letters.
    pub room: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
pub enum Contents {
    Unread(Vec<Letter>, Origin),
    Unforwarded(Vec<Unforwarded>),
    Refused(Refused),
}

/// Keeps what it is brought.
#[derive(Debug)]
pub struct Keeper {
    place: Place,
    queue: mpsc::UnboundedReceiver<Parcel>,
    outcomes: Arc<Outcomes>,
}

/// What became of letters, counted and said.
#[derive(Debug)]
pub struct Outcomes {
    metrics: Arc<Metrics>,
    errors: LogLimiter,
    /// Letters that nothing is known of yet.
    unsettled: watch::Sender<u64>,
}

/// Counts what is left when the keeper ends.
struct EndOfKeeping(Arc<Outcomes>);

// === impl Place ===

impl Place {
    /// The largest value that a letter here may hold.
    pub(super) fn raw_bytes_max(&self) -> usize {
        match self {
            // A longer line could not be read again.
            Self::Files(_) => raw_bytes_max(VALUE_BYTES_MAX),
            #[cfg(feature = "to-firehose")]
            Self::Stream(_) => raw_bytes_max(FIREHOSE_RECORD_BYTES_MAX),
        }
    }
}

// === impl Contents ===

impl Contents {
    pub fn len(&self) -> usize {
        match self {
            Self::Unread(letters, _) => letters.len(),
            Self::Unforwarded(events) => events.len(),
            Self::Refused(_) => 1,
        }
    }

    /// Each as a line, with its newline.
    pub fn lines(&self) -> Vec<Vec<u8>> {
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
        place: Place,
        queue: mpsc::UnboundedReceiver<Parcel>,
        outcomes: Arc<Outcomes>,
    ) -> Self {
        Self { place, queue, outcomes }
    }

    /// Keeps letters until nothing can bring any.
    ///
    /// # Panics
    /// As the work on them does. The letters that it had are then counted as failed.
    pub async fn run(self) {
        // Before the queue, so that it is dropped after it: nothing comes any more.
        let _end = EndOfKeeping(Arc::clone(&self.outcomes));
        let Self { place, mut queue, outcomes } = self;
        match place {
            Place::Files(files) => write_to(files, &mut queue, &outcomes).await,
            #[cfg(feature = "to-firehose")]
            Place::Stream(stream) => send_to(&stream, &mut queue, &outcomes).await,
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
                // The runtime ends.
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
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let errors = LogLimiter::new(Duration::from_secs(10), Arc::clone(&metrics));
        Self { metrics, errors, unsettled: watch::Sender::new(0) }
    }

    /// Counts letters of which nothing more is to come.
    pub fn add(&self, outcome: LetterOutcome, letters: u64) {
        self.metrics.dead_letters.add(outcome, letters);
    }

    /// Counts letters that are not kept, and says so.
    pub fn not_kept(&self, outcome: LetterOutcome, letters: u64, why: &str) {
        self.add(outcome, letters);
        if letters > 0 && self.errors.allow() {
            tracing::error!(letters, outcome = outcome.as_str(), why, "dead letters not kept");
        }
    }

    /// Says that letters wait because their place does not take them.
    #[cfg(feature = "to-firehose")]
    pub fn delayed(&self, letters: usize, why: &str) {
        if self.errors.allow() {
            tracing::error!(letters, why, "sending dead letters failed; retrying");
        }
    }

    /// Letters come.
    pub fn begin(&self, letters: u64) {
        self.unsettled.send_modify(|unsettled| *unsettled += letters);
    }

    /// So many of those that came have come to an end; gives how many of them had not before.
    pub fn settle(&self, letters: u64) -> u64 {
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

    pub async fn settled(&self) {
        // The sender lives as long as this.
        let _ = self.unsettled.subscribe().wait_for(|unsettled| *unsettled == 0).await;
    }

    pub fn give_up(&self) {
        let left = self.unsettled.send_replace(0);
        self.add(LetterOutcome::Failed, left);
        if left > 0 {
            tracing::error!(letters = left, "dead letters lost");
        }
    }
}
