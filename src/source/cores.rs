//! Where bodies are read: at once, or on a thread of their own.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::offload::offload;
use crate::ses::is_gzip;

/// A body of at most so many bytes is counted where it was read: a few milliseconds, for which the
/// other tasks of a thread can wait.
const QUICK_BYTES_MAX: usize = 4 << 20;
/// How many times as much gzip is taken to hold: SES events in base64 shrink to a sixth or so.
const GZIP_RATIO: usize = 8;

/// As many places as there are cores: reading a large body is work for one, and more at once would
/// only take turns.
#[derive(Debug)]
pub struct Cores(Arc<Semaphore>);

// === impl Cores ===

impl Cores {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(number())))
    }

    /// Does work that is not quick on a thread of its own; `None` when that panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        quick: bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        if quick {
            return Some(work());
        }
        // The semaphore is never closed, and without a core the work would only be slower.
        let _core = Arc::clone(&self.0).acquire_owned().await.ok();
        let span = tracing::Span::current();
        offload(move || span.in_scope(work)).await.ok()
    }
}

/// How many cores this process may use.
pub fn number() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

pub fn is_quick(body: &[u8]) -> bool {
    body.len() <= if is_gzip(body) { QUICK_BYTES_MAX / GZIP_RATIO } else { QUICK_BYTES_MAX }
}
