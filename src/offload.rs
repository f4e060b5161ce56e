//! Work that blocks a thread: file access, and sorting a million entries.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{JoinError, spawn, spawn_blocking};

/// Runs blocking work off the current thread. In a single-threaded runtime it runs in place, so
/// that a test or simulation is deterministic.
///
/// # Errors
/// The work panicked.
pub(crate) async fn offload<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    if Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread {
        return spawn_blocking(work).await;
    }
    spawn(async {
        #[cfg(test)]
        pauses::pause().await;
        let done = work();
        #[cfg(test)]
        pauses::pause().await;
        done
    })
    .await
}

/// As [`offload`], for work that waits for the runtime, which must go on meanwhile: always on a
/// thread of its own, except in a simulation, where nothing waits.
///
/// # Errors
/// The work panicked.
pub(crate) async fn offload_stream<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    #[cfg(test)]
    if pauses::are_set() {
        return offload(work).await;
    }
    spawn_blocking(work).await
}

/// Simulated time that passes before and after offloaded work.
#[cfg(test)]
pub(crate) mod pauses {
    use std::cell::Cell;
    use std::time::Duration;

    thread_local! {
        static LONGEST: Cell<Option<Duration>> = const { Cell::new(None) };
    }

    /// From now on, offloaded work of this thread takes a random time up to this.
    pub(crate) fn set_longest(longest: Duration) {
        LONGEST.set(Some(longest));
    }

    /// Whether this thread simulates.
    pub(super) fn are_set() -> bool {
        LONGEST.get().is_some()
    }

    pub(crate) async fn pause() {
        let longest = LONGEST.get().unwrap_or_default();
        if !longest.is_zero() {
            tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
        }
    }
}
