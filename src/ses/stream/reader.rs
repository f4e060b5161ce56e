//! Reads texts that do not fit in memory, on one thread.

use std::io::Read;

use super::blocks::Blocks;
use super::scan::Scan;
use crate::ses::envelope::visitor::Visitor;
use crate::ses::event::interest::Interest;

/// Reads a text of any length from a stream; keeps one block and one value in memory.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    input: R,
    block_bytes: usize,
}

// === impl Reader ===

impl<R: Read> Reader<R> {
    const BLOCK_BYTES: usize = 256 << 10;

    pub(crate) fn new(input: R) -> Self {
        Self { input, block_bytes: Self::BLOCK_BYTES }
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn with_block_bytes(input: R, block_bytes: usize) -> Self {
        Self { input, block_bytes }
    }

    /// Reads the whole text, or until the visitor is over its budget. With `gzips` levels of gzip around it, the
    /// input reports a truncated gzip stream as [`std::io::ErrorKind::UnexpectedEof`] or `InvalidData`:
    /// the data before it is read, then one `malformed` is counted.
    ///
    /// # Errors
    /// Other errors of the input; the data before the error is read.
    pub(crate) fn read(
        self,
        gzips: u8,
        interest: &Interest,
        visitor: &mut impl Visitor,
    ) -> std::io::Result<()> {
        let mut blocks = Blocks::new(self.input, gzips, self.block_bytes);
        let mut scan = Scan::default();
        let mut buffer = Vec::new();
        while let Some(block) = blocks.next(buffer) {
            scan.read(&block, interest, visitor);
            if visitor.is_over() {
                break;
            }
            if let Some(end) = block.end {
                return scan.end(end, visitor);
            }
            buffer = block.bytes;
        }
        Ok(())
    }
}
