//! The task that writes dead letters.

use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::files::LetterFiles;
use super::job::{DeadLetterJob, JOBS_MAX};
use super::line::raw_bytes_max;
use super::outcomes::LetterOutcomes;
use super::stream::{LetterStream, send_to};
use crate::fault;
use crate::limits::FIREHOSE_RECORD_BYTES_MAX;
use crate::offload::offload;
use crate::ses::VALUE_BYTES_MAX;

/// Where dead letters are stored.
#[derive(Debug)]
pub(crate) enum LetterPlace {
    Files(LetterFiles),
    Stream(LetterStream),
}

/// Writes the dead letters that it receives.
#[derive(Debug)]
pub(crate) struct DeadLetterWriter {
    place: LetterPlace,
    queue: mpsc::UnboundedReceiver<DeadLetterJob>,
    outcomes: Arc<LetterOutcomes>,
}

/// Counts the remaining letters as failed when the writer ends.
struct EndOfWriting(Arc<LetterOutcomes>);

// === impl LetterPlace ===

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

// === impl DeadLetterWriter ===

impl DeadLetterWriter {
    pub(super) fn new(
        place: LetterPlace,
        queue: mpsc::UnboundedReceiver<DeadLetterJob>,
        outcomes: Arc<LetterOutcomes>,
    ) -> Self {
        Self { place, queue, outcomes }
    }

    /// Writes letters until every sender is dropped.
    ///
    /// # Panics
    /// Panics when the work on letters panics; the letters in progress are then counted as failed.
    pub(crate) async fn run(self) {
        // Declared before the queue, so that it is dropped after it: no more letters can arrive
        // then.
        let _end = EndOfWriting(Arc::clone(&self.outcomes));
        let Self { place, mut queue, outcomes } = self;
        match place {
            LetterPlace::Files(files) => write_to(files, &mut queue, &outcomes).await,
            LetterPlace::Stream(stream) => send_to(&stream, &mut queue, &outcomes).await,
        }
    }
}

async fn write_to(
    mut files: LetterFiles,
    queue: &mut mpsc::UnboundedReceiver<DeadLetterJob>,
    outcomes: &Arc<LetterOutcomes>,
) {
    let mut jobs = Vec::new();
    while queue.recv_many(&mut jobs, JOBS_MAX).await > 0 {
        let (taken, outcomes) = (std::mem::take(&mut jobs), Arc::clone(outcomes));
        let writing = offload(move || {
            fault::hit("dead_letter_write");
            for DeadLetterJob { contents, written, room } in taken {
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

// === impl EndOfWriting ===

impl Drop for EndOfWriting {
    fn drop(&mut self) {
        self.0.give_up();
    }
}
