//! Where bodies are read: on the current thread, or on one of their own.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::offload::offload;

/// A body of at most this size, compressed and expanded, is read on the thread where it arrived.
/// That blocks the other requests of the thread for a few milliseconds. Health on the admin
/// listener, signals and the shutdown have threads of their own. Moving a body of 1 MiB to another
/// thread costs a tenth more CPU. 2 MiB.
pub(super) const QUICK_BYTES_MAX: usize = 2 << 20;

/// One permit per core: reading a large body keeps one core busy, so more at once would only
/// compete.
#[derive(Debug)]
pub(super) struct Cores(Arc<Semaphore>);

// === impl Cores ===

impl Cores {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(number())))
    }

    /// Runs work on a thread of its own; `None` when it panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        // The semaphore is never closed; even without a permit the work would only be slower.
        let _core = Arc::clone(&self.0).acquire_owned().await.ok();
        let span = tracing::Span::current();
        offload(move || span.in_scope(work)).await.ok()
    }
}

/// How many cores this process may use.
pub(super) fn number() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Whether a body may be read on the thread where it arrived.
pub(crate) fn is_quick(body: &[u8]) -> bool {
    body.len() <= QUICK_BYTES_MAX
}
