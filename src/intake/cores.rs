//! Where bodies are read: at once, or on a thread of their own.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::offload::offload;

/// A body of at most so many bytes may be read where it arrived: about a millisecond, for which the
/// other tasks of a thread can wait. What it expands to is bounded by its budget. 1 MiB.
const QUICK_BYTES_MAX: usize = 1 << 20;

/// As many places as there are cores: reading a large body is work for one, and more at once would
/// only take turns.
#[derive(Debug)]
pub struct Cores(Arc<Semaphore>);

// === impl Cores ===

impl Cores {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(number())))
    }

    /// Does work on a thread of its own; `None` when that panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
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

/// Whether a body may be read where it arrived.
pub fn is_quick(body: &[u8]) -> bool {
    body.len() <= QUICK_BYTES_MAX
}
