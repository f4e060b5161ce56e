//! Where bodies are read: at once, or on a thread of their own.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::offload::offload;

/// A body that has and expands to at most so many bytes is read where it arrived: a few milliseconds,
/// for which the other requests of a thread can wait. Health on the admin listener, signals and the
/// shutdown have threads of their own. Bodies of 1 MiB that take the way over another thread cost a
/// tenth more CPU. 2 MiB.
pub const QUICK_BYTES_MAX: usize = 2 << 20;

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
