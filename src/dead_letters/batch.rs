//! The dead letters that reading one request collects.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Unread;
use crate::ses::{NonEvent, Path, Wrapping};

/// Approximate memory of a letter besides its bytes.
pub(super) const LETTER_BYTES: usize = 128;

/// The unreadable values of one request, and their share of the memory. Dropping them, as with a
/// rejected request, has no effect.
#[derive(Debug)]
pub struct DeadLetterBatch {
    keep: Vec<Unread>,
    raw_bytes_max: usize,
    /// Store only where values are, not their content.
    locations_only: bool,
    all_room: Arc<Semaphore>,
    pub(super) room: Option<OwnedSemaphorePermit>,
    pub(super) found: Vec<DeadLetter>,
    /// Read from a dead letter or from Firehose's failed deliveries, so it is already stored there.
    pub(super) again: u64,
    pub(super) full: u64,
    pub(super) too_large: u64,
}

/// One unreadable value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DeadLetter {
    pub kind: Unread,
    /// The number of its record in the request, from 0; for an object, the offset in its text.
    pub record: u64,
    /// `None`: only its location is stored.
    pub raw: Option<Box<[u8]>>,
}

// === impl DeadLetterBatch ===

impl DeadLetterBatch {
    pub(super) fn new(keep: &[Unread], raw_bytes_max: usize, all_room: Arc<Semaphore>) -> Self {
        let (room, found) = (None, Vec::new());
        let (keep, locations_only) = (keep.to_vec(), false);
        let (again, full, too_large) = (0, 0, 0);
        Self { keep, raw_bytes_max, locations_only, all_room, room, found, again, full, too_large }
    }

    /// Stores only where values are, not their content. A message may name an object that holds
    /// something other than events, which must not leak into dead letters. The object keeps its
    /// content.
    #[must_use]
    pub(crate) fn locations_only(self) -> Self {
        Self { locations_only: true, ..self }
    }

    /// Takes a value that is not an event, if its kind is kept. Copies its bytes.
    pub fn take(&mut self, other: NonEvent, path: &Path, record: u64, raw: &[u8]) {
        let Some(kind) = kind_of(other).filter(|kind| self.keep.contains(kind)) else { return };
        // Otherwise a stream of dead letters that is delivered to this daemon would loop forever.
        if path.iter().any(|wrapping| wrapping == Wrapping::FirehoseFailure) {
            self.again += 1;
            return;
        }
        let raw = (!self.locations_only).then_some(raw);
        let raw_bytes = raw.map_or(0, <[u8]>::len);
        if raw_bytes > self.raw_bytes_max {
            self.too_large += 1;
            return;
        }
        let bytes = u32::try_from(raw_bytes + LETTER_BYTES).unwrap_or(u32::MAX);
        match Arc::clone(&self.all_room).try_acquire_many_owned(bytes) {
            Err(_) => self.full += 1,
            Ok(more) => {
                match &mut self.room {
                    Some(room) => room.merge(more),
                    none => *none = Some(more),
                }
                self.found.push(DeadLetter { kind, record, raw: raw.map(Into::into) });
            }
        }
    }
}

fn kind_of(other: NonEvent) -> Option<Unread> {
    match other {
        NonEvent::Malformed => Some(Unread::Malformed),
        NonEvent::UnknownType => Some(Unread::UnknownType),
        NonEvent::Foreign => Some(Unread::Foreign),
        NonEvent::Control | NonEvent::Notice => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(room: &Arc<Semaphore>) -> DeadLetterBatch {
        DeadLetterBatch::new(&[Unread::Malformed, Unread::UnknownType], 100, Arc::clone(room))
    }

    #[test]
    fn values_not_to_be_kept_or_without_room_are_left_out_and_room_is_returned() {
        let room = Arc::new(Semaphore::new(2 * LETTER_BYTES + 100));
        let path = Path::default();
        let mut one = letters(&room);
        one.take(NonEvent::Foreign, &path, 0, b"[]");
        one.take(NonEvent::Notice, &path, 0, b"Successfully");
        one.take(NonEvent::Malformed, &path, 0, &[b'x'; 101]);
        one.take(NonEvent::Malformed, &path, 3, &[b'x'; 100]);
        assert_eq!((one.full, one.too_large, one.found.len()), (0, 1, 1));
        let mut other = letters(&room);
        other.take(NonEvent::UnknownType, &path, 4, b"");
        other.take(NonEvent::UnknownType, &path, 5, b"");
        assert_eq!((other.full, other.found.len()), (1, 1));
        let empty = DeadLetter { kind: Unread::UnknownType, record: 4, raw: Some([].into()) };
        assert_eq!(other.found, [empty]);
        drop(one);
        other.take(NonEvent::UnknownType, &path, 5, &[b'x'; 100]);
        assert_eq!((other.full, other.found.len()), (1, 2));
        drop(other);
        assert_eq!(room.available_permits(), 2 * LETTER_BYTES + 100);
    }

    #[test]
    fn letters_of_locations_hold_no_content() {
        let room = Arc::new(Semaphore::new(2 * LETTER_BYTES));
        let path = Path::default();
        let mut letters = letters(&room).locations_only();
        letters.take(NonEvent::Malformed, &path, 7, &[b'x'; 1000]);
        assert_eq!(letters.found, [DeadLetter { kind: Unread::Malformed, record: 7, raw: None }]);
        assert_eq!(room.available_permits(), LETTER_BYTES);
    }
}
