//! The dead letters that are written together.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::batch::DeadLetter;
use super::line::{LetterOrigin, RefusedRequest};
use super::unforwarded::Unforwarded;

/// Maximum number of jobs written together.
pub(super) const JOBS_MAX: usize = 256;

/// The letters of one request, or of one call.
#[derive(Debug)]
pub(super) struct DeadLetterJob {
    pub contents: JobContents,
    /// Dropped when the letters are written or have failed, which wakes the waiting task.
    pub written: oneshot::Sender<()>,
    /// Returned together with the letters.
    pub room: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
pub(super) enum JobContents {
    Unread(Vec<DeadLetter>, LetterOrigin),
    Unforwarded(Vec<Unforwarded>),
    Refused(RefusedRequest),
}

// === impl JobContents ===

impl JobContents {
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
