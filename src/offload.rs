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

/// Simulated time that passes before and after offloaded work.
#[cfg(test)]
pub(crate) mod pauses {
    use std::cell::Cell;
    use std::time::Duration;

    thread_local! {
        static LONGEST: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    /// From now on, offloaded work of this thread takes a random time up to this.
    pub(crate) fn set_longest(longest: Duration) {
        LONGEST.set(longest);
    }

    pub(crate) async fn pause() {
        let longest = LONGEST.get();
        if !longest.is_zero() {
            tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
        }
    }
}
