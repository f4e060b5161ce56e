//! The memory of bodies that are done with, kept for the next ones: each page of new memory is a
//! fault for the kernel to mend, which costs more than copying a body into it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::cores;

/// More than this is given back to the system: 4 MiB.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// New memory begins with so many bytes at most: what is announced may never come. The system gives
/// pages only as they are written. 2 MiB.
const NEW_BYTES_MAX: usize = 2 << 20;

/// Memory to read bodies into.
#[derive(Debug)]
pub struct Buffers {
    kept: Mutex<Vec<Vec<u8>>>,
    kept_max: usize,
}

/// What was read. Its memory is kept when it is dropped.
struct Body {
    bytes: Vec<u8>,
    buffers: Arc<Buffers>,
}

// === impl Buffers ===

impl Buffers {
    /// Keeps one for each core.
    pub fn new() -> Arc<Self> {
        Self::keeping(cores::number())
    }

    fn keeping(kept_max: usize) -> Arc<Self> {
        Arc::new(Self { kept: Mutex::default(), kept_max })
    }

    /// Empty. What was kept with room for so many bytes; else new memory, which grows as it is used.
    pub fn memory(&self, room: usize) -> Vec<u8> {
        let smallest = self.with(|kept| {
            // Of equals the last that came back, which is still in the core's cache.
            let fits = (0..kept.len()).rev().filter(|at| kept[*at].capacity() >= room);
            let smallest = fits.min_by_key(|at| kept[*at].capacity());
            smallest.map(|at| kept.swap_remove(at))
        });
        smallest.unwrap_or_else(|| Vec::with_capacity(room.min(NEW_BYTES_MAX)))
    }

    /// What was read, whose memory is kept when its last owner is gone.
    pub fn body(self: &Arc<Self>, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Body { bytes, buffers: Arc::clone(self) })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<Vec<u8>>) -> T) -> T {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps the larger ones.
    fn keep(&self, mut bytes: Vec<u8>) {
        if bytes.capacity() > KEPT_BYTES_MAX {
            return;
        }
        bytes.clear();
        // Freed without the lock.
        let _left = self.with(|kept| {
            kept.push(bytes);
            let over = kept.len() > self.kept_max;
            let smallest = (0..kept.len()).min_by_key(|at| kept[*at].capacity());
            smallest.filter(|_| over).map(|at| kept.swap_remove(at))
        });
    }
}

// === impl Body ===

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.buffers.keep(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The capacities that are kept, in order.
    fn kept(buffers: &Buffers) -> Vec<usize> {
        let mut sizes = buffers.with(|kept| kept.iter().map(Vec::capacity).collect::<Vec<_>>());
        sizes.sort_unstable();
        sizes
    }

    #[test]
    fn memory_comes_back_with_the_last_owner_and_is_used_again() {
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
    fn no_more_is_kept_than_allowed_and_what_is_too_large_goes_back() {
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
