//! Reads a text block by block.

use super::blocks::{Block, TextEnd};
use crate::ses::envelope::kept::{OPEN_LIST, TORN_GZIP};
use crate::ses::envelope::path::{Path, PathInLists};
use crate::ses::envelope::text::Progress;
use crate::ses::envelope::unwrap::Unwrapper;
use crate::ses::envelope::visitor::{NonEventReason, Visitor};
use crate::ses::event::interest::Interest;
use crate::ses::event::value_reader::ValueReader;

/// The position in a text that is read in blocks. Keeps the unfinished value: at most one and a
/// half times the longest value, plus a block.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    progress: Progress,
    values: ValueReader,
    /// From the first byte of the unfinished value.
    unread: Vec<u8>,
    /// The length of `unread` at the last failed attempt to read it.
    tried: usize,
    /// The offset of `unread` in the text.
    offset: u64,
    /// The levels of gzip around the text.
    path: Path,
    /// Memory that the visitor was told about, in bytes.
    held: usize,
}

// === impl Scan ===

impl Scan {
    /// A state in which everything before `offset` is read, no value is unfinished, and this many
    /// lists are open.
    pub(crate) fn between_values(offset: u64, lists: u8) -> Self {
        Self { progress: Progress::between_values(lists), offset, ..Self::default() }
    }

    /// The number of open lists.
    pub(crate) fn lists(&self) -> u8 {
        self.progress.lists()
    }

    /// Whether the next block is read as in [`Scan::between_values`].
    pub(crate) fn is_between_values(&self, lists: u8) -> bool {
        self.unread.is_empty() && self.progress.is_between_values(lists)
    }

    /// Reads the next block. Does nothing once the request is over its budget.
    pub(crate) fn read(&mut self, block: &Block, interest: &Interest, visitor: &mut impl Visitor) {
        if visitor.is_over() {
            return;
        }
        let last = block.end.is_some();
        self.path = Path::outermost(block.gzips);
        if self.unread.is_empty() {
            let done = self.walk(&block.bytes, last, interest, visitor);
            self.unread.extend_from_slice(&block.bytes[done..]);
        } else {
            self.unread.extend_from_slice(&block.bytes);
            // The value is read again from its start, but only after it has grown by half, so that
            // all attempts together cost a small multiple of its length.
            if !last && self.unread.len() < self.tried + self.tried / 2 {
                return self.hold(visitor);
            }
            let mut unread = std::mem::take(&mut self.unread);
            let done = self.walk(&unread, last, interest, visitor);
            unread.drain(..done);
            self.unread = unread;
        }
        self.tried = self.unread.len();
        self.hold(visitor);
    }

    /// Reports the memory of the unfinished value.
    fn hold(&mut self, visitor: &mut impl Visitor) {
        if let Some(more) = self.unread.capacity().checked_sub(self.held).filter(|more| *more > 0) {
            self.held += more;
            visitor.hold(more);
        }
    }

    /// Reads the values at the start of `bytes`; returns how many bytes were consumed.
    fn walk(
        &mut self,
        bytes: &[u8],
        last: bool,
        interest: &Interest,
        visitor: &mut impl Visitor,
    ) -> usize {
        let offset = self.offset;
        let (levels, mut in_lists) = (self.path.levels(), PathInLists::new(self.path));
        let mut unwrapper = Unwrapper::new(interest, offset, visitor);
        let (progress, values) = (&mut self.progress, &mut self.values);
        let done = progress.read(values, bytes, last, interest, levels, |found, place| {
            unwrapper.move_to(offset + place.at as u64);
            unwrapper.found(found, place.raw, in_lists.of(place.lists))
        });
        self.offset += done as u64;
        done
    }

    /// Ends the text after its last block. Open lists count as one `malformed`. So does a truncated
    /// gzip stream, unless it truncated a value, which is counted instead.
    ///
    /// # Errors
    /// Reading the text failed.
    pub(crate) fn end(&self, end: TextEnd, visitor: &mut impl Visitor) -> std::io::Result<()> {
        if self.progress.lost() > 0 {
            visitor.lost(self.progress.lost());
        }
        if !matches!(end, TextEnd::Failed(_)) && self.lists() > 0 {
            visitor.non_event(NonEventReason::OpenList, &self.path, self.offset, OPEN_LIST);
        }
        match end {
            TextEnd::Whole => Ok(()),
            TextEnd::Torn => {
                if !self.progress.ended_inside {
                    let why = NonEventReason::TornGzip;
                    visitor.non_event(why, &self.path, self.offset, TORN_GZIP);
                }
                Ok(())
            }
            TextEnd::Failed(error) => Err(error),
        }
    }
}
