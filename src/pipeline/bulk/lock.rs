//! Locks of a run.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A panic while the lock was held fails the run anyway, when its thread is joined.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
