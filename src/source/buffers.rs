//! The memory of bodies that are done with, kept for the next ones: each page of new memory is a
//! fault for the kernel to mend, which costs more than copying a body into it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// More than this is given back to the system: 4 MiB.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Memory to read bodies into, at most one piece kept for each core. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Buffers(Arc<Shelf>);

#[derive(Debug)]
struct Shelf {
    kept: Mutex<Vec<Vec<u8>>>,
    kept_max: usize,
}

/// A body as far as it was read. Its memory is kept when it is dropped, or the last of the
/// [`Bytes`] that it became.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    shelf: Arc<Shelf>,
}

// === impl Buffers ===

impl Buffers {
    pub fn new(kept_max: usize) -> Self {
        Self(Arc::new(Shelf { kept: Mutex::default(), kept_max }))
    }

    /// An empty buffer with room for so many bytes.
    pub fn take(&self, room: usize) -> Buffer {
        let mut bytes = self.0.with(|kept| {
            // Most bodies have about the same size.
            let fits = kept.iter().rposition(|bytes| bytes.capacity() >= room);
            fits.map(|at| kept.swap_remove(at)).unwrap_or_default()
        });
        bytes.reserve_exact(room);
        Buffer { bytes, shelf: Arc::clone(&self.0) }
    }
}

// === impl Shelf ===

impl Shelf {
    fn with<T>(&self, work: impl FnOnce(&mut Vec<Vec<u8>>) -> T) -> T {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps the larger ones.
    fn keep(&self, bytes: Vec<u8>) {
        if bytes.capacity() > KEPT_BYTES_MAX {
            return;
        }
        // Freed without the lock.
        let _left = self.with(|kept| {
            kept.push(bytes);
            let over = kept.len() > self.kept_max;
            let smallest = (0..kept.len()).min_by_key(|at| kept[*at].capacity());
            smallest.filter(|_| over).map(|at| kept.swap_remove(at))
        });
    }
}

// === impl Buffer ===

impl Buffer {
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        self.shelf.keep(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The capacities that are kept, in order.
    fn kept(buffers: &Buffers) -> Vec<usize> {
        let mut sizes = buffers.0.with(|kept| kept.iter().map(Vec::capacity).collect::<Vec<_>>());
        sizes.sort_unstable();
        sizes
    }

    #[test]
    fn memory_comes_back_with_the_last_owner_and_is_used_again() {
        let buffers = Buffers::new(2);
        let mut first = buffers.take(100);
        first.push(b"one");
        let place = first.as_ref().as_ptr();
        let bytes = first.freeze();
        let copy = bytes.clone();
        drop(bytes);
        assert!(kept(&buffers).is_empty());
        assert_eq!(copy, "one");
        drop(copy);
        assert_eq!(kept(&buffers), [100]);
        let second = buffers.take(50);
        assert_eq!((second.len(), second.as_ref().as_ptr()), (0, place), "empty, and the same");
        assert!(kept(&buffers).is_empty());
    }

    #[test]
    fn no_more_is_kept_than_allowed_and_what_is_too_large_goes_back() {
        let buffers = Buffers::new(2);
        let taken = [10, 30, 20, KEPT_BYTES_MAX + 1].map(|room| buffers.take(room));
        drop(taken);
        assert_eq!(kept(&buffers), [20, 30], "the larger ones");
        drop(buffers.take(KEPT_BYTES_MAX));
        assert_eq!(kept(&buffers), [30, KEPT_BYTES_MAX]);
        let (large, none_fits) = (buffers.take(31), buffers.take(31));
        assert_eq!((large.bytes.capacity(), none_fits.bytes.capacity()), (KEPT_BYTES_MAX, 31));
    }
}
