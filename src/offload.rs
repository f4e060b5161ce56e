//! Work that holds up a thread: files, and sorting a million entries.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{JoinError, spawn, spawn_blocking};

/// Runs work where it holds up nobody else. In a runtime of one thread it runs there, so that a
/// test or a simulation goes the same way every time.
///
/// # Errors
/// The work panicked.
pub async fn offload<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => spawn(async { work() }).await,
        _ => spawn_blocking(work).await,
    }
}
