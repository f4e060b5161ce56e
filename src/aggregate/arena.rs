//! Bytes of series, stored back to back in chunks that never move or grow.
//!
//! A record is `stamp (2) | length (1 to 5) | bytes`, at an even offset. Its [`ArenaPlace`] alone
//! locates it.

use super::hour::Stamp;
use super::varint::{put_varint, varint};

const STAMP_BYTES: usize = 2;

/// Bits of a place that hold half the offset within a chunk.
const OFFSET_BITS: u32 = 17;
/// Bits of a place that hold the chunk.
const CHUNK_BITS: u32 = 8;

const CHUNK_BYTES_MIN: usize = 4 << 10;
/// Records begin at multiples of this, which saves a bit of their places.
const ALIGNMENT: usize = 2;
const CHUNK_BYTES_MAX: usize = ALIGNMENT << OFFSET_BITS;
const CHUNKS_MAX: usize = 1 << CHUNK_BITS;

/// The location of a record in its arena: at most [`ArenaPlace::BITS`] bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ArenaPlace(pub u32);

/// An append-only store of records, up to 50 MB.
#[derive(Debug, Default)]
pub(super) struct Arena {
    chunks: Vec<Vec<u8>>,
    /// Bytes of all chunks, used or not.
    bytes: usize,
}

// === impl ArenaPlace ===

impl ArenaPlace {
    pub(super) const BITS: u32 = CHUNK_BITS + OFFSET_BITS;

    fn new(chunk: usize, offset: usize) -> Option<Self> {
        let place = (chunk << OFFSET_BITS) | (offset / ALIGNMENT);
        Some(Self(u32::try_from(place).ok().filter(|_| chunk < CHUNKS_MAX)?))
    }

    fn chunk(self) -> usize {
        (self.0 >> OFFSET_BITS) as usize
    }

    fn offset(self) -> usize {
        (self.0 as usize * ALIGNMENT) & (CHUNK_BYTES_MAX - 1)
    }
}

// === impl Arena ===

impl Arena {
    /// Appends a record. `None` when the arena is full or the record does not fit into any chunk.
    pub(super) fn push(&mut self, stamp: Stamp, bytes: &[u8]) -> Option<ArenaPlace> {
        // The length takes at most five bytes.
        let room = ALIGNMENT - 1 + STAMP_BYTES + 5 + bytes.len();
        let fits = |chunk: &Vec<u8>| chunk.capacity() - chunk.len() >= room;
        if !self.chunks.last().is_some_and(fits) {
            // A fixed fraction of the current size: little memory is unused, and there are few
            // chunks.
            let wanted = (self.bytes / 16).next_multiple_of(CHUNK_BYTES_MIN);
            let size = wanted.clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX).max(room);
            if self.chunks.len() == CHUNKS_MAX || room > CHUNK_BYTES_MAX {
                return None;
            }
            self.chunks.push(Vec::with_capacity(size));
            self.bytes += size;
        }
        let at = self.chunks.len() - 1;
        let chunk = &mut self.chunks[at];
        chunk.resize(chunk.len().next_multiple_of(ALIGNMENT), 0);
        let place = ArenaPlace::new(at, chunk.len())?;
        chunk.extend_from_slice(&stamp.0.to_le_bytes());
        put_varint(chunk, bytes.len() as u64);
        chunk.extend_from_slice(bytes);
        Some(place)
    }

    /// The record at a place returned by [`Arena::push`].
    pub(super) fn get(&self, place: ArenaPlace) -> (Stamp, &[u8]) {
        let record = &self.chunks[place.chunk()][place.offset()..];
        read(record).map_or((Stamp::NONE, &[]), |(stamp, bytes, _)| (stamp, bytes))
    }

    pub(super) fn set_stamp(&mut self, place: ArenaPlace, stamp: Stamp) {
        let record = &mut self.chunks[place.chunk()][place.offset()..];
        record[..STAMP_BYTES].copy_from_slice(&stamp.0.to_le_bytes());
    }

    /// All records.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Stamp, &[u8])> {
        self.chunks.iter().flat_map(|chunk| {
            let mut at = 0_usize;
            std::iter::from_fn(move || {
                let (stamp, bytes, after) = read(chunk.get(at.next_multiple_of(ALIGNMENT)..)?)?;
                at = chunk.len() - after.len();
                Some((stamp, bytes))
            })
        })
    }

    /// Memory used by the arena, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.chunks.capacity() * size_of::<Vec<u8>>()
    }
}

/// The record at the start of the bytes, and the bytes after it.
fn read(from: &[u8]) -> Option<(Stamp, &[u8], &[u8])> {
    let (stamp, rest) = from.split_first_chunk::<STAMP_BYTES>()?;
    let (len, rest) = varint(rest)?;
    let (bytes, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    Some((Stamp(u16::from_le_bytes(*stamp)), bytes, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every record stays at its place, and the iterator returns all records in order.
        #[test]
        fn records_stay_where_they_are(
            records in prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..300)), 0..60),
        ) {
            let mut arena = Arena::default();
            let places: Vec<_> = records
                .iter()
                .map(|(stamp, bytes)| arena.push(Stamp(*stamp), bytes).expect("there is room"))
                .collect();
            for ((stamp, bytes), place) in records.iter().zip(&places) {
                prop_assert_eq!(arena.get(*place), (Stamp(*stamp), bytes.as_slice()));
                arena.set_stamp(*place, Stamp(stamp ^ 1));
                prop_assert_eq!(arena.get(*place), (Stamp(stamp ^ 1), bytes.as_slice()));
            }
            let all: Vec<_> = arena.iter().map(|(stamp, bytes)| (stamp.0 ^ 1, bytes.to_vec())).collect();
            prop_assert_eq!(all, records);
        }
    }

    #[test]
    fn full_arena_takes_nothing_more_and_loses_nothing() {
        let mut arena = Arena::default();
        let bytes = vec![7; 60_000];
        let mut places = Vec::new();
        let stamps = (0..u16::MAX).map(Stamp);
        for stamp in stamps.clone() {
            let Some(place) = arena.push(stamp, &bytes) else { break };
            places.push(place);
        }
        assert!(arena.bytes() > 40_000_000 && arena.bytes() < 70_000_000, "{}", arena.bytes());
        for (stamp, place) in stamps.zip(&places) {
            assert_eq!(arena.get(*place), (stamp, bytes.as_slice()));
            assert!(place.0 < 1 << ArenaPlace::BITS);
        }
        assert_eq!(Arena::default().push(Stamp::NONE, &vec![0; CHUNK_BYTES_MAX]), None);
    }
}
