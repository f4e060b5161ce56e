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

/// Time that passes in a simulation before and after work.
#[cfg(test)]
pub mod pauses {
    use std::cell::Cell;
    use std::time::Duration;

    thread_local! {
        static LONGEST: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    /// From now on, work in this thread takes some time, of this at most.
    pub fn set_longest(longest: Duration) {
        LONGEST.set(longest);
    }

    pub async fn pause() {
        let longest = LONGEST.get();
        if !longest.is_zero() {
            tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
        }
    }
}
