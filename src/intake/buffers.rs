//! A pool of buffers for bodies. Fresh memory costs a page fault per page, which is more expensive
//! than copying a body into it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::cores;

/// Larger buffers are returned to the system: 4 MiB.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Maximum initial size of a new buffer, because an announced body may never arrive. The system
/// allocates pages only when they are written. 2 MiB.
const NEW_BYTES_MAX: usize = 2 << 20;

/// A pool of buffers for bodies.
#[derive(Debug)]
pub(crate) struct Buffers {
    kept: Mutex<Vec<Vec<u8>>>,
    kept_max: usize,
}

/// A body that was read. Its buffer returns to the pool when it is dropped.
struct PooledBody {
    bytes: Vec<u8>,
    buffers: Arc<Buffers>,
}

// === impl Buffers ===

impl Buffers {
    /// Keeps one buffer per core.
    pub(crate) fn new() -> Arc<Self> {
        Self::keeping(cores::number())
    }

    fn keeping(kept_max: usize) -> Arc<Self> {
        Arc::new(Self { kept: Mutex::default(), kept_max })
    }

    /// An empty buffer: one from the pool with enough room, else new memory that grows with use.
    pub(crate) fn memory(&self, room: usize) -> Vec<u8> {
        let smallest = self.with(|kept| {
            // Of equal buffers the one that was returned last, which is still in the core's cache.
            let fits = (0..kept.len()).rev().filter(|at| kept[*at].capacity() >= room);
            let smallest = fits.min_by_key(|at| kept[*at].capacity());
            smallest.map(|at| kept.swap_remove(at))
        });
        smallest.unwrap_or_else(|| Vec::with_capacity(room.min(NEW_BYTES_MAX)))
    }

    /// The bytes that were read. Their buffer returns to the pool when the last owner drops them.
    pub(crate) fn body(self: &Arc<Self>, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(PooledBody { bytes, buffers: Arc::clone(self) })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<Vec<u8>>) -> T) -> T {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps the larger buffers.
    fn keep(&self, mut bytes: Vec<u8>) {
        if bytes.capacity() > KEPT_BYTES_MAX {
            return;
        }
        bytes.clear();
        // Freed outside the lock.
        let _left = self.with(|kept| {
            kept.push(bytes);
            let over = kept.len() > self.kept_max;
            let smallest = (0..kept.len()).min_by_key(|at| kept[*at].capacity());
            smallest.filter(|_| over).map(|at| kept.swap_remove(at))
        });
    }
}

// === impl PooledBody ===

impl AsRef<[u8]> for PooledBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for PooledBody {
    fn drop(&mut self) {
        self.buffers.keep(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The capacities in the pool, in order.
    fn kept(buffers: &Buffers) -> Vec<usize> {
        let mut sizes = buffers.with(|kept| kept.iter().map(Vec::capacity).collect::<Vec<_>>());
        sizes.sort_unstable();
        sizes
    }

    #[test]
    fn buffer_returns_with_its_last_owner_and_is_reused() {
        let buffers = Buffers::keeping(2);
        let mut first = buffers.memory(100);
        first.extend_from_slice(b"one");
        let place = first.as_ptr();
        let body = buffers.body(first);
        let copy = body.clone();
        drop(body);
        assert!(kept(&buffers).is_empty());
        assert_eq!(copy, "one");
        drop(copy);
        assert_eq!(kept(&buffers), [100]);
        let second = buffers.memory(50);
        assert_eq!((second.len(), second.as_ptr()), (0, place), "empty, and the same");
        assert!(kept(&buffers).is_empty());
    }

    #[test]
    fn pool_keeps_a_limited_number_of_buffers_and_none_that_is_too_large() {
        let buffers = Buffers::keeping(2);
        let read = |room| buffers.body(Vec::with_capacity(room));
        drop([10, 30, 20, KEPT_BYTES_MAX + 1].map(read));
        assert_eq!(kept(&buffers), [20, 30], "the larger ones");
        drop(read(KEPT_BYTES_MAX));
        assert_eq!(kept(&buffers), [30, KEPT_BYTES_MAX]);
        let taken = [20, 31, 31].map(|room| buffers.memory(room).capacity());
        assert_eq!(taken, [30, KEPT_BYTES_MAX, 31], "the smallest that fits, or a new one");
    }
}
